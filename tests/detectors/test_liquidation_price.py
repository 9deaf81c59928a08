"""Liquidation prices by hand, and what must hold of them whatever the numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.liquidation_price import (
    Positions,
    after_funding,
    bankruptcy_price,
    equity,
    funding_payment,
    isolated,
    liquidation_price,
    needed,
    partial_step,
    pooled,
)


def one(position: float, entry: float, leverage: float, rate: float, **more: float) -> Positions:
    return isolated(
        [position],
        entry_price=[entry],
        leverage=[leverage],
        maintenance_rate=rate,
        fee_rate=more.get("fee_rate", 0.0),
        funding_owed=more.get("funding_owed", 0.0),
    )


def inverse(position: float, entry: float, leverage: float, rate: float) -> Positions:
    return isolated(
        [position], entry_price=[entry], leverage=[leverage], maintenance_rate=rate, inverse=True
    )


def test_a_linear_long_by_hand() -> None:
    """2 at 100, 10x: collateral 20. Equity 20 + 2(P-100), needed 0.01·2P.

    2P - 180 = 0.02P, so P = 180 / 1.98 = 90.909…; nothing is left at P = 90.
    """
    held = one(2.0, 100.0, 10.0, 0.01)
    assert liquidation_price(held)[0] == pytest.approx(180.0 / 1.98, rel=1e-14)
    assert bankruptcy_price(held)[0] == pytest.approx(90.0)


def test_a_linear_short_by_hand_with_fee_and_funding() -> None:
    """-2 at 100, 5x: collateral 40, less 1 of funding. Equity 39 - 2(P-100) = 239 - 2P.

    Needed (0.01 + 0.005)·2P = 0.03P, so P = 239 / 2.03 = 117.73…; bankrupt at 119.5.
    """
    held = one(-2.0, 100.0, 5.0, 0.01, fee_rate=0.005, funding_owed=1.0)
    assert liquidation_price(held)[0] == pytest.approx(239.0 / 2.03, rel=1e-14)
    assert bankruptcy_price(held)[0] == pytest.approx(119.5)


def test_inverse_contracts_by_hand() -> None:
    """50,000 contracts of one dollar, entered at 50,000: 1 base unit, 10x: collateral 0.1.

    Long: 0.1 + 50000(1/50000 - 1/P) = 1.1 - 50000/P; needed 0.005·50000/P = 250/P.
    So P = 50250/1.1 = 45681.8…, bankrupt at 50000/1.1 = 45454.5….
    Short: 0.1 - 1 + 50000/P = 250/P, so P = 49750/0.9 = 55277.7…, bankrupt at 55555.5….
    """
    held = inverse(1.0, 50_000.0, 10.0, 0.005)
    assert liquidation_price(held)[0] == pytest.approx(50_250.0 / 1.1, rel=1e-14)
    assert bankruptcy_price(held)[0] == pytest.approx(50_000.0 / 1.1, rel=1e-14)
    held = inverse(-1.0, 50_000.0, 10.0, 0.005)
    assert liquidation_price(held)[0] == pytest.approx(49_750.0 / 0.9, rel=1e-14)
    assert bankruptcy_price(held)[0] == pytest.approx(50_000.0 / 0.9, rel=1e-14)


def test_a_maintenance_amount_is_taken_off_what_is_needed() -> None:
    """109.488 long at 32481.98, wallet 3000, m 2.5 %, tier amount 16300, one position.

    (109.488·32481.98 - 3000 - 16300) / (109.488 - 0.025·109.488)
    = 3537087.02… / 106.7508 = 33134.05…: it stands on so little that it is due already.
    """
    held = Positions(
        position=np.array([109.488]),
        entry_price=np.array([32_481.98]),
        collateral=np.array([3_000.0]),
        maintenance_rate=0.025,
        maintenance_amount=16_300.0,
    )
    by_hand = (109.488 * 32_481.98 - 3_000.0 - 16_300.0) / (109.488 * 0.975)
    assert liquidation_price(held)[0] == pytest.approx(by_hand, rel=1e-14)
    assert liquidation_price(held)[0] > 32_481.98


def test_a_pool_lends_what_others_won_less_what_they_need() -> None:
    """Collateral 50. A: 1 long at 100, mark 100. B: -2 at 50, mark 45: won 10, needs 0.02·90 = 1.8.

    A stands on 50 + 10 - 1.8 = 58.2: 58.2 + P - 100 = 0.01P, P = 41.8/0.99.
    B stands on 50 + 0 - 0.01·100 = 49: 49 - 2(P - 50) = 0.02·2P, P = 149/2.04.
    C has no position and, alone in its pool, changes nothing.
    """
    held = Positions(
        position=np.array([1.0, -2.0, 0.0]),
        entry_price=np.array([100.0, 50.0, np.nan]),
        collateral=np.zeros(3),
        maintenance_rate=np.array([0.01, 0.02, 0.01]),
    )
    shared = pooled(
        held,
        mark=np.array([100.0, 45.0, 7.0]),
        pool=np.array([1, 1, 0]),
        collateral=np.array([3.0, 50.0]),
    )
    assert shared.collateral.tolist() == pytest.approx([58.2, 49.0, 3.0])
    price = liquidation_price(shared)
    assert price[:2].tolist() == pytest.approx([41.8 / 0.99, 149.0 / 2.04])
    assert np.isnan(price[2])


sizes = st.floats(1e-3, 1e6) | st.floats(-1e6, -1e-3)
levers = st.floats(1.01, 20.0)
rates = st.floats(0.0, 0.02)


@given(sizes, st.floats(1e-4, 1e6), levers, rates, rates, st.floats(-0.02, 0.02), st.booleans())
def test_at_the_liquidation_price_equity_is_exactly_what_is_needed(
    size: float, entry: float, leverage: float, rate: float, fee: float, owed: float, coin: bool
) -> None:
    worth = abs(size) * (1.0 if coin else entry)
    held = isolated(
        [size],
        entry_price=[entry],
        leverage=[leverage],
        maintenance_rate=rate,
        fee_rate=fee,
        funding_owed=owed * worth,
        inverse=coin,
    )
    for solve, of in ((liquidation_price, needed), (bankruptcy_price, None)):
        price = solve(held)
        if 0.0 < price[0] < np.inf:
            asked = 0.0 if of is None else float(of(held, price)[0])
            ends = worth * max(1.0, (entry / price[0]) if coin else price[0] / entry)
            assert float(equity(held, price)[0]) == pytest.approx(asked, abs=1e-9 * ends)


@given(sizes, st.floats(1e-4, 1e6), levers, st.floats(0.0, 0.9), st.booleans())
def test_longs_are_liquidated_below_entry_and_shorts_above_and_before_they_are_bankrupt(
    size: float, entry: float, leverage: float, share: float, coin: bool
) -> None:
    rate = share / leverage  # an account opens with more than its maintenance margin
    held = isolated(
        [size], entry_price=[entry], leverage=[leverage], maintenance_rate=rate, inverse=coin
    )
    liquidated, bankrupt = liquidation_price(held)[0], bankruptcy_price(held)[0]
    slack = 1.0 + 1e-9
    if size > 0:
        assert bankrupt <= liquidated * slack
        assert liquidated < entry
    else:
        assert entry < liquidated <= bankrupt * slack


def test_what_cannot_be_liquidated_or_is_not_known() -> None:
    assert np.isnan(liquidation_price(one(0.0, 100.0, 10.0, 0.01))[0]), "no position"
    assert liquidation_price(one(1.0, 100.0, 1.0, 0.01))[0] == 0.0, "a long without leverage"
    assert liquidation_price(one(1.0, 100.0, 0.5, 0.01))[0] == 0.0
    assert liquidation_price(one(-1.0, 100.0, 1.0, 0.01))[0] == pytest.approx(200.0 / 1.01)
    assert liquidation_price(inverse(-1.0, 100.0, 1.0, 0.01))[0] == np.inf
    assert liquidation_price(inverse(-1.0, 100.0, 0.5, 0.01))[0] == np.inf
    assert liquidation_price(inverse(1.0, 100.0, 1.0, 0.0))[0] == pytest.approx(50.0)
    for unknown in (
        one(np.nan, 100.0, 10.0, 0.01),
        one(1.0, np.nan, 10.0, 0.01),
        one(1.0, 0.0, 10.0, 0.01),
        one(1.0, 100.0, 0.0, 0.01),
        one(1.0, 100.0, np.nan, 0.01),
        one(1.0, 100.0, 10.0, np.nan),
        one(1.0, 100.0, 10.0, -0.01),
        one(1.0, 100.0, 10.0, 1.0),
        inverse(1.0, np.nan, 10.0, 0.01),
    ):
        assert np.isnan(liquidation_price(unknown)[0])


def test_collateral_that_is_gone_means_any_mark() -> None:
    short, long = (
        one(-1.0, 100.0, 10.0, 0.01, funding_owed=150.0),
        inverse(1.0, 100.0, 10.0, 0.01),
    )
    assert liquidation_price(short)[0] == 0.0
    gone = Positions(
        position=long.position,
        entry_price=long.entry_price,
        collateral=np.array([-1.5]),
        maintenance_rate=0.01,
        inverse=True,
    )
    assert liquidation_price(gone)[0] == np.inf


def test_many_at_once_are_each_as_alone() -> None:
    rng = np.random.default_rng(4)
    size, entry = rng.normal(0.0, 5.0, 200), rng.uniform(1.0, 500.0, 200)
    leverage = rng.uniform(1.0, 50.0, 200)
    many = isolated(size, entry_price=entry, leverage=leverage, maintenance_rate=0.004)
    alone = [
        liquidation_price(one(s, e, x, 0.004))[0]
        for s, e, x in zip(size, entry, leverage, strict=True)
    ]
    assert liquidation_price(many).tolist() == alone


def test_funding_by_hand_with_its_cap_and_its_rounding() -> None:
    """3 at mark 101 and 0.02 %: 0.0606. The cap of 0.01 % halves it."""
    assert funding_payment([3.0, -3.0], 101.0, 2e-4).tolist() == pytest.approx([0.0606, -0.0606])
    assert funding_payment([3.0], 101.0, 2e-4, cap=1e-4)[0] == pytest.approx(0.0303)
    assert funding_payment([3.0], 101.0, -2e-4, cap=1e-4)[0] == pytest.approx(-0.0303)
    cents = funding_payment([3.0, -3.0], 101.0, 2e-4, unit=0.01)
    assert cents.tolist() == pytest.approx([0.06, -0.06])
    up = funding_payment([3.0, -3.0], 101.0, 2e-4, unit=0.01, rounding="up")
    assert up.tolist() == pytest.approx([0.07, -0.06])
    down = funding_payment([3.0, -3.0], 101.0, 2e-4, unit=0.01, rounding="down")
    assert down.tolist() == pytest.approx([0.06, -0.07])
    # Inverse: 1 base unit at 50,000 is 50,000 contracts, worth 1.25 at 40,000; 0.01 % of that.
    coin = funding_payment([1.0], 40_000.0, 1e-4, inverse_entry=[50_000.0])
    assert coin[0] == pytest.approx(1.25e-4)


def test_who_falls_below_at_the_funding_minute() -> None:
    """Mark 92, 1 long at 100 with 10 of collateral: equity 2, needed 0.92. It pays 92·rate.

    At 1 % it has 1.08 left and stays; at 1.5 % 0.62 and falls; a cap of 1 % saves it. The short
    is paid. The third was below before, and is none of funding's doing.
    """
    held = isolated(
        [1.0, -1.0, 1.0],
        entry_price=[100.0, 100.0, 102.0],
        leverage=[10.0, 10.0, 10.2],
        maintenance_rate=0.01,
    )
    mark = np.array([92.0, 92.0, 92.5])
    booked, falls = after_funding(held, mark=mark, rate=0.015)
    assert falls.tolist() == [True, False, False]
    assert equity(booked, mark)[:2].tolist() == pytest.approx([0.62, 19.38])
    assert liquidation_price(booked)[0] > 92.0 > liquidation_price(held)[0]
    assert not after_funding(held, mark=mark, rate=0.01)[1].any()
    assert not after_funding(held, mark=mark, rate=0.015, cap=0.01)[1].any()


def test_a_pool_falls_by_what_all_its_positions_pay() -> None:
    """Two longs of 1 at 100, collateral 20, mark 91: equity 2, needed 1.82. Each pays 0.091."""
    alone = Positions(
        position=np.array([1.0, 1.0]),
        entry_price=np.array([100.0, 100.0]),
        collateral=np.zeros(2),
        maintenance_rate=0.01,
    )
    mark, pool = np.array([91.0, 91.0]), np.array([0, 0])
    held = pooled(alone, mark=mark, pool=pool, collateral=np.array([20.0]))
    booked, falls = after_funding(held, mark=mark, rate=0.001, pool=pool)
    assert falls.tolist() == [True, True]
    slack = equity(booked, mark) - needed(booked, mark)
    assert slack.tolist() == pytest.approx([-0.002, -0.002])
    assert not after_funding(held, mark=mark, rate=0.001)[1].any(), "one payment is not enough"


def test_a_partial_step_by_hand() -> None:
    """100 at mark 95.5, equity 50, needed 95.5, ratio 0.5236: without cost sell 47.64 of 100.

    Then equity is still 50, and 52.36 at 95.5 need 1 %: 50.0. With 0.2 % of cost, x frees only
    0.8 of each 1 % of 95.5: x = 45.5/(0.955 - 0.191) = 59.55; equity 50 - 11.37 = 38.63 and
    40.45 at 95.5 need 38.63.
    """
    ratio = 50.0 / 95.5

    def sold(**more: float) -> float:
        return float(partial_step(100.0, equity_ratio=ratio, maintenance_rate=0.01, **more))

    assert sold() == pytest.approx(47.6440, abs=1e-4)
    assert sold(cost_rate=0.002) == pytest.approx(45.5 / 0.764)
    assert sold(lot=1.0) == 48.0
    assert sold(target=1.25) == pytest.approx(100.0 * (1.25 - ratio) / 1.25)
    assert sold(cost_rate=0.02) == 100.0, "closing costs more than it frees"


def test_a_partial_step_is_nothing_for_the_safe_and_all_for_the_bankrupt() -> None:
    ratio = np.array([1.0, 3.0, 0.0, -0.4, np.nan, np.inf])
    closed = partial_step(-7.0, equity_ratio=ratio, maintenance_rate=0.01)
    assert closed[:4].tolist() == [0.0, 0.0, 7.0, 7.0]
    assert np.isnan(closed[4])
    assert closed[5] == 0.0
    assert np.isnan(
        partial_step(1.0, equity_ratio=0.5, maintenance_rate=np.nan, cost_rate=0.001)
    ), "the cost cannot be weighed"
    assert partial_step(1.0, equity_ratio=0.5, maintenance_rate=np.nan) == 0.5
    with pytest.raises(ValueError, match="target must be positive, was 0"):
        partial_step(1.0, equity_ratio=0.5, maintenance_rate=0.01, target=0.0)


@given(st.floats(0.01, 0.99), st.floats(0.004, 0.05), st.floats(0.0, 0.6), st.floats(1.0, 1.5))
def test_a_partial_step_restores_the_target_unless_all_must_go(
    ratio: float, rate: float, share: float, target: float
) -> None:
    size, mark, cost = 8.0, 120.0, share * rate
    closed = float(
        partial_step(size, equity_ratio=ratio, maintenance_rate=rate, cost_rate=cost, target=target)
    )
    left = ratio * rate * size * mark - cost * closed * mark
    asked = target * rate * (size - closed) * mark
    if closed < size:
        assert left == pytest.approx(asked, abs=1e-9 * size * mark)
    else:
        assert ratio * rate - cost <= 1e-12 or left <= asked + 1e-9
