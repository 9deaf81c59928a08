"""Who is liquidated at one price and not at another, computed by hand."""

from typing import Any

import numpy as np
import pytest

from monitor.columns import Recoding
from monitor.keys import packed
from monitor.market.apart import Apart, Stranded, nobody, stranded
from monitor.market.bands import margins
from monitor.market.exposure import Exposure

X, Y = 0, 1
INDEX_AGE, MARK_DISTANCE = 0, 1
MARK = np.array([100.0, 50.0])
# Row, account, pool, position, entry, collateral; maintenance is 1 % of what a position is worth.
POSITIONS = [
    # Long 10 at 100 on 60: under maintenance where 60 - 10·(100 - p) < 0.1·p: below 94.95.
    (X, 1, 0, 10.0, 100.0, 60.0),
    # Short 5 at 100 on 10: under maintenance where 10 - 5·(p - 100) < 0.05·p: above 100.99.
    (X, 2, 0, -5.0, 100.0, 10.0),
    # Long 2 at 110 on 21: 21 - 20 = 1 at the mark, of the 2 that maintenance asks for.
    (X, 3, 0, 2.0, 110.0, 21.0),
    # Pool 9: long 4 X at 100 on 8 and long 2 Y at 50 on 2: 10 of equity, and 5 of maintenance.
    (X, 4, 9, 4.0, 100.0, 8.0),
    (Y, 5, 9, 2.0, 50.0, 2.0),
]


def held() -> Exposure:
    rows, accounts, pools, position, entry, collateral = (
        np.array(column) for column in zip(*POSITIONS, strict=True)
    )
    found = Exposure(positions_max=100)
    found.restore(
        {
            "key": packed(0, rows, accounts),
            "position": position,
            "entry": entry,
            "collateral": collateral,
            "leverage": np.ones(rows.size),
            "rate": np.full(rows.size, 0.01),
            "taken": np.zeros(rows.size),
            "pool": np.where(pools > 0, pools, np.nan).astype(np.float64),
            "told": np.ones(rows.size, bool),
            "refused_total": np.array(0),
        }
    )
    return found


def at(price: float, *, row: int = X, gauge: int = INDEX_AGE) -> Stranded:
    found = margins(held(), MARK, np.full(2, np.nan))
    return stranded(held(), found, MARK, [(gauge, row, price)])


def names(found: Stranded) -> dict[int, list[int]]:
    """Way -> accounts, the largest first."""
    return {way: found.who[found.who[:, 2] == way, 3].tolist() for way in (0, 1)}


def test_at_the_mark_one_is_under_and_would_not_be_at_a_higher_price() -> None:
    # At 102 account 3 has 21 - 16 = 5 of 2.04; account 2 has 10 - 10 = 0 of 5.1.
    found = at(102.0)
    assert names(found) == {0: [2], 1: [3]}
    assert found.count.tolist() == [[1, 1]]
    assert found.worth.tolist() == [[500.0, 200.0]]
    assert found.note("index_age", X) == (
        "1 account with 500.0 under maintenance at the index and not at the mark and "
        "1 account with 200.0 under maintenance at the mark and not at the index"
    )


def test_a_lower_price_reaches_longs_and_the_pool_that_holds_the_symbol() -> None:
    # At 98 the pool has lost 8 of its 10, and asks for 3.92 + 1. At 95 account 1 has 10 of 9.5,
    # and at 94 nothing of 9.4.
    assert names(at(98.0)) == {0: [4], 1: []}
    assert names(at(95.0)) == {0: [4], 1: []}
    found = at(94.0)
    assert names(found) == {0: [1, 4], 1: []}
    assert found.worth.tolist() == [[1400.0, 0.0]]
    codes, amounts = found.accounts("index_age", X)
    assert codes.tolist() == [1, 4]
    assert amounts.tolist() == [[1000.0, 1400.0], [400.0, 1400.0]]


def test_the_price_of_one_symbol_alone_is_another() -> None:
    # Y at 46: the pool has 10 - 8 = 2 of 4 + 0.92. What is told is what it holds of Y.
    found = at(46.0, row=Y, gauge=MARK_DISTANCE)
    assert names(found) == {0: [5], 1: []}
    assert found.note("mark_distance", Y) == (
        "1 account with 100.0 under maintenance at the last trades and not at the mark"
    )
    assert found.note("index_age", Y) is None
    assert found.accounts("index_age", Y)[0].tolist() == []
    assert found.accounts("near_depth", Y)[0].tolist() == []


def test_where_prices_agree_nobody_is() -> None:
    found = at(100.5)
    assert names(found) == {0: [], 1: []}
    assert found.note("index_age", X) == (
        "nobody is liquidated at the index alone, or at the mark alone"
    )


@pytest.mark.parametrize("price", [np.nan, np.inf])
def test_a_price_that_is_not_known_liquidates_nobody(price: float) -> None:
    assert names(at(price)) == {0: [], 1: []}


def test_nothing_is_said_of_what_was_not_compared() -> None:
    assert nobody().note("index_age", X) is None
    assert nobody().note("near_depth", X) is None


def test_codes_of_accounts_may_change_and_a_restart_changes_nothing() -> None:
    one, other = Apart(), Apart()
    one.looked.add(7, at(94.0))
    other.restore(one.state())
    for apart in (one, other):
        apart.recode(Recoding(symbols=np.arange(2), accounts=np.array([0, 5, 4, 3, 2, 1])))
    told: list[Any] = [apart.found(7) for apart in (one, other)]
    assert [found.accounts("index_age", X)[0].tolist() for found in told] == [[5, 2], [5, 2]]
    assert one.found(6).of.size == 0
    assert set(np.concatenate(other.keys()).tolist()) == {5, 2}
