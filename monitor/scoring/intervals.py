"""How sure a figure is: exact intervals for rates and proportions, percentiles with their n."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from scipy.stats import beta, chi2

LEVEL: Final = 0.95


class Spread(Struct, frozen=True):
    """Percentiles of n values, between the two nearest where none is exact.

    n: the values of one run, where the percentiles are over many draws of it.
    """

    n: float
    p10: float
    p50: float
    p90: float


def spread(values: Sequence[float], *, draws: int = 1) -> Spread | None:
    """The median with the 10th and the 90th percentile, over all draws; None of nothing."""
    if not values:
        return None
    p10, p50, p90 = np.percentile(values, (10, 50, 90)).tolist()
    return Spread(len(values) / draws, p10, p50, p90)


def count_interval(count: int) -> tuple[float, float]:
    """The means of a Poisson variable that such a count does not refute (Garwood, 1936)."""
    tail = (1.0 - LEVEL) / 2.0
    low = float(chi2.ppf(tail, 2 * count)) / 2.0 if count else 0.0
    return low, float(chi2.ppf(1.0 - tail, 2 * count + 2)) / 2.0


def share_interval(found: int, tried: int) -> tuple[float, float]:
    """The chances that so many of so many do not refute (Clopper and Pearson, 1934)."""
    if not 0 <= found <= tried:
        raise ValueError(f"found must be between 0 and {tried}, was {found}")
    tail = (1.0 - LEVEL) / 2.0
    low = float(beta.ppf(tail, found, tried - found + 1)) if found else 0.0
    high = float(beta.ppf(1.0 - tail, found + 1, tried - found)) if found < tried else 1.0
    return low, high
