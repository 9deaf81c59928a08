"""`foreshock calibrate` as a user meets it, on a small quiet log of the simulator."""

import json
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from click.testing import CliRunner, Result

from detectors.alone import RISES
from detectors.registry import BURSTS
from monitor.cli import main
from monitor.labels import LabelledEvent, read_labels, write_labels
from monitor.simulator import Options, Simulation


class Quiet(NamedTuple):
    """Ten quiet minutes, and what is known of them."""

    log: Path
    labels: Path


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Quiet:
    folder = tmp_path_factory.mktemp("quiet")
    made = Quiet(folder / "log.jsonl", folder / "labels.json")
    simulation = Simulation(Options(seed=3, duration_s=600.0, symbols=6, rate=150.0))
    made.log.write_bytes(b"".join(simulation.chunks()))
    write_labels(simulation.labels(), made.labels)
    return made


def calibrate(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["calibrate", *map(str, arguments)])


def refused(said: Result) -> str:
    """The one line that it was refused with."""
    assert said.exit_code == 2, said.output
    assert said.stdout == ""
    (line,) = said.stderr.splitlines()
    return line


def test_quiet_flow_is_learned_and_a_replay_begins_with_it(quiet: Quiet, tmp_path: Path) -> None:
    output = tmp_path / "calibration.json"
    said = calibrate(quiet.log, "--labels", quiet.labels, "-o", output)
    assert said.exit_code == 0, said.stderr
    found = json.loads(output.read_bytes())
    assert found["seeds"] == [3]
    assert 0.05 < found["quiet_hours"] < 0.17
    *_, verdict, closing = said.stderr.splitlines()
    assert "a budget of 1 wrong page a week is one in 7 d 00 h; that reaches " in verdict
    assert closing.startswith(f"{output}: {found['quiet_hours']:.1f} quiet hours from ")
    config = tmp_path / "foreshock.toml"
    config.write_text(f'[detectors]\ncalibration = "{output}"\n')
    again = CliRunner().invoke(main, ["replay", str(quiet.log), "--json", "-c", str(config)])
    assert again.exit_code == 0, again.stderr


def test_the_table_has_a_line_for_each_signal_and_rise_within_80_columns(
    quiet: Quiet, tmp_path: Path
) -> None:
    lines = calibrate(quiet.log, "-o", tmp_path / "calibration.json").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert " ".join(lines[0].split()) == "signal wander rise maxima in tail nats a decade"
    signals = [line.split()[0] for line in lines[1:]]
    assert signals == [signal for signal in (*BURSTS, "market_wide") for _ in RISES]


def test_calibrating_twice_gives_the_same_file(quiet: Quiet, tmp_path: Path) -> None:
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    for output in (one, two):
        assert calibrate(quiet.log, "-o", output).exit_code == 0
    assert one.read_bytes() == two.read_bytes()


def test_a_scoring_seed_is_refused(quiet: Quiet, tmp_path: Path) -> None:
    labels, output = tmp_path / "labels.json", tmp_path / "calibration.json"
    truth = read_labels(quiet.labels)
    write_labels(msgspec.structs.replace(truth, seed=1_000_000, purpose="scoring"), labels)
    line = refused(calibrate(quiet.log, "--labels", labels, "-o", output))
    assert line.endswith("seed 1000000 is for scoring; calibrate on a tuning seed")
    assert not output.exists()


@pytest.mark.parametrize(("scenario", "decoy"), [("retry_storm", False), ("news", True)])
def test_labels_with_anomalies_are_refused_and_with_decoys_are_not(
    quiet: Quiet, tmp_path: Path, scenario: str, decoy: bool
) -> None:
    truth, labels = read_labels(quiet.labels), tmp_path / "labels.json"
    event = LabelledEvent(
        scenario=scenario,
        decoy=decoy,
        size="small",
        onset_ns=truth.start_ns,
        end_ns=truth.end_ns,
        symbols=truth.symbols,
        accounts=[],
    )
    write_labels(msgspec.structs.replace(truth, events=[event]), labels)
    said = calibrate(quiet.log, "--labels", labels, "-o", tmp_path / "calibration.json")
    if decoy:
        assert said.exit_code == 0, said.stderr
    else:
        assert refused(said).endswith("holds anomalies; calibrate on a quiet log")


def test_a_log_too_short_to_learn_from_is_refused(quiet: Quiet, tmp_path: Path) -> None:
    short, output = tmp_path / "short.jsonl", tmp_path / "calibration.json"
    short.write_bytes(b"".join(quiet.log.read_bytes().splitlines(keepends=True)[:2_000]))
    assert "no four minutes of quiet flow" in refused(calibrate(short, "-o", output))
    assert not output.exists()
