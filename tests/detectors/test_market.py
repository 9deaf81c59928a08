"""The common factor of many streams, where it is known."""

import numpy as np
import pytest

from detectors.base import BLOCK, Floats
from detectors.market import FACTOR_MIN, HEARD, PANEL, MarketFactor, market_panel
from detectors.noise import Noise
from detectors.options import BurstOptions
from detectors.windows import LENGTHS, SCALES, Windows

OPTIONS = BurstOptions()


class Market:
    """A factor over streams whose means are known."""

    def __init__(self, mean: Floats) -> None:
        self.mean = mean
        self.factor, self.windows, self.noise = MarketFactor(), Windows(), Noise(OPTIONS)
        self.windows.resize(mean.size)
        self.noise.resize(mean.size)
        self.noise.refresh(mean)
        self.usable = np.ones(mean.size, bool)
        self.lift = np.ones(mean.size)
        self.bin = 0

    def take(self, counts: Floats) -> Floats:
        """(T, SCALES) factors that hold at each bin."""
        found = []
        for first in range(0, len(counts), BLOCK):
            block = counts[first : first + BLOCK]
            means = np.broadcast_to(self.mean, block.shape)
            panel = market_panel(self.mean, self.usable, self.noise, self.lift)
            rows, sums, _ = self.windows.take(self.bin, block, means)
            _, filled, _ = self.factor.update(rows, sums, panel)
            found.append(filled[..., 0])
            self.bin += len(block)
        return np.concatenate(found)


def steady(factor: float, mean: Floats, bins: int = 2048) -> Floats:
    """(SCALES,) factors after a while of streams that do as the whole market does."""
    last: Floats = Market(mean).take(np.tile(factor * mean, (bins, 1)))[-1]
    return last


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.3, 2.0])
def test_a_common_factor_is_recovered_at_every_window_length(factor: float) -> None:
    found = steady(factor, np.linspace(5.0, 50.0, 60))
    np.testing.assert_allclose(found[HEARD:], factor, rtol=1e-6)
    np.testing.assert_allclose(found[:HEARD], max(factor, 1.0), rtol=1e-6)


def test_means_that_are_raised_make_no_market_slow() -> None:
    # One busy stream that is well known, and many that are expected at half as much again.
    plain = np.concatenate([[500.0], np.full(59, 5.0)])
    lift = np.concatenate([[1.0], np.full(59, 1.5)])
    market = Market(plain * lift)
    market.lift = lift
    found = market.take(np.tile(plain, (2048, 1)))[-1]
    np.testing.assert_allclose(found, 1.0, rtol=1e-6)


def test_a_factor_has_no_lag_and_the_shortest_windows_share_that_of_eight_bins() -> None:
    mean = np.full(60, 20.0)
    market = Market(mean)
    market.take(np.tile(mean, (2048, 1)))
    found = market.take(np.tile(1.5 * mean, (BLOCK, 1)))
    for t in (0, 3, 15):
        for scale, length in enumerate(LENGTHS[:5]):  # they move with every bin
            shared = max(length, LENGTHS[HEARD])
            expected = 1.0 + 0.5 * min(1.0, (t + 1) / shared)
            assert found[t, scale] == pytest.approx(expected), f"bin {t}, {length} bins"
    assert found[15, 10] == 1.0 + 0.0  # the longest moves with the next block
    later = market.take(np.tile(1.5 * mean, (3 * BLOCK, 1)))[-1]
    assert later[10] == pytest.approx(1.0 + 0.5 * 64 / 1024)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ratio", [1.5, 2.0, 4.0, 20.0])
def test_a_quarter_of_loud_streams_hardly_moves_the_factor(ratio: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mean = np.exp(rng.uniform(np.log(0.3), np.log(60.0), 200))
    common = 1.2
    rate = common * mean * np.where(np.arange(200) < 50, ratio, 1.0)
    market = Market(mean)
    market.noise.counting[:] = 1.1  # known, as after some time
    market.noise.wander2[:] = 0.003
    calm = market.take(rng.poisson(np.tile(common * mean, (1024, 1))).astype(float))
    assert calm[-BLOCK:].mean() == pytest.approx(common, rel=0.01)
    loud = market.take(rng.poisson(np.tile(rate, (256, 1))).astype(float))
    near = 0.08 if ratio < 2.0 else 0.05  # half as many again is within the noise of one bin
    for scale in (0, 2, 4, 6, 8):
        found = loud[-BLOCK:, scale].mean()
        assert found == pytest.approx(common, rel=near), f"{LENGTHS[scale]} bins, seed {seed}"


def test_one_deafening_stream_does_not_move_the_factor() -> None:
    mean = np.full(60, 10.0)
    market = Market(mean)
    x = np.tile(mean, (2048, 1))
    x[:, 0] = 10_000.0
    np.testing.assert_allclose(market.take(x)[-1], 1.0, atol=1e-6)


def test_few_streams_are_no_market() -> None:
    for streams in (1, 2, 4):
        assert steady(2.0, np.full(streams, 20.0)).tolist() == [1.0] * SCALES
    several = steady(2.0, np.full(12, 20.0))
    assert several[-1] == pytest.approx(1.5)  # half a market
    assert (several <= 2.0).all()


def test_a_window_too_short_to_hear_enough_streams_leans_on_the_next_longer_one() -> None:
    mean = np.full(60, 0.3)  # less than four events in a window of up to eight bins
    market = Market(mean)
    market.take(np.tile(1.4 * mean, (2048, 1)))
    found = market.take(np.tile(3.0 * mean, (1, 1)))[0]
    assert found[4] == pytest.approx(1.4 + 1.6 / 16)
    assert (found[:4] == found[4]).all()


def test_streams_that_are_not_usable_do_not_speak() -> None:
    mean = np.full(60, 10.0)
    market = Market(mean)
    market.usable = np.arange(60) >= 30
    x = np.tile(np.where(market.usable, 10.0, 40.0), (256, 1))
    np.testing.assert_allclose(market.take(x)[-1], 1.0, atol=1e-9)
    market.usable[:] = False
    assert market.take(x[:BLOCK])[-1, 4] == 1.0


def test_a_stalled_venue_is_expected_to_come_back() -> None:
    found = steady(0.0, np.full(60, 10.0))
    np.testing.assert_allclose(found[HEARD:], FACTOR_MIN)
    np.testing.assert_allclose(found[:HEARD], 1.0)  # the stall is not theirs


def test_the_busiest_streams_speak_for_all() -> None:
    mean = np.concatenate([np.full(50, 5.0), np.full(PANEL, 20.0)])
    x = np.tile(np.where(mean > 10.0, 1.3, 3.0) * mean, (256, 1))
    np.testing.assert_allclose(Market(mean).take(x)[-1][:7], 1.3)


def test_a_silence_makes_the_market_usual_again() -> None:
    market = Market(np.full(60, 10.0))
    market.take(np.full((2048, 60), 20.0))
    market.factor.skip()
    assert market.factor.held.tolist() == [[1.0]] * SCALES
