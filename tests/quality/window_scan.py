"""A yardstick for planted bursts: a window of just their length over the mean before it.

It knows the duration, which no detector does, and it is measured at a threshold read off the very
log it is judged on. What it misses lies within what the flow does by itself.
"""

from typing import Final

import numpy as np

from detectors.base import Floats

BEFORE_S: Final = 600.0


def scan(counts: Floats, bins: int, *, bin_s: float) -> Floats:
    """(T,) Poisson standard deviations of the window that ends with each bin; NaN before the first
    for which there is a mean of `BEFORE_S`."""
    before = round(BEFORE_S / bin_s)
    sums = np.concatenate([[0.0], np.cumsum(counts)])
    ends = np.arange(before + bins, counts.size + 1)
    inside = sums[ends] - sums[ends - bins]
    expected = np.maximum((sums[ends - bins] - sums[ends - bins - before]) * bins / before, 0.5)
    found = np.full(counts.size, np.nan)
    found[before + bins - 1 :] = (inside - expected) / np.sqrt(expected)
    return found


def finds(counts: Floats, start: int, added: Floats, *, most: float, bin_s: float) -> bool:
    """Whether a planted burst lifts the scan above the most that the untouched log reaches."""
    first = start - round(BEFORE_S / bin_s) - added.size
    near = counts[first : start + added.size].copy()
    near[-added.size :] += added
    return bool(np.nanmax(scan(near, added.size, bin_s=bin_s)[-added.size :]) > most)
