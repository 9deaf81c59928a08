"""Counting noise and wandering: what is learned of streams whose noise is known."""

import numpy as np
import pytest

from detectors.base import BLOCK, Bools, Floats
from detectors.noise import SKEW, SQUARE_MAX, WANDER2_MIN, Noise
from detectors.options import BurstOptions
from detectors.windows import LENGTHS, SCALES, Windows
from tests.detectors.flow import BINS_PER_S, CALM, Flow, Wander

OPTIONS = BurstOptions()
WANDERING = Wander(sd=0.3, memory_s=5.0)


class Learner:
    """Noise learned from counts whose means are known."""

    def __init__(self, mean: Floats) -> None:
        self.mean = mean
        self.noise, self.windows = Noise(OPTIONS), Windows()
        self.noise.resize(mean.size)
        self.windows.resize(mean.size)
        self.noise.refresh(mean)
        self.bin = 0

    def take(self, counts: Floats, unknown: Bools | None = None) -> Noise:
        if unknown is None:
            unknown = np.zeros(self.mean.size, bool)
        for first in range(0, len(counts), BLOCK):
            block = counts[first : first + BLOCK]
            means = np.broadcast_to(self.mean, block.shape)
            rows, sums, _ = self.windows.take(self.bin, block, means)
            self.noise.watch(self.bin, rows, sums[0], sums[1])
            self.noise.learn(unknown)
            self.noise.refresh(self.mean)
            self.bin += BLOCK
        return self.noise


def learned(flow: Flow, wander: Wander, hours: float) -> Noise:
    mean = flow.mean * np.exp(wander.sd**2 / 2.0)  # of a log-normal rate
    return Learner(mean).take(flow.take(round(hours * 3600) * BINS_PER_S))


def averaged(wander: Wander, length: int) -> float:
    """Variance over squared mean of a rate averaged over a window."""
    apart = np.arange(-length + 1, length)
    keep = np.exp(-np.abs(apart) / (BINS_PER_S * wander.memory_s))
    of_rate = np.expm1(wander.sd**2 * keep)
    return float(((length - np.abs(apart)) * of_rate).sum() / length**2)


@pytest.mark.parametrize("seed", [1, 2])
def test_counting_noise_is_told_from_wandering(seed: int) -> None:
    flow = Flow(seed, 40, mean=(5.0, 60.0), own=WANDERING, common=CALM)
    noise = learned(flow, WANDERING, 3.0)
    ratio = noise.counting / flow.dispersion
    assert np.median(ratio) == pytest.approx(1.1, abs=0.15), f"seed {seed}"  # cautious
    assert (ratio > 0.8).all(), f"seed {seed}: {ratio.min()}"
    assert (ratio < 2.0).all(), f"seed {seed}: {ratio.max()}"


@pytest.mark.parametrize("seed", [1, 2])
def test_where_events_are_few_their_noise_is_not_cut_off(seed: int) -> None:
    """Most of the variance of a skewed count is in squares that are rare and large."""
    flow = Flow(seed, 40, mean=(0.2, 0.5), dispersion=(2.5, 3.5), own=CALM, common=CALM)
    ratio = learned(flow, CALM, 2.0).counting / flow.dispersion
    assert np.median(ratio) == pytest.approx(1.05, abs=0.15), f"seed {seed}"  # cautious


@pytest.mark.parametrize("seed", [3, 4])
def test_wandering_is_learned_at_every_window_length(seed: int) -> None:
    noise = learned(Flow(seed, 40, mean=(5.0, 60.0), own=WANDERING, common=CALM), WANDERING, 4.0)
    for scale, length in enumerate(LENGTHS):
        expected = max(averaged(WANDERING, length), WANDER2_MIN)
        ratio = float(noise.pooled[scale, 0]) / expected
        assert 0.7 < ratio < 1.5, f"seed {seed}, {length} bins: {ratio}"
        # Squares of single bins are cut, and counting noise errs upward: a little is missed there.
        cautious = np.median(noise.wander2[scale]) / expected
        assert 0.7 < cautious < 1.5, f"seed {seed}, {length} bins: {cautious}"


def test_streams_that_hardly_wander_are_not_given_much() -> None:
    noise = learned(Flow(5, 40, mean=(30.0, 60.0), own=CALM, common=CALM), CALM, 2.0)
    assert (np.sqrt(noise.wander2[:9]) < 0.13).all()  # up to 256 bins
    assert np.median(noise.wander2[0]) < 0.01


@pytest.mark.parametrize("seed", [11, 12])
def test_what_counts_are_judged_by_hardly_moves_from_block_to_block(seed: int) -> None:
    flow = Flow(seed, 40, mean=(30.0, 60.0), own=CALM, common=CALM)
    learner = Learner(flow.mean)
    learner.take(flow.take(1800 * BINS_PER_S))
    for _ in range(6):
        before = variances(learner)
        learner.take(flow.take(BLOCK))
        np.testing.assert_allclose(variances(learner), before, rtol=0.04, err_msg=f"seed {seed}")


def variances(learner: Learner) -> Floats:
    """(SCALES, S) of the counts that are usual in windows of each length."""
    expected = np.array(LENGTHS)[:, None] * learner.mean
    return learner.noise.variance(expected, np.arange(SCALES))


