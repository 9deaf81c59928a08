"""The quiet venue of the weeks, for a few minutes of them."""

import numpy as np

from detectors.registry import BURSTS
from tests.quality.clustered import DECADES
from tests.quality.null import KINDS, WIDE, Venue


def test_the_quiet_venue_has_all_that_burst_signals_count() -> None:
    assert set(KINDS) == set(BURSTS.values())
    assert set(WIDE) <= set(KINDS)


def test_minutes_without_a_burst_page_nobody_and_are_the_same_again() -> None:
    seed = 6000
    first, again = Venue(seed), Venue(seed)
    scores = first.take(2400)
    assert scores.shape == (2400,)
    assert scores.max() < DECADES["a day"], f"seed {seed}: {scores.max()}"
    np.testing.assert_array_equal(again.take(2400), scores, err_msg=f"seed {seed}")
