"""The programs of the stack in the order of their start: how, where, and when each is ready."""

import json
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from deploy.local import kafka, provision
from deploy.local.errors import StackError

ROOT: Final = Path(__file__).resolve().parents[2]
VENUE: Final = "demo"
PACKAGES: Final = {
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "java": "default-jre-headless",
}
PORTS: Final = {
    "kafka": 9092,
    "controller": 9097,
    "inbox": 9095,
    "alertmanager": 9093,
    "prometheus": 9090,
    "monitor": 9108,
    "grafana": 3000,  # where messages link to; none is started
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stack lives: its folder, and how far its ports are from the usual ones."""

    folder: Path
    shift: int = 0

    def address(self, name: str) -> str:
        return f"127.0.0.1:{PORTS[name] + self.shift}"

    def url(self, name: str) -> str:
        return f"http://{self.address(name)}"


@dataclass(frozen=True, slots=True)
class Program:
    """One program. ports: the names in PORTS that it listens on. prepare: what to do before it
    starts. not_ready: why it is not ready yet, None once it is."""

    name: str
    command: Callable[[], list[str]]
    not_ready: Callable[[], str | None]
    ports: tuple[str, ...] = ()
    prepare: Callable[[], None] = lambda: None
    variables: Mapping[str, str] = field(default_factory=dict)
    patience_s: float = 60.0


def programs(place: Place) -> list[Program]:
    """All of them."""
    return [
        _kafka(place),
        _inbox(place),
        _alertmanager(place),
        _prometheus(place),
        _exchange(place),
        _monitor(place),
    ]


def check_installed() -> None:
    """Raises StackError, naming what to install."""
    missing = [PACKAGES[name] for name in PACKAGES if shutil.which(name) is None]
    if missing:
        raise StackError(f"not installed: apt-get install {' '.join(missing)}")
    reason = kafka.unavailable()
    if reason is not None:
        raise StackError(f"{reason}; apt-get install default-jre-headless maven")


def answer(url: str) -> tuple[int, str]:
    """Status and text of an answer; 0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5.0) as found:  # noqa: S310 - loopback only
            return found.status, found.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError:
        return 0, ""


def _kafka(place: Place) -> Program:
    file = place.folder / "kafka.properties"
    properties = kafka.settings(
        bootstrap=place.address("kafka"),
        controller=place.address("controller"),
        data=place.folder / "kafka",
    ) | {
        "log.retention.ms": "3600000",  # an hour: what the monitor reads again at most, twice
        "log.segment.bytes": "67108864",
        "log.retention.check.interval.ms": "60000",
    }
    return Program(
        "kafka",
        lambda: kafka.command(file),
        lambda: None if kafka.answers(place.address("kafka")) else "starting",
        ports=("kafka", "controller"),
        prepare=lambda: kafka.prepare(file, properties),
    )


def _inbox(place: Place) -> Program:
    command = [sys.executable, "-m", "monitor.demo.inbox", str(place.folder / "messages.jsonl")]
    command += ["--port", place.address("inbox").rpartition(":")[2]]
    command += ["--runbooks", str(provision.DEPLOY / "runbooks")]
    return Program("inbox", lambda: command, _serves(place.url("inbox")), ports=("inbox",))


def _alertmanager(place: Place) -> Program:
    file = place.folder / "alertmanager.yml"
    command = [
        "prometheus-alertmanager",
        f"--config.file={file}",
        f"--storage.path={place.folder / 'alertmanager'}",
        f"--web.listen-address={place.address('alertmanager')}",
        f"--web.external-url={place.url('alertmanager')}",
        "--cluster.listen-address=",
    ]
    settings = provision.alertmanager_settings(receiver=place.address("inbox"))
    return Program(
        "alertmanager",
        lambda: command,
        _serves(place.url("alertmanager") + "/-/ready"),
        ports=("alertmanager",),
        prepare=lambda: _write(file, settings),
    )


def _prometheus(place: Place) -> Program:
    file, links = place.folder / "prometheus.yml", place.folder / "links.rules.yml"

    def prepare() -> None:
        settings = provision.prometheus_settings(
            targets=[place.address("monitor")],
            alertmanager=place.address("alertmanager"),
            venue=VENUE,
        )
        rules = sorted(set(provision.RULES.glob("*.rules.yml")) - {provision.LINKS})
        _write(file, settings | {"rule_files": [*map(str, rules), str(links)]})
        own = {name: place.url(name) for name in ("monitor", "grafana")}
        _write(links, provision.links({**own, "runbooks": f"{place.url('inbox')}/runbooks"}))

    command = [
        "prometheus",
        f"--config.file={file}",
        f"--storage.tsdb.path={place.folder / 'prometheus'}",
        "--storage.tsdb.retention.size=1GB",
        f"--web.listen-address={place.address('prometheus')}",
        f"--web.external-url={place.url('prometheus')}",
    ]
    ready = _serves(place.url("prometheus") + "/-/ready")
    return Program("prometheus", lambda: command, ready, ports=("prometheus",), prepare=prepare)


def _exchange(place: Place) -> Program:
    command = [sys.executable, "-m", "monitor.demo.publish", place.address("kafka")]
    return Program("exchange", lambda: command, lambda: None)


def _monitor(place: Place) -> Program:
    command = [sys.executable, "-m", "monitor.cli", "run"]
    command += ["-c", str(provision.DEPLOY / "local" / "stack.toml")]
    host, _, port = place.address("monitor").rpartition(":")
    variables = {
        "FORESHOCK_KAFKA__BOOTSTRAP_SERVERS": place.address("kafka"),
        "FORESHOCK_CHECKPOINT__DIRECTORY": str(place.folder / "state"),
        "FORESHOCK_OUTPUT__AUDIT_LOG": str(place.folder / "audit.jsonl"),
        "FORESHOCK_HTTP__HOST": host,
        "FORESHOCK_HTTP__PORT": port,
    }
    return Program(
        "monitor",
        lambda: command,
        lambda: _monitor_not_ready(place),
        ports=("monitor",),
        variables=variables,
        patience_s=120.0,
    )


def _monitor_not_ready(place: Place) -> str | None:
    """It has to have learned what is usual, and Prometheus has to have seen it."""
    status, text = answer(place.url("monitor") + "/readyz")
    if status != 200:
        return ", ".join(json.loads(text)["reasons"]) if status == 503 else "starting"
    status, text = answer(place.url("prometheus") + "/api/v1/query?query=up")
    seen = status == 200 and [r["value"][1] for r in json.loads(text)["data"]["result"]] == ["1"]
    return None if seen else "not scraped yet"


def _serves(url: str) -> Callable[[], str | None]:
    return lambda: None if answer(url)[0] == 200 else "starting"


def _write(file: Path, settings: object) -> None:
    file.write_bytes(msgspec.yaml.encode(settings))
