"""What the whole market does at once: a robust common factor of observed over expected counts."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats, State, pack, unpack
from detectors.options import BurstOptions

MEMORY_S: Final = 4.0
HUBER_SD: Final = 2.0
COUNTS_MIN: Final = 5.0  # a stream's expected count over the memory, to be listened to
STREAMS_NONE: Final = 4.0  # so few streams are no market
STREAMS_FULL: Final = 20.0
FACTOR_MIN: Final = 0.7  # after a stall of the venue its usual flow is no burst


class MarketFactor:
    """Factor of S streams: a precision-weighted Huber mean over streams and about four seconds.

    With few streams the factor would be the anomaly itself, so it is drawn towards 1 until there
    are enough of them, counted by their weights.
    """

    def __init__(self, options: BurstOptions) -> None:
        self._alpha = 1.0 / options.bins(MEMORY_S)
        self._bins = 2.0 / self._alpha - 1.0
        self.recent = np.empty(0)
        self.recent_mean = np.empty(0)

    def update(
        self, x: Floats, mean: Floats, dispersion: Floats, usable: NDArray[np.bool_]
    ) -> float:
        """The factor with this bin taken in. All (S,); unusable streams are left out."""
        if x.size > self.recent.size:
            self.recent = np.concatenate([self.recent, mean[self.recent.size :]])
            self.recent_mean = np.concatenate([self.recent_mean, mean[self.recent_mean.size :]])
        step = np.where(np.isfinite(x), x, mean)
        self.recent += self._alpha * (step - self.recent)
        self.recent_mean += self._alpha * (mean - self.recent_mean)
        heard = usable & (self.recent_mean * self._bins >= COUNTS_MIN)
        if np.count_nonzero(heard) <= STREAMS_NONE:
            return 1.0
        some = np.flatnonzero(heard)
        return self._robust(self.recent[some], self.recent_mean[some], dispersion[some])

    def _robust(self, seen: Floats, mean: Floats, dispersion: Floats) -> float:
        """Two steps of iteratively cut residuals from the plain weighted mean."""
        weight = 1.0 / dispersion
        precision = mean * weight
        total = float(precision.sum())
        middle = mean.size // 2
        factor = float(np.partition(seen / mean, middle)[middle])
        spread = HUBER_SD * np.sqrt(dispersion * mean / self._bins)
        for _ in range(2):
            limit = np.sqrt(max(factor, 0.05)) * spread
            cut = np.minimum(np.maximum(seen - factor * mean, -limit), limit)
            factor += float((cut * weight).sum()) / total
        streams = total**2 / float((precision**2).sum())
        trust = min(max((streams - STREAMS_NONE) / (STREAMS_FULL - STREAMS_NONE), 0.0), 1.0)
        return max(1.0 + trust * (factor - 1.0), FACTOR_MIN)

    def skip(self) -> None:
        """The input was silent for long: what the market did before says nothing of now."""
        self.recent = self.recent_mean.copy()

    def state(self) -> State:
        return pack(self, ("recent", "recent_mean"))

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        unpack(self, ("recent", "recent_mean"), state)
