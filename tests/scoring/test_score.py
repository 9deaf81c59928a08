"""A folder of logs and labels becomes figures: the same for any number of processes."""

from pathlib import Path

import msgspec
import pytest

from monitor.labels import write_labels
from monitor.scoring.folder import FolderError, stored_logs
from monitor.scoring.purpose import SeedError
from monitor.scoring.score import score
from monitor.scoring.scorecard import Scorecard
from monitor.scoring.watch import Watched
from tests import market
from tests.scoring import venue
from tests.test_cli import foreshock

SEEDS = (1_000_000, 1_000_001, 1_000_002)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three logs, the last of them quiet."""
    path = tmp_path_factory.mktemp("logs")
    for seed in SEEDS:
        venue.write(path, seed, trouble=seed != SEEDS[-1])
    return path


@pytest.fixture(scope="module")
def card(folder: Path) -> Scorecard:
    return score(stored_logs(folder), market.config())


def test_makers_who_vanish_are_found_before_the_wave_and_prices_tell_only_after(
    card: Scorecard,
) -> None:
    (told,), (priced,) = card.monitor.cells, card.price_only.cells
    assert (told.scenario, told.size, told.events, told.waves) == (
        "maker_withdrawal",
        "large",
        2,
        2,
    )
    assert (told.found, told.before_wave) == (2, 2)
    assert (priced.found, priced.before_wave) == (2, 0)
    assert told.delay_s is not None
    assert 0 < told.delay_s.p50 < 8
    assert told.lead_s is not None
    assert 12 < told.lead_s.p50 < 20
    assert priced.lead_s is not None
    assert -2 <= priced.lead_s.p90 < 0


def test_the_baselines_tell_as_many_alarms_as_the_monitor(card: Scorecard) -> None:
    assert card.monitor.alarms == card.price_only.alarms == card.at_random.alarms == 2


def test_every_alarm_of_every_system_is_right_again_or_wrong(card: Scorecard) -> None:
    for system in (card.monitor, card.any, card.price_only, card.at_random):
        wrong = sum(system.wrong.values())
        assert system.right + system.repeats + wrong == pytest.approx(system.alarms)
        assert system.right == pytest.approx(sum(cell.found for cell in system.cells))


def test_coverage_leaves_out_the_warm_up_and_quiet_time_the_windows(card: Scorecard) -> None:
    assert card.venue_hours == pytest.approx(3 * 300 / 3600)
    assert 1 - 20 / 300 < card.coverage < 1 - 8 / 300
    covered_s = card.coverage * 3 * 300
    assert card.quiet_hours * 3600 == pytest.approx(covered_s - 2 * (228 + 60 - 220))


def test_jobs_change_nothing(folder: Path, card: Scorecard) -> None:
    seen: list[Watched] = []
    again = score(stored_logs(folder), market.config(), jobs=2, on_log=seen.append)
    assert msgspec.json.encode(again) == msgspec.json.encode(card)
    assert [watched.labels.seed for watched in seen] == list(SEEDS)


def test_figures_survive_json(card: Scorecard) -> None:
    assert msgspec.json.decode(msgspec.json.encode(card), type=Scorecard) == card


def never(_: Watched) -> None:
    pytest.fail("a log was read")


def test_seeds_that_must_not_meet_stop_everything_before_a_log_is_read(
    folder: Path, tmp_path: Path
) -> None:
    logs = stored_logs(folder)
    with pytest.raises(SeedError, match="calibration in use was measured on seed 1000001"):
        score(logs, market.config(), calibrated=[SEEDS[1]], on_log=never)
    venue.write(tmp_path, 999_999)
    with pytest.raises(SeedError, match="must not be scored together"):
        score([*logs, *stored_logs(tmp_path)], market.config(), on_log=never)


def test_tuning_logs_are_scored_under_that_name(tmp_path: Path) -> None:
    venue.write(tmp_path, 5, trouble=False)
    json_path = tmp_path / "score.json"
    refused = foreshock("score", str(tmp_path))
    assert refused.returncode == 2
    assert refused.stderr == (
        "foreshock: tuning seed 5: score seeds from 1,000,000 on, or say --tuning, "
        "and the figures will say so too\n"
    )
    said = foreshock("score", str(tmp_path), "--tuning", "--json", str(json_path))
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("TUNING")
    assert said.stderr == ""
    assert msgspec.json.decode(json_path.read_bytes(), type=Scorecard).purpose == "tuning"


def test_a_folder_pairs_logs_and_labels(folder: Path, tmp_path: Path) -> None:
    assert [log.path.name for log in stored_logs(folder)] == [f"{seed}.jsonl" for seed in SEEDS]
    with pytest.raises(FolderError, match="no such folder"):
        stored_logs(tmp_path / "nowhere")
    with pytest.raises(FolderError, match="holds no labels"):
        stored_logs(tmp_path)
    (tmp_path / "a.jsonl").write_text("")
    (tmp_path / "b.labels.json").write_text("{}")
    with pytest.raises(FolderError, match=r"b\.labels\.json: has no log"):
        stored_logs(tmp_path)
    (tmp_path / "b.jsonl").write_text("")
    with pytest.raises(FolderError, match=r"a\.jsonl: has no labels"):
        stored_logs(tmp_path)
    (tmp_path / "b.jsonl.zst").write_text("")
    with pytest.raises(FolderError, match=r"several logs beside it: b\.jsonl, b\.jsonl\.zst"):
        stored_logs(tmp_path)


def test_labels_that_call_a_tuning_seed_a_scoring_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text("")
    lying = msgspec.structs.replace(venue.labels(5, trouble=False), purpose="scoring")
    write_labels(lying, tmp_path / "x.labels.json")
    with pytest.raises(
        FolderError, match=r"x\.labels\.json: says scoring, but seed 5 is for tuning"
    ):
        stored_logs(tmp_path)


def test_what_to_score_is_said_once() -> None:
    for arguments in ((), ("tests", "--simulate", "tests/quality/plan.toml")):
        said = foreshock("score", *arguments)
        assert said.returncode == 2
        assert said.stderr == (
            "foreshock: score: give a FOLDER of logs and labels, or --simulate PLAN\n"
        )


def test_what_simulate_writes_is_what_score_reads(tmp_path: Path) -> None:
    seeds = {"quiet": 2_000_000, "quote_stuffing": 2_000_001}  # not those of `make score`
    for scenario, seed in seeds.items():
        log, beside = tmp_path / f"{scenario}.jsonl.zst", tmp_path / f"{scenario}.labels.json"
        asked = ["--seed", str(seed), "--scenario", scenario, "--size", "large"]
        asked += ["--duration", "220s", "--onset", "180s", "--symbols", "4", "--rate", "300"]
        made = foreshock("simulate", *asked, "-o", str(log), "--labels", str(beside))
        assert made.returncode == 0, made.stderr
    said = foreshock("score", str(tmp_path), "--json", str(tmp_path / "score.json"))
    assert said.returncode == 0, said.stderr
    found = msgspec.json.decode((tmp_path / "score.json").read_bytes(), type=Scorecard)
    assert (found.purpose, found.seeds) == ("scoring", list(seeds.values()))
    assert (found.bad, found.late) == (0, 0)
    assert found.venue_hours * 3600 == pytest.approx(440)
    assert [(c.scenario, c.found, c.events) for c in found.monitor.cells if not c.decoy] == [
        ("quote_stuffing", 1, 1)
    ]
    assert "quote_stuffing large" in said.stdout
