"""Likelihood ratios against their exact law, and filters against the theory of what they follow."""

import numpy as np
import pytest
from scipy.stats import nbinom

from detectors.base import Floats
from detectors.cusum import (
    LEAST_MULTIPLE,
    LULL,
    MULTIPLES,
    OVER,
    QUICK,
    SLOW,
    Cusum,
    averaged,
)
from detectors.noise import Noise
from detectors.options import BurstOptions
from detectors.windows import LENGTHS

ONE = np.ones(1)


def made(
    mean: Floats,
    *,
    counting: float = 2.0,
    memory: float = 20.0,
    sd: float = 0.2,
    weight: float = 2400.0,
) -> Cusum:
    """For streams whose noise is known: variance over mean, and a rate that wanders by `sd`."""
    noise = Noise(BurstOptions())
    noise.resize(mean.size)
    noise.counting = np.full(mean.size, counting)
    curve = sd**2 * np.array([averaged(length, np.array(memory)) for length in LENGTHS])
    noise.wander2 = np.tile(curve[:, None], mean.size)
    noise.pooled = curve[:, None]
    noise.borrowed = np.full((len(LENGTHS), 1), 1e9)
    cusum = Cusum()
    cusum.resize(mean.size)
    cusum.refresh(mean, np.full(mean.size, weight), noise)
    return cusum


def take(cusum: Cusum, counts: Floats, factor: Floats = ONE) -> None:
    cusum.take(counts, np.ones(counts.size, bool), factor)


