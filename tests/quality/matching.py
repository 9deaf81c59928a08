"""When an alarm finds an event, when it is false, and what that makes at every threshold at once.

A statistic alarms where it reaches the threshold and did not in the REST_BINS before, so that one
excursion is one alarm, and one that was already running when an event began does not find it. At
time t the thresholds that alarm are those above `before`, the greatest value of the bins before,
up to the value itself: an interval. So both curves, false alarms and recall over the threshold,
come from the ends of intervals and no threshold grid is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from detectors.base import Floats

REST_BINS: Final = 10
SECONDS_PER_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Alarms:
    """The thresholds at which each bin of a statistic begins an alarm: above `before` up to `at`.

    Both (T,); -inf is no opinion, and where before >= at no threshold alarms.
    """

    before: Floats
    at: Floats

    @classmethod
    def of(
        cls, statistic: Floats, opinion: NDArray[np.bool_], *, rest_bins: int = REST_BINS
    ) -> "Alarms":
        """statistic: (T,), NaN no opinion. opinion: (T,) bins that count, for example warm ones."""
        at = np.where(opinion & ~np.isnan(statistic), statistic, -np.inf)
        padded = np.concatenate([np.full(rest_bins, -np.inf), at])
        windows = np.lib.stride_tricks.sliding_window_view(padded, rest_bins)
        return cls(windows[:-1].max(axis=1), at)

    def part(self, bins: slice | NDArray[np.bool_]) -> "Alarms":
        """Those of some bins."""
        return Alarms(self.before[bins], self.at[bins])

    def count(self, threshold: float) -> int:
        """How many alarms begin."""
        return int(np.count_nonzero((self.before < threshold) & (self.at >= threshold)))


def joined(parts: Sequence[Alarms]) -> Alarms:
    """The alarms of several stretches as one."""
    return Alarms(
        np.concatenate([part.before for part in parts]), np.concatenate([part.at for part in parts])
    )


def threshold_for(alarms: Alarms, allowed: float) -> float:
    """The lowest threshold from which on there are never more alarms than allowed."""
    real = alarms.at > alarms.before
    if not real.any():
        return -np.inf
    at, before = np.sort(alarms.at[real]), np.sort(alarms.before[real])
    values = np.unique(at)
    reach = at.size - np.searchsorted(at, values)
    running = before.size - np.searchsorted(before, values)
    too_many = values[reach - running > allowed]
    return float(np.nextafter(too_many[-1], np.inf)) if too_many.size else float(values[0])


def wilson(found: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share (Wilson, 1927)."""
    if of == 0:
        return 0.0, 1.0
    share, extra = found / of, z * z / of
    middle = (share + extra / 2) / (1 + extra)
    half = z * np.sqrt(share * (1 - share) / of + extra / (4 * of)) / (1 + extra)
    return float(max(middle - half, 0.0)), float(min(middle + half, 1.0))


def poisson_interval(count: int) -> tuple[float, float]:
    """Exact 95 % interval of the mean of a Poisson count (Garwood, 1936)."""
    low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    return float(low), float(chi2.ppf(0.975, 2 * count + 2) / 2)
