"""Evidence for the venue: what tests cost, what is learned of quiet, and of what is loud."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.base import BLOCK, Detail, Floats, Frame, State, Verdict
from detectors.burst import Bursts
from detectors.correlated import (
    OTHERS_DECADES,
    SCORE_MAX,
    STREAMS_DECADES,
    CorrelatedTest,
    Evidence,
)
from detectors.mixture import SIZE
from detectors.options import BurstOptions
from detectors.tail import EXCESS_MAX, LN10
from detectors.windows import SCALES

OPTIONS = BurstOptions()
HALF_HOUR = 450  # blocks


def _nothing(_: int, streams: NDArray[np.intp]) -> Detail:
    return Detail(np.zeros(streams.size, np.int64), np.zeros(streams.size), np.zeros(streams.size))


def verdict(score: Floats, mixture: Floats | None = None) -> Verdict:
    """Of streams, (T, S) or (S,) for one bin, with a mixture that is silent by default."""
    score = np.atleast_2d(score)
    if mixture is None:
        mixture = np.zeros((len(score), SIZE))
    return Verdict("order_burst", ("order",), score, _nothing, np.atleast_2d(mixture))


def venue(score: float, bins: int = 1) -> list[Verdict]:
    return [Verdict("market_wide", ("order",), np.full((bins, 1), score), _nothing, venue=True)]


def promised(test: CorrelatedTest, decades: float) -> float:
    """What the best test's decades are worth by the tail that was learned."""
    return float(test.venue.decades(np.array([[max(decades, 0.0) * LN10]]))[0, 0])


class Quiet:
    """Bins of quiet streams, whose mixtures are noise as well."""

    def __init__(self, seed: int, streams: int = 30, signals: int = 1) -> None:
        self.rng = np.random.default_rng(seed)
        self.streams, self.signals = streams, signals

    def take(self, bins: int) -> list[Verdict]:
        found = []
        for _ in range(self.signals):
            score = self.rng.exponential(0.4, (bins, self.streams))
            found.append(verdict(score, self.rng.exponential(0.5, (bins, SIZE))))
        return found

    def feed(self, test: CorrelatedTest, blocks: int, first: int = 0) -> int:
        """Returns the bin that comes next."""
        for block in range(blocks):
            test.update(first + block * BLOCK, self.take(BLOCK), venue(0.2, BLOCK))
        return first + blocks * BLOCK


def told(evidence: Evidence) -> list[bytes]:
    """All of it, bin by bin."""
    return [
        b"".join(
            part.tobytes()
            for part in (
                evidence.score[t],
                evidence.streams(t),
                *(alone[t] for alone in evidence.alone),
                evidence.members(t),
                evidence.mixture[t],
            )
        )
        for t in range(evidence.score.size)
    ]


def plain(state: State) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in state.items()}


def test_the_best_stream_pays_for_all_streams_and_all_tests() -> None:
    test = CorrelatedTest(1, OPTIONS)
    alone = np.log10(3) + STREAMS_DECADES
    found = test.update(5, [verdict(np.array([1.0, np.nan, 9.0, 2.0]))], venue(3.0))
    assert found.score[0] == pytest.approx(promised(test, 9.0 - alone))
    assert found.streams(0)[0, 2] == found.score[0]
    assert found.streams(0)[0, 0] == pytest.approx(
        promised(test, 1.0 - np.log10(3) - STREAMS_DECADES)
    )
    assert found.streams(0)[0, 1] == -np.inf
    assert np.isneginf(found.mixture).all()  # it does not know quiet yet


def test_the_streams_of_all_signals_are_paid_for_and_those_without_opinion_are_not() -> None:
    test = CorrelatedTest(2, OPTIONS)
    loud, calm = np.full((2, 40), 0.5), np.full((2, 40), 0.5)
    loud[:, 3] = 8.0
    calm[1, 10:] = np.nan
    found = test.update(0, [verdict(loud), verdict(calm)], venue(0.0, 2))
    for t, streams in ((0, 80), (1, 50)):
        assert found.score[t] == pytest.approx(
            promised(test, 8.0 - np.log10(streams) - STREAMS_DECADES)
        )


def test_the_venue_pays_for_the_tests_and_its_own_detectors_only() -> None:
    test = CorrelatedTest(1, OPTIONS)
    found = test.update(0, [verdict(np.ones(50))], venue(8.0) + venue(1.0))
    assert found.score[0] == pytest.approx(promised(test, 8.0 - np.log10(2) - OTHERS_DECADES))
    assert found.alone[0][0, 0] == found.score[0]
    assert found.alone[1][0, 0] == pytest.approx(promised(test, 1.0 - np.log10(2) - OTHERS_DECADES))


