"""Whether quiet flow keeps its promise: how often the once-an-hour mark was passed."""

import numpy as np
import pytest

from detectors.nullcheck import LOST_RATIO, PERIOD_S, PRIOR, NullCheck
from detectors.options import BurstOptions

# Four minutes are sixty blocks of 16 bins of a quarter of a second, and one of 16 of 15 seconds.
USUAL, COARSE = BurstOptions(), BurstOptions(bin_ns=15_000_000_000)
AN_HOUR = 3_600.0 / PERIOD_S  # periods
PROMISED = 1.0 - np.exp(-1.0 / AN_HOUR)  # of four minutes, that pass the mark


def watched(seed: int, *, days: float, per_hour: float) -> NullCheck:
    """After days of four minutes each, in which the mark is passed so often an hour, at random."""
    rng = np.random.default_rng(seed)
    check = NullCheck(COARSE)
    for passes in rng.poisson(per_hour / AN_HOUR, round(days * 24 * AN_HOUR)):
        check.learn(check.mark + 1.0 if passes else 0.0)
    return check


def test_the_mark_is_what_is_passed_in_one_bin_of_an_hour() -> None:
    assert NullCheck(USUAL).mark == pytest.approx(np.log10(3600 * 4))
    assert NullCheck(COARSE).mark == pytest.approx(np.log10(240))


def test_before_anything_was_seen_the_promise_is_believed() -> None:
    check = NullCheck(USUAL)
    assert check.ratio == 1.0
    assert not check.lost


def test_four_minutes_count_once_by_the_greatest_score_in_them() -> None:
    check = NullCheck(USUAL)
    for block in range(120):
        assert check.promised == pytest.approx(PROMISED * (block // 60), rel=0.01)
        check.learn(check.mark if block in (7, 8, 59) else 0.0)
    assert check.passed == pytest.approx(1.0, rel=0.01)
    assert check.ratio == pytest.approx((PRIOR + 1.0) / (PRIOR + 2.0 * PROMISED), rel=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_a_promise_that_is_held_has_a_ratio_near_one(seed: int) -> None:
    check = watched(seed, days=4.0, per_hour=1.0)
    assert check.ratio == pytest.approx(1.0, abs=0.5), f"seed {seed}"
    assert not check.lost, f"seed {seed}"


@pytest.mark.parametrize("seed", range(5))
def test_four_times_as_many_passes_lose_it_within_days(seed: int) -> None:
    """Of four minutes that many fall together, and the prior stands for a while: so four times,
    not three."""
    assert watched(seed, days=4.0, per_hour=4.0).ratio > 2.5, f"seed {seed}"
    assert watched(seed, days=4.0, per_hour=6.0).lost, f"seed {seed}"


def test_three_times_as_many_four_minutes_as_promised_are_the_limit() -> None:
    check = NullCheck(COARSE)
    check.promised = 12.0
    check.passed = LOST_RATIO * (PRIOR + check.promised) - PRIOR
    assert check.lost
    check.passed -= 1e-6
    assert not check.lost


def test_a_promise_that_was_lost_is_held_again_after_quiet_days() -> None:
    check = watched(3, days=2.0, per_hour=10.0)
    assert check.lost
    for _ in range(round(3 * 24 * AN_HOUR)):
        check.learn(0.0)
    assert not check.lost


@pytest.mark.parametrize("stop", [0, 1, 59, 60, 61, 200])
def test_a_restart_anywhere_changes_nothing(stop: int) -> None:
    seed = 4
    scores = np.random.default_rng(seed).exponential(2.0, 400)
    one = NullCheck(USUAL)
    for score in scores:
        one.learn(float(score))
    first, second = NullCheck(USUAL), NullCheck(USUAL)
    for score in scores[:stop]:
        first.learn(float(score))
    second.restore(first.state())
    for score in scores[stop:]:
        second.learn(float(score))
    assert {name: array.tobytes() for name, array in second.state().items()} == {
        name: array.tobytes() for name, array in one.state().items()
    }
