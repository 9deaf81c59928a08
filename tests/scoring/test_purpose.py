"""Tuning and scoring seeds never meet."""

import pytest

from monitor.scoring.purpose import SeedError, agreed_purpose


def test_seeds_of_one_purpose_agree() -> None:
    assert agreed_purpose([1_000_000, 1_000_001], calibrated=(), tuning=False) == "scoring"
    assert agreed_purpose([0, 999_999], calibrated=(), tuning=True) == "tuning"


@pytest.mark.parametrize("tuning", [False, True])
def test_seeds_of_both_purposes_are_never_scored_together(tuning: bool) -> None:
    with pytest.raises(SeedError, match=r"tuning seed 999999 and scoring seed 1000000"):
        agreed_purpose([1_000_000, 999_999], calibrated=(), tuning=tuning)


def test_tuning_seeds_are_scored_only_by_their_name() -> None:
    with pytest.raises(SeedError, match=r"tuning seeds 1, 2, 3 and 1 more: .*--tuning"):
        agreed_purpose([1, 2, 3, 4], calibrated=(), tuning=False)
    with pytest.raises(SeedError, match=r"--tuning, but seed 1000000 is for scoring"):
        agreed_purpose([1_000_000], calibrated=(), tuning=True)


def test_what_the_thresholds_were_measured_on_is_not_scored() -> None:
    with pytest.raises(SeedError, match=r"calibration in use was measured on seed 1000001"):
        agreed_purpose([1_000_000, 1_000_001], calibrated=[7, 1_000_001], tuning=False)
    assert agreed_purpose([1_000_000], calibrated=[7], tuning=False) == "scoring"
    assert agreed_purpose([7], calibrated=[7], tuning=True) == "tuning"


def test_a_seed_counts_once() -> None:
    with pytest.raises(SeedError, match=r"seed 1000002: one log a seed"):
        agreed_purpose([1_000_002, 1_000_003, 1_000_002], calibrated=(), tuning=False)