def test_no_opinion_is_no_evidence() -> None:
    test = CorrelatedTest(2, OPTIONS)
    nobody = verdict(np.full((BLOCK, 3), np.nan))
    for block in range(40):
        found = test.update(block * BLOCK, [nobody, nobody], venue(np.nan, BLOCK))
    assert (found.score == 0.0).all()
    assert np.isneginf(found.streams(0)).all()
    assert np.isneginf(found.alone[0]).all()
    assert not found.members(0).any()
    assert (found.mixture <= 0.0).all()
    assert not test.venue.seen.any()  # silence is not quiet


def test_a_venue_without_symbols_has_no_evidence() -> None:
    found = CorrelatedTest(1, OPTIONS).update(0, [verdict(np.zeros((4, 0)))], venue(np.nan, 4))
    assert (found.score == 0.0).all()


def test_many_weak_streams_are_evidence_that_none_of_them_is() -> None:
    test, quiet = CorrelatedTest(1, OPTIONS), Quiet(4, streams=200)
    now = quiet.feed(test, HALF_HOUR)
    score, mixture = np.full(200, 0.5), np.full(SIZE, 0.5)
    score[:30] = 3.0
    mixture[SCALES + 4] = 30.0  # of many streams, in 4 s
    found = test.update(now, [verdict(score, mixture)], venue(0.2))
    assert found.streams(0).max() < 1.0
    assert found.mixture.max() > 6.0
    assert found.score[0] == found.mixture.max()
    assert np.flatnonzero(found.members(0)[0]).tolist() == list(range(30))


def test_a_mixture_over_all_signals_adds_up_what_each_of_them_says() -> None:
    test, quiet = CorrelatedTest(3, OPTIONS), Quiet(5, signals=3)
    now = quiet.feed(test, HALF_HOUR)
    mixture = np.full(SIZE, 0.5)
    mixture[SCALES + 4] = 4.0
    each = verdict(np.full(30, 0.5), mixture)
    found = test.update(now, [each] * 3, venue(0.2))
    assert found.mixture.shape == (1, 4)
    assert found.mixture[0, 3] > found.mixture[0, :3].max() + 0.5


def test_quiet_mixtures_are_centred_on_their_own_past() -> None:
    test, quiet = CorrelatedTest(1, OPTIONS), Quiet(6)
    now = quiet.feed(test, 2 * HALF_HOUR)
    np.testing.assert_allclose(test.mean[0], 0.5, atol=0.15)
    spread = np.sqrt(test.square - test.mean**2)
    np.testing.assert_allclose(spread[0], 0.5, atol=0.2)
    found = [
        test.update(now + i * BLOCK, quiet.take(BLOCK), venue(0.2, BLOCK)).mixture.max()
        for i in range(100)
    ]
    assert np.mean(np.array(found) > 3.0) < 0.05


def test_evidence_never_falls_as_a_score_rises() -> None:
    test, quiet = CorrelatedTest(1, OPTIONS), Quiet(7)
    loudness = np.zeros(30)
    loudness[:3] = 1.0, 0.1, 0.05
    scores = np.linspace(0.0, 40.0, BLOCK)[:, None] * loudness
    for blocks in (0, HALF_HOUR):
        now = quiet.feed(test, blocks)
        found = test.update(now, [verdict(scores)], venue(0.0, BLOCK)).score
        assert (np.diff(found) >= 0).all()
        assert found[-1] == pytest.approx(
            promised(test, SCORE_MAX - np.log10(30) - STREAMS_DECADES)
        )


def test_tests_that_are_too_loud_on_quiet_days_are_believed_less() -> None:
    """A day in which the best of tests that depend on each other reaches 5 decades every hour."""
    test, fresh = CorrelatedTest(1, OPTIONS), CorrelatedTest(1, OPTIONS)
    calm, loud = np.zeros((1, 1)), np.full((1, 1), 5.0 + STREAMS_DECADES)
    for block in range(24 * 900):
        score = loud if block % 900 == 0 else calm  # only a block's last bin: the rest is silent
        test.update(block * BLOCK + BLOCK - 1, [verdict(score)], venue(0.0))
    assert promised(test, 5.0) == pytest.approx(np.log10(3600 * 4), abs=0.5)  # once an hour
    eight = [verdict(np.array([[8.0]]))]  # far out, since a fresh one is cautious, too
    believed = test.update(0, eight, venue(0.0)).score[0]
    assert believed < fresh.update(0, eight, venue(0.0)).score[0] - 0.3


