"""Positions by hand: what leverage changes, fills and liquidations leave of them, and what holds
them up."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from detectors.base import Floats
from detectors.comovement import nothing_follows
from detectors.liquidation_price import Positions, after_funding, liquidation_price, pooled
from monitor.columns import Names
from monitor.config import Config
from monitor.features import Roster
from monitor.intake import Intake, counting_fold
from monitor.market.bands import (
    DISTANCES,
    FALL,
    RISE,
    depth_by_distance,
    forced_by_distance,
    log_away,
    margins,
    pressure,
)
from monitor.market.depth import CELLS, MIDDLE, Depth
from monitor.market.exposure import Exposure
from monitor.market.findings import find, nothing
from monitor.market.notes import note
from monitor.market.survey import crowd, survey
from monitor.records import Partition, RawBatch
from monitor.rows import QUOTE_UNITS
from monitor.settled import settle

S = 1_000_000_000
NONE = np.full(2, np.nan)  # no funding is told
Said = dict[str, Any]


def geared(
    position: float | None,
    *,
    leverage: float = 10.0,
    account: str = "a",
    at: float = 1.0,
    symbol: str = "X",
    **more: object,
) -> Said:
    said = {"entry_price": 100.0, "maintenance_margin_rate": 0.01} if position is not None else {}
    return {
        "type": "leverage",
        "ts": round(at * S),
        "symbol": symbol,
        "account": account,
        "old_leverage": 1.0,
        "new_leverage": leverage,
        **({} if position is None else {"position": position}),
        **said,
        **more,
    }


def fill(
    qty: float, price: float, *, maker: str, taker: str, side: str = "sell", at: float
) -> Said:
    return {
        "type": "fill",
        "ts": round(at * S),
        "symbol": "X",
        "order_id": 1,
        "side": side,
        "price": price,
        "qty": qty,
        "account": maker,
        "taker": taker,
    }


def liquidation(before: float | None, qty: float, *, at: float, **more: object) -> Said:
    said = {} if before is None else {"position_before": before}
    side = "sell" if (before or 1.0) > 0.0 else "buy"
    return {
        "type": "liquidation",
        "ts": round(at * S),
        "symbol": "X",
        "account": "a",
        "side": side,
        "price": 100.0,
        "qty": qty,
        **said,
        **more,
    }


class Book:
    """Feeds events, a call a bin, to positions of the symbols X and Y at a price of 100."""

    def __init__(self, *, positions_max: int = 100) -> None:
        self.names = Names()
        self.roster = Roster(self.names, symbols_max=9)
        self.exposure = Exposure(positions_max=positions_max)

    def take(self, *events: Said, price: float = 100.0) -> "Book":
        config = Config(bin_ms=1000)
        intake, fold = Intake(config, self.names), counting_fold(config)
        values = [json.dumps(event).encode() for event in events]
        intake.take(RawBatch(Partition("t", 0), values, range(len(values))), fold)
        intake.flush(fold)
        for partial in fold.finish():
            self.roster.rows(np.array([self.names.symbols["X"], self.names.symbols["Y"]]))
            settled = settle(partial.keys, partial, self.roster.row_of)
            marks = np.full(len(self.roster.symbols), price)
            self.exposure.apply(settled, marks, self.names.accounts.names)
        return self

    def of(self, account: str = "a", symbol: str = "X") -> dict[str, float]:
        key = np.array([self.roster.symbols.index(symbol) << 32 | self.names.accounts[account]])
        at = int(self.exposure.find(key)[0])
        assert at >= 0
        return {
            name: float(getattr(self.exposure, name)[at])
            for name in ("position", "entry", "collateral", "leverage", "rate")
        }


def test_a_leverage_change_tells_a_position_whole() -> None:
    held = Book().take(geared(-5.0, leverage=20.0)).of()
    assert held == {
        "position": -5.0,
        "entry": 100.0,
        "collateral": 25.0,
        "leverage": 20.0,
        "rate": 0.01,
    }


def test_of_two_changes_in_a_bin_the_later_one_speaks_whatever_the_order_of_arrival() -> None:
    early, late = geared(1.0, at=1.1), geared(2.0, at=1.2)
    for events in ((early, late), (late, early)):
        assert Book().take(*events).of()["position"] == 2.0


def test_a_position_under_water_has_what_a_venue_asks_for_at_the_change() -> None:
    # Entry 100, mark 90: 50 lost. At 10x it must keep 45 of equity, so it has put in 95.
    assert Book().take(geared(5.0), price=90.0).of()["collateral"] == pytest.approx(95.0)
    assert Book().take(geared(5.0), price=110.0).of()["collateral"] == pytest.approx(50.0)


def test_what_is_not_told_is_filled_from_the_mark_or_left_unknown() -> None:
    told = geared(5.0)
    del told["entry_price"], told["maintenance_margin_rate"]
    held = Book().take(told, price=80.0).of()
    assert (held["entry"], held["rate"]) == (80.0, 0.005)
    book = Book().take(geared(None, leverage=7.0))
    assert not book.exposure.told.any()
    assert book.exposure.leverage.tolist() == [7.0]


def test_fills_move_positions_of_both_sides_if_they_are_known() -> None:
    book = Book().take(geared(4.0), geared(-4.0, account="b"))
    # a buys 4 more at 110 from b: entry 105, collateral 40 and a tenth of 440.
    book.take(fill(4.0, 110.0, maker="b", taker="a", at=2.0))
    assert book.of("a") == pytest.approx(
        {"position": 8.0, "entry": 105.0, "collateral": 84.0, "leverage": 10.0, "rate": 0.01}
    )
    assert book.of("b")["entry"] == pytest.approx(105.0)
    # a sells half to a stranger: entry stays, half of the collateral is left.
    book.take(fill(4.0, 120.0, maker="c", taker="a", side="buy", at=3.0))
    assert book.of("a")["position"] == 4.0
    assert book.of("a")["entry"] == pytest.approx(105.0)
    assert book.of("a")["collateral"] == pytest.approx(42.0)
    assert len(book.exposure) == 2
    # a sells 6 at 90 and is short 2 from there.
    book.take(fill(6.0, 90.0, maker="c", taker="a", side="buy", at=4.0))
    assert book.of("a")["position"] == -2.0
    assert book.of("a")["entry"] == 90.0
    assert book.of("a")["collateral"] == pytest.approx(18.0)


def test_fills_before_a_change_in_the_same_bin_are_part_of_what_it_tells() -> None:
    book = Book().take(geared(4.0))
    trades = [fill(1.0, 100.0, maker="b", taker="a", at=at) for at in (2.1, 2.3)]
    book.take(*trades, geared(5.0, at=2.2))
    assert book.of()["position"] == 6.0


def test_a_liquidation_and_the_fills_that_close_it_count_once() -> None:
    book = Book().take(geared(8.0))
    book.take(liquidation(8.0, 2.0, at=2.0, kind="partial"))
    assert book.of()["position"] == 6.0
    assert book.of()["collateral"] == pytest.approx(60.0)
    book.take(fill(1.5, 99.0, maker="b", taker="a", side="buy", at=3.0))
    assert book.of()["position"] == 6.0
    book.take(fill(1.5, 99.0, maker="b", taker="a", side="buy", at=4.0))
    assert book.of()["position"] == 5.0  # half a unit was still to come, one is its own


def test_deleveraging_is_at_once_and_an_untold_position_is_the_one_that_is_known() -> None:
    book = Book().take(geared(-8.0))
    book.take(liquidation(-8.0, 3.0, at=2.0, kind="adl"))
    book.take(fill(1.0, 99.0, maker="b", taker="a", at=3.0))
    assert book.of()["position"] == -4.0
    long = Book().take(geared(8.0)).take(liquidation(None, 2.0, at=2.0))
    assert long.of()["position"] == 6.0


def test_positions_beyond_the_maximum_are_refused_by_name_and_counted() -> None:
    book = Book(positions_max=2)
    book.take(*(geared(1.0, account=name) for name in "dcb"))
    assert [book.names.accounts.names[code] for code in book.exposure.account] == ["b", "c"]
    assert book.exposure.refused_total == 1
    book.take(geared(0.0, account="b", at=2.0)).take(geared(3.0, account="d", at=3.0))
    assert [book.names.accounts.names[code] for code in book.exposure.account] == ["c", "d"]
    assert book.of("d")["position"] == 3.0
    assert book.exposure.refused_total == 1


def test_the_same_pool_is_one_group_whenever_it_is_told() -> None:
    book = Book().take(geared(1.0, collateral_pool="p"), geared(1.0, account="b"))
    book.take(geared(1.0, account="c", collateral_pool="p"), geared(1.0, account="d"))
    a, b, c, d = book.exposure.group.tolist()
    assert a == c
    assert len({a, b, d}) == 3
    book.take(geared(1.0, at=2.0), geared(1.0, account="b", at=2.0, collateral_pool="p"))
    a, b, c, d = book.exposure.group.tolist()
    assert b == c
    assert len({a, c, d}) == 3
    other = Exposure(positions_max=100)
    other.restore(book.exposure.state())
    assert len(set(other.group.tolist())) == 3
    assert other.group[1] == other.group[2]


def test_pools_do_not_use_up_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.market.exposure.GROUPS_SLACK", 4)
    book = Book()
    for number in range(30):
        book.take(geared(1.0, at=number + 1.0, collateral_pool=f"p{number}"))
        assert book.exposure.groups <= 2 * len(book.exposure) + 5


def prices(book: Book, x: float, y: float) -> Floats:
    return np.array([x if symbol == "X" else y for symbol in book.roster.symbols])


def test_the_way_to_liquidation_leads_to_the_liquidation_price() -> None:
    book = Book().take(
        geared(5.0, account="a", leverage=12.0),
        geared(-5.0, account="b", leverage=8.0),
        geared(0.0, account="c"),
        geared(7.0, account="d", leverage=15.0, collateral_pool="p"),
        geared(-6.0, account="d", leverage=9.0, collateral_pool="p", symbol="Y"),
        geared(2.0, account="e", leverage=11.0, collateral_pool="p"),
    )
    held, marks = book.exposure, prices(book, 99.0, 101.5)
    found = margins(held, marks, NONE)
    mark = marks[held.row]
    codes = np.unique(held.group, return_inverse=True)[1]
    collateral = np.bincount(codes, held.collateral).astype(np.float64)
    each = Positions(
        position=held.position,
        entry_price=held.entry,
        collateral=held.collateral,
        maintenance_rate=held.rate,
    )
    expected = liquidation_price(pooled(each, mark=mark, pool=codes, collateral=collateral))
    sign = np.sign(held.position)
    open_now = held.position != 0.0
    reached = mark * (1.0 - sign * found.away)
    np.testing.assert_allclose(reached[open_now], expected[open_now])
    np.testing.assert_allclose(
        mark[open_now] * np.exp(-sign * log_away(found))[open_now], expected[open_now]
    )
    assert np.isnan(found.away[~open_now]).all()


def test_who_falls_by_the_next_funding_is_forced_at_any_distance() -> None:
    book = Book().take(
        geared(5.0, account="a", leverage=12.0),
        geared(-5.0, account="b", leverage=12.0),
        geared(7.0, account="d", leverage=12.0, collateral_pool="p"),
        geared(-3.0, account="d", leverage=12.0, collateral_pool="p", symbol="Y"),
    )
    held, marks = book.exposure, prices(book, 93.0, 104.0)
    rate = np.where(marks == 93.0, 0.01, -0.02)
    found = margins(held, marks, rate)
    mark = marks[held.row]
    codes = np.unique(held.group, return_inverse=True)[1]
    collateral = np.bincount(codes, held.collateral).astype(np.float64)
    each = Positions(
        position=held.position,
        entry_price=held.entry,
        collateral=held.collateral,
        maintenance_rate=held.rate,
    )
    each = pooled(each, mark=mark, pool=codes, collateral=collateral)
    _, falls = after_funding(each, mark=mark, rate=rate[held.row], pool=codes)
    assert found.due.tolist() == falls.tolist()
    assert found.due.sum() == 3
    assert found.away[found.due].max() == 0.0
    forced = forced_by_distance(held, found, 2)
    x = book.roster.symbols.index("X")
    assert forced[x, FALL, 0] == 12.0 * 93.0
    seen = survey(held, forced + 1.0, marks, rate, nothing_follows())
    note_of = find(held, seen, marks, nothing(2), 1.0)
    assert note_of.due[x] == 12.0 * 93.0
    words = note(note_of, "band_pressure", x, ["X", "Y"])
    assert words == (
        "forced notional of 1.1 k within 0.1% below mark against 1.1 k of bids (1.0x), "
        "1.1 k of it by the next funding alone"
    )


def test_a_pool_with_an_unknown_mark_is_not_known_and_who_is_below_counts_for_nothing() -> None:
    book = Book().take(
        geared(7.0, collateral_pool="p"),
        geared(-6.0, collateral_pool="p", symbol="Y"),
        geared(7.0, account="b"),
    )
    found = margins(book.exposure, prices(book, 99.0, np.nan), NONE)
    alone = book.exposure.account == book.names.accounts["b"]
    assert np.isfinite(found.away).tolist() == alone.tolist()
    below = margins(Book().take(geared(7.0)).exposure, np.full(2, 90.5), NONE)
    assert np.isnan(below.away).all()


def test_forced_notional_adds_up_by_side_and_distance() -> None:
    book = Book().take(
        geared(50.0, account="a", leverage=25.0),  # falls by 1 - (1 - 0.04) / 0.99 = 3.03 %
        geared(20.0, account="b", leverage=12.0),  # 7.4 %
        geared(-10.0, account="c", leverage=50.0),  # rises by 1.02 / 1.01 - 1 = 0.99 %
    )
    found = margins(book.exposure, np.full(2, 100.0), NONE)
    forced = forced_by_distance(book.exposure, found, 1)
    away = np.exp(DISTANCES) - 1.0
    fall = np.where(-np.log(1 - 0.030303) <= DISTANCES, 5000.0, 0.0)
    fall += np.where(-np.log(1 - 0.074075) <= DISTANCES, 2000.0, 0.0)
    np.testing.assert_allclose(forced[0, FALL], fall)
    np.testing.assert_allclose(forced[0, RISE], np.where(away >= 0.0099, 1000.0, 0.0))


def depth_of(*, bids: dict[int, float], asks: dict[int, float]) -> Depth:
    """One symbol with quote currency by cells from the touch, 0 the nearest."""
    depth = Depth()
    depth.resize(1)
    depth.base[0] = 1_000
    for away, usd in bids.items():
        depth.grid[0, 0, MIDDLE - away] = round(usd * QUOTE_UNITS)
    for away, usd in asks.items():
        depth.grid[0, 1, MIDDLE - 1 + away] = round(usd * QUOTE_UNITS)
    return depth


def test_depth_adds_up_from_the_touch_outwards() -> None:
    depth = depth_of(bids={0: 100.0, 4: 50.0, 5: 7.0, 499: 3.0, 501: 9.0}, asks={60: 40.0})
    found = depth_by_distance(depth, np.array([0]))[0]
    assert found[0, 0] == 150.0
    assert found[0, 1] == 157.0
    assert found[0, -1] == 160.0
    assert found[1, 5:8].tolist() == [0.0, 40.0, 40.0]
    depth.touch[0] = 3  # at the edge of the grid nothing is counted from elsewhere
    assert depth_by_distance(depth, np.array([0]))[0, 0].max() == 0.0
    depth.base[0] = -1
    assert np.isnan(depth_by_distance(depth, np.array([0]))).all()
    assert CELLS > 2 * 500


def test_pressure_is_the_worst_distance_and_far_ones_weigh_less() -> None:
    forced, resting = np.zeros((3, 2, DISTANCES.size)), np.full((3, 2, DISTANCES.size), 100.0)
    forced[0, RISE, 8:] = 130.0  # 1.3 times what rests within 3 %
    forced[1, FALL, 12:] = 900.0  # nine times within 10 %: weighs 0.09 of that
    resting[2] = np.nan
    found = pressure(forced, resting)
    assert found.side[:2].tolist() == [RISE, FALL]
    assert found.step[:2].tolist() == [8, 12]
    np.testing.assert_allclose(found.times, [1.3, 9.0, np.nan])
    np.testing.assert_allclose(found.weighed, [1.3, 0.81, np.nan])
    assert found.forced[:2].tolist() == [130.0, 900.0]


def test_a_survey_tells_leverage_by_side_weighted_by_worth() -> None:
    book = Book().take(
        geared(30.0, account="a", leverage=20.0),
        geared(10.0, account="b", leverage=4.0),
        geared(-10.0, account="c", leverage=6.0),
        geared(None, account="a", leverage=7.0, symbol="Y"),
        geared(None, account="b", leverage=9.0, symbol="Y"),
    )
    resting = np.full((2, 2, DISTANCES.size), 1e6)
    found = survey(book.exposure, resting, np.full(2, 100.0), NONE, nothing_follows())
    x, y = (book.roster.symbols.index(symbol) for symbol in "XY")
    assert found.worth[x].tolist() == [4000.0, 1000.0]
    np.testing.assert_allclose(found.leverage[x], [16.0, 6.0])
    assert np.isnan(found.leverage[y]).all()
    assert np.isnan(found.set_leverage[x])
    assert found.set_leverage[y] == 8.0
    assert np.isnan(found.pressure.weighed[y])
    assert found.cascades.times[x] == 1.0
    assert np.isnan(found.cascades.times[y])


def test_crowding_is_funding_over_volatility_where_the_geared_side_pays() -> None:
    worth = np.array([[300.0, 100.0], [300.0, 100.0], [0.0, 0.0]])
    leverage = np.array([[10.0, 10.0], [10.0, 10.0], [np.nan, np.nan]])
    found = crowd(worth, leverage, np.array([0.02, -0.02, 0.02]))
    np.testing.assert_allclose(found, [0.01, 0.0, np.nan])


def test_a_maximum_of_no_positions_is_refused() -> None:
    with pytest.raises(ValueError, match="positions_max must be positive, was 0"):
        Exposure(positions_max=0)


def test_notes_say_where_a_cascade_would_go_and_how_geared_a_side_is() -> None:
    found = replace(
        nothing(3),
        times=np.array([2.44, 1.0, np.nan]),
        path=np.array([[0, 2, 1, -1], [-1] * 4, [-1] * 4]),
        after_s=np.array([[0.0, 0.0, 4.0, 0.0], [0.0] * 4, [0.0] * 4]),
        leverage=np.array([[12.34, np.nan, 1.0], [3.0, 4.0, 5.0]]),
    )
    names = ["BTC", "ETH", "SOL"]
    assert note(found, "amplification", 0, names) == (
        "forced orders would spread BTC → SOL → ETH (4 s later), 2.4x the first forced notional"
    )
    assert note(found, "amplification", 1, names) is None
    assert note(found, "long_leverage", 0, names) == "longs at 12.3x"
    assert note(found, "long_leverage", 1, names) is None
    assert note(found, "short_leverage", 2, names) == "shorts at 5.0x"
    assert note(found, "near_depth", 0, names) is None
    assert note(found, "band_pressure", 7, names) is None
