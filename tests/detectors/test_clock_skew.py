"""A clock that steps is told once, with its size; one that wanders as ever is not."""

from collections.abc import Sequence

import numpy as np
import pytest

from detectors.base import BLOCK, Feeds, Floats, Frame, Verdict
from detectors.clock_skew import ClockSkew
from detectors.options import BurstOptions

MINUTE = 240  # bins
NAMES = ("cancels/0", "orders/0", "orders/1")


def delays(seed: int, bins: int, partitions: int = 3, spread_ms: float = 40.0) -> Floats:
    """(bins, partitions) milliseconds."""
    rng = np.random.default_rng(seed)
    return 100.0 + rng.exponential(spread_ms, (bins, partitions))


def run(delays_ms: Floats, at_once: int = 4) -> list[Verdict]:
    detector = ClockSkew(BurstOptions())
    found = []
    for start in range(0, len(delays_ms), at_once):
        part = delays_ms[start : start + at_once]
        values = np.stack([np.ones_like(part), np.zeros_like(part), part], axis=2)
        feeds = Feeds(NAMES[: part.shape[1]], values)
        found.append(
            detector.update(Frame(start, np.zeros((len(part), 1, 1)), ("order",), 0, feeds=feeds))
        )
    return found


def scores(verdicts: Sequence[Verdict]) -> Floats:
    return np.vstack([verdict.score for verdict in verdicts])


@pytest.mark.parametrize("step_s", [5.0, -5.0])
def test_a_step_of_one_partition_is_told_within_seconds_and_is_normal_after_minutes(
    step_s: float,
) -> None:
    seen = delays(1, 14 * MINUTE)
    seen[5 * MINUTE :, 1] += 1e3 * step_s
    verdicts = run(seen)
    found = scores(verdicts) > 0.0
    assert not found[:, [0, 2]].any()
    (told,) = np.flatnonzero(np.diff(found[:, 1].astype(int)) == 1) + 1
    assert told <= 5 * MINUTE + 2 * BLOCK
    assert found[told : 9 * MINUTE, 1].all()
    assert not found[11 * MINUTE :, 1].any()
    why = verdicts[6 * MINUTE // 4].detail(0, np.array([1]))
    assert why.onset_bin[0] == 5 * MINUTE
    assert why.observed[0] - why.expected[0] == pytest.approx(step_s, abs=0.05)


def test_a_partition_that_comes_later_is_compared_with_the_others() -> None:
    seen = delays(2, 6 * MINUTE)
    seen[: 4 * MINUTE, 2] = np.nan
    seen[:, 2] -= 30_000.0
    found = scores(run(seen)) > 0.0
    assert not found[:, :2].any()
    assert found[4 * MINUTE + 3 * BLOCK :, 2].all()


def test_less_than_events_may_be_late_does_not_matter() -> None:
    seen = delays(3, 8 * MINUTE)
    seen[5 * MINUTE :, 0] += 1_900.0
    assert not (scores(run(seen)) > 0.0).any()


def test_a_partition_that_always_wanders_may_go_on() -> None:
    seen = delays(4, 20 * MINUTE)
    wander = np.random.default_rng(4).normal(0.0, 3_000.0, 20 * MINUTE // BLOCK)
    seen[:, 1] += np.repeat(wander, BLOCK)
    found = scores(run(seen)) > 0.0
    assert found[5 * MINUTE :].mean() < 0.01


def test_without_broker_timestamps_there_is_no_opinion() -> None:
    assert np.isnan(scores(run(np.full((MINUTE, 2), np.nan)))).all()


def test_how_bins_are_handed_over_and_restarts_change_nothing() -> None:
    seen = delays(5, 4 * MINUTE)
    seen[3 * MINUTE :, 0] += 9_000.0
    whole = scores(run(seen, 16))
    np.testing.assert_array_equal(scores(run(seen, 1)), whole)
    detector = ClockSkew(BurstOptions())
    found = []
    for t, delay in enumerate(seen):
        if t % 37 == 0:
            state, detector = detector.state(), ClockSkew(BurstOptions())
            detector.restore(state)
        values = np.stack([delay * 0, delay * 0, delay], axis=1)[None]
        frame = Frame(t, np.zeros((1, 1, 1)), ("order",), feeds=Feeds(NAMES, values))
        found.append(detector.update(frame).score)
    np.testing.assert_array_equal(np.vstack(found), whole)
