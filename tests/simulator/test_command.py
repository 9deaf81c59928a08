"""`foreshock simulate`: options, labels and seeds as a user meets them."""

import gzip
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from click.testing import CliRunner, Result

from monitor.cli import main
from monitor.commands.simulate import seconds
from monitor.labels import LabelError, LabelledEvent, Labels, Size, labels_bytes, read_labels
from monitor.seeds import purpose
from monitor.simulator import PROFILES, SCENARIOS, Options, Simulation
from monitor.simulator.options import SimulationError

BRIEF = ["--seed", "3", "--duration", "20s", "--symbols", "3", "--rate", "300"]


def simulate(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["simulate", *arguments])


def test_a_log_and_its_labels_are_written(tmp_path: Path) -> None:
    log, labels = tmp_path / "log.jsonl", tmp_path / "labels.json"
    said = simulate(
        *BRIEF,
        "--scenario",
        "retry_storm",
        "--onset",
        "5s",
        "-o",
        str(log),
        "--labels",
        str(labels),
    )
    assert said.exit_code == 0, said.stderr
    assert said.stdout == ""
    (line,) = said.stderr.splitlines()
    assert " events, 3 symbols, span 20.0 s, 1 scenario, 0 decoys, " in line
    truth = read_labels(labels)
    assert (truth.seed, truth.purpose, truth.scenario) == (3, "tuning", "retry_storm")
    assert truth.end_ns - truth.start_ns == 20_000_000_000
    (event,) = truth.events
    assert event.onset_ns - truth.start_ns == 5_000_000_000
    assert set(event.symbols) <= set(truth.symbols)
    assert event.accounts
    assert len(log.read_bytes().splitlines()) > 1_000


def test_compression_changes_no_byte_of_the_log(tmp_path: Path) -> None:
    paths = [tmp_path / f"log.jsonl{suffix}" for suffix in ("", ".zst", ".gz")]
    for path in paths:
        assert simulate(*BRIEF, "-o", str(path)).exit_code == 0
    plain, zstd, gzipped = (path.read_bytes() for path in paths)
    with zstandard.ZstdDecompressor().stream_reader(zstd) as reader:
        assert reader.read() == plain
    assert gzip.decompress(gzipped) == plain


def test_names_start_and_profile_are_taken(tmp_path: Path) -> None:
    log, labels = tmp_path / "log.jsonl", tmp_path / "labels.json"
    said = simulate(
        *("--seed", "1000000", "--duration", "5s", "--symbols", "X-PERP, Y-PERP", "--rate", "100"),
        *("--start", "2026-01-02T03:04:05", "--profile", "lobster-aapl"),
        *("-o", str(log), "--labels", str(labels)),
    )
    assert said.exit_code == 0, said.stderr
    truth = read_labels(labels)
    assert truth.symbols == ["X-PERP", "Y-PERP"]
    assert (truth.purpose, truth.profile) == ("scoring", "lobster-aapl")
    assert truth.start_ns == 1_767_323_045_000_000_000


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "--seed is needed"),
        (["--seed", "1"], "-o is needed"),
        (["--seed", "-1"], "seed must not be negative, was -1"),
        (["--seed", "1", "--scenario", "flood"], "scenario 'flood' is unknown: choose from quiet"),
        (["--seed", "1", "--size", "vast"], "size 'vast' is unknown: choose from small"),
        (["--seed", "1", "--profile", "x"], "profile 'x' is unknown: choose from perp"),
        (["--seed", "1", "--duration", "5"], "duration '5' must be like 90s, 30m, 6h or 2d"),
        (["--seed", "1", "--duration", "0s"], "duration must be positive and finite, was 0.0"),
        (["--seed", "1", "--onset", "2h"], "onset must lie within the 1800 s of the log"),
        (["--seed", "1", "--symbols", "0"], "symbols must be 1 to 10,000, were 0"),
        (["--seed", "1", "--symbols", "A,A"], "symbols must have different names"),
        (["--seed", "1", "--rate", "0"], "rate must be positive and finite, was 0.0"),
        (["--seed", "1", "--start", "noon"], "start 'noon' must be like 2026-06-01T09:00:00Z"),
        (["--seed", "1", "-o", "log.csv"], "log.csv: the name must end in .jsonl"),
        (["--seed", "1", "-o", "no/log.jsonl"], "no/log.jsonl: no such folder: no"),
    ],
)
def test_unusable_options_are_one_line(
    arguments: list[str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if ("--seed" in arguments and len(arguments) > 2) or arguments[:2] == ["--seed", "-1"]:
        arguments = ["-o", "log.jsonl", *arguments]
    said = simulate(*arguments)
    assert said.exit_code == 2
    assert said.stderr.startswith(f"foreshock: {expected}"), said.stderr
    assert len(said.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_the_list_names_every_scenario_and_profile_in_80_columns() -> None:
    said = simulate("--list").stdout
    for name in (*SCENARIOS, *PROFILES):
        assert name in said
    assert max(map(len, said.splitlines())) <= 80


def test_durations_are_read_in_all_units() -> None:
    assert [seconds("duration", text) for text in ("90s", "30m", "6h", "2d", "1.5m")] == [
        *(90.0, 1_800.0, 21_600.0, 172_800.0, 90.0)
    ]


def test_options_say_themselves_what_is_wrong() -> None:
    with pytest.raises(SimulationError, match="onset must lie within"):
        Options(seed=1, onset_s=-1.0)
    assert Options(seed=1, symbols=30).symbol_names[-1] == "ALT0030-PERP"


def label(**changes: Any) -> Labels:
    event = LabelledEvent(
        scenario="cascade",
        decoy=False,
        size="large",
        onset_ns=5,
        end_ns=9,
        symbols=["A"],
        accounts=["a"],
        first_forced_wave_ns=7,
        detail={"shock": -0.02},
    )
    fields: dict[str, Any] = {
        "seed": 1,
        "purpose": "tuning",
        "profile": "perp",
        "scenario": "cascade",
        "start_ns": 1,
        "end_ns": 10,
        "symbols": ["A"],
        "events": [event],
        "gaps": [(2, 3)],
    }
    return Labels(**fields | changes)


def test_labels_survive_a_file(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_bytes(labels_bytes(label()))
    assert read_labels(path) == label()
    assert msgspec.json.decode(path.read_bytes())["schema"] == 1


@pytest.mark.parametrize("size", ["small", "medium", "large"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_is_cast_even_on_the_smallest_venue(scenario: str, size: Size) -> None:
    options = Options(seed=9, scenario=scenario, size=size, symbols=1, duration_s=2.0)
    simulation = Simulation(options)
    for _ in simulation.events():
        pass
    truth = simulation.labels()
    assert msgspec.json.decode(labels_bytes(truth), type=Labels) == truth
    (told,) = (event for event in truth.events if event.scenario == scenario)
    assert told.symbols == ["BTC-PERP"]
    assert told.size == size


def test_what_is_no_label_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text('{"seed": 1}')
    with pytest.raises(LabelError, match=r"labels\.json: is no label file: .*purpose"):
        read_labels(path)
    with pytest.raises(LabelError, match=r"gone\.json: cannot be read"):
        read_labels(tmp_path / "gone.json")


def test_a_seed_serves_one_purpose() -> None:
    assert [purpose(seed) for seed in (0, 999_999, 1_000_000)] == ["tuning", "tuning", "scoring"]
    with pytest.raises(ValueError, match="seed must not be negative, was -1"):
        purpose(-1)
