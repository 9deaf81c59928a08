"""Market orders of the ordinary flow: who sends them, on which side, how large."""

from typing import Final

import numpy as np

from monitor.simulator.arrays import Floats, Ints
from monitor.simulator.controls import Controls, Pressing
from monitor.simulator.ledger import Ledger
from monitor.simulator.matching import MarketOrders
from monitor.simulator.slices import SLICE_NS, SLICE_S

ARBITRAGE: Final = 400.0  # log odds to buy for each unit of log index over log reference
CAREFUL_SHARE: Final = 0.35  # of takers, those who rather reduce than add
SIZE_SPREAD: Final = 1.0  # of log order sizes


def draw(
    rng: np.random.Generator,
    per_slice: Floats,
    gap: Floats,
    controls: Controls,
    ledger: Ledger,
    *,
    order_usd: float,
) -> MarketOrders:
    """per_slice: (S,) mean orders. gap: (S,) log index over log reference: it is traded away."""
    symbol = np.repeat(np.arange(per_slice.size), rng.poisson(per_slice * controls.taking))
    odds = controls.bias + ARBITRAGE * gap
    buys = rng.random(symbol.size) < 1.0 / (1.0 + np.exp(-odds[symbol]))
    holder = ledger.random_traders(rng, symbol)
    rival = ledger.random_traders(rng, symbol)
    sign = np.where(buys, 1, -1)
    rather = sign * ledger.position[rival] < sign * ledger.position[holder]
    careful = rng.random(symbol.size) < CAREFUL_SHARE
    holder = np.where(rather & careful, rival, holder)
    return MarketOrders(
        symbol=symbol,
        side=(~buys).astype(np.int64),
        holder=holder,
        lots=_lots(rng, order_usd / ledger.lot_usd[symbol]),
        at_ns=rng.integers(0, SLICE_NS, symbol.size),
    )


def press(rng: np.random.Generator, pressing: Pressing, ledger: Ledger) -> MarketOrders:
    """The market orders that a scenario adds in one slice, paid in with the margin they need."""
    count = int(rng.poisson(pressing.per_s * SLICE_S))
    holder = rng.choice(pressing.holders, count)
    symbol = ledger.symbol[holder]
    lots = _lots(rng, pressing.usd / ledger.lot_usd[symbol])
    margin = lots * ledger.lot_usd[symbol] / ledger.leverage[holder]
    np.add.at(ledger.deposit, ledger.pool[holder], margin)
    return MarketOrders(
        symbol=symbol,
        side=np.full(count, pressing.side),
        holder=holder,
        lots=lots,
        at_ns=rng.integers(0, SLICE_NS, count),
    )


def _lots(rng: np.random.Generator, typical: Floats) -> Ints:
    size = typical * np.exp(SIZE_SPREAD * rng.standard_normal(typical.size))
    return np.maximum(size, 1.0).astype(np.int64)
