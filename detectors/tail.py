"""From a statistic to decades: how often quiet flow has reached it, by an exponential tail.

Quiet flow's maxima over four-minute blocks are pooled over streams. Above a fixed level they are
close to exponential, so two numbers a scale say how rare a value is: the share of blocks that
exceed the level, and the mean excess. Until enough blocks were seen, a strict prior stands for
them. Blocks in which a stream was alarmed are not quiet and are left out. (Siffer et al., 2017,
fit the same tail with a generalised Pareto law.)
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats, State, pack, unpack


@dataclass(frozen=True, slots=True, kw_only=True)
class TailPrior:
    """What is believed before anything was seen.

    level: where the tail begins. share: of blocks whose maximum exceeds it. excess: mean above it.
    blocks, exceedances: how many observations the belief is worth.
    """

    level: float
    share: float
    excess: float
    blocks: float = 40.0
    exceedances: float = 20.0


class Tail:
    """Tails of R scales: exponential above the prior's level, a straight line from 0 below it."""

    _STATE = ("maxima", "bins", "blocks", "exceeding", "excess")

    def __init__(self, scales: int, prior: TailPrior, *, block_bins: int) -> None:
        self.prior = prior
        self.block_bins = block_bins
        self.bins = 0
        self.maxima = np.empty((scales, 0))
        self.blocks = np.zeros((scales, 1))
        self.exceeding = np.zeros((scales, 1))
        self.excess = np.zeros((scales, 1))
        self._refresh()

    def _refresh(self) -> None:
        p = self.prior
        share = (p.blocks * p.share + self.exceeding) / (p.blocks + self.blocks)
        mean = (p.exceedances * p.excess + self.excess) / (p.exceedances + self.exceeding)
        self.slope = 1.0 / (mean * np.log(10.0))
        self.at_level = np.log10(self.block_bins / share)
        self.offset = self.at_level - p.level * self.slope

    def decades(self, statistic: Floats) -> Floats:
        """(R, S) -> (R, S): k where a quiet stream exceeds the value once in 10^k bins."""
        above: Floats = statistic * self.slope
        above += self.offset
        below = np.maximum(statistic, 0.0) * (self.at_level / self.prior.level)
        return np.where(statistic < self.prior.level, below, above)

    def learn(self, statistic: Floats, loud: NDArray[np.bool_]) -> None:
        """Take one bin in. statistic: (R, S); loud: (S,) streams whose block does not count."""
        if statistic.shape[1] > self.maxima.shape[1]:
            fresh = np.full((self.maxima.shape[0], statistic.shape[1]), np.nan)
            fresh[:, : self.maxima.shape[1]] = self.maxima
            self.maxima = fresh  # a stream counts from its first whole block
        np.maximum(self.maxima, statistic, out=self.maxima)
        if loud.any():
            self.maxima[:, loud] = np.nan
        self.bins += 1
        if self.bins == self.block_bins:
            self._end_block()

    def _end_block(self) -> None:
        quiet = np.isfinite(self.maxima)
        over = quiet & (self.maxima > self.prior.level)
        self.blocks += quiet.sum(axis=1, keepdims=True)
        self.exceeding += over.sum(axis=1, keepdims=True)
        excess = np.where(over, self.maxima - self.prior.level, 0.0)
        self.excess += np.sort(excess, axis=1).sum(axis=1, keepdims=True)
        self.maxima[:] = -np.inf
        self.bins = 0
        self._refresh()

    def state(self) -> State:
        return pack(self, self._STATE)

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        unpack(self, self._STATE, state)
        self._refresh()
