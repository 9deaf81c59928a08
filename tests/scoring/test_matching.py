"""The matching rules, one by one, by hand."""

import pytest

from monitor.events import NS_PER_S
from monitor.incidents import Incident, Severity, SymbolEvidence
from monitor.labels import Labels
from monitor.scoring.alarm import Alarm, alarms
from monitor.scoring.matching import REASONS, Matched, Rules, match
from tests.scoring.made import alarm, at, event, labels

RULES = Rules(grace_s=60.0, tolerance_s=30.0, wide=0.5)


def judged(of: Labels, *told: Alarm) -> Matched:
    return match(told, of, RULES)


def change(
    second: float, severity: Severity, *symbols: str, name: str = "i", onset: float = 0.0
) -> Incident:
    evidence = [SymbolEvidence(s, "cancel_burst", 7.0, 9.0, 1.0, 9.0) for s in symbols]
    return Incident(
        1, name, "update", at(second), at(onset), severity, [], evidence, [], 7.0, "", {}
    )


def test_an_incident_is_one_alarm_from_its_first_change_of_the_severity() -> None:
    told = [
        change(10, "info", "A", onset=5),
        change(20, "warning", "A", "B", onset=6),
        change(25, "info", "C", name="j", onset=24),
        change(30, "page", "A", "B", "C", onset=7),
        change(40, "page", "D", onset=8),
    ]
    assert alarms(told, "page") == [alarm(30, "A", "B", "C", opened=10, onset=7)]
    assert alarms(told, "warning") == [alarm(20, "A", "B", opened=10, onset=6)]
    assert alarms(told, "info") == [
        alarm(10, "A", onset=5),
        alarm(25, "C", onset=24),
    ]


@pytest.mark.parametrize(
    ("second", "right"),
    [(99.999, False), (100.0, True), (150.0, True), (259.999, True), (260.0, False)],
)
def test_the_window_is_from_onset_to_the_end_and_a_minute(second: float, right: bool) -> None:
    found = judged(labels(event(100, 200)), alarm(second))
    assert (found.found[0] is not None) == right
    assert found.rulings == ["right" if right else "quiet"]


def test_a_forced_wave_after_the_window_is_not_the_events_own() -> None:
    assert RULES.wave_ns(event(100, 200, wave=259)) == at(259)
    assert RULES.wave_ns(event(100, 200, wave=260)) is None
    assert RULES.wave_ns(event(100, 200)) is None


@pytest.mark.parametrize(
    ("named", "right"), [(("A",), True), (("B",), False), (("B", "A"), True), (("*",), True)]
)
def test_they_meet_in_place_by_a_symbol_or_the_whole_venue(
    named: tuple[str, ...], right: bool
) -> None:
    found = judged(labels(event(100, 200, "A")), alarm(150, *named))
    assert (found.found[0] is not None) == right
    assert found.rulings == ["right" if right else "misplaced"]


@pytest.mark.parametrize(("symbols", "right"), [("AB", False), ("ABC", True)])
def test_an_event_of_half_the_symbols_or_more_is_met_by_any_symbol(
    symbols: str, right: bool
) -> None:
    found = judged(labels(event(100, 200, *symbols)), alarm(150, "E"))
    assert (found.found[0] is not None) == right


@pytest.mark.parametrize(
    ("opened", "onset", "right"),
    [(90, 69.9, False), (90, 70, True), (90, 95, True), (100, 10, True)],
)
def test_an_incident_open_before_fits_only_if_it_says_that_it_began_about_then(
    opened: float, onset: float, right: bool
) -> None:
    found = judged(labels(event(100, 200)), alarm(150, opened=opened, onset=onset))
    assert (found.found[0] is not None) == right
    assert found.rulings == ["right" if right else "misplaced"]


def test_a_second_alarm_of_an_event_is_a_repeat() -> None:
    found = judged(labels(event(100, 200)), alarm(110), alarm(120), alarm(130, "B"))
    assert found.found == [alarm(110)]
    assert found.rulings == ["right", "repeat", "misplaced"]


def test_an_alarm_finds_one_event_the_earliest_that_has_none() -> None:
    of = labels(event(140, 200), event(100, 200))
    assert judged(of, alarm(150)).found == [None, alarm(150)]
    both = judged(of, alarm(150), alarm(160), alarm(170))
    assert both.found == [alarm(160), alarm(150)]
    assert both.rulings == ["right", "right", "repeat"]


def test_an_alarm_about_a_decoy_is_wrong_and_the_first_that_meets_it_is_kept() -> None:
    of = labels(event(100, 200, decoy=True, scenario="news"))
    found = judged(of, alarm(110, "B"), alarm(120), alarm(130))
    assert found.rulings == ["decoy", "decoy", "decoy"]
    assert found.found == [alarm(120)]


def test_an_event_beside_a_decoy_is_found_all_the_same() -> None:
    of = labels(event(100, 200, decoy=True), event(150, 200))
    found = judged(of, alarm(160))
    assert found.found == [None, alarm(160)]
    assert found.rulings == ["right"]


def test_nothing_told_inside_a_gap_is_right() -> None:
    of = labels(event(100, 200), gaps=[(120, 140)])
    found = judged(of, alarm(120), alarm(139.9), alarm(140))
    assert found.rulings == ["gap", "gap", "right"]
    assert found.found == [alarm(140)]


def test_what_is_told_in_quiet_is_wrong() -> None:
    assert judged(labels(), alarm(1), alarm(2)).rulings == ["quiet", "quiet"]
    assert judged(labels(event(100, 200)), alarm(99)).rulings == ["quiet"]


def test_every_alarm_has_one_ruling_and_every_right_one_its_event() -> None:
    of = labels(event(100, 200), event(300, 400, decoy=True), gaps=[(500, 600)])
    told = [alarm(second, symbol) for second in range(0, 1_000, 7) for symbol in ("A", "B", "*")]
    found = judged(of, *told)
    assert len(found.rulings) == len(told)
    assert set(found.rulings) == {"right", "repeat", *REASONS}
    assert [a for a, r in zip(told, found.rulings, strict=True) if r == "right"] == found.found[:1]


def test_rules_in_seconds_are_windows_in_nanoseconds() -> None:
    assert Rules(grace_s=0.5).window(event(1, 2)) == (at(1), at(2) + NS_PER_S // 2)
