"""Silence where events were expected is told, and silence with a reason is not."""

from collections.abc import Sequence

import numpy as np
import pytest

from detectors.base import BLOCK, Floats, Frame, Verdict
from detectors.feed_gap import FeedGap
from detectors.options import BurstOptions

FEATURES = ("order", "cancel", "leverage", "fill", "book", "liquidation", "mark", "reject")
MINUTE = 240  # bins
RATES = np.array([2.0, 2.0, 0.1, 0.3, 0.04, 0.01, 0.2, 0.02])


def flow(seed: int, bins: int, symbols: int = 4, rate: float = 1.0) -> Floats:
    """(bins, symbols, kinds) counts of a quiet venue."""
    rng = np.random.default_rng(seed)
    return rng.poisson(rate * RATES, (bins, symbols, RATES.size)).astype(np.float64)


def frames(counts: Floats, at_once: int = 4) -> list[Frame]:
    starts = range(0, len(counts), at_once)
    return [Frame(start, counts[start : start + at_once], FEATURES) for start in starts]


def run(counts: Floats, at_once: int = 4) -> list[Verdict]:
    detector = FeedGap(BurstOptions())
    return [detector.update(frame) for frame in frames(counts, at_once)]


def scores(verdicts: Sequence[Verdict]) -> Floats:
    return np.vstack([verdict.score for verdict in verdicts])


def test_a_symbol_that_falls_silent_is_told_within_seconds_and_until_it_speaks() -> None:
    counts = flow(1, 6 * MINUTE)
    counts[3 * MINUTE : 4 * MINUTE, 2] = 0.0
    counts[4 * MINUTE, 2] = 1.0
    verdicts = run(counts)
    found = scores(verdicts) > 0.0
    assert not found[:, [0, 1, 3]].any()
    (told,) = np.flatnonzero(np.diff(found[:, 2].astype(int)) == 1) + 1
    assert 3 * MINUTE + 16 <= told <= 3 * MINUTE + 28
    assert found[told : 4 * MINUTE, 2].all()
    assert not found[4 * MINUTE :, 2].any()
    last = verdicts[MINUTE - 1]
    why = last.detail(3, np.array([2]))
    assert (int(why.onset_bin[0]), why.feature, why.observed[0]) == (3 * MINUTE, ("any",), 0.0)
    assert why.expected[0] == pytest.approx(RATES.sum() * MINUTE, rel=0.15)


def test_what_is_silent_was_not_observed_and_what_is_not_was() -> None:
    counts = flow(2, 4 * MINUTE)
    counts[3 * MINUTE :, 1, 1] = 0.0
    silent = run(counts)[-1].silent
    assert silent is not None
    assert silent[-1].sum() == 1
    assert silent[-1, 1, FEATURES.index("cancel")]


def test_many_thin_streams_that_stop_together_are_heard_as_the_venue() -> None:
    counts = flow(3, 6 * MINUTE, symbols=200, rate=0.01)
    counts[5 * MINUTE :, :, 1] = 0.0
    verdicts = run(counts)
    assert (scores(verdicts)[-1] > 0.0).all()
    assert verdicts[-1].detail(3, np.arange(3)).feature == ("cancel",) * 3


def test_orders_that_stop_after_a_rush_of_cancels_are_no_gap_for_a_minute() -> None:
    counts = flow(4, 6 * MINUTE, symbols=2)
    counts[3 * MINUTE : 3 * MINUTE + 4, 0, 1] = 40.0
    counts[3 * MINUTE + 4 :, 0, [0, 1, 3]] = 0.0
    found = scores(run(counts))[:, 0] > 0.0
    assert not found[: 4 * MINUTE].any()
    assert found[4 * MINUTE + 8 :].all()


def test_a_flow_that_ebbs_is_no_gap() -> None:
    ebb = np.maximum(np.exp(-np.arange(20 * MINUTE) / (4.0 * MINUTE)), 0.03)
    counts = np.random.default_rng(5).poisson(RATES * ebb[:, None, None], (20 * MINUTE, 3, 8))
    assert not (scores(run(counts.astype(np.float64))) > 0.0).any()


def test_forced_orders_that_end_are_no_gap() -> None:
    counts = flow(6, 8 * MINUTE)
    counts[3 * MINUTE : 4 * MINUTE, :, FEATURES.index("liquidation")] += 50.0
    assert not (scores(run(counts)) > 0.0).any()


def test_a_symbol_that_is_silent_for_an_hour_is_closed() -> None:
    counts = flow(7, 66 * MINUTE, symbols=2)
    counts[3 * MINUTE :, 0] = 0.0
    found = scores(run(counts, BLOCK))[:, 0] > 0.0
    assert found[62 * MINUTE]
    assert not found[64 * MINUTE :].any()


def test_pauses_that_a_stream_has_of_its_own_are_no_gap() -> None:
    counts = flow(8, 40 * MINUTE)
    for start in range(0, 40 * MINUTE, 2 * MINUTE):  # half of every two minutes
        counts[start + MINUTE : start + 2 * MINUTE, 0] = 0.0
    found = scores(run(counts, BLOCK))[:, 0] > 0.0
    assert not found[15 * MINUTE :].any()


@pytest.mark.parametrize("seed", range(3))
def test_quiet_flow_has_no_gaps(seed: int) -> None:
    counts = flow(seed, 40 * MINUTE, symbols=30, rate=float(np.random.default_rng(seed).random()))
    assert not (scores(run(counts, BLOCK)) > 0.0).any(), f"seed {seed}"


def test_a_rate_is_what_was_counted_over_the_time_it_took() -> None:
    counts = np.zeros((8 * BLOCK, 1, len(FEATURES)))
    counts[::2, 0, 0] = 3.0
    detector = FeedGap(BurstOptions())
    for frame in frames(counts):
        detector.update(frame)
    assert detector._rate()[0] == pytest.approx([1.5, 1.5])
