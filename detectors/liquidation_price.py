"""Where a leveraged position is liquidated and bankrupt, what funding does, what restores margin.

Margin is judged at the mark price P. For a signed position q with entry price E, collateral C,
funding F that it owes and is not yet paid, maintenance margin rate m, liquidation fee rate f and
maintenance amount A (what a venue with tiers of m takes off again, so that tiers join):

    linear    equity = C - F + q·(P - E)         needed = (m + f)·|q|·P - A         in quote
    inverse   equity = C - F + N·(1/E - 1/P)     needed = (m + f)·|N|/P - A         in base

An inverse contract is worth a fixed amount of quote currency, N of them, and settles in base
units; its position is given in base units at the entry price, so N = q·E. The liquidation price is
where equity equals what is needed, the bankruptcy price where it is zero:

    linear    P = (q·E - C + F - A) / (q - (m + f)·|q|)
    inverse   P = E·(q + (m + f)·|q|) / (C - F + A + q)

A long is liquidated at marks at or below its price, a short at marks at or above it. So 0 is
"never" for a long and "at any mark" for a short, and infinity the other way round. NaN: there is
no position, or something is not known or cannot be: an entry not above 0, m + f not in [0, 1).

Sources: Binance, "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts" (there, without
f and F: LP = (WB + cumB - side·q·E) / (q·(m - side))), and its page for COIN-M contracts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from detectors.base import Bools, Floats, Ints

Rounding = Literal["nearest", "up", "down"]
_ROUND: Final[dict[Rounding, Callable[[Floats], Floats]]] = {
    "nearest": np.round,
    "up": np.ceil,
    "down": np.floor,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """(N,) positions, each with the collateral that it stands on; all arrays broadcast to (N,).

    position: signed base units, of inverse contracts at the entry price. entry_price: quote.
    collateral, funding_owed, maintenance_amount: quote, of inverse contracts base. A negative
    funding_owed is received. maintenance_rate, fee_rate: fractions of the position's value.
    """

    position: Floats
    entry_price: Floats
    collateral: Floats
    maintenance_rate: Floats | float
    fee_rate: Floats | float = 0.0
    funding_owed: Floats | float = 0.0
    maintenance_amount: Floats | float = 0.0
    inverse: bool = False


def isolated(
    position: ArrayLike,
    *,
    entry_price: ArrayLike,
    leverage: ArrayLike,
    maintenance_rate: ArrayLike,
    fee_rate: ArrayLike = 0.0,
    funding_owed: ArrayLike = 0.0,
    inverse: bool = False,
) -> Positions:
    """Positions that stand on their own initial margin: the value at entry over the leverage.

    All (N,) or broadcast to it; leverage is a multiple, and NaN where it is not above 0.
    """
    held, entry, times = _columns(position, entry_price, leverage)
    times = np.where(times > 0.0, times, np.nan)
    return Positions(
        position=held,
        entry_price=entry,
        collateral=np.abs(held) * (1.0 if inverse else entry) / times,
        maintenance_rate=np.asarray(maintenance_rate, np.float64),
        fee_rate=np.asarray(fee_rate, np.float64),
        funding_owed=np.asarray(funding_owed, np.float64),
        inverse=inverse,
    )


def pooled(held: Positions, *, mark: Floats, pool: Ints, collateral: Floats) -> Positions:
    """Positions that share collateral, each with what the pool has left for it.

    mark: (N,) quote. pool: (N,) codes. collateral: (G,) of each pool; held.collateral is not
    looked at. To position i stands what its pool holds, with what the other positions have won
    or lost, less what these need, at marks that stand still while i's own moves. Zero positions
    count for nothing; a NaN makes its whole pool NaN, since nothing is known of it.
    """
    alone = _with_collateral(held, np.zeros(held.position.shape))
    spare = np.where(held.position == 0.0, 0.0, equity(alone, mark) - needed(alone, mark))
    total = np.bincount(pool, spare, len(collateral))
    return _with_collateral(held, collateral[pool] + total[pool] - spare)


def value(position: ArrayLike, mark: ArrayLike) -> Floats:
    """(N,) signed value of linear positions in quote currency: base units times mark."""
    return np.asarray(np.asarray(position) * np.asarray(mark), np.float64)


def maintenance(worth: ArrayLike, rate: ArrayLike, fee_rate: ArrayLike = 0.0) -> Floats:
    """(N,) equity that positions of this value must keep: rate and fee rate times its size."""
    return np.asarray(np.abs(worth) * (np.asarray(rate) + np.asarray(fee_rate)), np.float64)


def equity(held: Positions, mark: ArrayLike) -> Floats:
    """(N,) collateral with what is won, lost and owed at (N,) marks; quote, or base if inverse."""
    price = np.asarray(mark, np.float64)
    if held.inverse:
        won = held.position * (1.0 - held.entry_price / price)
    else:
        won = held.position * (price - held.entry_price)
    return np.asarray(held.collateral - held.funding_owed + won)


def needed(held: Positions, mark: ArrayLike) -> Floats:
    """(N,) maintenance margin and liquidation fee at (N,) marks; quote, or base if inverse."""
    price = np.asarray(mark, np.float64)
    factor = held.entry_price / price if held.inverse else price
    asked = maintenance(held.position * factor, held.maintenance_rate, held.fee_rate)
    return np.asarray(asked - held.maintenance_amount)


def liquidation_price(held: Positions) -> Floats:
    """(N,) marks at which equity is what is needed; 0, infinity and NaN as the file says."""
    asked = np.asarray(held.maintenance_rate) + np.asarray(held.fee_rate)
    return _solve(held, asked, held.collateral - held.funding_owed + held.maintenance_amount)


def bankruptcy_price(held: Positions) -> Floats:
    """(N,) marks at which equity is zero; 0, infinity and NaN as the file says."""
    return _solve(held, np.asarray(0.0), held.collateral - np.asarray(held.funding_owed))


def funding_payment(
    position: ArrayLike,
    mark: ArrayLike,
    rate: ArrayLike,
    *,
    cap: ArrayLike = np.inf,
    unit: float = 0.0,
    rounding: Rounding = "nearest",
    inverse_entry: ArrayLike | None = None,
) -> Floats:
    """(N,) quote currency that positions pay at a funding; negative is received.

    position: signed base units. mark: (N,) quote. rate: (N,) fraction of value, positive when
    longs pay. cap: the venue's largest rate, on both sides. unit: payments are whole multiples of
    it, 0 for none; rounding: to the nearest, "up" against all, "down" in favour of all.
    inverse_entry: (N,) entry prices where contracts are inverse; then it is paid in base units.
    """
    price = np.asarray(mark)
    factor = price if inverse_entry is None else np.asarray(inverse_entry) / price
    owed_per_unit = np.clip(rate, -np.asarray(cap), np.asarray(cap)) * factor
    owed = np.asarray(np.asarray(position) * owed_per_unit, np.float64)
    return owed if unit == 0.0 else np.asarray(_ROUND[rounding](owed / unit) * unit)


def after_funding(
    held: Positions,
    *,
    mark: Floats,
    rate: ArrayLike,
    cap: ArrayLike = np.inf,
    unit: float = 0.0,
    rounding: Rounding = "nearest",
    pool: Ints | None = None,
) -> tuple[Positions, Bools]:
    """Positions once the next funding is booked, and (N,) who falls below by it alone.

    mark, rate: (N,) at the funding minute; cap, unit and rounding as in `funding_payment`. Who is
    below already is not counted again. pool: (N,) codes where `held` comes from `pooled` at the
    same marks: all that a pool pays counts against each of its positions.
    """
    entry = held.entry_price if held.inverse else None
    paid = funding_payment(
        held.position, mark, rate, cap=cap, unit=unit, rounding=rounding, inverse_entry=entry
    )
    paid = np.where(held.position == 0.0, 0.0, paid)
    if pool is not None:
        paid = np.asarray(np.bincount(pool, paid)[pool], np.float64)
    booked = _with_collateral(held, held.collateral - paid)
    asked = needed(held, mark)
    falls = (equity(held, mark) >= asked) & (equity(booked, mark) < asked)
    return booked, np.asarray(falls & (held.position != 0.0))


def partial_step(
    position: ArrayLike,
    *,
    equity_ratio: ArrayLike,
    maintenance_rate: ArrayLike,
    cost_rate: ArrayLike = 0.0,
    target: float = 1.0,
    lot: float = 0.0,
) -> Floats:
    """(N,) base units, unsigned, to close so that equity is `target` times maintenance again.

    equity_ratio: (N,) equity over maintenance margin: below 1 is liquidated, at or below 0
    bankrupt. cost_rate: what closing costs, of the value closed: fee and slippage. With x closed
    of |q| at mark P, equity falls by cost·x·P and maintenance to m·(|q| - x)·P, so

        x = |q|·(target - equity_ratio) / (target - cost/m), at least 0, at most |q|

    and all of it where closing costs more than the maintenance that it frees. lot: x is rounded up
    to whole ones, 0 for none. Of a pool that is cut evenly x/|q| holds for each of its positions,
    with the pool's equity ratio and its mean m. The mark does not matter; NaN is not known.
    """
    if target <= 0.0:
        raise ValueError(f"target must be positive, was {target}")
    held, ratio, rate, cost = _columns(position, equity_ratio, maintenance_rate, cost_rate)
    size = np.abs(held)
    short = target - ratio
    with np.errstate(divide="ignore", invalid="ignore"):
        freed = target - np.where(cost == 0.0, 0.0, cost / rate)
        share = np.where(freed > 0.0, short / freed, np.inf)
        share = np.where(ratio <= 0.0, np.inf, share)
        share = np.where(short <= 0.0, 0.0, share)
        share = np.where(np.isnan(ratio) | np.isnan(freed), np.nan, share)
        closed = size * np.minimum(share, 1.0)
        if lot > 0.0:  # a hair less than a whole lot is that lot
            closed = np.minimum(np.ceil(closed / lot - 1e-9) * lot, size)
    return np.asarray(closed)


def _columns(*columns: ArrayLike) -> list[Floats]:
    return [np.asarray(each) for each in np.broadcast_arrays(*map(_floats, columns))]


def _floats(column: ArrayLike) -> Floats:
    return np.asarray(column, np.float64)


def _with_collateral(held: Positions, collateral: Floats) -> Positions:
    return Positions(
        position=held.position,
        entry_price=held.entry_price,
        collateral=collateral,
        maintenance_rate=held.maintenance_rate,
        fee_rate=held.fee_rate,
        funding_owed=held.funding_owed,
        maintenance_amount=held.maintenance_amount,
        inverse=held.inverse,
    )


def _solve(held: Positions, asked: Floats, cushion: Floats) -> Floats:
    """Where cushion and what is won equal asked times the value; ends of the line are clipped."""
    q, entry = held.position, held.entry_price
    known = (q != 0.0) & (entry > 0.0) & (asked >= 0.0) & (asked < 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        if held.inverse:
            inverted = (cushion + q) / (entry * (q + asked * np.abs(q)))
            price = np.where(inverted > 0.0, 1.0 / inverted, np.inf)
            price = np.where(np.isnan(inverted), np.nan, price)
        else:
            price = np.maximum((q * entry - cushion) / (q - asked * np.abs(q)), 0.0)
    return np.where(known, price, np.nan)
