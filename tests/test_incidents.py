"""The desk: when incidents open, rise, are told, join and close; and what they say."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
import pytest

from monitor.desk import Desk
from monitor.explain import VENUE, describe
from monitor.incidents import (
    AccountEvidence,
    Case,
    Change,
    DeskOptions,
    Incident,
    Sighting,
    encode,
)
from tests import market

OPTIONS = DeskOptions(
    info=4,
    warning=5,
    page=6,
    join_bins=40,
    lead_bins=100,
    calm_bins=400,
    hold_bins=20,
    update_bins=10,
)
BIN_NS = 250_000_000
START_BIN = 1_700_000_000 * 4


def seen(score: float, symbol: str = "BTC", signal: str = "cancel_burst", onset: int = 0) -> Any:
    """A stream that is loud: 30 observed where 10 were expected."""
    return Sighting(signal, symbol, signal.partition("_")[0], float(score), onset, 30.0, 10.0)


def told(desk: Desk, bin_index: int, *sightings: Sighting) -> list[tuple[Change, str]]:
    """What the desk tells of a bin: changes with their severity."""
    score = max((s.score for s in sightings), default=0.0)
    changes = desk.update(bin_index, sightings, score)
    return [(change, case.severity) for change, case in changes]


def desk() -> Desk:
    return Desk("venue", OPTIONS)


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


# How incidents grow along the graph of the market.

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


# What incidents say.


def case(*streams: Sighting, opened: int = START_BIN + 8) -> Case:
    onset = min(s.onset_bin for s in streams)
    score = max(s.score for s in streams)
    return Case("id", opened, onset, opened, opened, score, score, "page", list(streams))


def at(sighting: Sighting, seconds: float) -> Sighting:
    """A sighting with an onset so long after 22:13:20 UTC."""
    return msgspec.structs.replace(sighting, onset_bin=START_BIN + round(seconds * 4))


def told_of(
    change: Change, found: Case, accounts: Sequence[AccountEvidence] = (), at_s: float = 10.0
) -> Incident:
    bin_index = START_BIN + round(at_s * 4)
    return describe(
        change, found, at_bin=bin_index, bin_ns=BIN_NS, accounts=accounts, trust={"blind": []}
    )


PULLER = AccountEvidence("mm-1", "cancel_burst", 0.615, 80)
SUMMARIES: list[tuple[Change, Case, list[AccountEvidence], str]] = [
    (
        "open",
        case(at(seen(7), 0.25)),
        [],
        "Cancels at 3.0x the expected rate on BTC since 22:13:20.250 UTC.",
    ),
    (
        "open",
        case(at(seen(7), 1), at(seen(6, "ETH"), 2), at(seen(5, "BTC", "leverage_burst"), 0)),
        [PULLER, AccountEvidence("t-1", "leverage_burst", 0.9, 3)],
        (
            "Cancels at 3.0x the expected rate on BTC, ETH since 22:13:20.000 UTC, first leverage "
            "changes on BTC, with leverage_burst; mm-1 made 62% of them."
        ),
    ),
    (
        "update",
        case(*(at(seen(9 - i, f"S{i}"), i) for i in range(5))),
        [msgspec.structs.replace(PULLER, share=0.19)],
        (
            "Cancels at 3.0x the expected rate on 5 symbols (S0, S1, S2 and 2 more) since "
            "22:13:20.000 UTC, first cancels on S0."
        ),
    ),
    (
        "open",
        case(msgspec.structs.replace(at(seen(7, VENUE, "market_wide"), 0), feature="order")),
        [],
        "Orders at 3.0x the expected rate on the whole venue since 22:13:20.000 UTC.",
    ),
    (
        "open",
        case(msgspec.structs.replace(at(seen(4.5, "BTC", "drift"), 0), feature="order")),
        [],
        "Orders on BTC drifted to 3.0x their earlier level since 22:13:20.000 UTC.",
    ),
    (
        "open",
        case(msgspec.structs.replace(at(seen(7), 0), expected=0.0)),
        [],
        "Cancels at many times the expected rate on BTC since 22:13:20.000 UTC.",
    ),
    (
        "close",
        case(at(seen(7), 0), opened=START_BIN),
        [],
        "Cancels at 3.0x the expected rate on BTC since 22:13:20.000 UTC; over after 1 min 15 s.",
    ),
]


@pytest.mark.parametrize(("change", "found", "accounts", "summary"), SUMMARIES)
def test_the_summary_is_one_sentence_that_says_what_where_since_when_and_who(
    change: Change, found: Case, accounts: list[AccountEvidence], summary: str
) -> None:
    at_s = 75.0 if change == "close" else 10.0
    assert told_of(change, found, accounts, at_s).summary == summary


def test_an_encoded_incident_has_exactly_the_contracts_keys_and_types() -> None:
    lines = market.run(market.market(1)).lines
    assert lines
    for line in [*lines, encode(told_of("open", case(seen(7)), [PULLER]))]:
        found = msgspec.json.decode(line)
        assert list(found) == [
            *("schema", "id", "change", "at_ns", "onset_ns", "severity", "signals", "symbols"),
            *("accounts", "score", "summary", "trust"),
        ]
        assert found["schema"] == 1
        assert found["change"] in ("open", "update", "close")
        assert found["severity"] in ("info", "warning", "page")
        _check_types(found, {"at_ns": int, "onset_ns": int, "score": float, "trust": dict})
        _check_types(found, {"id": str, "summary": str, "signals": list})
        for evidence in found["symbols"]:
            numbers: dict[str, type] = dict.fromkeys(
                ("score", "observed", "expected", "ratio"), float
            )
            _check_types(evidence, {"symbol": str, "signal": str} | numbers, exactly=True)
        for evidence in found["accounts"]:
            kinds = {"account": str, "signal": str, "share": float, "count": int}
            _check_types(evidence, kinds, exactly=True)
        assert found["onset_ns"] <= found["at_ns"]


def _check_types(found: dict[str, Any], kinds: dict[str, type], *, exactly: bool = False) -> None:
    for name, kind in kinds.items():
        assert type(found[name]) is kind, (name, found[name])
    if exactly:
        assert list(found) == list(kinds)
