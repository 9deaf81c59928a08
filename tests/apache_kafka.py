"""A real Apache Kafka in KRaft mode: one node, broker and controller, on loopback ports."""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Self

import trustme
from cryptography.hazmat.primitives import serialization as pem

from deploy.local.kafka import KafkaFailed, answers, command, prepare, settings, unavailable
from tests.processes import end, free_ports, tied

__all__ = ["ApacheKafka", "KafkaFailed", "unavailable"]

START_S: Final = 60.0
_PLAIN: Final = "org.apache.kafka.common.security.plain.PlainLoginModule"


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
        ports = free_ports(3)
        addresses = [f"127.0.0.1:{port}" for port in ports]
        self.bootstrap, self.sasl_bootstrap, self._controller = addresses
        self.ca_file = folder / "ca.pem"
        self._settings = folder / "server.properties"
        self._process: subprocess.Popen[bytes] | None = None
        # A child is ended with the *thread* that started it, so one thread starts them all.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="apache-kafka")
        folder.mkdir(parents=True, exist_ok=True)
        _write_certificates(self.ca_file, folder / "server.pem")

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
        if process is not None:
            end(process, kill=kill)

    def _start(self) -> None:
        prepare(self._settings, self._properties())
        with (self.folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*tied(), *command(self._settings)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait_until_it_answers(self._process)
        except BaseException:
            self.stop(kill=True)
            raise

    def _properties(self) -> dict[str, str]:
        """One node as `make stack` has it, with a second listener, and quick to miss a member."""
        data = self.folder / "data"
        common = settings(bootstrap=self.bootstrap, controller=self._controller, data=data)
        secure = f"SASL_SSL://{self.sasl_bootstrap}"
        protocols = common["listener.security.protocol.map"]
        return common | {
            "listeners": f"{common['listeners']},{secure}",
            "advertised.listeners": f"{common['advertised.listeners']},{secure}",
            "listener.security.protocol.map": f"{protocols},SASL_SSL:SASL_SSL",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": (
                f'{_PLAIN} required user_{self.username}="{self.password}";'
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.folder / "server.pem"),
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            "log.retention.ms": "-1",
        }

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + START_S
        while time.monotonic() < until and process.poll() is None:
            if answers(self.bootstrap):
                return
            time.sleep(0.1)
        ended = process.returncode
        outcome = f"did not answer in {START_S:.0f} s" if ended is None else f"ended ({ended})"
        said = (self.folder / "broker.log").read_text(errors="replace")[-4_000:]
        raise KafkaFailed(f"Apache Kafka {outcome}:\n{said}")


def _write_certificates(ca_file: Path, server_file: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(ca_file))
    server = authority.issue_cert("127.0.0.1", "localhost")
    # Kafka reads a PEM key in PKCS#8 only.
    key = pem.load_pem_private_key(server.private_key_pem.bytes(), None).private_bytes(
        pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()
    )
    server_file.write_bytes(key + b"".join(link.bytes() for link in server.cert_chain_pems))
