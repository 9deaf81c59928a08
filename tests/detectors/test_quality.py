"""How rare alarms are in quiet flow, and how often planted bursts are seen: by ratio, not by luck.

The flow is clustered: rates wander on their own (sd 0.2 over 5 s) and together (sd 0.15 over 30 s).
Every threshold stands beside what firing at random as often would reach.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import pytest

from detectors.base import Detector, Floats, State
from detectors.burst import Burst
from detectors.correlated import CorrelatedTest
from detectors.market_wide import MarketWide
from detectors.options import BurstOptions
from tests.detectors.flow import BINS_PER_S, CALM, Flow, Wander, frames

DAILY: Final = 5.54  # decades: once in a day of bins
QUIET: Final = 960  # bins in four minutes


class Venue:
    """One signal from flow to evidence."""

    def __init__(self, flow: Flow) -> None:
        options = BurstOptions()
        self.flow = flow
        self.burst: Detector = Burst("order_burst", "order", options)
        self.wide: Detector = MarketWide(("order",), options)
        self.test = CorrelatedTest(1, options)
        self.bin = 0

    def take(self, bins: int, boost: Floats | None = None) -> tuple[Floats, Floats]:
        """Scores, (T, S), and evidence, (T,), of that many bins."""
        scores, evidence = [], []
        for frame in frames(self.flow.take(bins, boost), first=self.bin):
            verdict, wide = self.burst.update(frame), self.wide.update(frame)
            scores.append(verdict.score)
            evidence.append(self.test.update(frame.bin, [verdict], [wide]).score)
        self.bin += bins
        return np.concatenate(scores), np.concatenate(evidence)

    def worst(self, seconds: int, boost: Floats | None = None) -> float:
        """The most evidence there was."""
        return float(self.take(seconds * BINS_PER_S, boost)[1].max())

    def parts(self) -> list[Detector | CorrelatedTest]:
        return [self.burst, self.wide, self.test]

    def state(self) -> list[State]:
        return [part.state() for part in self.parts()]

    def restore(self, states: list[State]) -> None:
        for part, state in zip(self.parts(), states, strict=True):
            part.restore(state)


@pytest.fixture(scope="module")
def warm() -> Callable[[int], Venue]:
    """Venues of so many symbols after an hour and a half, the same every time: long enough for
    what was seen to outweigh the prior of the tails, which is strict."""
    known: dict[int, tuple[Venue, list[State], int]] = {}

    def venue(streams: int) -> Venue:
        if streams not in known:
            made = Venue(Flow(1000, streams))
            made.take(5400 * BINS_PER_S)
            known[streams] = made, made.state(), made.bin
        made, states, start = known[streams]
        made.restore(states)
        made.bin = start
        return made

    return venue


def test_a_score_of_k_is_as_rare_as_it_says() -> None:
    """Excursions above k come at most three times as often as once in 10^k bins of a stream, if
    less often by the prior, which is strict. They last for up to a hundred bins, so that much
    more may the share of bins above k be."""
    blocks, exceeding, bins, above = 0, np.zeros(2), 0, np.zeros(2)
    levels = np.array([4.0, 5.0])
    seeds = range(2000, 2003)
    for seed in seeds:
        scores, _ = Venue(Flow(seed, 100)).take(120 * BINS_PER_S + 7 * QUIET)
        scores = scores[120 * BINS_PER_S :]
        maxima = scores.reshape(7, QUIET, 100).max(axis=1)
        blocks += maxima.size
        exceeding += (maxima[..., None] > levels).sum(axis=(0, 1))
        bins += scores.size
        above += (scores[..., None] > levels).sum(axis=(0, 1))
    promised = blocks * QUIET * 10.0**-levels
    shares = above / bins
    print(f"{exceeding} excursions for {promised}, {shares} of bins")  # noqa: T201 # shown by -s
    allowed = 3.0 * promised + 3.0
    assert (exceeding <= allowed).all(), f"{exceeding} for {promised}, seeds {seeds}"
    assert (shares <= 100.0 * 10.0**-levels).all(), f"{shares}, seeds {seeds}"
    assert exceeding[0] >= promised[0] / 20.0, f"too shy: {exceeding} for {promised}, {seeds}"


@pytest.mark.parametrize("streams", [1, 5, 12, 200])
def test_the_first_minutes_raise_no_false_alarm(streams: int) -> None:
    """Four starts of three minutes: a once-a-day alarm has one chance in 120."""
    for seed in range(3000, 3004):
        worst = Venue(Flow(seed, streams)).worst(200)
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
    worst = Venue(flow).worst(1200)
    assert worst < DAILY, f"{worst}, seed {seed}"


@pytest.mark.parametrize(
    "seconds",
    [2, 10, 25],
)
def test_a_stall_of_the_venue_is_not_a_burst_when_it_ends(
    warm: Callable[[int], Venue], seconds: int
) -> None:
    boost = np.ones((60 * BINS_PER_S, 1))
    boost[: seconds * BINS_PER_S] = 1e-12
    for seed in range(4500, 4508):
        venue = warm(60)
        venue.flow.rng = np.random.default_rng(seed)
        worst = venue.worst(60, boost)
        assert worst < DAILY, f"{worst}, seed {seed}"


@pytest.mark.parametrize(
    ("hit", "streams", "ratio", "seconds", "least"),
    [(1, 60, 2.0, 30, 0.2), (1, 60, 4.0, 5, 0.12), (5, 60, 2.0, 30, 0.75), (50, 200, 2.0, 5, 0.3)],
    ids=["one at 2x 30 s", "one at 4x 5 s", "five at 2x 30 s", "50 of 200 at 2x 5 s"],
)
def test_planted_bursts_are_seen_far_more_often_than_by_firing_at_random(
    warm: Callable[[int], Venue],
    hit: int,
    streams: int,
    ratio: float,
    seconds: int,
    least: float,
) -> None:
    bins, trials, seen = seconds * BINS_PER_S, 48, 0
    for seed in range(5000, 5000 + trials):
        venue = warm(streams)
        venue.flow.rng = np.random.default_rng(seed)
        boost = np.ones((bins, streams))
        boost[:, venue.flow.rng.choice(streams, hit, replace=False)] = ratio
        seen += venue.worst(seconds, boost) >= DAILY
    at_random = 1.0 - (1.0 - 10.0**-DAILY) ** bins
    print(f"seen {seen / trials:.2f}, at random {at_random:.4f}")  # noqa: T201 # shown by -s
    assert seen / trials >= least > 100.0 * at_random
