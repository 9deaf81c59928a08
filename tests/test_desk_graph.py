"""How incidents grow along the graph of the market, and become one."""

from collections.abc import Collection

import pytest

from monitor.desk import Desk
from monitor.incidents import (
    VENUE,
)
from tests.desk import OPTIONS, desk, seen, told, told_of

PAIRS = {("BTC", "ETH"), ("ETH", "SOL")}


def graph_desk() -> Desk:
    """A desk for which BTC and ETH are joined, and ETH and SOL."""

    def linked(symbol: str, others: Collection[str]) -> bool:
        return any((symbol, o) in PAIRS or (o, symbol) in PAIRS for o in others)

    return Desk("venue", OPTIONS, linked)


def ids(desk: Desk) -> list[list[str]]:
    """The symbols of each open case."""
    return [sorted({s.symbol for s in case.streams}) for case in desk.open]


def test_what_is_linked_joins_however_late_and_what_is_not_opens_its_own() -> None:
    found = graph_desk()
    told(found, 0, seen(5, "BTC", onset=0))
    assert told(found, 60, seen(5, "BTC"), seen(4.5, "ETH", onset=60)) == [("update", "warning")]
    assert told(found, 75, seen(5, "BTC"), seen(7, "DOGE", onset=75)) == [("open", "page")]
    told(found, 90, seen(5, "DOGE"), seen(5, "BTC"), seen(4.5, "SOL", onset=90))
    assert ids(found) == [["BTC", "ETH", "SOL"], ["DOGE"]]  # a link is more than the same time


def test_what_is_too_weak_to_open_an_incident_is_no_link_either() -> None:
    found = graph_desk()
    told(found, 0, seen(5, "BTC", onset=0))
    told(found, 60, seen(5, "BTC"), seen(3.5, "ETH", onset=60))
    assert ids(found) == [["BTC"]]


def test_what_joins_can_make_a_page_of_it_and_that_is_told() -> None:
    found = graph_desk()
    assert told(found, 0, seen(4.5, "BTC", onset=0)) == [("open", "info")]
    assert told(found, 60, seen(4.5, "BTC"), seen(6.5, "ETH", onset=58)) == [("update", "page")]
    assert found.open[0].onset_bin == 0
    assert found.pages == 1


def test_a_background_of_long_ago_does_not_date_what_it_grows_to() -> None:
    found = graph_desk()
    for bin_index in range(0, 300, 10):
        told(found, bin_index, seen(4.5, "BTC", onset=0))
    told(found, 300, seen(4.5, "BTC"), seen(6.5, "ETH", onset=295))
    assert [case.onset_bin for case in found.open] == [295]
    told(found, 301, seen(4.5, "BTC"), seen(6.0, "SOL", onset=200))
    assert [case.onset_bin for case in found.open] == [200]  # within what leads up to it


@pytest.mark.parametrize("symbol", ["BTC", "ETH"])
def test_a_page_that_has_calmed_takes_in_no_new_wave(symbol: str) -> None:
    found = graph_desk()
    told(found, 0, seen(6.5, "BTC", onset=0))
    for bin_index in range(10, 450, 10):
        told(found, bin_index, seen(4.5, "BTC", onset=0))
    assert told(found, 400 + 50, seen(7, symbol, onset=449)) == [("open", "page")]
    assert told(found, 451, seen(4.5, symbol), seen(4.5, "BTC", onset=0)) == []
    assert [case.active_bin for case in found.open][-1] == 451
    assert found.pages == 2


def test_a_page_still_loud_keeps_what_is_linked() -> None:
    found = graph_desk()
    for bin_index in range(0, 500, 10):
        told(found, bin_index, seen(6.5, "BTC", onset=0))
    told(found, 500, seen(7, "ETH", onset=500))
    assert ids(found) == [["BTC", "ETH"]]
    assert found.pages == 1


def test_incidents_that_turn_out_to_be_linked_go_on_as_one() -> None:
    found = graph_desk()
    told(found, 0, seen(5, "SOL", onset=0))
    told(found, 60, seen(5, "SOL"), seen(4.5, "BTC", onset=60))
    older, younger = found.open
    changes = found.update(75, [seen(5, "SOL"), seen(4.5, "ETH", onset=75)], 5.0)
    assert [(change, case.id) for change, case in changes] == [
        ("close", younger.id),
        ("update", older.id),
    ]
    assert younger.joined == older.id
    assert ids(found) == [["BTC", "ETH", "SOL"]]
    summary = told_of("close", younger).summary
    assert summary.endswith(f"; goes on as {older.id}.")


