"""Settings side by side: the same incident is recognised, and who was sooner is said."""

from pathlib import Path

import msgspec
import pytest

from monitor.config import Config, Incidents
from monitor.hindsight.comparison import Comparison, Setting, compare, sooner
from monitor.hindsight.episodes import Episode, alike
from monitor.hindsight.side_by_side import comparison_text
from monitor.labels import LabelledEvent, Labels, write_labels
from tests.hindsight.conftest import START_NS, unseen
from tests.test_cli import foreshock

STRICT = Config(incidents=Incidents(page_budget_per_week=1e-9, warnings_per_day=1e-9))
SECOND_NS = 1_000_000_000


def compared(log: Path, *configs: Config, labels: Labels | None = None) -> Comparison:
    settings = [
        Setting(letter, f"setting {letter}", c) for letter, c in zip("ABCD", configs, strict=False)
    ]
    return compare(
        settings, [log], labels=labels, on_setting=lambda setting: unseen(setting.letter)
    )


def labels() -> Labels:
    event = LabelledEvent(
        scenario="maker_withdrawal",
        decoy=False,
        size="medium",
        onset_ns=START_NS + 66 * SECOND_NS,
        end_ns=START_NS + 82 * SECOND_NS,
        symbols=["SOL-PERP", "XRP-PERP", "ETH-PERP", "BTC-PERP", "DOGE-PERP"],
        accounts=[],
        first_forced_wave_ns=START_NS + 90 * SECOND_NS,
    )
    return Labels(
        seed=3,
        purpose="tuning",
        profile="perp",
        scenario="maker_withdrawal",
        start_ns=START_NS,
        end_ns=START_NS + 120 * SECOND_NS,
        symbols=event.symbols,
        events=[event],
    )


def episode(id_: str, start: int, end: int, *symbols: str) -> Episode:
    return Episode(id_, start, start, None, end, "info", 5.0, ["cancel_burst"], list(symbols))


def test_nobody_is_sooner_under_the_same_setting(trouble: Path) -> None:
    found = compared(trouble, Config(), Config())
    assert [(o.incidents, o.pages, o.seen_first, o.paged_first) for o in found.outcomes] == [
        (1, 1, 0, 0)
    ] * 2
    assert found.incidents[0].seen_ns["A"] == found.incidents[0].seen_ns["B"]
    assert comparison_text(found).count("same") == 1


def test_a_stricter_budget_pages_later_for_the_same_incident(trouble: Path) -> None:
    found = compared(trouble, Config(), STRICT)
    assert len(found.incidents) == 1
    one = found.incidents[0]
    assert one.seen_ns["A"] == one.seen_ns["B"]
    assert one.paged_ns["A"] is not None
    assert one.paged_ns["B"] is None or one.paged_ns["A"] < one.paged_ns["B"]
    assert [outcome.paged_first for outcome in found.outcomes] == [1, 0]
    assert "page A " in comparison_text(found)


def test_labels_say_who_was_right_and_how_long_before_the_wave(trouble: Path) -> None:
    found = compared(trouble, Config(), STRICT, labels=labels())
    right = found.outcomes[0].right["page"]
    assert (right.found, right.events, right.wrong) == (1, 1, 0)
    paged_ns = found.incidents[0].paged_ns["A"]
    assert paged_ns is not None
    assert right.lead_s is not None
    assert right.lead_s.p50 == (START_NS + 90 * SECOND_NS - paged_ns) / SECOND_NS


def test_episodes_are_the_same_where_they_overlap_and_share_a_symbol() -> None:
    told = [
        [episode("a", 0, 10, "X"), episode("b", 100, 110, "X", "Y")],
        [episode("c", 5, 20, "X"), episode("d", 5, 20, "Z"), episode("e", 105, 130, "*")],
    ]
    groups = [[[e.id for e in part] for part in group] for group in alike(told)]
    assert groups == [[["a"], ["c"]], [[], ["d"]], [["b"], ["e"]]]


def test_an_incident_told_in_two_parts_is_one() -> None:
    told = [
        [episode("whole", 0, 100, "X")],
        [episode("one", 5, 20, "X"), episode("two", 50, 90, "X")],
    ]
    groups = [[[e.id for e in part] for part in group] for group in alike(told)]
    assert groups == [[["whole"], ["one", "two"]]]


@pytest.mark.parametrize(
    ("times", "first"),
    [
        ({"A": 2_000_000_000, "B": 5_000_000_000}, ("A", 3.0)),
        ({"A": None, "B": 5}, ("B", None)),
        ({"A": 5, "B": 5, "C": 9}, None),
        ({"A": None, "B": None}, None),
    ],
)
def test_who_was_sooner(times: dict[str, int | None], first: object) -> None:
    assert sooner(times) == first


def test_the_command_prints_within_80_columns_and_as_json(trouble: Path, tmp_path: Path) -> None:
    config = tmp_path / "now.toml"
    config.write_text('venue = "here"\n')
    truth = tmp_path / "labels.json"
    write_labels(labels(), truth)
    arguments = (
        "compare",
        str(trouble),
        "-c",
        str(config),
        "--set",
        "incidents.join_s=5 bin_ms=500",
    )
    said = foreshock(*arguments, "--labels", str(truth))
    assert said.returncode == 0, said.stderr
    first, second, *rest = said.stdout.splitlines()
    assert first == f"A  {config}"
    assert second == "B  A with incidents.join_s=5 bin_ms=500"
    assert max(map(len, rest)) <= 80
    found = msgspec.json.decode(foreshock(*arguments, "--json").stdout, type=Comparison)
    assert [outcome.letter for outcome in found.outcomes] == ["A", "B"]


def test_four_settings_fit_80_columns(trouble: Path) -> None:
    found = compared(trouble, *[Config(), STRICT] * 2)
    assert max(map(len, comparison_text(found).splitlines())) <= 80
    assert "…" not in comparison_text(found)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "give 2 to 8 settings, were 1"),
        (("--set", "bin_ms"), "--set bin_ms: must be KEY=VALUE"),
        (("--set", "bin_ms=x"), "--set bin_ms=x: bin_ms = 'x': must be a whole number"),
        (("--set", "detectors.delay=1"), "did you mean 'delay_s'?"),
    ],
)
def test_settings_that_cannot_be_are_one_line(arguments: tuple[str, ...], says: str) -> None:
    said = foreshock("compare", "nowhere.jsonl", *arguments)
    assert said.returncode == 2
    assert says in said.stderr
    assert len(said.stderr.splitlines()) == 1