@pytest.mark.parametrize("mean", [0.02, 0.5, 5.0, 80.0])
@pytest.mark.parametrize("count", [0.0, 1.0, 3.0, 40.0, 400.0])
def test_the_first_count_says_what_two_negative_binomial_laws_say(
    mean: float, count: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With rates that hardly wander, both laws have the stream's variance over mean."""
    cusum = made(np.array([mean]), counting=2.0, sd=1e-4)
    monkeypatch.setattr("detectors.cusum.OVER", 1e6)
    cusum.nats += 1e6  # so that nothing is cut off
    dispersion = 2.0 + 0.001 * mean  # no rate is known better than that
    take(cusum, np.array([count]))
    for size, multiple in enumerate(cusum.rates[1:, 0].tolist()):
        usual, raised = (
            nbinom.logpmf(count, rate / (dispersion - 1.0), 1.0 / dispersion)
            for rate in (mean, mean * multiple)
        )
        assert cusum.nats[size, 0] - 1e6 == pytest.approx(raised - usual, abs=2e-3)


def test_the_gain_is_that_of_a_kalman_filter_that_has_settled() -> None:
    mean, memory, wander2 = 10.0, 20.0, 0.04
    cusum = made(np.array([mean]), counting=2.0, memory=memory, sd=0.2)
    keep2, variance = np.exp(-2.0 / memory), wander2
    noise = (2.0 + 0.001 * mean) / mean
    for _ in range(500):
        predicted = keep2 * variance + wander2 * (1.0 - keep2)
        gain = predicted / (predicted + noise)
        variance = (1.0 - gain) * predicted
    take(cusum, np.array([mean * 1.5]))
    assert cusum.drift[0, 0] == pytest.approx(0.5 * gain, rel=1e-2)


@pytest.mark.parametrize("memory", [4.0, 20.0, 100.0])
def test_how_long_rates_remember_is_read_from_two_windows(memory: float) -> None:
    cusum = made(np.array([10.0]), memory=memory)
    take(cusum, np.array([30.0]))
    before = cusum.drift[0, 0]
    cusum.take(np.zeros(1), np.zeros(1, bool), ONE)  # not observed: it only forgets
    assert cusum.drift[0, 0] == pytest.approx(before * np.exp(-1.0 / memory), rel=1e-2)


def test_a_jump_says_more_than_a_drift_to_the_same_rate() -> None:
    sudden, slow = made(np.array([40.0])), made(np.array([40.0]))
    for t in range(120):
        take(sudden, np.array([80.0]))
        take(slow, np.array([40.0 * 2.0 ** ((t + 1) / 120)]))
    assert sudden.nats.max() > 3.0 * slow.nats.max()


def test_the_likeliest_multiple_is_the_one_that_came() -> None:
    for size, multiple in enumerate(made(np.array([20.0])).rates[1:, 0].tolist()):
        cusum = made(np.array([20.0]))
        for _ in range(8):
            take(cusum, np.array([round(20.0 * multiple)]))
        assert cusum.nats[:, 0].argmax() == size


def test_evidence_that_has_fallen_is_over_and_another_begins_from_nothing() -> None:
    cusum = made(np.array([20.0]))
    for _ in range(20):
        take(cusum, np.array([60.0]))
    assert cusum.nats.max() > 5.0 * OVER
    for _ in range(4):
        take(cusum, np.array([20.0]))
    assert not cusum.nats.any()


def test_what_the_market_does_is_expected_of_all() -> None:
    cusum = made(np.array([20.0, 20.0]))
    for _ in range(40):
        take(cusum, np.array([60.0, 60.0]), np.array([3.0]))
    assert not (cusum.nats > 1.0).any()


def test_no_lull_is_followed_far() -> None:
    cusum = made(np.array([50.0]))
    for _ in range(100):
        take(cusum, np.zeros(1))
    assert cusum.drift.min() == pytest.approx(np.log(LULL))
    for _ in range(100):
        take(cusum, np.array([50.0]))
    assert cusum.nats.max() < 5.0


def test_no_more_is_believed_than_the_mean_is_known_for() -> None:
    believed = {}
    for bins in (80.0, 2400.0):
        cusum = made(np.array([2.0]), weight=bins)
        cusum.came[:], cusum.usual[:], cusum.nats[:] = 1.0, 1.0, 1e6
        believed[bins] = cusum.believed(np.arange(len(MULTIPLES)))
    assert (believed[80.0] < believed[2400.0] / 10.0).all()
    assert (np.diff(believed[80.0]) > 0).all()  # a mean is seldom wrong by much


def test_a_mean_that_is_wrong_has_to_be_wrong_by_as_much_as_came() -> None:
    """Where 24 times as much came, an error of log 24 explains it, and beside a rise to a multiple
    one of log(24/multiple); each costs its square. Up to the multiple, none beside the rise."""
    cusum, multiples = made(np.array([2.0]), weight=80.0), np.array(MULTIPLES)
    believed = []
    for ratio in (1.0, 24.0):
        cusum.came[:], cusum.usual[:], cusum.nats[:] = ratio, 1.0, 1e6
        believed.append(cusum.believed(np.arange(len(MULTIPLES))))
    more = np.log(24.0) ** 2 - np.log(24.0 / multiples) ** 2
    assert believed[1] / believed[0] == pytest.approx(more / np.log(multiples) ** 2)


def test_what_came_is_counted_from_where_evidence_begins() -> None:
    cusum = made(np.array([2.0]))
    for count in (0.0, 0.0, 20.0, 16.0, 15.0):
        take(cusum, np.array([count]))
    assert cusum.came[:, 0].tolist() == [51.0] * len(MULTIPLES)
    assert cusum.usual[:, 0] == pytest.approx(6.0)


def test_of_a_steady_stream_a_smaller_rise_is_asked_after() -> None:
    """One that a window of 128 bins, with its noise and its wandering, makes eight nats of."""
    cusum = made(np.array([0.5, 20.0, 2000.0]), sd=0.02)
    spread = 2.0 / (128.0 * 20.0) + 0.02**2 * averaged(128, np.array(20.0))
    smaller = np.exp(np.sqrt(2.0 * 8.0 * spread))
    assert cusum.rates[1] == pytest.approx([1.5, smaller, LEAST_MULTIPLE], rel=1e-9)
    assert (cusum.rates[2:] == np.array(MULTIPLES[1:])[:, None]).all()


def test_a_small_rise_of_a_steady_stream_is_heard() -> None:
    """1.2 times for half a minute, of 250 events a bin: no sum over bins would miss it."""
    cusum = made(np.array([250.0]), counting=1.5, sd=0.01)
    for _ in range(120):
        take(cusum, np.array([300.0]))
    assert cusum.nats[0, 0] > 100.0


def test_windows_that_memory_is_read_from_are_far_apart() -> None:
    assert LENGTHS[SLOW] == 16 * LENGTHS[QUICK]
