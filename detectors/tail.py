"""From a statistic to decades: how often quiet flow has reached it, by an exponential tail.

Quiet flow's maxima over four-minute blocks are pooled over streams. Above a fixed level they are
close to exponential, so two numbers a scale say how rare a value is: the share of maxima that
exceed the level, and the mean excess. Far above it, where few streams are left that are not like
the others, the mean excess may be greater, and is learned apart. Until enough maxima were seen, a
strict prior stands for them. (Siffer et al., 2017, fit such tails with a generalised Pareto law.)

Nobody tells quiet flow from an anomaly in time, so all maxima are learned, but none for more than
a few times the mean excess: a tail that left out what it finds loud could never learn that it is
wrong, and one that took a cascade at its word would not hear the next.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import BLOCK, Bools, Floats, State, pack, unpack
from detectors.options import BurstOptions

MAXIMA_S: Final = 240.0
MEMORY_S: Final = 14 * 86_400.0  # a venue of a month ago is another venue
LN10: Final = float(np.log(10.0))
FAR: Final = 2.0  # times the excess that is believed: how far above the level is far
FAR_WORTH: Final = 3.0  # times as many observations change the slope there
EXCESS_MAX: Final = 4.0  # times the mean excess, what one maximum may add


@dataclass(frozen=True, slots=True, kw_only=True)
class TailPrior:
    """What is believed before anything was seen.

    level: where the tail begins. share: of maxima that exceed it. excess: mean above it. Level and
    excess are one for all scales, or (R, 1).
    maxima, exceedances: how many observations the belief is worth.
    caution: standard errors by which the mean excess is raised, which go as observations come.
    """

    level: float | Floats
    share: float
    excess: float | Floats
    maxima: float = 40.0
    exceedances: float = 20.0
    caution: float = 0.0


class Tail:
    """Tails of R scales: exponential above the prior's level, with another slope from far above it
    on; a straight line from 0 below it.

    seen, exceeding, excess: (R, 1) sums over maxima: how many, how many above the level, by how
    much. far, far_excess: the same above `far_level`. They are all that calibration knows, so sums
    of different runs may be added.
    least: where nothing was watched in all of four minutes, what the maximum is; -inf, not known.
    """

    SUMS = ("seen", "exceeding", "excess", "far", "far_excess")

    def __init__(
        self, scales: int, prior: TailPrior, options: BurstOptions, *, least: float = -np.inf
    ) -> None:
        self.prior = prior
        self.least = least
        self.level = np.broadcast_to(np.asarray(prior.level, np.float64), (scales, 1))
        self.far_level = self.level + FAR * np.asarray(prior.excess, np.float64)
        self._blocks = max(1, round(options.bins(MAXIMA_S) / BLOCK))
        self._keep = float(np.exp(-self._blocks * BLOCK * options.bin_ns / 1e9 / MEMORY_S))
        self.blocks = 0
        self.maxima = np.empty((scales, 0))
        self._unheard = np.empty((scales, 0), np.bool_)  # whose maxima are not known, in the end
        self.seen = np.zeros((scales, 1))
        self.exceeding = np.zeros((scales, 1))
        self.excess = np.zeros((scales, 1))
        self.far = np.zeros((scales, 1))
        self.far_excess = np.zeros((scales, 1))
        self._refresh()

    def _refresh(self) -> None:
        p = self.prior
        share = (p.maxima * p.share + self.exceeding) / (p.maxima + self.seen)
        seen = p.exceedances + self.exceeding
        mean = (p.exceedances * p.excess + self.excess) / seen
        mean = mean * (1.0 + p.caution / np.sqrt(seen))  # the error of an exponential's mean
        believed = FAR_WORTH * p.exceedances
        far = (believed * mean + self.far_excess) / (believed + self.far)
        beyond = np.maximum(far, mean)  # no tail is believed to end
        self.slope = 1.0 / (mean * LN10)
        self.far_slope = 1.0 / (beyond * LN10)
        self.at_level = np.log10(self._blocks * BLOCK / share)
        at_far = self.at_level + (self.far_level - self.level) * self.slope
        self._line = np.stack(
            [self.level, self.at_level, self.slope, self.far_level, at_far, self.far_slope]
        )

    @property
    def law(self) -> Callable[[Floats], Floats]:
        """What `decades` does now, whatever is learned later."""
        return partial(_decades, self._line)

    def decades(self, statistic: Floats) -> Floats:
        """(R, S) -> (R, S): k where a quiet stream exceeds the value once in 10^k bins."""
        return _decades(self._line, statistic)

    def decades_of(self, statistic: Floats, scale: NDArray[np.intp]) -> Floats:
        """(n,) values of the scales given, (n,), in decades."""
        return _decades(self._line[:, scale, 0], statistic)

    def resize(self, streams: int) -> None:
        """Make room for streams; a new one counts from its first whole four minutes."""
        missing = streams - self.maxima.shape[1]
        if missing > 0:
            self.maxima = np.pad(self.maxima, ((0, 0), (0, missing)), constant_values=np.inf)
            self._unheard = np.pad(self._unheard, ((0, 0), (0, missing)))

    def watch(self, scales: NDArray[np.intp], statistic: Floats) -> None:
        """Take values in: (n, S), of n different scales."""
        self.maxima[scales] = np.maximum(self.maxima[scales], statistic)

    def watch_some(self, at: NDArray[np.intp], value: Floats) -> None:
        """Take single values in, (n,), at places in (R · S), of a statistic that is `least`
        everywhere else."""
        np.maximum.at(self.maxima.reshape(-1), at, value)

    def learn(self, unheard: Bools) -> None:
        """A block has ended; unheard: (S,) streams that there was no opinion on, or (R, S)."""
        self._unheard |= unheard
        self.blocks += 1
        if self.blocks == self._blocks:
            self._end_maxima()

    def _settle(self) -> None:
        """Maxima of streams that there was no opinion on are not known. It is told of each block,
        and done once: to mark them is far cheaper."""
        self.maxima[self._unheard] = np.inf
        self._unheard[:] = False

    def _end_maxima(self) -> None:
        self._settle()
        heard = np.isfinite(self.maxima)
        self.seen = self.seen * self._keep + heard.sum(axis=1, keepdims=True)
        near, excess = self._beyond(self.level, self.slope)
        self.exceeding = self.exceeding * self._keep + near
        self.excess = self.excess * self._keep + excess
        far, excess = self._beyond(self.far_level, self.far_slope)
        self.far = self.far * self._keep + far
        self.far_excess = self.far_excess * self._keep + excess
        self.maxima[:] = self.least
        self.blocks = 0
        self._refresh()

    def _beyond(self, level: Floats, slope: Floats) -> tuple[Floats, Floats]:
        """(R, 1) how many maxima exceed a level, and by how much."""
        over = np.isfinite(self.maxima) & (self.maxima > level)
        excess = np.where(over, np.minimum(self.maxima - level, EXCESS_MAX / (slope * LN10)), 0.0)
        # Sorted, so that the order of streams cannot change a bit of the sum.
        total = np.sort(excess, axis=1).sum(axis=1, keepdims=True)
        return over.sum(axis=1, keepdims=True), total

    def calibrate(self, sums: Mapping[str, NDArray[np.generic]]) -> None:
        """Begin with what another run has seen."""
        unpack(self, self.SUMS, sums)
        self._refresh()

    def state(self) -> State:
        self._settle()
        return pack(self, ("maxima", "blocks", *self.SUMS))

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        unpack(self, ("maxima", "blocks", *self.SUMS), state)
        self._unheard = np.zeros(self.maxima.shape, np.bool_)
        self._refresh()


def _decades(line: Floats, statistic: Floats) -> Floats:
    level, at_level, slope, far_level, at_far, far_slope = line
    below = np.maximum(statistic, 0.0) * (at_level / level)
    near = np.where(statistic < level, below, at_level + (statistic - level) * slope)
    found: Floats = np.where(
        statistic < far_level, near, at_far + (statistic - far_level) * far_slope
    )
    return found
