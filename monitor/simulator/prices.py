"""Index, reference and mark prices, as logarithms of ticks, and the funding rate.

The index is a random walk with a market factor. Makers quote around a reference that follows
what trades do to the touch, and that arbitrage pulls to the index; the index follows a little in
turn. The mark is the index times a slow, bounded premium. So only trades, and what scenarios do
to the index, move a mark.
"""

from typing import Final

import numpy as np

from monitor.simulator.arrays import Bools, Floats, Ints
from monitor.simulator.book import NOTHING, Best
from monitor.simulator.controls import Controls
from monitor.simulator.instruments import Instruments
from monitor.simulator.slices import SLICE_S

PULL_PER_S: Final = 0.15  # arbitrage: the reference to the index
SPILL_PER_S: Final = 0.04  # price discovery: the index to the reference
IMPACT: Final = 0.7  # share of the touch's move that makers take for news
PREMIUM_S: Final = 8.0  # memory of the premium in the mark
PREMIUM_MAX: Final = 0.05
FUNDING_MAX: Final = 0.0075
FUNDING_BASE: Final = 0.0001
_STEP_MAX: Final = 0.02  # of the reference in one slice


class Prices:
    """(S,) natural logarithms of prices in ticks. index_ns: when the index last moved."""

    def __init__(self, rng: np.random.Generator, traded: Instruments) -> None:
        self._rng = rng
        self._traded = traded
        self.index = np.log(traded.start_ticks)
        self.true_index = self.index.copy()
        self.reference = self.index.copy()
        self._premium = np.zeros(len(traded))
        self.index_ns = np.zeros(len(traded), np.int64)

    @property
    def mark(self) -> Floats:
        return self.index + self._premium

    @property
    def funding_rate(self) -> Floats:
        """(S,) fraction of notional that buyers pay sellers at the next funding."""
        return np.clip(FUNDING_BASE + self._premium, -FUNDING_MAX, FUNDING_MAX)

    def step(self, controls: Controls, now_ns: int) -> None:
        """Move the index by chance, by scenario, and towards where the venue trades."""
        traded, dt = self._traded, SLICE_S
        market = float(self._rng.normal())
        own = self._rng.normal(size=len(traded))
        chance = traded.sd * np.sqrt(dt) * (0.7 * traded.beta * market + 0.7 * own)
        spill = SPILL_PER_S * dt * (self.reference - self.true_index)
        shared = 0.5 * traded.beta * float((traded.share * spill).sum())
        self.true_index += chance + 0.5 * spill + shared + controls.drift * dt + controls.jump
        moves = ~controls.frozen
        self.index[moves] = self.true_index[moves]
        self.index_ns[moves] = now_ns
        pull = PULL_PER_S * dt * controls.follow
        # A maker knows the true price, whatever the venue's own index says.
        self.reference += pull * (self.true_index - self.reference) + controls.jump

    def learn(self, before: Best, after: Best) -> None:
        """Follow the touch from before the slice's trades to after them."""
        moved = np.zeros(len(self._traded))
        for side, sign in ((0, 1.0), (1, -1.0)):
            was, now = before.rank[:, side], after.rank[:, side]
            seen: Bools = (was != NOTHING) & (now != NOTHING)
            there = np.where(seen, np.abs(now), 1) / np.where(seen, np.abs(was), 1)
            # A bare side says that the price went on, and not how far.
            bare = (was != NOTHING) & (now == NOTHING)
            moved += 0.5 * np.where(bare, -sign * 0.25 * _STEP_MAX, np.log(there))
        self.reference += np.clip(IMPACT * moved, -_STEP_MAX, _STEP_MAX)
        keep = float(np.exp(-SLICE_S / PREMIUM_S))
        seen_premium = np.clip(self.reference - self.index, -PREMIUM_MAX, PREMIUM_MAX)
        self._premium = keep * self._premium + (1.0 - keep) * seen_premium

    def mark_ticks(self) -> Ints:
        """(S,) the mark as whole ticks."""
        return np.maximum(np.round(np.exp(self.mark)), 1.0).astype(np.int64)
