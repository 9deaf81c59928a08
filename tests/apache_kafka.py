"""A real Apache Kafka in KRaft mode: one node, broker and controller, on loopback ports.

The jars come from Maven (deploy/local/pom.xml), once, into .cache/ or $FORESHOCK_CACHE.
"""

import contextlib
import functools
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Self

import trustme
from cryptography.hazmat.primitives import serialization as pem

VERSION: Final = "4.1.0"
JAVA_MIN: Final = 17
START_S: Final = 60.0
STOP_S: Final = 20.0
RUN_S: Final = 300.0
_ROOT: Final = Path(__file__).resolve().parent.parent
_CLUSTER: Final = "Zm9yZXNob2NrLXRlc3RzIQ"  # any 16 bytes in base64
_API_VERSIONS: Final = bytes.fromhex("0000000a 0012 0000 00000000 ffff")  # a request, version 0
_JVM: Final = (
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # starts sooner; these tests end before the best code pays
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)
_SETTINGS: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listeners=PLAINTEXT://{broker.bootstrap},SASL_SSL://{broker.sasl_bootstrap},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://{broker.bootstrap},SASL_SSL://{broker.sasl_bootstrap}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required \
user_{broker.username}="{broker.password}";
ssl.keystore.type=PEM
ssl.keystore.location={folder}/server.pem
log.dirs={folder}/data
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.retention.ms=-1
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
"""


class KafkaFailed(Exception):  # noqa: N818 - it says a state, as BrokerUnavailable does
    """Apache Kafka could not be fetched or did not start; the message says why."""


class ApacheKafka:
    """A broker with its data in `folder`; it runs inside the `with` block, on the same ports.

    bootstrap: the open listener, "127.0.0.1:PORT". sasl_bootstrap: SASL_SSL with PLAIN, which
    wants `username`, `password` and the authority in `ca_file`. Stop and start may be called
    from any thread, one at a time; both block.
    """

    username: Final = "foreshock"
    password: Final = "open-sesame"  # noqa: S105 - of a broker that lives as long as a test

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ports = _free_ports(3)
        self.bootstrap, self.sasl_bootstrap, _ = (f"127.0.0.1:{port}" for port in ports)
        self.ca_file = folder / "ca.pem"
        self._settings = folder / "server.properties"
        self._process: subprocess.Popen[bytes] | None = None
        # A child is ended with the *thread* that started it, so one thread starts them all.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="apache-kafka")
        folder.mkdir(parents=True, exist_ok=True)
        _write_certificates(self.ca_file, folder / "server.pem")
        self._settings.write_text(_SETTINGS.format(broker=self, folder=folder, controller=ports[2]))

    @property
    def pid(self) -> int | None:
        """The process that runs, None while it is stopped."""
        return None if self._process is None else self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.shutdown()

    def start(self) -> None:
        """Run the broker and wait until it answers; raises KafkaFailed with the end of its log."""
        if self._process is None or self._process.poll() is not None:
            self._thread.submit(self._start).result()

    def stop(self, *, kill: bool = False) -> None:
        """End the broker, in order or, with `kill`, at once; what it stored stays."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self) -> None:
        if not (self.folder / "data").exists():
            tool = [*_java(), "kafka.tools.StorageTool", "format"]
            _run([*tool, "-t", _CLUSTER, "-c", str(self._settings)])
        with (self.folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*_tied(), *_java(), "kafka.Kafka", str(self._settings)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait_until_it_answers(self._process)
        except BaseException:
            self.stop(kill=True)
            raise

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + START_S
        while time.monotonic() < until and process.poll() is None:
            if _answers(self.bootstrap):
                return
            time.sleep(0.1)
        ended = process.returncode
        outcome = f"did not answer in {START_S:.0f} s" if ended is None else f"ended ({ended})"
        said = (self.folder / "broker.log").read_text(errors="replace")[-4_000:]
        raise KafkaFailed(f"Apache Kafka {outcome}:\n{said}")


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
    cache = Path(os.environ.get("FORESHOCK_CACHE") or _ROOT / ".cache")
    folder = cache / f"kafka-{VERSION}"
    if folder.is_dir():
        return folder
    if shutil.which("mvn") is None:
        raise KafkaFailed("Apache Kafka's jars come from Maven, and there is no mvn on the path")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="kafka-") as temporary:
        copied = Path(temporary, "jars")
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={copied}"]
        _run(["mvn", "-q", "-B", "-f", str(_ROOT / "deploy/local/pom.xml"), *goal])
        if not (copied / f"kafka_2.13-{VERSION}.jar").exists():
            raise KafkaFailed(f"the pom names another Apache Kafka than {VERSION}")
        with contextlib.suppress(OSError):  # another process was first, with the same jars
            copied.rename(folder)
    return folder


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


def _tied() -> list[str]:
    """What ends the broker when the tests are killed, where the system has it (Linux)."""
    return ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []


def _java() -> list[str]:
    return ["java", *_JVM, "-cp", f"{jars()}/*"]


def _write_certificates(ca_file: Path, server_file: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(ca_file))
    server = authority.issue_cert("127.0.0.1", "localhost")
    # Kafka reads a PEM key in PKCS#8 only.
    key = pem.load_pem_private_key(server.private_key_pem.bytes(), None).private_bytes(
        pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()
    )
    server_file.write_bytes(key + b"".join(link.bytes() for link in server.cert_chain_pems))


def _free_ports(count: int) -> list[int]:
    """Free ports below those that clients are given, which may take one while we are stopped."""
    free: list[int] = []
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            free.append(port)
    return free[:count]


def _answers(address: str) -> bool:
    """A port that accepts is not enough: the broker must answer a Kafka request."""
    host, port = address.split(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2.0) as link:
            link.sendall(_API_VERSIONS)
            return bool(link.recv(4))
    except OSError:
        return False
