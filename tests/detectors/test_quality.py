"""How rare alarms are in quiet flow, and how often planted bursts are seen: by ratio, not by luck.

The flow is clustered: rates wander on their own (sd 0.2 over 5 s) and together (sd 0.15 over 30 s).
Every threshold stands beside what firing at random as often would reach.
"""

from typing import Final

import numpy as np
import pytest

from detectors.base import Detector, Floats, State, Verdict
from detectors.burst import Burst
from detectors.correlated import CorrelatedTest, Evidence
from detectors.market_wide import MarketWide
from detectors.options import BurstOptions
from tests.detectors.flow import BINS_PER_S, CALM, Flow, Wander, frames

DAILY: Final = 5.54  # decades: once in a day of bins
BLOCK: Final = 960  # bins in four minutes


class Venue:
    """One signal from flow to evidence."""

    def __init__(self, flow: Flow) -> None:
        options = BurstOptions()
        self.flow = flow
        self.burst: Detector = Burst("order_burst", "order", options)
        self.wide: Detector = MarketWide(("order",), options)
        self.test = CorrelatedTest(1, options)
        self.bin = 0

    def take(self, bins: int, boost: Floats | None = None) -> list[tuple[Verdict, Evidence]]:
        found = []
        for frame in frames(self.flow.take(bins, boost), first=self.bin):
            verdict, wide = self.burst.update(frame), self.wide.update(frame)
            found.append((verdict, self.test.update([verdict], [wide])))
        self.bin += bins
        return found

    def parts(self) -> list[Detector | CorrelatedTest]:
        return [self.burst, self.wide, self.test]

    def state(self) -> list[State]:
        return [part.state() for part in self.parts()]

    def restore(self, states: list[State]) -> None:
        for part, state in zip(self.parts(), states, strict=True):
            part.restore(state)


@pytest.fixture(scope="module")
def warm() -> tuple[Venue, list[State], int]:
    """Sixty symbols after half an hour."""
    venue = Venue(Flow(1000, 60))
    venue.take(1800 * BINS_PER_S)
    return venue, venue.state(), venue.bin


def test_a_score_of_k_is_as_rare_as_it_says() -> None:
    """Excursions above k come at most three times as often as once in 10^k bins of a stream, if
    less often by the prior, which is strict. They last for up to a hundred bins, so that much
    more may the share of bins above k be."""
    blocks, exceeding, bins, above = 0, np.zeros(2), 0, np.zeros(2)
    levels = np.array([4.0, 5.0])
    seeds = range(2000, 2003)
    for seed in seeds:
        told = Venue(Flow(seed, 100)).take(120 * BINS_PER_S + 7 * BLOCK)
        scores = np.array([verdict.score for verdict, _ in told[120 * BINS_PER_S :]])
        maxima = scores.reshape(7, BLOCK, 100).max(axis=1)
        blocks += maxima.size
        exceeding += (maxima[..., None] > levels).sum(axis=(0, 1))
        bins += scores.size
        above += (scores[..., None] > levels).sum(axis=(0, 1))
    promised = blocks * BLOCK * 10.0**-levels
    allowed = 3.0 * promised + 3.0
    assert (exceeding <= allowed).all(), f"{exceeding} for {promised}, seeds {seeds}"
    shares = above / bins
    assert (shares <= 100.0 * 10.0**-levels).all(), f"{shares}, seeds {seeds}"
    assert exceeding[0] >= promised[0] / 20.0, f"too shy: {exceeding} for {promised}, {seeds}"


@pytest.mark.parametrize("streams", [1, 5, 12, 200])
def test_the_first_minutes_raise_no_false_alarm(streams: int) -> None:
    """Four starts of three minutes: a once-a-day alarm has one chance in 120."""
    for seed in range(3000, 3004):
        told = Venue(Flow(seed, streams)).take(200 * BINS_PER_S)
        worst = max(evidence.score for _, evidence in told)
        assert worst < DAILY, f"{worst} with {streams} streams, seed {seed}"


@pytest.mark.parametrize(
    ("mean", "dispersion", "wander"),
    [
        ((0.0025, 0.025), (1.5, 3.5), None),
        ((400.0, 600.0), (1.5, 3.5), None),
        ((0.3, 60.0), (1.0, 1.0), CALM),
    ],
    ids=["near silence", "500 a bin", "Poisson"],
)
def test_unusual_venues_raise_no_false_alarm(
    mean: tuple[float, float], dispersion: tuple[float, float], wander: Wander | None
) -> None:
    seed = 4000
    flow = Flow(seed, 40, mean=mean, dispersion=dispersion)
    if wander is not None:
        flow = Flow(seed, 40, mean=mean, dispersion=dispersion, own=wander, common=wander)
    worst = max(evidence.score for _, evidence in Venue(flow).take(1200 * BINS_PER_S))
    assert worst < DAILY, f"{worst}, seed {seed}"


@pytest.mark.parametrize("seconds", [2, 10, 25])
def test_a_stall_of_the_venue_is_not_a_burst_when_it_ends(
    warm: tuple[Venue, list[State], int], seconds: int
) -> None:
    venue, state, start = warm
    venue.restore(state)
    venue.bin = start
    boost = np.ones((60 * BINS_PER_S, 1))
    boost[: seconds * BINS_PER_S] = 1e-12
    worst = max(evidence.score for _, evidence in venue.take(len(boost), boost))
    assert worst < DAILY


@pytest.mark.parametrize(
    ("streams", "ratio", "seconds", "least"),
    [(1, 2.0, 30, 0.2), (1, 4.0, 5, 0.12), (5, 2.0, 30, 0.75)],
    ids=["one at 2x for 30 s", "one at 4x for 5 s", "five at 2x for 30 s"],
)
def test_planted_bursts_are_seen_far_more_often_than_by_firing_at_random(
    warm: tuple[Venue, list[State], int], streams: int, ratio: float, seconds: int, least: float
) -> None:
    venue, state, start = warm
    bins, trials, seen = seconds * BINS_PER_S, 24, 0
    for seed in range(5000, 5000 + trials):
        venue.restore(state)
        venue.bin = start
        venue.flow.rng = np.random.default_rng(seed)
        boost = np.ones((bins, 60))
        boost[:, venue.flow.rng.choice(60, streams, replace=False)] = ratio
        seen += any(evidence.score >= DAILY for _, evidence in venue.take(bins, boost))
    at_random = 1.0 - (1.0 - 10.0**-DAILY) ** bins
    print(f"seen {seen / trials:.2f}, firing at random {at_random:.4f}")  # noqa: T201
    assert seen / trials >= least > 100.0 * at_random
