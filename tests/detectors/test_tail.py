"""Tails small enough to work out by hand, and one that a known law must give."""

import numpy as np
import pytest

from detectors.options import BurstOptions
from detectors.tail import EXCESS_MAX, FAR, FAR_WORTH, LN10, Tail, TailPrior

PRIOR = TailPrior(level=8.0, share=0.5, excess=1.0, maxima=10.0, exceedances=10.0)
# Four minutes are 960 bins of a quarter of a second, and two blocks of 16 bins of 7.5 seconds.
USUAL, COARSE = BurstOptions(), BurstOptions(bin_ns=7_500_000_000)


def at(tail: Tail, *values: float) -> list[float]:
    return [float(k) for k in tail.decades(np.array([values]))[0]]


def test_a_tail_without_observations_is_its_prior() -> None:
    level = np.log10(960 / 0.5)
    found = at(Tail(1, PRIOR, USUAL), -3.0, 0.0, 4.0, 8.0, 8.0 + LN10)
    assert found == pytest.approx([0.0, 0.0, level / 2, level, level + 1.0])


def test_a_tail_weighs_what_it_saw_against_its_prior() -> None:
    tail = Tail(2, PRIOR, COARSE)
    tail.resize(4)
    unheard = np.array([False, False, False, True])
    for block in ((50.0, 50.0), (10.0, 2.0), (3.0, 11.0)):
        # Four streams: three as above and one that there is no opinion on.
        for x in block:
            tail.watch(np.array([0]), np.array([[x, 0.0, 0.0, 99.0]]))
            tail.learn(unheard)
    # A stream counts from its first whole four minutes on: two of them, of three that are heard.
    assert tail.seen[0, 0] == pytest.approx(6.0, rel=1e-3)
    assert tail.exceeding[0, 0] == pytest.approx(2.0, rel=1e-3)
    assert tail.excess[0, 0] == pytest.approx(2.0 + 3.0, rel=1e-3)
    assert tail.exceeding[1, 0] == 0.0  # nothing was watched at the other scale
    share = (10.0 * 0.5 + 2.0) / (10.0 + 6.0)
    mean = (10.0 + 5.0) / (10.0 + 2.0)
    first = np.log10(32 / share)
    found = tail.decades(np.array([[8.0, 9.0], [8.0, 9.0]]))
    assert found[0] == pytest.approx([first, first + 1.0 / (mean * LN10)], rel=1e-3)


def test_a_stream_that_was_unheard_once_is_left_out_until_the_next_four_minutes() -> None:
    tail = Tail(1, PRIOR, COARSE)
    tail.resize(1)
    for number, unheard in enumerate((False, False, True, False, False, False)):
        tail.watch(np.array([0]), np.array([[9.0]]))
        tail.learn(np.array([unheard]))
        assert tail.seen[0, 0] == pytest.approx(1.0 if number == 5 else 0.0)


def test_one_maximum_adds_no_more_than_a_few_mean_excesses() -> None:
    tail = Tail(1, PRIOR, COARSE)
    tail.resize(1)
    for x in (0.0, 0.0, 0.0, 1e6):  # the first four minutes are not whole
        tail.watch(np.array([0]), np.array([[x]]))
        tail.learn(np.zeros(1, bool))
    mean = (10.0 * 1.0 + EXCESS_MAX * 1.0) / (10.0 + 1.0)
    assert tail.excess[0, 0] == pytest.approx(EXCESS_MAX)
    assert 1.0 / tail.slope[0, 0] == pytest.approx(mean * LN10)


