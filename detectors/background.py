"""What is normal for each stream: a delayed mean.

An exponentially weighted average over about ten minutes, fed by blocks that are some seconds old
and cut at a few standard deviations, so that a burst is not learned while it builds.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import BLOCK, Bools, Floats, State, grow, pack, unpack
from detectors.options import BurstOptions

WINSOR_SD: Final = 4.0
REBASELINE_S: Final = 30.0  # of observation, that a new normal is worth
FAST: Final = 0.2  # weight of a block in the rate that a new normal is taken from

_PER_STREAM = {
    "total": 0.0,
    "weight": 0.0,
    "block_x": 0.0,
    "block_bins": 0.0,
    "fast_rate": 0.0,
    "mean": 0.0,
    "heard": False,
    "waiting_x": np.nan,
    "waiting_bins": np.nan,
}


class Background:
    """Means of S streams of counts, learned once a block.

    signals: streams are so many times the same symbols, signal by signal.
    mean: (S,) expected count a bin, raised by what it is less certain of than it will be.
    warm: (S,) whether enough was learned to have an opinion.
    heard: (S,) whether there ever was an event.
    """

    def __init__(self, options: BurstOptions, signals: int = 1) -> None:
        self.options = options
        self.signals = signals
        delay = max(1, options.bins(options.delay_s) // BLOCK)
        self._decay = float(np.exp(-BLOCK * options.bin_ns / 1e9 / options.background_s))
        self._settled = (1.0 - self._decay) / BLOCK  # one over the weight that all come to
        self._floor = options.mean_floor_per_s * options.bin_ns / 1e9
        self.total = self.weight = self.block_x = self.block_bins = np.empty(0)
        self.fast_rate = self.mean = np.empty(0)
        self.heard = np.empty(0, bool)
        self.waiting_x = self.waiting_bins = np.empty((delay, 0))

    @property
    def warm(self) -> Bools:
        return self.weight >= self.options.bins(self.options.warm_up_s)

    @property
    def lift(self) -> Floats:
        """(S,) by how much each mean is raised, as a factor."""
        return np.asarray(np.maximum(self.mean / self._plain(), 1.0))

    def _plain(self) -> Floats:
        """(S,) means that are not raised."""
        return np.maximum(self.total / np.maximum(self.weight, 1.0), self._floor)

    def resize(self, streams: int) -> None:
        """Make room for streams that were not there before."""
        grow(self, _PER_STREAM | {"mean": self._floor}, streams, self.signals)

    def watch(self, x: Floats, seen: Bools) -> None:
        """Take bins in, (T, S): counts, zero where not seen."""
        for t in range(len(x)):  # whole numbers: in any order the same
            self.block_x += x[t]
            self.block_bins += seen[t]

    def learn(self, counting: Floats, wander2: Floats, guarded: Bools, suspected: Bools) -> None:
        """A block has ended: queue it, and learn the one that is old enough. All (S,).

        counting, wander2: noise of a block (see noise.py). Guarded streams are not learned, nor
        will this block of theirs ever be; of suspected streams the mean stands still.
        """
        self.heard = self.heard | (self.block_x > 0)
        old_x, old_bins = self.waiting_x[0], self.waiting_bins[0]
        usable = np.isfinite(old_x) & (old_bins > 0) & ~(guarded | suspected)
        expected = self.mean * old_bins
        limit = expected + WINSOR_SD * np.sqrt((counting + wander2 * expected) * expected) + 3.0
        known = self.weight >= 2 * BLOCK
        cut = np.where(known, np.minimum(old_x, limit), old_x)
        self.total = np.where(usable, self._decay * self.total + cut, self.total)
        self.weight = np.where(usable, self._decay * self.weight + old_bins, self.weight)
        rate = self.block_x / np.maximum(self.block_bins, 1.0)
        self.fast_rate = self.fast_rate + FAST * (rate - self.fast_rate)
        self.waiting_x = np.vstack([self.waiting_x[1:], self.block_x])
        self.waiting_bins = np.vstack([self.waiting_bins[1:], self.block_bins])
        self.waiting_x[:, guarded] = np.nan
        self.block_x = np.zeros_like(self.block_x)
        self.block_bins = np.zeros_like(self.block_bins)
        self._refresh(counting)

    def _refresh(self, counting: Floats) -> None:
        mean = self._plain()
        short = np.maximum(1.0 / np.maximum(self.weight, 1.0) - self._settled, 0.0)
        self.mean = mean + self.options.caution * np.sqrt(counting * mean * short)

    def rebaseline(self, streams: Bools, counting: Floats) -> None:
        """What these streams do now is their new normal."""
        weight = float(self.options.bins(max(REBASELINE_S, self.options.warm_up_s)))
        self.total[streams] = self.fast_rate[streams] * weight
        self.weight[streams] = weight
        self._refresh(counting)

    def forget_waiting(self) -> None:
        """Drop blocks not learned yet: the input was silent, and what it holds is torn."""
        self.waiting_x[:] = np.nan
        self.block_x[:] = 0.0
        self.block_bins[:] = 0.0

    def state(self) -> State:
        return pack(self, tuple(_PER_STREAM))

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        unpack(self, tuple(_PER_STREAM), state)
