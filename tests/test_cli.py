"""The command line as a user meets it: one clear line, the right exit status, clean stdout."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from detectors.registry import BURSTS
from monitor.config import COUNTED
from tests.live import minutes_of_trouble

START_NS = 1_760_000_000_000_000_000
COMMANDS = (
    *("run", "replay", "record", "demo", "check", "convert"),
    *("simulate", "calibrate", "score", "explain", "compare", "audit"),
)


def foreshock(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "monitor.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ".", "COLUMNS": "80", **environment},
    )


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "trouble.jsonl"
    values = [value for _, _, value in minutes_of_trouble(3, start_ns=START_NS)]
    path.write_bytes(b"\n".join(values) + b"\n")
    return path


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_teaches_within_80_columns(command: str) -> None:
    said = foreshock(*([command] if command else []), "--help")
    assert said.returncode == 0
    assert max(map(len, said.stdout.splitlines())) <= 80
    assert len(said.stdout.splitlines()) > 8


def test_replay_puts_json_lines_on_stdout_and_one_summary_line_on_stderr(log: Path) -> None:
    said = foreshock("replay", str(log), "--json")
    assert said.returncode == 0
    changes = [json.loads(line) for line in said.stdout.splitlines()]
    assert changes[0]["change"] == "open"
    assert changes[-1]["change"] == "close"
    assert {c["severity"] for c in changes} & {"page"}
    assert len(said.stderr.splitlines()) == 1
    assert " events, 0 bad, 0 late, span 2 min 00 s, " in said.stderr
    assert foreshock("replay", str(log), "--json").stdout == said.stdout


def test_a_bad_record_is_counted_by_reason_and_fatal_only_when_strict(
    log: Path, tmp_path: Path
) -> None:
    torn = tmp_path / "torn.jsonl"
    torn.write_bytes(b'{"type":"order"\n' + log.read_bytes() + b'{"type":"cancel","ts":1}\n')
    letters = tmp_path / "dead.jsonl"
    lenient = foreshock("replay", str(torn), "--json", "--dead-letters", str(letters))
    assert lenient.returncode == 0
    assert "2 bad (not_json 1, missing_field 1)" in lenient.stderr
    assert json.loads(letters.read_text().splitlines()[0])["offset"] == 0
    strict = foreshock("replay", str(torn), "--json", "--strict")
    assert strict.returncode == 2
    assert strict.stderr.splitlines()[-1].endswith("torn.jsonl:0:0: bad record: not_json")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("replay", "nowhere.jsonl"), "nowhere.jsonl: no such file"),
        (("replay", "tests"), "is a folder"),
        (("explain", "nowhere.jsonl"), "nowhere.jsonl: no such file"),
        (("explain", "tests/golden/market.jsonl.zst"), "there is no incident in these logs"),
        (("check", "-c", "nowhere.toml"), "nowhere.toml"),
        (("score", "nowhere"), "nowhere: no such folder"),
        (("convert", "--from", "lobster", "nowhere.zip", "-o", "x.jsonl"), "nowhere.zip"),
        (("record", "-o", "x.jsonl", "-c", "nowhere.toml"), "nowhere.toml"),
        (("replay",), "Missing argument 'LOGS...'"),
        (("replay", "x.jsonl", "--wat"), "No such option"),
        (("simulate", "--seed", "x"), "not a valid integer"),
        (("demo", "--port", "99999999"), "not in the range"),
        (("audit",), "say what to audit"),
        (("nonsense",), "No such command"),
        (("replay", __file__, "--dead-letters", f"{__file__}/x"), "test_cli.py: File exists"),
        (("replay", "x" * 300), "File name too long"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_exit_status_2(
    arguments: tuple[str, ...], says: str
) -> None:
    said = foreshock(*arguments)
    assert said.returncode == 2
    assert said.stdout == ""
    assert len(said.stderr.splitlines()) == 1
    assert said.stderr.startswith("foreshock: ")
    assert says in said.stderr


def test_check_lists_settings_and_hides_secrets() -> None:
    said = foreshock("check", FORESHOCK_KAFKA__SASL_PASSWORD="hunter2")
    assert said.returncode == 0
    assert "kafka.sasl_password = (set)" in said.stdout
    assert "hunter2" not in said.stdout
    for line in (
        'kafka.start = "recent"',
        "kafka.rewarm_s = 1800.0",
        "output.audit_log =  # not set",
    ):
        assert line in said.stdout.splitlines()
    assert said.stdout.splitlines()[-1] == "configuration is sound"


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("DETECTORS__CALIBRATION", "nowhere.json", "nowhere.json: cannot be read"),
        ("OUTPUT__AUDIT_LOG", "/tmp", "output.audit_log /tmp: is a folder"),  # noqa: S108
        ("CHECKPOINT__DIRECTORY", "/dev/null/x", "checkpoint.directory /dev/null: no folder"),
        ("DETECTORS__DISABLED", ",".join(BURSTS), "disabled: one of order_burst"),
    ],
)
def test_check_refuses_what_run_would(variable: str, value: str, says: str) -> None:
    said = foreshock("check", **{f"FORESHOCK_{variable}": value})
    assert said.returncode == 2
    assert len(said.stderr.splitlines()) == 1
    assert says in said.stderr


def test_the_settings_know_what_is_counted() -> None:
    assert tuple(BURSTS) == COUNTED


def test_check_connect_says_in_one_line_that_no_broker_answers() -> None:
    said = foreshock("check", "--connect", FORESHOCK_KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert said.returncode == 2
    assert "kafka.bootstrap_servers = '127.0.0.1:1'" in said.stderr


def test_record_says_in_one_line_that_no_broker_answers() -> None:
    said = foreshock("record", "-o", "x.jsonl", FORESHOCK_KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert said.returncode == 2
    assert "kafka.bootstrap_servers = '127.0.0.1:1'" in said.stderr
    assert len(said.stderr.splitlines()) == 1
    assert not Path("x.jsonl").exists()


@pytest.mark.parametrize("text", ["10", "-1s", "0m", "soon", "10 m"])
def test_a_duration_that_is_none_is_refused_with_the_forms_that_are(text: str) -> None:
    said = foreshock("record", "-o", "x.jsonl", "--duration", text)
    assert said.returncode == 2
    assert "is not a length of time like 90s, 10m, 1.5h or 2d" in " ".join(said.stderr.split())


@pytest.mark.kafka
def test_the_demo_starts_serves_and_stops_by_itself() -> None:
    said = foreshock("demo", "--seconds", "20", "--port", "0")
    assert said.returncode == 0, said.stderr
    assert "/metrics" in said.stdout
    assert "done: " in said.stdout
    assert "done: 0 events" not in said.stdout
