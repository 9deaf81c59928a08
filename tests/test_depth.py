"""Books by hand: what orders, cancels, fills and snapshots leave of the depth of one symbol."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.base import Floats
from monitor.columns import Names
from monitor.config import Config
from monitor.features import Roster
from monitor.intake import Intake, counting_fold
from monitor.market.depth import Depth
from monitor.records import Partition, RawBatch
from monitor.rows import cell_price, cells
from monitor.settled import Settled, settle

S = 1_000_000_000
Said = dict[str, Any]


def order(price: float, qty: float, *, side: str = "buy", at: float = 1.0, **more: object) -> Said:
    return {
        "type": "order",
        "ts": round(at * S),
        "symbol": "X",
        "account": "m",
        "order_id": 1,
        "side": side,
        "price": price,
        "qty": qty,
        **more,
    }


def cancel(price: float, qty: float, *, side: str = "buy", at: float = 1.0) -> Said:
    return {**order(price, qty, side=side, at=at), "type": "cancel"}


def fill(price: float, qty: float, *, side: str = "buy", at: float = 1.0) -> Said:
    said = order(price, qty, side=side, at=at)
    return {**said, "type": "fill", "taker": "t"}


def book(bids: list[list[float]], asks: list[list[float]], *, at: float = 1.0) -> Said:
    return {"type": "book", "ts": round(at * S), "symbol": "X", "bids": bids, "asks": asks}


def bins(*said: Sequence[Said]) -> list[Settled]:
    """Each sequence of events as a closed bin of a minute."""
    config = Config(bin_ms=1000)
    found = []
    for events in said:
        names = Names()
        intake, fold, roster = (
            Intake(config, names),
            counting_fold(config),
            Roster(names, symbols_max=9),
        )
        values = [json.dumps(event).encode() for event in events]
        intake.take(RawBatch(Partition("t", 0), values, range(len(values))), fold)
        intake.flush(fold)
        partials = list(fold.finish())
        roster.rows(np.array([names.symbols["X"]]))
        found += [settle(partial.keys, partial, roster.row_of) for partial in partials]
    return found


def kept(settled: Sequence[Settled]) -> Depth:
    depth = Depth()
    depth.resize(1)
    for one in settled:
        depth.apply(one)
    nobody = np.empty(0, np.int64)
    depth.settle(nobody, nobody, 1.0)
    return depth


def near(depth: Depth) -> Floats:
    """(2,) quote currency of bids and asks within a percent of the touch."""
    bands: Floats = depth.bands()[0, :, -1]
    return bands


QUOTES = [
    order(99.9, 3),
    order(99.8, 2),
    order(100.1, 4, side="sell"),
    order(100.2, 1, side="sell"),
]


def test_orders_rest_and_cancels_and_fills_take_them_out() -> None:
    gone = [cancel(99.8, 2), fill(100.1, 1, side="sell")]
    assert near(kept(bins(QUOTES))) == pytest.approx([99.9 * 3 + 99.8 * 2, 100.1 * 4 + 100.2])
    assert near(kept(bins(QUOTES, gone))) == pytest.approx([99.9 * 3, 100.1 * 3 + 100.2])


def test_the_order_of_events_within_a_bin_changes_nothing() -> None:
    events = [*QUOTES, cancel(99.8, 2), fill(100.1, 1, side="sell"), book([[99.9, 1]], [], at=1.5)]
    expected = kept(bins(events)).state()
    for turn in range(1, len(events)):
        found = kept(bins(events[turn:] + events[:turn])).state()
        for name, array in expected.items():
            assert array.tobytes() == found[name].tobytes(), f"turned by {turn}: {name}"


def test_a_market_order_rests_nowhere_and_a_limit_order_does() -> None:
    for order_type in ("market", "MARKET", "stop_limit", "IOC"):
        assert near(kept(bins([*QUOTES, order(99.9, 50, order_type=order_type)])))[0] < 600
    assert near(kept(bins([*QUOTES, order(99.9, 50, order_type="limit")])))[0] > 5_000


def test_a_snapshot_replaces_what_it_tells_and_what_came_after_it_is_kept() -> None:
    later = [
        cancel(99.9, 1, at=1.1),  # before the book, so in it
        book([[99.9, 2], [99.8, 2]], [[100.1, 9], [100.2, 1]], at=1.4),
        order(99.9, 1, at=1.6),
    ]
    assert near(kept(bins(QUOTES, later))) == pytest.approx(
        [99.9 * 3 + 99.8 * 2, 100.1 * 9 + 100.2]
    )


def test_beyond_the_levels_that_a_snapshot_tells_the_book_is_as_it_was() -> None:
    far = [*QUOTES, order(99.4, 10)]
    depth = kept(bins(far, [book([[99.9, 1], [99.8, 2]], [[100.1, 4], [100.2, 1]])]))
    assert near(depth)[0] == pytest.approx(99.9 + 99.8 * 2 + 99.4 * 10)


def test_an_empty_side_of_a_snapshot_is_an_empty_side() -> None:
    depth = kept(bins(QUOTES, [book([], [[100.1, 4], [100.2, 1]])]))
    assert near(depth) == pytest.approx([0.0, 100.1 * 4 + 100.2])


def test_of_two_snapshots_in_a_bin_the_later_counts() -> None:
    books = [book([[99.9, 7]], [], at=1.7), book([[99.9, 5]], [], at=1.2)]
    for turned in (books, books[::-1]):
        assert near(kept(bins(QUOTES, turned)))[0] == pytest.approx(99.9 * 7 + 99.8 * 2, rel=0.3)


def test_what_an_unseen_trade_took_out_is_found_once_the_touch_has_passed_it() -> None:
    depth = kept(bins(QUOTES))
    asks = [order(99.5 + i / 100, 10, side="sell") for i in range(5)]
    bids = [order(99.3 + i / 100, 10) for i in range(5)]
    for settled in bins([*asks, *bids]):
        depth.apply(settled)
    nobody = np.empty(0, np.int64)
    depth.settle(nobody, nobody, 1.0)
    touch = cell_price(depth.base + depth.touch)[0]
    assert 99.3 < touch < 99.6
    assert depth.mended[0] == pytest.approx(99.9 * 3 + 99.8 * 2)
    assert 0.0 < depth.drift()[0] < 0.2


def test_a_cancel_of_what_was_never_seen_leaves_no_debt() -> None:
    depth = kept(bins([cancel(99.9, 100)], QUOTES))
    assert near(depth)[0] == pytest.approx(99.9 * 3 + 99.8 * 2)
    assert depth.mended[0] == pytest.approx(9_990.0)


def test_the_grid_follows_a_price_that_runs_away() -> None:
    depth = kept(bins(QUOTES))
    nobody = np.empty(0, np.int64)
    price = 100.0
    for _ in range(40):
        gone = [cancel(price * 0.999, 5), cancel(price * 1.001, 5, side="sell")]
        price *= 1.01
        come = [order(price * 0.999, 5), order(price * 1.001, 5, side="sell")]
        for settled in bins([*come], [*gone]):
            depth.apply(settled)
        row = np.array([0])
        depth.settle(row, cells(np.array([price])), 1.0)
        bids, asks = near(depth)
        assert bids == pytest.approx(price * 0.999 * 5, rel=0.01)
        assert asks == pytest.approx(price * 1.001 * 5, rel=0.01)
    depth.settle(nobody, nobody, 1.0)


def test_without_any_price_nothing_is_known() -> None:
    depth = kept(bins([order(0.0, 5)]))
    assert np.isnan(depth.bands()).all()
    assert np.isnan(depth.drift()).all()


def test_depth_continues_where_it_was_saved() -> None:
    depth, again = kept(bins(QUOTES)), Depth()
    again.restore(depth.state())
    for one in bins([cancel(99.9, 1)]):
        depth.apply(one)
        again.apply(one)
    assert near(depth).tolist() == near(again).tolist()


def test_cells_are_two_basis_points_wide_and_prices_beyond_belief_have_none() -> None:
    price = np.array([1.0, 100.0, 1e-300, 1e300, 0.0, np.nan, np.inf])
    at = cells(price)
    assert (at[2:] == -1).all()
    begins: NDArray[np.float64] = cell_price(at[:2])
    assert ((begins <= price[:2]) & (price[:2] < begins * (1 + 2.1e-4))).all()


def test_a_book_that_was_found_as_it_is_needs_no_second_look() -> None:
    """Books are only looked at again where something happened; restored ones all are."""
    rng = np.random.default_rng(3)
    depth, nobody = kept(bins(QUOTES)), np.empty(0, np.int64)
    for _ in range(30):
        price = 100.0 + rng.normal(0.0, 0.3, 2)
        events = [order(price[0], 1), order(price[1], 1, side="sell")][: int(rng.integers(3))]
        for settled in bins(events) if events else []:
            depth.apply(settled)
        again = Depth()
        again.restore(depth.state())
        for one in (depth, again):
            one.settle(nobody, nobody, 0.9)
        assert depth.bands().tolist() == again.bands().tolist()
        for name, array in depth.state().items():
            assert array.tobytes() == again.state()[name].tobytes(), name
