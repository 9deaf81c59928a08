"""Spread of forced orders, computed by hand: three symbols, four accounts."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from detectors.cascade_graph import FALL, RISE, Graph, Spread, spread
from detectors.comovement import Follows

A, B, C = range(3)


def table(**told: list[float]) -> Any:
    """(3, 2, 3) zeros but for what is told, such as a_fall=[…]."""
    found = np.zeros((3, 2, 3))
    for name, values in told.items():
        symbol, _, side = name.partition("_")
        found["abc".index(symbol), ("fall", "rise").index(side)] = values
    return found


def graph() -> Graph:
    """Account 1 is long A alone, account 3 long B alone. Pool 0 (account 2) is long A and B,
    pool 1 (account 4) long B and short C."""
    return Graph(
        distances=np.array([0.01, 0.02, 0.04]),
        forced=table(a_fall=[100, 100, 100], b_fall=[0, 500, 500]),
        depth=table(
            a_fall=[50, 200, 400],
            a_rise=[50, 200, 400],
            b_fall=[100, 200, 600],
            b_rise=[100, 200, 600],
            c_fall=[200, 400, 800],
            c_rise=[200, 400, 800],
        ),
        pool=np.array([0, 0, 1, 1]),
        symbol=np.array([A, B, B, C]),
        slope=np.array([1000.0, 300.0, 100.0, -200.0]),
        worth=np.array([1000.0, 300.0, 100.0, -200.0]),
        spare=np.array([20.0, 3.0]),
    )


def of(shaken: Graph, mover: int, direction: int = FALL, *, rounds: int = 12) -> Spread:
    return spread(shaken, np.array([mover]), np.array([direction]), shock=0.01, rounds=rounds)


def test_a_shock_runs_from_symbol_to_symbol_along_shared_pools() -> None:
    # A falls by 1 %: account 1 sells 100, which eats 50 and a third of the next 150: 1.33 % more.
    # At 2.33 % pool 0 has lost 23 of its 20: it sells 1,000 of A and 300 of B.
    # 300 take B through 200 and a quarter of the next 400, to 2.5 %: account 3 sells 500.
    # 800 are more than B's book holds: 4 %, and pool 1 has lost 3.9 of its 3: it buys 200 of C.
    found = of(graph(), A)
    assert found.first.tolist() == [100.0]
    assert found.forced.tolist() == [[1100.0, 900.0, 200.0]]
    assert found.total.tolist() == [2200.0]
    assert found.round.tolist() == [[0, 1, 3]]
    assert found.path(0, A).tolist() == [A, B, C]
    assert found.times().tolist() == [22.0]
    assert found.times(least=100.0).tolist() == [11.5]


def test_the_same_shock_on_a_deep_book_forces_what_it_hits_and_no_more() -> None:
    deep = replace(graph(), depth=100.0 * graph().depth)
    found = of(deep, A)
    assert found.total.tolist() == found.first.tolist() == [100.0]
    assert found.round.tolist() == [[0, -1, -1]]
    assert found.times().tolist() == [1.0]


@pytest.mark.parametrize(("mover", "direction"), [(A, RISE), (B, FALL), (C, RISE), (C, FALL)])
def test_a_shock_that_forces_nobody_is_amplified_by_nothing(mover: int, direction: int) -> None:
    found = of(graph(), mover, direction)
    assert found.total.tolist() == [0.0]
    assert found.times().tolist() == [1.0]
    assert found.path(0, mover).tolist() == [mover]


def test_between_distances_forced_notional_grows_in_proportion() -> None:
    deep = replace(graph(), depth=100.0 * graph().depth)
    found = spread(deep, np.array([B]), np.array([FALL]), shock=0.015, rounds=1)
    assert found.first == pytest.approx([250.0])


def test_a_short_pool_falls_by_a_rise() -> None:
    # A rise of 2 % costs pool 1 its short of C: 200 · (e^0.02 - 1) = 4.04 of its 3.
    found = spread(graph(), np.array([C]), np.array([RISE]), shock=0.02)
    assert found.forced.tolist() == [[0.0, 100.0, 200.0]]
    assert found.first.tolist() == [300.0]


def test_a_gain_elsewhere_can_save_a_pool() -> None:
    hedged = replace(graph(), slope=np.array([1000.0, 300.0, 100.0, 200.0]))
    found = spread(hedged, np.array([C]), np.array([RISE]), shock=0.02)
    assert found.total.tolist() == [0.0]


def test_a_book_that_is_not_known_moves_nothing() -> None:
    unknown = replace(graph(), depth=np.full((3, 2, 3), np.nan))
    found = of(unknown, A)
    assert found.total.tolist() == [100.0]


def test_shocks_are_followed_side_by_side() -> None:
    together = spread(graph(), np.array([C, A]), np.array([FALL, FALL]), shock=0.01)
    assert together.total.tolist() == [0.0, 2200.0]
    assert together.round.tolist() == [[-1, -1, -1], [0, 1, 3]]


def test_rounds_bound_how_far_a_shock_is_followed() -> None:
    assert of(graph(), A, rounds=2).total.tolist() == [1400.0]


def followed(**changes: Any) -> Graph:
    """B follows A half as far, 3 s later; C follows B all the way, 2 s later. No pools."""
    nothing = np.empty(0, np.int64)
    return Graph(
        distances=np.array([0.01, 0.02, 0.04]),
        forced=table(a_fall=[100, 100, 100], b_fall=[80, 80, 80], c_fall=[50, 50, 50]),
        depth=table(a_fall=[1e12] * 3, b_fall=[100, 200, 300], c_fall=[1e12] * 3),
        pool=nothing,
        symbol=nothing,
        slope=np.empty(0),
        worth=np.empty(0),
        spare=np.empty(0),
        follows=Follows(
            leader=np.array([A, B]),
            follower=np.array([B, C]),
            beta=np.array([0.5, 1.0]),
            lag_s=np.array([3.0, 2.0]),
            correlation=np.array([0.9, 0.9]),
        ),
        **changes,
    )


def test_a_shock_runs_to_symbols_that_follow_and_what_these_eat_to_theirs() -> None:
    # A falls by 2 % and its 100 eat nothing of note. B follows by 1 %: 80 are forced, which eat
    # 0.8 % of B's book. C follows that, and not the 1 % that came from A: 0.8 of 1 %, 40 of 50.
    found = spread(followed(), np.array([A]), np.array([FALL]), shock=0.02)
    assert found.first.tolist() == [100.0]
    assert found.forced[0] == pytest.approx([100.0, 80.0, 40.0])
    assert found.round.tolist() == [[0, 1, 2]]
    assert found.after_s.tolist() == [[0.0, 3.0, 5.0]]
    assert found.path(0, A).tolist() == [A, B, C]
    assert found.times() == pytest.approx([2.2])


def test_who_follows_a_shock_that_forces_nobody_is_forced_all_the_same() -> None:
    quiet = followed()
    quiet.forced[A] = 0.0
    found = spread(quiet, np.array([A]), np.array([FALL]), shock=0.02)
    assert found.first.tolist() == [0.0]
    assert found.forced[0] == pytest.approx([0.0, 80.0, 40.0])


def test_symbols_follow_in_the_direction_of_the_move() -> None:
    found = spread(followed(), np.array([A]), np.array([RISE]), shock=0.02)
    assert found.total.tolist() == [0.0]


def test_leaders_do_not_follow_who_follows_them() -> None:
    found = spread(followed(), np.array([B]), np.array([FALL]), shock=0.01)
    assert found.forced[0] == pytest.approx([0.0, 80.0, 50.0])
    assert found.after_s.tolist() == [[np.inf, 0.0, 2.0]]


def test_no_symbols_and_no_pools_are_no_trouble() -> None:
    nothing = np.empty(0, np.int64)
    none = Graph(
        distances=np.array([0.01, 0.02]),
        forced=np.zeros((1, 2, 2)),
        depth=np.zeros((1, 2, 2)),
        pool=nothing,
        symbol=nothing,
        slope=np.empty(0),
        worth=np.empty(0),
        spare=np.empty(0),
    )
    assert of(none, 0).times().tolist() == [1.0]
    assert spread(none, nothing, nothing, shock=0.01).total.tolist() == []


def test_a_shock_must_be_one() -> None:
    with pytest.raises(ValueError, match="shock must be positive, was 0"):
        spread(graph(), np.array([A]), np.array([FALL]), shock=0.0)
