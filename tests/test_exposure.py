"""Positions by hand: what leverage changes, fills and liquidations leave of them."""

import json
from typing import Any

import numpy as np
import pytest

from monitor.columns import Names
from monitor.config import Config
from monitor.features import Roster
from monitor.intake import Intake, counting_fold
from monitor.keys import packed
from monitor.market.exposure import Exposure
from monitor.records import Partition, RawBatch
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
        key = np.array([packed(0, self.roster.symbols.index(symbol), self.names.accounts[account])])
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


def test_a_maximum_of_no_positions_is_refused() -> None:
    with pytest.raises(ValueError, match="positions_max must be positive, was 0"):
        Exposure(positions_max=0)