def test_far_above_the_level_a_tail_has_a_slope_of_its_own() -> None:
    tail = Tail(1, PRIOR, COARSE)
    tail.resize(5)
    for _ in range(4):
        tail.watch(np.array([0]), np.array([[0.0, 9.0, 9.0, 9.0, 13.0]]))
        tail.learn(np.zeros(5, bool))
    # Four of five exceed 8 in the one whole period; beyond 8 + FAR · 1 there is one, by 3.
    mean = (10.0 + 3.0 + EXCESS_MAX) / (10.0 + 4.0)
    beyond = (FAR_WORTH * 10.0 * mean + 3.0) / (FAR_WORTH * 10.0 + 1.0)
    assert beyond > mean
    first = np.log10(32 / ((10.0 * 0.5 + 4.0) / (10.0 + 5.0)))
    at_far = first + FAR / (mean * LN10)
    expected = [first, first + 1.0 / (mean * LN10), at_far, at_far + 5.0 / (beyond * LN10)]
    assert at(tail, 8.0, 9.0, 8.0 + FAR, 13.0 + FAR) == pytest.approx(expected)


def test_no_tail_is_believed_to_end() -> None:
    tail = Tail(1, PRIOR, COARSE)
    tail.resize(5)
    for _ in range(40):
        tail.watch(np.array([0]), np.full((1, 5), 8.01 + FAR))
        tail.learn(np.zeros(5, bool))
    assert tail.far[0, 0] > 40.0
    assert tail.far_slope[0, 0] == tail.slope[0, 0]


@pytest.mark.parametrize("seed", [3, 4])
def test_a_tail_finds_an_exponential_law(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tail = Tail(1, PRIOR, COARSE)
    tail.resize(50)
    for _ in range(2_000):
        block = rng.exponential(1.5, (16, 50))
        tail.watch(np.array([0]), block.max(axis=0, keepdims=True))
        tail.learn(np.zeros(50, bool))
    for k in (3.0, 4.0, 5.0):
        assert at(tail, 1.5 * k * LN10)[0] == pytest.approx(k, abs=0.15), f"seed {seed}"


def test_values_by_scale_give_the_same_decades_as_whole_rows_to_the_bit() -> None:
    rng = np.random.default_rng(5)
    tail = Tail(6, PRIOR, COARSE)
    tail.resize(30)
    for _ in range(40):
        tail.watch(np.arange(6), rng.exponential(np.arange(1, 7)[:, None] * 3.0, (6, 30)))
        tail.learn(np.zeros(30, bool))
    values = rng.exponential(9.0, (6, 30))
    scale, stream = np.nonzero(values)
    one_by_one = tail.decades_of(values[scale, stream], scale).reshape(6, 30)
    assert one_by_one.tobytes() == tail.decades(values).tobytes()


def test_what_another_run_has_seen_is_where_a_tail_may_begin() -> None:
    seen, new = Tail(1, PRIOR, COARSE), Tail(1, PRIOR, COARSE)
    seen.resize(1)
    for _ in range(40):
        seen.watch(np.array([0]), np.array([[20.0]]))
        seen.learn(np.zeros(1, bool))
    new.calibrate({name: getattr(seen, name) for name in Tail.SUMS})
    assert at(new, 3.0, 30.0) == at(seen, 3.0, 30.0) != at(Tail(1, PRIOR, COARSE), 3.0, 30.0)


def test_a_cautious_tail_is_believed_a_standard_error_heavier() -> None:
    """Of 20 observations that count a mean is off by 1/√20; of 500 by less."""
    sums = dict.fromkeys(Tail.SUMS, np.zeros((1, 1)))
    for exceeding in (0.0, 480.0):
        plain, cautious = (
            Tail(1, TailPrior(level=2.0, share=0.25, excess=1.0, caution=caution), BurstOptions())
            for caution in (0.0, 1.0)
        )
        seen = sums | {
            "exceeding": np.full((1, 1), exceeding),
            "excess": np.full((1, 1), exceeding),
        }
        for tail in (plain, cautious):
            tail.calibrate(seen)
        raised = 1.0 + 1.0 / np.sqrt(20.0 + exceeding)
        assert plain.slope / cautious.slope == pytest.approx(raised)
        assert cautious.at_level == plain.at_level
