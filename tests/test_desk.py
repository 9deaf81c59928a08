"""The desk: when incidents open, rise, are told and close."""

from typing import Any

import pytest

from monitor.desk import Desk
from monitor.incidents import (
    DeskOptions,
)
from tests.desk import OPTIONS, desk, seen, told


def test_below_info_nothing_opens() -> None:
    found = desk()
    assert told(found, 0, seen(3.99)) == []
    assert found.open == []


@pytest.mark.parametrize(("score", "severity"), [(4, "info"), (5, "warning"), (6, "page")])
def test_an_incident_opens_with_the_severity_of_its_score(score: float, severity: str) -> None:
    assert told(desk(), 0, seen(score)) == [("open", severity)]


def test_evidence_for_all_of_the_venue_opens_what_its_streams_alone_would_not() -> None:
    found = desk()
    (change,) = found.update(0, [seen(3.2), seen(3.1, "ETH")], 5.5)
    assert (change[0], change[1].severity, change[1].score) == ("open", "warning", 5.5)


def test_a_rise_in_severity_is_told_at_once_and_severity_never_falls() -> None:
    found = desk()
    assert told(found, 0, seen(4.1)) == [("open", "info")]
    assert told(found, 1, seen(5.1)) == [("update", "warning")]
    assert told(found, 2, seen(6.1)) == [("update", "page")]
    assert told(found, 3, seen(4.1)) == []
    assert found.open[0].severity == "page"


def test_updates_that_only_add_detail_keep_their_distance() -> None:
    found = desk()
    assert told(found, 0, seen(6.5)) == [("open", "page")]
    assert told(found, 1, seen(6.5), seen(6.5, "ETH")) == []  # too soon
    assert told(found, 9, seen(6.5)) == []
    assert told(found, 10, seen(6.5)) == [("update", "page")]  # ETH is news since bin 1
    assert told(found, 25, seen(6.6)) == []  # hardly stronger
    assert told(found, 26, seen(10.0)) == [("update", "page")]  # half as strong again


def test_an_incident_closes_after_the_hold_and_only_then() -> None:
    found = desk()
    told(found, 0, seen(4.5))
    assert told(found, 5, seen(4.0)) == []
    assert told(found, 24) == []
    assert told(found, 25) == [("close", "info")]
    assert told(found, 26) == []
    assert found.open == []


def test_weak_evidence_keeps_an_open_incident_alive() -> None:
    found = desk()
    told(found, 0, seen(4.5))
    for bin_index in range(10, 100, 10):
        assert ("close", "info") not in told(found, bin_index, seen(3.0))
    assert len(found.open) == 1


def test_a_close_takes_the_last_word_from_an_update_of_the_same_bin() -> None:
    found = Desk("venue", DeskOptions(**{**_options(), "update_bins": 30}))
    told(found, 0, seen(4.5))
    told(found, 15, seen(4.5), seen(4.5, "ETH"))  # news that is not told yet
    assert told(found, 35) == [("close", "info")]


def _options() -> dict[str, Any]:
    return {name: getattr(OPTIONS, name) for name in OPTIONS.__dataclass_fields__}


def test_what_begins_together_is_one_incident() -> None:
    found = desk()
    assert told(found, 5, seen(5, "BTC", onset=0), seen(4.5, "ETH", onset=3)) == [
        ("open", "warning")
    ]
    told(found, 9, seen(4.5, "SOL", "order_burst", onset=40))
    assert [sorted({s.symbol for s in case.streams}) for case in found.open] == [
        ["BTC", "ETH", "SOL"]
    ]


def test_the_same_symbol_is_the_same_incident_however_late() -> None:
    found = desk()
    told(found, 0, seen(5, "BTC", onset=0))
    told(found, 15, seen(5, "BTC", "leverage_burst", onset=10))
    told(found, 30, seen(5, "BTC", "order_burst", onset=29))
    told(found, 45, seen(5, "BTC", "order_burst", onset=100))
    assert len(found.open) == 1


def test_another_symbol_at_another_time_is_another_incident() -> None:
    found = desk()
    told(found, 0, seen(5, "BTC", onset=0))
    assert told(found, 50, seen(5, "BTC"), seen(5, "ETH", onset=41)) == [
        ("open", "warning"),
    ]
    assert len({case.id for case in found.open}) == 2


def test_ids_are_stable_and_distinct() -> None:
    ids: dict[tuple[object, ...], str] = {}
    for venue in ("one", "two"):
        for bin_index in (0, 1):
            for symbol in ("BTC", "ETH"):
                for signal in ("cancel_burst", "order_burst"):
                    key = (venue, bin_index, symbol, signal)
                    for _ in range(2):
                        found = Desk(venue, OPTIONS)
                        told(found, bin_index, seen(5, symbol, signal))
                        assert ids.setdefault(key, found.open[0].id) == found.open[0].id
    assert len(set(ids.values())) == len(ids)


def test_the_order_of_sightings_in_a_bin_is_no_matter() -> None:
    sightings = [seen(5.0, s, g) for s in ("B", "A", "C") for g in ("x_burst", "w_burst")]
    one, other = desk(), desk()
    told(one, 0, *sightings)
    told(other, 0, *sightings[::-1])
    assert one.open == other.open


def test_drift_alone_never_pages_and_warns_of_nothing() -> None:
    found = desk()
    assert told(found, 0, seen(90, "BTC", "drift")) == [("open", "info")]
    assert told(found, 11, seen(90, "BTC", "drift"), seen(90, "ETH", "drift")) == [
        ("update", "info")
    ]
    assert told(found, 12, seen(90, "ETH", "drift"), seen(6.5, "ETH", "cancel_burst")) == [
        ("update", "page")
    ]


def test_scores_beyond_all_bounds_are_told_as_the_greatest() -> None:
    found = desk()
    told(found, 0, seen(5.0, "BTC", onset=0))
    told(found, 60, seen(5.0, "BTC"), seen(5.0, "ETH", onset=60))
    told(found, 61, seen(300.0, "BTC"), seen(250.0, "ETH", onset=60))
    assert [case.score for case in found.open] == [99.0, 99.0]


def test_the_onset_is_the_earliest_of_the_streams_that_weigh() -> None:
    found = desk()
    told(found, 10, seen(10, "BTC", onset=8), seen(6, "ETH", onset=5), seen(4.5, "SOL", onset=1))
    assert found.open[0].onset_bin == 5


def test_a_desk_restored_goes_on_as_if_nothing_had_been() -> None:
    steps = [[seen(5.0)], [], [seen(6.5), seen(4.0, "ETH")], [], *([[]] * 30)]
    one = desk()
    expected = [told(one, i, *sightings) for i, sightings in enumerate(steps)]
    for stop in range(5):
        first, second = desk(), desk()
        for i in range(stop):
            told(first, i, *steps[i])
        second.restore(first.state())
        rest = [told(second, i, *steps[i]) for i in range(stop, len(steps))]
        assert rest == expected[stop:], stop


def test_pages_are_counted_once_an_incident_and_a_restart_keeps_the_count() -> None:
    first, second = desk(), desk()
    told(first, 0, seen(4.5, "BTC"))
    assert first.pages == 0
    told(first, 1, seen(6.5, "BTC"))
    told(first, 2, seen(8.0, "BTC"), seen(7.0, "ETH", onset=500))
    assert first.pages == 2
    second.restore(first.state())
    told(second, 3, seen(9.0, "BTC"), seen(7.0, "SOL", onset=900))
    assert second.pages == 3
