"""The study in small, on tuning seeds, so that nobody looks at scoring seeds with every test run.

It guards ratios to the baselines on the same logs, which no machine and no lucky seed changes much.
"""

from typing import Final

import pytest

from monitor.config import Config
from monitor.scoring.score import score
from monitor.scoring.scorecard import Scorecard
from monitor.scoring.simulated import SimulatedLog
from monitor.simulator import Options

SEEDS: Final = range(40, 44)


@pytest.fixture(scope="module")
def card() -> Scorecard:
    """Four accounts that stuff quotes, one a log, and quiet flow."""
    loud = [
        Options(
            seed=seed,
            scenario="quote_stuffing",
            size="large",
            duration_s=270,
            onset_s=190,  # by then the price-only baseline has an opinion too
            symbols=6,
            rate=600,
        )
        for seed in SEEDS
    ]
    quiet = Options(seed=SEEDS[-1] + 1, duration_s=400, symbols=6, rate=600)
    return score([SimulatedLog(o) for o in (*loud, quiet)], Config(), tuning=True)


def test_pages_are_right_more_often_than_the_baselines_at_the_same_rate(card: Scorecard) -> None:
    said = f"seeds {card.seeds}: {card.monitor}"
    assert card.monitor.right >= 0.75 * len(SEEDS), said
    assert card.monitor.right >= 2.0 * card.at_random.right, said
    assert card.monitor.right >= 2.0 * card.price_only.right, said


def test_pages_are_wrong_less_often_than_the_baselines_at_the_same_rate(card: Scorecard) -> None:
    said = f"seeds {card.seeds}: {card.judged}"
    for baseline in (card.at_random, card.price_only):
        assert card.monitor.wrong_share is not None, said
        assert baseline.wrong_share is not None, said
        assert card.monitor.wrong_share <= 0.5 * baseline.wrong_share, said


def test_what_pages_is_seen_within_seconds(card: Scorecard) -> None:
    (cell,) = (cell for cell in card.monitor.cells if cell.scenario == "quote_stuffing")
    assert cell.delay_s is not None, f"seeds {card.seeds}"
    assert cell.delay_s.p50 <= 10.0, f"seeds {card.seeds}: {cell}"