def test_a_burst_however_loud_moves_the_noise_of_a_stream_by_a_bounded_share() -> None:
    seed = 12
    found = []
    for ratio in (20.0, 2000.0):
        flow = Flow(seed, 20, mean=(20.0, 60.0), common=CALM)
        learner = Learner(flow.mean)
        learner.take(flow.take(3600 * BINS_PER_S))
        before = variances(learner)
        burst = flow.take(20 * BINS_PER_S)
        burst[:, 0] *= ratio
        learner.take(burst)
        learner.take(flow.take(300 * BINS_PER_S))  # until no window holds any of it
        found.append((variances(learner) / before)[:, 0])
    assert (found[0] > 1.0).all(), f"seed {seed}: {found[0]}"  # it is learned
    assert (found[0] < 2.5).all(), f"seed {seed}: {found[0]}"
    np.testing.assert_allclose(found[1], found[0], rtol=0.02, err_msg=f"seed {seed}")


def test_a_stream_too_quiet_to_show_how_it_wanders_borrows_from_the_others() -> None:
    busy = Flow(6, 30, mean=(20.0, 60.0), own=WANDERING, common=CALM)
    # An event in ten minutes. Of more, whose squares are cut, comes out that they wander less.
    quiet = Flow(7, 10, mean=(0.0002, 0.0006), own=CALM, common=CALM)
    bins = 2 * 3600 * BINS_PER_S
    counts = np.hstack([busy.take(bins), quiet.take(bins)])
    noise = Learner(np.concatenate([busy.mean, quiet.mean])).take(counts)
    for scale in (0, 4, 6):
        borrowed, own = noise.wander2[scale, 30:], noise.wander2[scale, :30]
        assert (borrowed > 0.7 * np.median(own)).all(), LENGTHS[scale]
        assert (borrowed < 3.0 * np.median(own)).all(), LENGTHS[scale]


def test_of_a_stream_whose_mean_is_unknown_nothing_is_learned_nor_what_waited() -> None:
    flow = Flow(8, 2, mean=(20.0, 60.0), common=CALM)
    learner = Learner(flow.mean)
    learner.take(flow.take(1600))
    unknown = np.array([True, False])
    learner.take(flow.take(BLOCK) * 20.0, unknown)  # what is old enough is learned with this block
    before = {name: value[..., 0].copy() for name, value in _sums(learner.noise).items()}
    learner.take(flow.take(1600) * 20.0, unknown)
    for name, value in _sums(learner.noise).items():
        assert (value[..., 0] == before[name]).all(), name
    assert learner.noise.counting[1] > 2.0 * learner.noise.counting[0]


def _sums(noise: Noise) -> dict[str, Floats]:
    names = ("jumps", "jump_means", "squares", "weights", "samples")
    return {name: getattr(noise, name) for name in names}


def test_noise_is_not_learned_before_the_delay_has_passed() -> None:
    flow = Flow(9, 3, mean=(20.0, 60.0), common=CALM)
    learner = Learner(flow.mean)
    learner.take(flow.take(5 * BLOCK))
    assert not learner.noise.weights.any()
    learner.take(flow.take(BLOCK))
    assert learner.noise.weights[:5].all()
    learner.noise.skip()  # and not across a silence
    before = learner.noise.weights.copy()
    learner.take(flow.take(5 * BLOCK))
    assert (learner.noise.weights == before).all()


def test_little_knowledge_is_met_with_caution() -> None:
    mean = np.full(3, 20.0)
    noise = Learner(mean).noise
    assert (noise.counting > OPTIONS.counting_prior).all()
    assert (noise.wander2 > OPTIONS.wander**2).all()
    flow = Flow(10, 3, mean=(20.0, 20.0), dispersion=(2.0, 2.0), own=CALM, common=CALM)
    learner = Learner(mean)
    excess = []
    for _ in range(3):
        learner.take(flow.take(100 * BLOCK))
        caution = np.median(learner.noise.counting * learner.noise.jump_means)
        excess.append(float(caution / np.median(learner.noise.jumps)))
    assert excess[0] > excess[1] > excess[2] > 1.0, excess


def test_one_wild_square_adds_a_bounded_multiple_of_its_variance() -> None:
    learner = Learner(np.full(1, 20.0))
    learner.take(np.full((10 * BLOCK, 1), 20.0))
    counting = learner.noise.counting[0]
    before = learner.noise.jumps[0]
    wild = np.full((6 * BLOCK, 1), 20.0)
    wild[:BLOCK] = np.geomspace(1e3, 1e9, BLOCK)[:, None]
    learner.take(wild)
    wander2 = learner.noise.wander2[0, 0]
    most = SQUARE_MAX * (counting + wander2 * 20.0) * 20.0 + SKEW * counting**2
    assert learner.noise.jumps[0] - before < most


def test_variance_is_counting_plus_wandering() -> None:
    noise = Learner(np.full(2, 10.0)).noise
    noise.counting = np.array([2.0, 3.0])
    noise.wander2 = np.full((SCALES, 2), 0.01)
    found = noise.variance(np.array([[10.0, 100.0]]), np.array([0]))
    assert found.tolist() == [[2.0 * 10.0 + 1.0, 3.0 * 100.0 + 100.0]]
