"""Intervals against published tables, and what they promise."""

import numpy as np
import pytest
from scipy.stats import binom, poisson

from monitor.scoring.intervals import Spread, count_interval, share_interval, spread


@pytest.mark.parametrize(
    ("count", "low", "high"),
    # Garwood (1936), two-sided 95 %, as in Ulm (1990), table 1, and many since.
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (5, 1.623, 11.668), (10, 4.795, 18.390)],
)
def test_count_intervals_are_garwoods(count: int, low: float, high: float) -> None:
    np.testing.assert_allclose(count_interval(count), (low, high), atol=5e-4)


@pytest.mark.parametrize(
    ("found", "tried", "low", "high"),
    # Clopper and Pearson (1934), two-sided 95 %; 0 of n is 1 - 0.025 ** (1 / n).
    [(0, 10, 0.0, 0.3085), (1, 10, 0.0025, 0.4450), (10, 10, 0.6915, 1.0), (8, 20, 0.1912, 0.6395)],
)
def test_share_intervals_are_cloppers_and_pearsons(
    found: int, tried: int, low: float, high: float
) -> None:
    np.testing.assert_allclose(share_interval(found, tried), (low, high), atol=1e-4)


def test_both_intervals_hold_the_truth_at_least_as_often_as_they_say() -> None:
    for mean in (0.3, 2.0, 9.0):
        counts = np.arange(60)
        held = [low <= mean <= high for low, high in map(count_interval, counts.tolist())]
        assert poisson.pmf(counts, mean)[held].sum() >= 0.95
    for chance in (0.05, 0.5, 0.9):
        hits = np.arange(21)
        held = [low <= chance <= high for low, high in (share_interval(k, 20) for k in range(21))]
        assert binom.pmf(hits, 20, chance)[held].sum() >= 0.95


def test_percentiles_say_how_many_values_they_are_of() -> None:
    assert spread([]) is None
    assert spread([4.0]) == Spread(1, 4.0, 4.0, 4.0)
    assert spread([float(k) for k in range(10, -1, -1)]) == Spread(11, 1.0, 5.0, 9.0)
