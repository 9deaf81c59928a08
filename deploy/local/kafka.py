"""Apache Kafka from Maven Central: its jars, its Java, and the settings of a single node.

The jars come once, by pom.xml beside this file, into .cache/ or $FORESHOCK_CACHE.
"""

import contextlib
import functools
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

VERSION: Final = "4.1.0"
JAVA_MIN: Final = 17
RUN_S: Final = 300.0
_HERE: Final = Path(__file__).resolve().parent
_CLUSTER: Final = "Zm9yZXNob2NrLXRlc3RzIQ"  # any 16 bytes in base64
_API_VERSIONS: Final = bytes.fromhex("0000000a 0012 0000 00000000 ffff")  # a request, version 0
_JVM: Final = (
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # starts sooner, and one small venue needs no more
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)


class KafkaFailed(Exception):  # noqa: N818 - it says a state, as BrokerUnavailable does
    """Apache Kafka could not be fetched or did not start; the message says why."""


@functools.cache
def unavailable() -> str | None:
    """Why Apache Kafka cannot run here, or None; fetches the jars where they are not cached."""
    if shutil.which("java") is None:
        return "Apache Kafka needs Java, and there is no java on the path"
    try:
        said = _run(["java", "-version"])
        found = re.search(r'version "(\d+)', said)
        if found is None or int(found[1]) < JAVA_MIN:
            return f"Apache Kafka needs Java {JAVA_MIN} or later, this is {said[:40]}"
        jars()
    except KafkaFailed as error:
        return str(error)
    return None


def jars() -> Path:
    """The folder with Apache Kafka's jars, copied there once; raises KafkaFailed."""
    cache = Path(os.environ.get("FORESHOCK_CACHE") or _HERE.parents[1] / ".cache")
    folder = cache / f"kafka-{VERSION}"
    if folder.is_dir():
        return folder
    if shutil.which("mvn") is None:
        raise KafkaFailed("Apache Kafka's jars come from Maven, and there is no mvn on the path")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="kafka-") as temporary:
        copied = Path(temporary, "jars")
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={copied}"]
        _run(["mvn", "-q", "-B", "-f", str(_HERE / "pom.xml"), *goal])
        if not (copied / f"kafka_2.13-{VERSION}.jar").exists():
            raise KafkaFailed(f"the pom names another Apache Kafka than {VERSION}")
        with contextlib.suppress(OSError):  # another process was first, with the same jars
            copied.rename(folder)
    return folder


def settings(*, bootstrap: str, controller: str, data: Path) -> dict[str, str]:
    """One node, broker and controller, on loopback: bootstrap and controller are "HOST:PORT"."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listeners": f"PLAINTEXT://{bootstrap},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{bootstrap}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "offsets.topic.num.partitions": "1",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
    }


def prepare(file: Path, properties: Mapping[str, str]) -> None:
    """Write the settings, and format the data folder where it is new; raises KafkaFailed."""
    file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    if not Path(properties["log.dirs"]).exists():
        tool = [*_java(), "kafka.tools.StorageTool", "format"]
        _run([*tool, "-t", _CLUSTER, "-c", str(file)])


def command(file: Path) -> list[str]:
    """What runs the broker that the settings in a file describe."""
    return [*_java(), "kafka.Kafka", str(file)]


def answers(address: str) -> bool:
    """A port that accepts is not enough: the broker must answer a Kafka request."""
    host, port = address.split(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2.0) as link:
            link.sendall(_API_VERSIONS)
            return bool(link.recv(4))
    except OSError:
        return False


def _java() -> list[str]:
    return ["java", *_JVM, "-cp", f"{jars()}/*"]


def _run(command: list[str]) -> str:
    """What a program said; raises KafkaFailed where it fails or does not end."""
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=RUN_S,
            check=True,
        ).stdout
    except subprocess.TimeoutExpired:
        raise KafkaFailed(f"{command[0]} did not end in {RUN_S:.0f} s") from None
    except subprocess.CalledProcessError as error:
        raise KafkaFailed(f"{command[0]} failed: {error.stdout.strip()[-1_000:]}") from None
