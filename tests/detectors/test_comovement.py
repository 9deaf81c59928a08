"""Who moves with whom, and who first, on prices that are made to."""

from typing import Any

import numpy as np
import pytest

from detectors.comovement import LAGS, NEIGHBOURS, TRACKED_MAX, Comovement


def prices(returns: Any) -> Any:
    """(looks, S) prices from log returns."""
    return 100.0 * np.exp(np.cumsum(returns, axis=0))


def looked(price: Any, stake: Any = None, *, look_s: float = 1.0) -> Comovement:
    found = Comovement(look_s)
    for row in price:
        found.look(row, np.zeros(row.size) if stake is None else stake)
    return found


def noise(looks: int, symbols: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).normal(0.0, 1e-3, (looks, symbols))


def edges(found: Comovement) -> dict[tuple[int, int], tuple[float, float, float]]:
    """(leader, follower) -> correlation, beta, seconds."""
    e = found.edges
    columns = (e.leader, e.follower, e.correlation, e.beta, e.lag_s)
    return {(a, b): rest for a, b, *rest in zip(*(c.tolist() for c in columns), strict=True)}  # type: ignore[misc]


def test_a_follower_is_found_with_its_delay_and_how_far_it_follows() -> None:
    returns = noise(600, 3)
    returns[2:, 1] = 0.5 * returns[:-2, 0]  # half as far, two looks later
    found = edges(looked(prices(returns), look_s=0.5))
    assert list(found) == [(0, 1)]
    correlation, beta, lag_s = found[0, 1]
    assert correlation == pytest.approx(1.0, abs=0.02)
    assert beta == pytest.approx(0.5, abs=0.03)
    assert lag_s == 1.0


def test_symbols_that_move_at_once_follow_each_other() -> None:
    returns = noise(600, 3)
    returns[:, 2] = returns[:, 0]
    assert {pair: e[2] for pair, e in edges(looked(prices(returns))).items()} == {
        (0, 2): 0.0,
        (2, 0): 0.0,
    }


def test_symbols_that_have_nothing_in_common_are_not_joined() -> None:
    assert edges(looked(prices(noise(900, 30)))) == {}


def test_before_a_minute_is_seen_nothing_is_known() -> None:
    returns = np.repeat(noise(70, 1), 2, axis=1)
    assert np.isnan(looked(prices(returns[:60])).correlation()).all()
    known = looked(prices(returns)).correlation()[0, :2, :2]
    assert known[0, 1] == pytest.approx(1.0)
    assert np.isnan(known.diagonal()).all()


def test_a_price_that_is_not_known_is_no_move() -> None:
    price = prices(np.repeat(noise(300, 1), 2, axis=1))
    price[100:110, 1] = np.nan
    price[:, 0] = np.where(np.arange(300) == 50, 0.0, price[:, 0])
    found = looked(price)
    assert np.isfinite(found.cross).all()
    assert found.correlation()[0, 0, 1] > 0.8


def test_one_jump_of_all_is_one_sample() -> None:
    returns = noise(400, 8)
    returns[350] += 0.05
    assert np.nanmax(looked(prices(returns)).correlation()[0]) < 0.5


def test_those_with_most_at_stake_are_tracked_and_the_others_are_not() -> None:
    symbols = TRACKED_MAX + 40
    stake = np.arange(symbols, dtype=np.float64)
    found = looked(prices(noise(30, symbols)), stake)
    assert sorted(found.row.tolist()) == list(range(40, symbols))
    for row in prices(noise(61, symbols)):
        found.look(row, np.where(np.arange(symbols) == 3, 1e9, stake))
    assert set(range(41, symbols)) | {3} == set(found.row.tolist())


def test_a_symbol_has_a_few_followers_at_most() -> None:
    returns = np.repeat(noise(200, 1), 12, axis=1)
    leaders = looked(prices(returns)).edges.leader
    assert np.bincount(leaders).tolist() == [NEIGHBOURS] * 12


def test_a_restart_changes_nothing() -> None:
    price = prices(noise(200, 5) + noise(200, 1, seed=2))
    whole = looked(price)
    for stop in (1, 60, 61, 150):
        second = Comovement(1.0)
        second.restore(looked(price[:stop]).state())
        for row in price[stop:]:
            second.look(row, np.zeros(5))
        for name, array in whole.state().items():
            assert array.tobytes() == second.state()[name].tobytes(), (stop, name)


def test_the_order_of_symbols_changes_no_correlation() -> None:
    price = prices(noise(200, 6) + noise(200, 1, seed=2))
    order = np.array([3, 1, 5, 0, 2, 4])
    one, other = looked(price).correlation(), looked(price[:, order]).correlation()
    assert np.array_equal(one[:, order[:, None], order], other[:, :6, :6], equal_nan=True)
    assert len(LAGS) == len(one)
