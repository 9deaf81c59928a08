"""The log that a simulation gives: the same bytes each time, and every order's life in order."""

from collections.abc import Iterator
from functools import cache

import msgspec
import numpy as np
import pytest

from monitor.codec import Codec
from monitor.events import NS_PER_S, Book, Cancel, Event, Fill, Mark, Order
from monitor.records import Partition, RawBatch
from monitor.simulator import Options, Simulation
from monitor.simulator.lines import DELAY_MAX_NS

SEED = 5
QUIET = Options(seed=SEED, duration_s=60.0, symbols=5, rate=1_000.0)
STUFFED = Options(
    seed=SEED, duration_s=60.0, symbols=5, rate=1_000.0, scenario="quote_stuffing", onset_s=20.0
)


@cache
def log_of(options: Options) -> bytes:
    return b"".join(Simulation(options).chunks())


@cache
def events_of(options: Options) -> tuple[Event, ...]:
    """All events in the order of arrival, read back from the log's bytes."""
    decoder = msgspec.json.Decoder(Event)
    return tuple(decoder.decode_lines(log_of(options)))


def by_time(options: Options) -> Iterator[Event]:
    return iter(sorted(events_of(options), key=lambda event: event.ts))


def test_the_same_options_give_the_same_bytes() -> None:
    assert log_of(STUFFED) == b"".join(Simulation(STUFFED).chunks())
    assert log_of(STUFFED) != log_of(QUIET)
    other = msgspec.structs.replace(QUIET, seed=SEED + 1)
    assert log_of(QUIET) != log_of(other)


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.simulator.simulation.CHUNK_EVENTS", 7)
    assert b"".join(Simulation(QUIET).chunks()) == log_of(QUIET)


def test_a_longer_log_begins_like_a_shorter_one() -> None:
    # What a day brings by chance is drawn for the whole of it: here neither brings anything.
    longer = msgspec.structs.replace(QUIET, duration_s=70.0)
    assert log_of(longer).startswith(log_of(QUIET))


@pytest.mark.parametrize("options", [QUIET, STUFFED], ids=["quiet", "stuffed"])
def test_every_line_is_in_the_contracts_form(options: Options) -> None:
    lines = log_of(options).splitlines()
    codec = Codec({}, record_bytes_max=1 << 20)
    raw = RawBatch(Partition("log", 0), lines, range(len(lines)))
    decoded = codec.decode(raw)
    assert not decoded.bad
    assert sum(len(part.events) for part in decoded.parts) == len(lines)
    kinds = {type(event).__name__ for event in events_of(options)}
    assert kinds >= {"Order", "Cancel", "Fill", "LeverageChange", "Book", "Mark", "Reject"}


def test_lines_come_a_little_out_of_order_and_stay_within_the_log() -> None:
    ts = np.array([event.ts for event in events_of(QUIET)])
    behind = np.maximum.accumulate(ts) - ts
    assert 0 < behind.max() < DELAY_MAX_NS
    assert ts.min() >= QUIET.start_ns
    assert ts.max() < QUIET.start_ns + 60 * NS_PER_S


@pytest.mark.parametrize("options", [QUIET, STUFFED], ids=["quiet", "stuffed"])
def test_an_order_is_placed_once_and_leaves_once(options: Options) -> None:
    """Orders that rested when the log began are first seen as they leave."""
    placed: set[int] = set()
    left: dict[int, float] = {}  # what remains; 0 of an order that is gone
    for event in by_time(options):
        if isinstance(event, Order):
            assert event.order_id not in placed, event
            placed.add(int(event.order_id))
            left[int(event.order_id)] = event.qty
        elif isinstance(event, Cancel | Fill) and event.order_id in placed:
            number = int(event.order_id)
            assert left[number] > 0.0, event
            left[number] = round(left[number] - event.qty, 9)
            assert left[number] >= 0.0, event
            if isinstance(event, Cancel):
                assert left[number] == 0.0, event


def test_most_orders_end_cancelled() -> None:
    left: dict[int, float] = {}
    cancelled = filled = 0
    for event in by_time(QUIET):
        if isinstance(event, Order):
            left[int(event.order_id)] = event.qty
        elif isinstance(event, Cancel):
            cancelled += 1
        elif isinstance(event, Fill) and event.order_id in left:
            rest = round(left[int(event.order_id)] - event.qty, 9)
            left[int(event.order_id)] = rest
            filled += rest == 0.0
    assert cancelled / (cancelled + filled) > 0.9, SEED


@pytest.mark.parametrize("options", [QUIET, STUFFED], ids=["quiet", "stuffed"])
def test_the_book_is_never_crossed(options: Options) -> None:
    resting: dict[str, tuple[dict[int, float], dict[int, float]]] = {}
    for event in by_time(options):
        if isinstance(event, Book):
            assert event.bids[0][0] < event.asks[0][0], event
            assert event.bids == sorted(event.bids, reverse=True)
            assert event.asks == sorted(event.asks)
        if not isinstance(event, Order | Cancel):
            continue
        bids, asks = resting.setdefault(event.symbol, ({}, {}))
        own, other = (bids, asks) if event.side == "buy" else (asks, bids)
        if isinstance(event, Cancel):
            own.pop(int(event.order_id), None)
            continue
        own[int(event.order_id)] = event.price
        # Of orders that a fill used up, some still stand here: only the other side's live ones
        # count, and those are never better than what the last trade left.
        live = [price for number, price in other.items() if number not in used_up(options)]
        if live:
            best = min(live) if event.side == "buy" else max(live)
            assert (event.price < best) == (event.side == "buy"), event


@cache
def used_up(options: Options) -> frozenset[int]:
    """Orders that were filled to the end or in part."""
    return frozenset(int(e.order_id) for e in events_of(options) if isinstance(e, Fill))


def test_each_symbol_is_marked_every_second_and_shown_every_five() -> None:
    for name in QUIET.symbol_names:
        marks = sum(isinstance(e, Mark) and e.symbol == name for e in events_of(QUIET))
        books = sum(isinstance(e, Book) and e.symbol == name for e in events_of(QUIET))
        assert (marks, books) == (60, 12)


def test_a_feed_gap_loses_every_event_of_its_span() -> None:
    simulation = Simulation(QUIET)
    simulation.market.programme.gaps.append((10.0, 14.0))
    ts = [event.ts for events in simulation.events() for event in events]
    assert simulation.labels().gaps == [
        (QUIET.start_ns + 10 * NS_PER_S, QUIET.start_ns + 14 * NS_PER_S)
    ]
    lost = [t for t in ts if 10 <= (t - QUIET.start_ns) / NS_PER_S < 14]
    assert not lost
    assert sorted(ts) == sorted(
        e.ts for e in events_of(QUIET) if not 10 <= (e.ts - QUIET.start_ns) / NS_PER_S < 14
    )


def test_one_symbol_in_ten_is_silent() -> None:
    options = Options(seed=SEED, duration_s=30.0, symbols=20, rate=2_000.0)
    counts = dict.fromkeys(options.symbol_names, 0)
    for events in Simulation(options).events():
        for event in events:
            counts[event.symbol] += isinstance(event, Order)
    silent = [name for name, count in counts.items() if count < 3]
    assert silent == ["ALT0019-PERP", "ALT0020-PERP"]
