"""Means small enough to work out by hand."""

import numpy as np
import pytest

from detectors.background import Background
from detectors.base import BLOCK
from detectors.options import BurstOptions

OPTIONS = BurstOptions()
NOBODY = np.zeros(1, bool)
COUNTING, WANDER2 = np.array([2.0]), np.array([0.01])


def background(options: BurstOptions = OPTIONS) -> Background:
    made = Background(options)
    made.resize(1)
    return made


def feed(
    to: Background, x: float, blocks: int, *, guarded: bool = False, suspected: bool = False
) -> None:
    """Blocks of bins with x events each; NaN is not observed."""
    seen = np.full((BLOCK, 1), np.isfinite(x))
    for _ in range(blocks):
        to.watch(np.where(seen, x, 0.0), seen)
        to.learn(COUNTING, WANDER2, np.array([guarded]), np.array([suspected]))


def rate(of: Background) -> float:
    """The mean that was learned, without the caution that is put on top."""
    return float(of.total[0] / of.weight[0])


def test_background_learns_a_constant() -> None:
    learned = background()
    feed(learned, 5.0, 150)
    assert rate(learned) == pytest.approx(5.0)
    assert 5.0 < learned.mean[0] < 5.2


def test_the_mean_is_raised_by_what_it_is_less_certain_of_than_it_will_be() -> None:
    learned = background()
    feed(learned, 5.0, 5 + 8)  # five wait, eight are learned
    weight = 16 * sum(np.exp(-4.0 * age / 600.0) for age in range(8))
    assert learned.weight[0] == pytest.approx(weight)
    short = 1.0 / weight - (1.0 - np.exp(-4.0 / 600.0)) / 16.0
    assert learned.mean[0] == pytest.approx(5.0 + 1.5 * np.sqrt(2.0 * 5.0 * short))
    feed(learned, 5.0, 3_000)
    assert learned.mean[0] == pytest.approx(5.0)


def test_background_means_are_exponentially_weighted_by_block() -> None:
    learned = background()
    feed(learned, 4.0, 1)
    feed(learned, 5.0, 1)
    feed(learned, 0.0, 5)  # 20 s pass before a block of 4 s is learned
    keep = np.exp(-4.0 / 600.0)
    assert rate(learned) == pytest.approx((keep * 4.0 + 5.0) / (keep + 1.0))


def test_background_does_not_see_a_burst_younger_than_the_delay() -> None:
    learned = background()
    feed(learned, 5.0, 150)
    feed(learned, 500.0, 5)
    assert rate(learned) == pytest.approx(5.0)
    feed(learned, 500.0, 1)
    assert rate(learned) > 5.0


def test_background_cuts_what_it_learns_at_four_standard_deviations() -> None:
    learned = background()
    feed(learned, 5.0, 150)
    total, expected = learned.total[0], 16 * learned.mean[0]
    learned.waiting_x[0] = 1e6
    feed(learned, 5.0, 1)
    most = expected + 4.0 * np.sqrt((2.0 + 0.01 * expected) * expected) + 3.0
    assert learned.total[0] == pytest.approx(np.exp(-4.0 / 600.0) * total + most)


def test_background_does_not_learn_a_guarded_stream_nor_what_waited_when_it_was() -> None:
    learned = background()
    feed(learned, 5.0, 150)
    feed(learned, 500.0, 4)
    feed(learned, 500.0, 25, guarded=True)
    feed(learned, 5.0, 25)
    assert rate(learned) == pytest.approx(5.0)


def test_the_mean_of_a_suspected_stream_stands_still_and_goes_on_later() -> None:
    learned = background()
    feed(learned, 5.0, 150)
    feed(learned, 9.0, 40, suspected=True)
    assert rate(learned) == pytest.approx(5.0)
    feed(learned, 9.0, 1)
    assert rate(learned) > 5.0


def test_background_ignores_bins_that_were_not_observed() -> None:
    learned = background()
    x = np.full((BLOCK, 1), 5.0)
    seen = np.arange(BLOCK)[:, None] % 3 > 0
    for _ in range(150):
        learned.watch(np.where(seen, x, 0.0), seen)
        learned.learn(COUNTING, WANDER2, NOBODY, NOBODY)
    assert rate(learned) == pytest.approx(5.0)
    feed(learned, np.nan, 40)
    assert rate(learned) == pytest.approx(5.0)


def test_a_new_normal_is_the_recent_rate_and_stays_warm() -> None:
    learned = background(BurstOptions(warm_up_s=120.0))
    feed(learned, 5.0, 300)
    feed(learned, 15.0, 75, guarded=True)
    learned.rebaseline(~NOBODY, COUNTING)
    assert learned.warm.all()
    assert rate(learned) == pytest.approx(15.0, rel=0.01)


def test_warmth_is_observed_time() -> None:
    learned = background()
    feed(learned, 5.0, 5)
    feed(learned, np.nan, 50)
    assert not learned.warm.any()  # 80 bins were learned, of which a little was forgotten
    feed(learned, 5.0, 1)
    feed(learned, np.nan, 5)
    assert learned.warm.all()


def test_a_silence_drops_what_waits() -> None:
    learned = background()
    feed(learned, 5.0, 150)
    feed(learned, 50.0, 5)
    learned.forget_waiting()
    feed(learned, 5.0, 15)
    assert rate(learned) == pytest.approx(5.0)


def test_a_silent_stream_expects_the_floor() -> None:
    learned = background()
    assert learned.mean[0] == 0.08 / 4
    feed(learned, 0.0, 300)
    assert learned.mean[0] >= 0.08 / 4
