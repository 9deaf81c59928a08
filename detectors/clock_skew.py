"""Partitions whose clock steps away from the broker's, against their own past.

Every few seconds the median of broker timestamp less event time is taken of each partition. Its
own past says what is usual; one that has none yet is compared with the others. A step matters when
it is longer than events may be late, and out of proportion to how the partition always wandered.
A producer that falls behind looks the same, and does the same harm. What lasts is the new normal.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import BLOCK, Detail, Floats, Frame, State, Verdict, grow, pack, unpack
from detectors.options import BurstOptions
from detectors.tail import LN10

SKEW: Final = "clock"
DELAY: Final = 2  # place in the values of Feeds
MEMORY_S: Final = 1800.0
WARM_UP_S: Final = 60.0
SPREADS: Final = 6.0  # mean distances from usual, from which a step is one
RUN: Final = 2  # blocks that a step must last
SCORE_MAX: Final = 30.0

_PER_STREAM = {
    "mean": 0.0,
    "spread": 0.0,
    "weight": 0.0,
    "run": 0.0,
    "since": 0,
    "held": np.nan,
    "delay": np.nan,
    "usual": np.nan,
}


class ClockSkew:
    """P partitions.

    block: (BLOCK, P) delays in ms of the bins of this block, `block_bin` its first; NaN unknown.
    mean, spread: (P,) usual delay, and how far from it, ms. weight: blocks that they rest on.
    run: blocks that a step has lasted; since: the bin in which it began.
    held: decades, 0 where all is well. delay, usual: (P,) of the last block, and what it should be.
    """

    signal = "clock_skew"

    def __init__(self, options: BurstOptions) -> None:
        block_s = BLOCK * options.bin_ns / 1e9
        self._least_ms = 1e3 * options.lateness_s
        self._warm = max(1.0, round(WARM_UP_S / block_s))
        self._keep = float(np.exp(-block_s / MEMORY_S))
        self._lasting = max(RUN + 1.0, round(options.rebaseline_s / block_s))
        self.block_bin = 0
        self.block = np.empty((BLOCK, 0))
        self.mean, self.spread, self.weight, self.run = np.empty((4, 0))
        self.held, self.delay, self.usual = np.empty((3, 0))
        self.since = np.empty(0, np.int64)

    @property
    def fed(self) -> bool:
        """Whether any partition ever told its delay, as of the last block that ended."""
        return bool(self.weight.any())

    @property
    def warm(self) -> NDArray[np.bool_]:
        """(P,) whether its own past is known."""
        return np.asarray(self.weight >= self._warm)

    def update(self, frame: Frame) -> Verdict:
        """Score a frame, then learn from it."""
        names, values = frame.feeds.names, frame.feeds.values
        bins, partitions = len(frame.values), len(names)
        if partitions > self.mean.size:
            grow(self, _PER_STREAM | {"block": np.nan}, partitions)
        begins = frame.bin // BLOCK * BLOCK
        if begins != self.block_bin:  # the last block was torn by a silence
            self.block_bin = begins
            self.block = np.full_like(self.block, np.nan)
        at = frame.bin - begins
        if partitions:
            self.block[at : at + bins] = values[:, :, DELAY]
        score = np.tile(self.held, (bins, 1))
        then = [(self.since, self.delay, self.usual)] * bins
        if frame.ends_block:
            self._judge()
            score[-1], then[-1] = self.held, (self.since, self.delay, self.usual)
            self.block_bin = begins + BLOCK
            self.block = np.full_like(self.block, np.nan)

        def detail(t: int, streams: NDArray[np.intp]) -> Detail:
            since, delay, usual = then[t]
            return Detail(since[streams], delay[streams] / 1e3, usual[streams] / 1e3)

        return Verdict(self.signal, (SKEW,), score, detail, feed=True, names=names)

    def _judge(self) -> None:
        """A block has ended."""
        known = np.isfinite(self.block).any(axis=0)
        delay = np.full(known.size, np.nan)
        if known.any():
            delay[known] = np.nanmedian(self.block[:, known], axis=0)
        usual = np.where(self.warm, self.mean, self._of_others(delay))
        away = np.abs(delay - usual)
        sd = np.maximum(self.spread, self._least_ms / SPREADS)
        step = known & (away > self._least_ms) & (away > SPREADS * sd)
        fresh = step & (self.run == 0.0)
        self.since = np.where(fresh, self.block_bin, self.since)
        self.run = np.where(known, np.where(step, self.run + 1.0, 0.0), self.run)
        score = np.minimum(0.5 * (away / sd) ** 2 / LN10, SCORE_MAX)
        told = np.where(self.run >= RUN, score, 0.0)
        self.held = np.where(known & np.isfinite(usual), told, np.nan)
        self.delay, self.usual = delay, usual
        self._learn(delay, known & ~step)

    def _of_others(self, delay: Floats) -> Floats:
        """(P,) median delay of the others; NaN where there are none."""
        found = np.full(delay.size, np.nan)
        known = np.flatnonzero(np.isfinite(delay))
        for i in np.flatnonzero(~self.warm).tolist():  # in a partition's first minute only
            others = delay[known[known != i]]
            found[i] = np.median(others) if others.size else np.nan
        return found

    def _learn(self, delay: Floats, calm: NDArray[np.bool_]) -> None:
        """Of what is no step; a step that lasts is a new beginning."""
        lasting = self.run >= self._lasting
        rate = np.maximum(1.0 - self._keep, 1.0 / (self.weight + 1.0))
        away = np.where(calm, np.abs(delay - self.mean), 0.0)
        first = self.weight == 0.0
        spread = np.where(first, 0.0, self.spread + rate * (away - self.spread))
        self.spread = np.where(calm, spread, self.spread)
        mean = self.mean + rate * (np.where(calm, delay, 0.0) - self.mean)
        self.mean = np.where(lasting, delay, np.where(calm, mean, self.mean))
        weight = np.where(lasting, np.maximum(self.weight, self._warm), self.weight + 1.0)
        self.weight = np.where(calm | lasting, weight, self.weight)
        self.run = np.where(lasting, 0.0, self.run)

    def state(self) -> State:
        """Everything that the next update depends on."""
        return pack(self, (*_PER_STREAM, "block", "block_bin"))

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        unpack(self, (*_PER_STREAM, "block", "block_bin"), state)
