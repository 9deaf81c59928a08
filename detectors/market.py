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
        return self._robust(self.recent[heard], self.recent_mean[heard], dispersion[heard])

    def _robust(self, seen: Floats, mean: Floats, dispersion: Floats) -> float:
        """Two steps of iteratively cut residuals from the plain weighted mean."""
        precision = mean / dispersion
        factor = float(np.median(seen / mean))
        for _ in range(2):
            sd = np.sqrt(max(factor, 0.05) * dispersion * mean / self._bins)
            cut = np.clip(seen - factor * mean, -HUBER_SD * sd, HUBER_SD * sd)
            factor += float((cut / dispersion).sum() / precision.sum())
        streams = float(precision.sum() ** 2 / (precision**2).sum())
        trust = min(max((streams - STREAMS_NONE) / (STREAMS_FULL - STREAMS_NONE), 0.0), 1.0)
        return max(1.0 + trust * (factor - 1.0), 0.2)

    def state(self) -> State:
        return pack(self, ("recent", "recent_mean"))

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        unpack(self, ("recent", "recent_mean"), state)
