"""What is normal for each stream: a delayed mean, and a dispersion that counts clustering as noise.

The mean is an exponentially weighted average over about ten minutes, fed by blocks that are some
seconds old and cut at a few standard deviations, so that a burst is not learned while it builds.
The dispersion is the variance of the residuals of long blocks over their mean: on flow whose rate
wanders within seconds, single bins would promise far too little noise.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats, State, grow, pack, unpack
from detectors.options import BurstOptions

WINSOR_SD: Final = 4.0
PRIOR_BLOCKS: Final = 8.0
SQUARE_MAX: Final = 30.0  # a single block's squared residual over its mean, at the most
DISPERSION_MIN: Final = 1.05
REBASELINE_S: Final = 30.0  # of observation, that a new normal is worth

_PER_STREAM = {
    "total": 0.0,
    "weight": 0.0,
    "squares": 0.0,
    "squares_weight": 0.0,
    "block_x": 0.0,
    "block_bins": 0.0,
    "long_x": 0.0,
    "long_mean": 0.0,
    "fast_rate": 0.0,
    "mean": 0.0,
    "dispersion": 0.0,
    "waiting_x": np.nan,
    "waiting_bins": np.nan,
}
_NUMBERS = ("bins_in_block", "blocks_in_long")


class Background:
    """Mean and dispersion of S streams of counts.

    mean: (S,) expected count a bin, raised by its own uncertainty.
    dispersion: (S,) variance over mean.
    warm: (S,) whether enough was learned to have an opinion.
    """

    def __init__(self, options: BurstOptions) -> None:
        self.options = options
        self._block = options.bins(options.block_s)
        self._blocks_in_long_max = max(1, round(options.dispersion_block_s / options.block_s))
        delay = max(1, options.bins(options.delay_s) // self._block)
        self._decay = float(np.exp(-options.block_s / options.background_s))
        self._square_decay = float(
            np.exp(-options.dispersion_block_s / options.dispersion_memory_s)
        )
        self._floor = options.mean_floor_per_s * options.bin_ns / 1e9
        self.bins_in_block = 0
        self.blocks_in_long = 0
        self.total = self.weight = self.squares = self.squares_weight = np.empty(0)
        self.block_x = self.block_bins = self.long_x = self.long_mean = np.empty(0)
        self.fast_rate = self.mean = self.dispersion = np.empty(0)
        self.waiting_x = self.waiting_bins = np.empty((delay, 0))

    @property
    def warm(self) -> NDArray[np.bool_]:
        return self.weight >= self.options.bins(self.options.warm_up_s)

    def resize(self, streams: int) -> None:
        """Make room for streams that were not there before."""
        if streams > self.mean.size:
            grow(self, _PER_STREAM, streams)
            self._refresh()

    def learn(
        self,
        x: Floats,
        expected: Floats,
        guarded: NDArray[np.bool_],
        suspected: NDArray[np.bool_],
    ) -> bool:
        """Take one bin in. x: (S,) counts, NaN unobserved. Guarded streams are not learned; of
        suspected streams the mean stands still, while their noise is noise.

        Returns whether mean and dispersion were refreshed.
        """
        seen = np.isfinite(x)
        whole = bool(seen.all())
        self.block_x += x if whole else np.where(seen, x, 0.0)
        self.block_bins += 1.0 if whole else seen
        self.long_mean += expected if whole else np.where(seen, expected, 0.0)
        self.bins_in_block += 1
        if self.bins_in_block < self._block:
            return False
        self._end_block(guarded, suspected)
        return True

    def _end_block(self, guarded: NDArray[np.bool_], suspected: NDArray[np.bool_]) -> None:
        """Queue this block and learn the one that is old enough."""
        old_x, old_bins = self.waiting_x[0], self.waiting_bins[0]
        usable = np.isfinite(old_x) & (old_bins > 0) & ~(guarded | suspected)
        spread = WINSOR_SD * np.sqrt(self.dispersion * self.mean * old_bins) + 3.0
        known = self.weight >= 2 * self._block
        cut = np.where(known, np.minimum(old_x, self.mean * old_bins + spread), old_x)
        self.total = np.where(usable, self._decay * self.total + cut, self.total)
        self.weight = np.where(usable, self._decay * self.weight + old_bins, self.weight)
        rate = self.block_x / np.maximum(self.block_bins, 1.0)
        self.fast_rate += 0.2 * (rate - self.fast_rate)
        self.waiting_x = np.vstack([self.waiting_x[1:], self.block_x])
        self.waiting_bins = np.vstack([self.waiting_bins[1:], self.block_bins])
        self.waiting_x[:, guarded] = np.nan
        self.long_x += self.block_x
        self.long_x[guarded] = np.nan  # a long block that saw an alarm tells nothing of quiet
        self.block_x = np.zeros_like(self.block_x)
        self.block_bins = np.zeros_like(self.block_bins)
        self.bins_in_block = 0
        self.blocks_in_long += 1
        if self.blocks_in_long == self._blocks_in_long_max:
            self._end_long_block()
        self._refresh()

    def _end_long_block(self) -> None:
        usable = np.isfinite(self.long_x) & (self.long_mean > 0) & self.warm
        mean = np.where(usable, self.long_mean, 1.0)
        square = np.minimum((self.long_x - mean) ** 2 / mean, SQUARE_MAX * self.dispersion)
        decay = self._square_decay
        self.squares = np.where(usable, decay * self.squares + square, self.squares)
        self.squares_weight = np.where(
            usable, decay * self.squares_weight + 1.0, self.squares_weight
        )
        self.long_x = np.zeros_like(self.long_x)
        self.long_mean = np.zeros_like(self.long_mean)
        self.blocks_in_long = 0

    def _refresh(self) -> None:
        """Estimates from the sums: shrunk to a prior, raised while little is known."""
        weight = np.maximum(self.weight, 1.0)
        mean = np.maximum(self.total / weight, self._floor)
        per_long_block = mean * self._block * self._blocks_in_long_max
        prior = self.options.dispersion_prior + self.options.wander**2 * per_long_block
        blocks = PRIOR_BLOCKS + self.squares_weight
        known = (PRIOR_BLOCKS * prior + self.squares) / blocks
        raised = known * (1.0 + self.options.caution * 0.5 * np.sqrt(2.0 / blocks))
        self.dispersion = np.maximum(raised, DISPERSION_MIN)
        error = np.sqrt(self.dispersion * mean / weight)
        self.mean = mean + self.options.caution * error

    def rebaseline(self, streams: NDArray[np.bool_]) -> None:
        """What these streams do now is their new normal."""
        weight = float(self.options.bins(max(REBASELINE_S, self.options.warm_up_s)))
        before = np.maximum(self.total / np.maximum(self.weight, 1.0), self._floor)
        growth = np.maximum(self.fast_rate / before, 1.0)  # clustering grows with the rate
        self.squares[streams] *= growth[streams]
        self.total[streams] = self.fast_rate[streams] * weight
        self.weight[streams] = weight
        self._refresh()

    def forget_waiting(self) -> None:
        """Drop blocks not learned yet: the input was silent, and what it holds is torn."""
        self.waiting_x[:] = np.nan
        self.block_x[:] = 0.0
        self.block_bins[:] = 0.0
        self.long_x[:] = np.nan

    def state(self) -> State:
        return pack(self, (*_PER_STREAM, *_NUMBERS))

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        unpack(self, (*_PER_STREAM, *_NUMBERS), state)
