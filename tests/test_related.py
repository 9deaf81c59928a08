"""Symbols are joined by holders, by collateral and by how prices move: computed by hand."""

from typing import Any

import numpy as np
import pytest

from detectors.comovement import Follows, nothing_follows
from monitor.columns import Recoding
from monitor.keys import packed
from monitor.market.exposure import Exposure
from monitor.market.related import HOLDERS, TURNS, Related

A, B, C, D = range(4)
LOOKS = 8  # twice the symbols
# Row, account, pool (0 for none) and worth of each position.
POSITIONS = [
    (A, 1, 0, 80.0),
    (A, 2, 0, -20.0),
    (B, 1, 0, 10.0),  # account 1 has 80 % of A and 10 % of B: 10 % of both
    (B, 3, 0, 90.0),
    (C, 4, 7, 50.0),
    (C, 5, 0, 50.0),
    (D, 6, 7, -30.0),  # pool 7 has 50 % of C and 30 % of D
    (D, 2, 0, 70.0),
]


def held(positions: list[tuple[int, int, int, float]] = POSITIONS) -> tuple[Exposure, Any]:
    """Positions as they are kept, and what each is worth."""
    rows, accounts, pools, worth = (np.array(column) for column in zip(*positions, strict=True))
    found = Exposure(positions_max=1_000)
    found.restore(
        {
            "key": packed(0, rows, accounts),
            **{
                name: np.ones(rows.size)
                for name in ("position", "entry", "collateral", "leverage", "rate", "taken")
            },
            "pool": np.where(pools > 0, pools, np.nan).astype(np.float64),
            "told": np.ones(rows.size, bool),
            "refused_total": np.array(0),
        }
    )
    return found, worth


def related(follows: Follows | None = None, *, symbols: int = 4) -> Related:
    """After every symbol was looked at, and a block has ended."""
    found = Related()
    found.resize(symbols)
    exposure, worth = held()
    for _ in range(LOOKS):
        found.look(exposure, worth, follows or nothing_follows())
    found.begin(1)
    return found


def test_symbols_are_joined_where_the_same_holders_have_a_share_of_both() -> None:
    found = related()
    assert found.linked(A, [B])
    assert found.linked(B, [C, A])
    assert found.linked(C, [D])  # different accounts, one pool
    assert found.linked(A, [D])  # account 2 has 20 % of A and 70 % of D
    assert not found.linked(B, [C])
    assert not found.linked(A, [C])
    assert not found.linked(A, [])


def test_shares_are_of_all_that_is_held_long_and_short() -> None:
    found = related()
    assert found.share[A, :3].tolist() == [0.8, 0.2, 0.0]
    assert found.who[A, :2].tolist() == [-1.0, -2.0]
    assert found.who[C, :2].tolist() == [7.0, -5.0]
    assert np.isnan(found.who[A, 2:]).all()


def test_small_shares_of_both_add_up() -> None:
    # Four accounts have 4 % of each of two symbols, and strangers the rest.
    positions = [(row, account, 0, 4.0) for row in (A, B) for account in range(1, 5)]
    positions += [(A, 8, 0, 84.0), (B, 9, 0, 84.0)]
    found = Related()
    found.resize(2)
    exposure, worth = held(positions)
    for _ in range(LOOKS):
        found.look(exposure, worth, nothing_follows())
    found.begin(1)
    assert found.linked(A, [B])


def test_only_the_largest_holders_are_kept() -> None:
    positions = [(A, account, 0, float(account)) for account in range(1, 2 * HOLDERS + 1)]
    found = Related()
    found.resize(1)
    exposure, worth = held(positions)
    found.look(exposure, worth, nothing_follows())
    assert found.who[0].tolist() == [-float(2 * HOLDERS - i) for i in range(HOLDERS)]


def test_symbols_that_follow_each_other_closely_are_joined() -> None:
    edges = Follows(
        np.array([B, C]), np.array([C, A]), np.ones(2), np.zeros(2), np.array([0.6, 0.39])
    )
    found = related(edges)
    assert found.linked(B, [C])
    assert found.linked(C, [B])
    assert not found.linked(A, [C])  # too little


def test_many_symbols_are_looked_at_a_few_at_a_time() -> None:
    symbols = 2 * TURNS - 1
    exposure, worth = held([(row, 1, 0, 1.0) for row in range(symbols)])
    found = Related()
    found.resize(symbols)
    for looks in range(1, 3):
        found.look(exposure, worth, nothing_follows())
        assert np.isfinite(found.who[:, 0]).sum() == 2 * looks
    for _ in range(TURNS):
        found.look(exposure, worth, nothing_follows())
    assert np.isfinite(found.who[:, 0]).all()
    assert found.turn == 4


def test_what_is_learned_takes_effect_as_a_block_ends() -> None:
    found = Related()
    found.resize(4)
    found.begin(0)
    exposure, worth = held()
    for _ in range(LOOKS):
        found.look(exposure, worth, nothing_follows())
    found.begin(0)
    assert not found.linked(A, [B])
    found.begin(1)
    assert found.linked(A, [B])


def test_positions_without_a_price_and_symbols_not_seen_join_nothing() -> None:
    found = Related()
    found.resize(4)
    exposure, worth = held()
    for _ in range(LOOKS):
        found.look(exposure, np.full(worth.shape, np.nan), nothing_follows())
    found.begin(1)
    assert not found.linked(A, [B, C, D])
    assert not found.linked(9, [A])
    assert not found.linked(A, [9, -1])


def test_codes_of_accounts_may_change() -> None:
    found = related()
    accounts = np.array([0, 6, 5, 4, 3, 2, 1])
    found.recode(Recoding(symbols=np.arange(4), accounts=accounts))
    assert found.who[A, :2].tolist() == [-6.0, -5.0]
    assert found.who[C, :2].tolist() == [7.0, -2.0]
    assert found.linked(A, [B])
    assert set(np.concatenate(found.keys()).tolist()) == {2, 4, 5, 6}


@pytest.mark.parametrize("looks", [0, 1, 3, 7])
def test_a_restart_changes_nothing(looks: int) -> None:
    exposure, worth = held()
    one, other = Related(), Related()
    one.resize(4)
    one.begin(0)
    for look in range(LOOKS):
        if look == looks:
            other.restore(one.state())
        one.look(exposure, worth, nothing_follows())
    for _ in range(looks, LOOKS):
        other.look(exposure, worth, nothing_follows())
    one.begin(1)
    other.begin(1)
    for name, array in one.state().items():
        assert array.tobytes() == other.state()[name].tobytes(), name