def test_what_is_loud_is_learned_but_for_no_more_than_a_few_mean_excesses() -> None:
    test, quiet = CorrelatedTest(1, OPTIONS), Quiet(9)
    now = quiet.feed(test, 2 * HALF_HOUR)
    centre = {name: getattr(test, name).copy() for name in ("mean", "square")}
    tails = (*test.tails, test.venue)
    before = [(tail.seen.copy(), tail.excess.copy(), 1.0 / (tail.slope * LN10)) for tail in tails]
    for block in range(60):  # four minutes of a deafening anomaly: one maximum
        score, mixture = np.full((BLOCK, 30), 20.0), np.full((BLOCK, SIZE), 80.0)
        loud = verdict(score, mixture)
        found = test.update(now + block * BLOCK, [loud], venue(20.0, BLOCK))
    for name, value in centre.items():
        assert (getattr(test, name) == value).all(), name
    for tail, (seen, excess, mean) in zip(tails, before, strict=True):
        np.testing.assert_allclose(tail.seen, seen + 1.0, rtol=1e-3)
        grown, most = tail.excess - excess, EXCESS_MAX * mean
        assert (grown <= most * 1.001).all()
        np.testing.assert_allclose(grown[:8], most[:8], atol=0.02)  # of windows seen often enough
    again = test.update(now + 60 * BLOCK, [loud], venue(20.0, BLOCK))
    assert again.score.max() > 0.7 * found.score.max()  # the next is heard


def test_a_mixture_has_no_opinion_before_it_knows_quiet() -> None:
    test, quiet = CorrelatedTest(1, OPTIONS), Quiet(10)
    warm_up = 11  # a block until the shortest windows are whole, and those of forty seconds
    now = quiet.feed(test, warm_up - 1)
    assert np.isneginf(test.update(now, quiet.take(BLOCK), venue(0.2, BLOCK)).mixture).all()
    assert np.isfinite(test.update(now + BLOCK, quiet.take(1), venue(0.2)).mixture).all()


@pytest.mark.parametrize("sizes", [[16], [1, 16], [2, 3, 5, 11]])
def test_how_bins_are_handed_over_changes_nothing(sizes: list[int]) -> None:
    """Also with streams that come, opinions that are missing, a silence, and restarts."""
    seed = 11
    rng = np.random.default_rng(seed)
    quiet = Quiet(seed, signals=2)
    one, many = CorrelatedTest(2, OPTIONS), CorrelatedTest(2, OPTIONS)
    now = 7
    for part in range(120):
        if part in (60, 80):
            quiet.streams += 5
            now += 1000 * (part == 80)
        bins = min(BLOCK - now % BLOCK, 9 if part == 60 else BLOCK)
        whole = quiet.take(bins)
        whole[part % 2].score[:, part % 7] = np.nan
        expected = [line for t in range(bins) for line in told(_hand(one, now, whole, t, 1))]
        found, at = [], 0
        while at < bins:
            size = min(int(rng.choice(sizes)), bins - at)
            found += told(_hand(many, now, whole, at, size))
            at += size
        assert found == expected, f"seed {seed}, bins from {now} on"
        assert plain(one.state()) == plain(many.state()), f"seed {seed}, bin {now + bins}"
        resumed = CorrelatedTest(2, OPTIONS)
        resumed.restore(many.state())
        many, now = resumed, now + bins


def _hand(
    test: CorrelatedTest, first: int, whole: Sequence[Verdict], at: int, bins: int
) -> Evidence:
    """Give a test some bins of a longer frame."""
    part = slice(at, at + bins)
    cut = [
        replace(v, score=v.score[part], mixture=None if v.mixture is None else v.mixture[part])
        for v in whole
    ]
    return test.update(first + at, cut, venue(0.3, bins))


@pytest.mark.parametrize("seed", range(3))
def test_a_young_monitor_of_many_quiet_symbols_and_a_busy_one_is_quiet(seed: int) -> None:
    # A thousand independent Poisson symbols: one of them has a tenth of all, most have next to
    # none. For the first minutes quiet streams are expected at far more than they do.
    rng = np.random.default_rng(seed)
    rate = np.arange(1, 1001) ** -1.2
    mean = 1000.0 * rate[:, None] / rate.sum() * np.array([0.55, 0.44, 0.01])
    names = ("order", "cancel", "leverage")
    bursts = Bursts({f"{name}_burst": name for name in names}, BurstOptions())
    test = CorrelatedTest(len(names), BurstOptions())
    info = np.log10(3_600 * 4)
    for first in range(0, 4 * 240, BLOCK):
        counts = rng.poisson(mean, (BLOCK, *mean.shape)).astype(np.float64)
        evidence = test.update(first, bursts.update(Frame(first, counts, names)), [])
        assert evidence.score.max() < info, first
