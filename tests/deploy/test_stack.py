"""`make stack`: everything starts, once, and exactly that ends."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest

from deploy.local import processes
from deploy.local.processes import Process
from deploy.local.programs import PORTS, ROOT, Place, answer
from deploy.local.programs import programs as programs_of
from monitor.settings import load
from tests.apache_kafka import unavailable as no_kafka
from tests.conftest import missing
from tests.oncall.programs import run, unavailable, wait_until

NAMES: Final = ["kafka", "inbox", "alertmanager", "prometheus", "exchange", "monitor"]


def stack(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.local", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300.0,
        check=False,
    )


def started(folder: Path) -> dict[str, Process]:
    text = (folder / "processes.json").read_bytes()
    return msgspec.convert(json.loads(text)["processes"], dict[str, Process])


def free_shift() -> int:
    """How far to shift so that every port is free, below those that clients are given."""
    for shift in range(11_000, 21_000, 137):
        taken = False
        for port in PORTS.values():
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port + shift))
                except OSError:
                    taken = True
        if not taken:
            return shift
    raise AssertionError("no free ports")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    reason = unavailable() or no_kafka()
    if reason is not None:
        missing(reason)
    place = Place(tmp_path_factory.mktemp("stack"), free_shift())
    said = stack("up", "--folder", place.folder, "--shift", str(place.shift))
    assert said.returncode == 0, said.stderr
    for name in NAMES:
        assert f"{name:13} ready" in said.stdout
    assert f"{place.url('monitor')}/incidents" in said.stdout
    yield place
    stack("down", "--folder", place.folder)


@pytest.mark.kafka
def test_all_of_it_starts_and_knows_each_other(place: Place) -> None:
    assert list(started(place.folder)) == NAMES
    _, targets = answer(f"{place.url('prometheus')}/api/v1/alertmanagers")
    assert place.address("alertmanager") in targets
    _, metrics = answer(f"{place.url('monitor')}/metrics")
    assert 'foreshock_events_total{topic="market"' in metrics
    messages = place.folder / "messages.jsonl"
    wait_until(lambda: messages.exists() and "ForeshockWatchdog" in messages.read_text())
    message = json.loads((place.folder / "messages.jsonl").read_text().splitlines()[0])
    (alert,) = message["message"]["alerts"]
    status, text = answer(alert["annotations"]["runbook_url"])
    assert status == 200
    assert text.startswith("# ForeshockWatchdog")
    assert "Foreshock watches demo" in answer(place.url("inbox"))[1]
    assert answer(f"{place.url('inbox')}/runbooks/../README.md")[0] == 404


@pytest.mark.kafka
def test_started_again_it_says_that_it_runs_and_starts_only_what_is_missing(place: Place) -> None:
    before = started(place.folder)
    arguments = ["up", "--folder", str(place.folder), "--shift", str(place.shift)]
    said = stack(*arguments)
    assert said.returncode == 0
    assert said.stdout.startswith("It runs already.")
    assert started(place.folder) == before
    said = stack("up", "--folder", place.folder, "--shift", "1")
    assert said.returncode == 1
    assert said.stderr == f"Error: it runs, with its ports shifted by {place.shift}\n"
    processes.end(before["inbox"])
    said = stack(*arguments)
    assert said.returncode == 0
    after = started(place.folder)
    assert {name for name in NAMES if after[name] != before[name]} == {"inbox"}


@pytest.mark.kafka
def test_it_ends_exactly_what_it_started(place: Place) -> None:
    before = started(place.folder)
    alike = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        # As if the exchange had ended and its number had been given to somebody else's process.
        processes.end(before["exchange"])
        reused = msgspec.structs.replace(before["exchange"], pid=alike.pid)
        text = json.loads((place.folder / "processes.json").read_bytes())
        text["processes"]["exchange"] = msgspec.to_builtins(reused)
        (place.folder / "processes.json").write_text(json.dumps(text))
        said = stack("down", "--folder", place.folder)
        assert said.returncode == 0, said.stderr
        assert said.stdout.endswith("It has ended.\n")
        assert alike.poll() is None
        assert not [name for name, process in before.items() if processes.runs(process)]
        assert started(place.folder) == {}
    finally:
        alike.kill()
        alike.wait()
    assert stack("down", "--folder", place.folder).stdout == "Nothing runs.\n"
    assert b"drained" in (place.folder / "monitor.log").read_bytes()


def test_a_taken_port_is_named_before_anything_starts(tmp_path: Path) -> None:
    reason = unavailable() or no_kafka()
    if reason is not None:
        missing(reason)
    shift = free_shift()
    port = PORTS["prometheus"] + shift
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        said = stack("up", "--folder", tmp_path, "--shift", str(shift))
    assert said.returncode == 1
    assert said.stdout == ""
    assert said.stderr.startswith(f"Error: port {port}, which prometheus needs, is taken")
    assert len(said.stderr.splitlines()) == 1
    assert not (tmp_path / "kafka").exists()


def test_what_is_not_installed_is_named(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "deploy.local", "up", "--folder", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "", "PYTHONPATH": str(ROOT)},
    )
    assert said.returncode == 1
    wanted = "prometheus prometheus-alertmanager default-jre-headless"
    assert said.stderr == f"Error: not installed: apt-get install {wanted}\n"


def test_a_process_is_known_by_more_than_its_number() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as child:
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        this = Process(child.pid, int(fields[19]), boot)
        assert processes.runs(this)
        other = msgspec.structs.replace(this, started_ticks=this.started_ticks + 1)
        for stranger in (other, msgspec.structs.replace(this, boot="another")):
            assert not processes.runs(stranger)
            processes.end(stranger)
            assert child.poll() is None
        os.kill(child.pid, signal.SIGKILL)
        wait_until(lambda: not processes.runs(this))  # a zombie runs no more


def test_the_configuration_of_the_stack_is_sound(tmp_path: Path) -> None:
    place = Place(tmp_path, 1)
    (monitor,) = [p for p in programs_of(place) if p.name == "monitor"]
    config = load(ROOT / "deploy" / "local" / "stack.toml", monitor.variables)
    assert config.http.port == PORTS["monitor"] + 1
    assert (ROOT / (config.detectors.calibration or "")).is_file()
    for program in programs_of(place):
        if program.name in ("alertmanager", "prometheus"):
            program.prepare()
    reason = unavailable()
    if reason is not None:
        missing(reason)
    run("promtool", "check", "config", tmp_path / "prometheus.yml")
    run("amtool", "check-config", tmp_path / "alertmanager.yml")