def test_of_two_that_become_one_the_page_goes_on() -> None:
    found = graph_desk()
    told(found, 0, seen(5, "SOL", onset=0))
    told(found, 60, seen(5, "SOL"), seen(6.5, "BTC", onset=60))
    page = found.open[1].id
    changes = found.update(75, [seen(5, "SOL"), seen(4.5, "ETH", onset=75)], 5.0)
    assert changes[0][1].joined == page
    assert [case.id for case in found.open] == [page]
    assert found.pages == 1


def test_what_joins_the_younger_and_links_the_older_makes_all_of_them_the_older() -> None:
    pairs = {("ETH", "BTC"), ("ETH", "SOL"), ("ETH", "DOGE")}
    found = Desk("venue", OPTIONS, lambda one, others: any((one, o) in pairs for o in others))
    told(found, 0, seen(5.0, "BTC", onset=0))
    told(found, 60, seen(5.0, "BTC"), seen(5.1, "SOL", onset=60))
    told(found, 120, seen(5.0, "BTC"), seen(5.1, "SOL"), seen(5.2, "DOGE", onset=120))
    oldest = found.open[0].id
    sightings = [seen(5.0, "BTC"), seen(5.1, "SOL"), seen(5.2, "DOGE"), seen(5.3, "ETH", onset=500)]
    changes = found.update(130, sightings, 5.3)
    assert [change for change, case in changes if case.joined == oldest] == ["close", "close"]
    assert ids(found) == [["BTC", "DOGE", "ETH", "SOL"]]
    assert found.open[0].id == oldest


def test_two_pages_stay_two() -> None:
    found = graph_desk()
    told(found, 0, seen(6.5, "SOL", onset=0))
    told(found, 60, seen(6.1, "SOL"), seen(6.5, "BTC", onset=60))
    told(found, 75, seen(6.5, "SOL"), seen(4.5, "ETH", onset=75))
    assert len(found.open) == 2


def test_what_moves_the_whole_venue_is_linked_to_all_of_it() -> None:
    found = desk()
    told(found, 0, seen(5, VENUE, "market_wide", onset=0))
    told(found, 60, seen(5, VENUE, "market_wide"), seen(7, "DOGE", onset=60))
    assert ids(found) == [[VENUE, "DOGE"]]
    found = desk()
    told(found, 0, seen(5, "DOGE", onset=0))
    told(found, 60, seen(5, "DOGE"), seen(4.5, VENUE, "market_wide", onset=60))
    assert ids(found) == [[VENUE, "DOGE"]]


@pytest.mark.parametrize("signal", ["feed_gap", "clock_skew", "drift"])
def test_what_says_nothing_of_other_symbols_links_none(signal: str) -> None:
    found = graph_desk()
    told(found, 0, seen(5, VENUE if signal != "drift" else "BTC", signal, onset=0))
    told(
        found, 60, seen(5, VENUE if signal != "drift" else "BTC", signal), seen(7, "ETH", onset=60)
    )
    assert len(found.open) == 2


def test_a_desk_restored_grows_along_the_graph_as_before() -> None:
    steps = [
        (0, [seen(5, "SOL", onset=0)]),
        (60, [seen(5, "SOL"), seen(4.5, "BTC", onset=60)]),
        (75, [seen(5, "SOL"), seen(6.5, "ETH", onset=75)]),
        (90, [seen(6.5, "BTC", onset=75)]),
        (600, [seen(6.5, "BTC", onset=600)]),
    ]
    one = graph_desk()
    expected = [one.update(at, sightings, 5.0) for at, sightings in steps]
    for stop in range(len(steps)):
        first, second = graph_desk(), graph_desk()
        for at, sightings in steps[:stop]:
            first.update(at, sightings, 5.0)
        second.restore(first.state())
        rest = [second.update(at, sightings, 5.0) for at, sightings in steps[stop:]]
        assert [[(c, case.id) for c, case in told] for told in rest] == [
            [(c, case.id) for c, case in told] for told in expected[stop:]
        ]
