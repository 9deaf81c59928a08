"""Burst signals judged together: the same as alone, and of what never came no opinion."""

import numpy as np
import pytest

from detectors.base import BLOCK, Floats, Frame
from detectors.burst import Burst, Bursts
from detectors.correlated import CorrelatedTest, Evidence
from detectors.options import BurstOptions
from detectors.registry import BURSTS
from tests.detectors.flow import BINS_PER_S, Flow, frames, told

OPTIONS = BurstOptions()
FEATURES = tuple(BURSTS.values())
WEEKLY = 6.38  # decades: once in a week of bins


def market(seed: int, bins: int, symbols: int = 30) -> list[Frame]:
    """Five kinds of events, busy and rare, with symbols that come and bins that are not seen."""
    means = ((5.0, 40.0), (0.5, 20.0), (0.02, 0.2), (0.0005, 0.002), (0.01, 4.0))
    counts = np.stack([Flow(seed, symbols, mean=mean).take(bins) for mean in means], axis=2)
    counts[bins // 2 : bins // 2 + 40, 3] *= 4.0
    counts[bins // 3, 7] = np.nan
    late = len(counts) // 4 // BLOCK * BLOCK
    first = frames(counts[:late, : symbols - 4], FEATURES)
    return first + frames(counts[late:], FEATURES, first=late)


@pytest.mark.parametrize("seed", [1, 2])
def test_signals_judged_together_say_what_each_says_alone_to_the_bit(seed: int) -> None:
    together = Bursts(BURSTS, OPTIONS)
    alone = [Burst(signal, feature, OPTIONS) for signal, feature in BURSTS.items()]
    for frame in market(seed, 120 * BINS_PER_S):
        for ours, detector in zip(together.update(frame), alone, strict=True):
            theirs = detector.update(frame)
            assert (ours.signal, ours.feature) == (theirs.signal, theirs.feature)
            assert told(ours) == told(theirs), f"seed {seed}, bin {frame.bin}, {ours.signal}"


class Venue:
    """Orders on every symbol, and liquidations where they are planted."""

    def __init__(self, seed: int, symbols: int = 40) -> None:
        self.flow = Flow(seed, symbols)
        self.bursts = Bursts({"order_burst": "order", "liquidation_burst": "liquidation"}, OPTIONS)
        self.test = CorrelatedTest(2, OPTIONS)
        self.bin = 0

    def take(self, planted: Floats) -> list[tuple[Floats, Evidence]]:
        """Scores of liquidations, (T, S), and evidence, a block each."""
        found = []
        counts = np.stack([self.flow.take(len(planted)), planted], axis=2)
        for frame in frames(counts, ("order", "liquidation"), first=self.bin):
            verdicts = self.bursts.update(frame)
            found.append((verdicts[1].score, self.test.update(frame.bin, verdicts, [])))
        self.bin += len(planted)
        return found

    def silence(self, seconds: int) -> list[tuple[Floats, Evidence]]:
        return self.take(np.zeros((seconds * BINS_PER_S // BLOCK * BLOCK, self.flow.mean.size)))


def test_a_stream_that_never_had_an_event_has_no_opinion_and_costs_the_others_nothing() -> None:
    seed = 3
    venue, without = Venue(seed), Venue(seed)
    without.bursts, without.test = (
        Bursts({"order_burst": "order"}, OPTIONS),
        CorrelatedTest(1, OPTIONS),
    )
    counts = venue.flow.take(120 * BINS_PER_S)
    both = np.stack([counts, np.zeros_like(counts)], axis=2)
    for frame in frames(both, ("order", "liquidation")):
        verdicts, fewer = venue.bursts.update(frame), without.bursts.update(frame)
        assert np.isnan(verdicts[1].score).all()
        ours = venue.test.update(frame.bin, verdicts, [])
        theirs = without.test.update(frame.bin, fewer, [])
        assert (ours.streams(0)[0] == theirs.streams(0)[0]).all(), f"seed {seed}, bin {frame.bin}"


@pytest.mark.parametrize("seed", range(3))
def test_a_first_liquidation_after_an_hour_of_silence_does_not_page(seed: int) -> None:
    venue = Venue(seed)
    venue.silence(3600)
    for ever in ("the first ever", "the first in half an hour"):
        one = np.zeros((4 * BLOCK, 40))
        one[5, 7] = 1.0
        blocks = venue.take(one)
        assert np.isfinite(blocks[1][0][:, 7]).all(), "from the next block on there is an opinion"
        worst = max(float(evidence.score.max()) for _, evidence in blocks)
        assert worst < WEEKLY - 1.0, f"{ever}: {worst}, seed {seed}"
        venue.silence(1800)


@pytest.mark.parametrize("seed", range(2))
def test_a_cascade_of_first_liquidations_is_heard_when_its_block_has_ended(seed: int) -> None:
    venue = Venue(seed)
    venue.silence(600)
    cascade = np.zeros((3 * BLOCK, 40))
    cascade[4:, :3] = 5.0
    blocks = venue.take(cascade)
    assert np.isnan(blocks[0][0]).all()
    assert blocks[1][1].score[0] >= WEEKLY, f"seed {seed}"
    assert (blocks[1][0][0, :3] >= WEEKLY).all(), f"seed {seed}"
    assert np.isnan(blocks[1][0][:, 3:]).all()
