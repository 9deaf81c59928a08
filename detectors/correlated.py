"""Evidence for the whole venue, from the surprise of single streams: where incidents come from.

Four kinds of test share the budget of wrong alarms. The maximum over streams sees few strong ones.
Several signals on the same symbols say more together (joint.py). Mixtures (mixture.py) see several
that are each too weak, within a signal and over all signals, at every window length. The venue's
own streams (market_wide) see what moves everything. A mixture's quiet law depends on the venue, so
it is centred on its own past and has calibrated tails of its own. The best of all tests has a
calibrated tail again, so that what is promised does not hang on how the tests depend on each other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import BLOCK, Bools, Floats, State, Verdict, nest, pack, unnest, unpack
from detectors.joint import Joint
from detectors.mixture import BELIEFS, SIZE
from detectors.nullcheck import NullCheck
from detectors.options import BurstOptions
from detectors.tail import LN10, Tail, TailPrior
from detectors.windows import LENGTHS, SCALES

# How the tests share the budget, in decades that each pays: half goes to single streams, which have
# nothing else to be found by, and the rest in equal parts to the other three.
STREAMS_DECADES: Final = float(np.log10(2.0))
OTHERS_DECADES: Final = float(np.log10(6.0))
MIXTURES_DECADES: Final = float(np.log10(4.0))  # many mixtures, which hear much the same
MEMBER_DECADES: Final = 1.7  # a stream this loud is part of what a loud mixture hears
SCORE_MAX: Final = 30.0
STREAMS_MIN: Final = 5  # with fewer there is no mixture
SD_MIN: Final = (
    0.3  # nats; a sum over few streams is nearly always zero, and its spread means little
)
MEMORY_S: Final = 1800.0
WARM_UP_S: Final = 40.0
WARM_UP_WINDOWS: Final = 8.0  # of its own length, before a mixture's spread is known at all
QUIET_DECADES: Final = 5.0  # up to here a mixture's mean is learned
# The mixture of few streams is a logarithm already: its tail begins at a value, in nats. That of
# many streams is a sum, and begins at so many standard deviations.
PRIORS: Final = (
    TailPrior(level=0.7, share=0.15, excess=0.5, exceedances=10.0),
    TailPrior(level=6.0, share=0.2, excess=1.3, exceedances=10.0),
)
IN_NATS: Final = (True, False)
VENUE: Final = TailPrior(level=4.0 * LN10, share=0.25, excess=1.05, caution=1.0)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What each bin of a frame says about the venue.

    score: (T,) decades, venue-wide, the best of the tests.
    alone: (V, T, n) venue-wide decades of the venue's own streams.
    mixture: (T, Q + 1) decades of the mixtures by signal, and over all signals last.
    joint: (T,) decades of signals together. together: (T, S) the symbols that these come from.
    loudest: (Q + L, T, S) decades of each stream of each signal by itself, bursts before levels;
    NaN, no opinion. cost: (T,) decades that it takes to be the loudest of all.
    calibrated: what turns decades into venue-wide ones.
    """

    score: Floats
    alone: Sequence[Floats]
    mixture: Floats
    joint: Floats
    together: Bools
    loudest: Floats
    cost: Floats
    calibrated: Callable[[Floats], Floats]

    def streams(self, at: int) -> Floats:
        """(Q + L, S) venue-wide decades of each stream of each signal in a bin."""
        return self.calibrated(_capped(self.loudest[:, at]) - self.cost[at])

    def members(self, at: int) -> Bools:
        """(Q, S) streams that the mixture believes to be part of the anomaly in a bin."""
        believed = self.mixture[at, :-1, None] > 0
        return np.asarray((self.loudest[: len(believed), at] > MEMBER_DECADES) & believed)

    def joined(self, at: int) -> Bools:
        """(Q + L, S) streams that are loud together in a bin."""
        return np.asarray((self.loudest[:, at] > MEMBER_DECADES) & self.together[at])


class CorrelatedTest:
    """Q burst signals and L levels over S symbols to venue-wide decades."""

    _STATE = ("blocks", "mean", "square", "sample", "best", "heard")

    def __init__(self, signals: int, options: BurstOptions, *, levels: int = 0) -> None:
        self.joint = Joint(signals + levels, options)
        self.blocks = 0
        self.mean = np.zeros((signals + 1, SIZE))
        self.square = np.ones((signals + 1, SIZE))
        self.sample = np.full((signals + 1, SIZE), np.nan)
        self.best = 0.0
        self.heard = False  # whether any stream had an opinion in this block
        self._fade = BLOCK / options.bins(MEMORY_S)
        lengths = np.array(LENGTHS) / BLOCK
        self._filled = np.ceil(1.5 * lengths)  # blocks until a window can be whole
        self._warm = np.maximum(options.bins(WARM_UP_S) / BLOCK, WARM_UP_WINDOWS * lengths)
        self._worth = np.minimum(1.0, 1.0 / lengths)  # of a block's sample, as windows overlap
        scales = (signals + 1) * SCALES
        self.tails = [Tail(scales, prior, options) for prior in PRIORS]
        self.venue = Tail(1, VENUE, options)
        for tail in (*self.tails, self.venue):
            tail.resize(1)
        self.check = NullCheck(options)
        self._refresh()

    def update(
        self,
        first: int,
        verdicts: Sequence[Verdict],
        venue: Sequence[Verdict],
        levels: Sequence[Verdict] = (),
    ) -> Evidence:
        """Test the bins from `first` on, then learn what quiet looks like. verdicts: Q of them,
        levels: L of them."""
        scores = np.stack([verdict.score for verdict in (*verdicts, *levels)])
        opinion = np.isfinite(scores)
        each = np.add.reduce(opinion, axis=2, dtype=np.int64).T
        total = each.sum(axis=1, keepdims=True)
        heard = each[:, : len(verdicts)]
        cost = np.log10(np.maximum(total[:, 0], 1)) + STREAMS_DECADES
        counted = heard.sum(axis=1, keepdims=True)
        enough = np.concatenate([heard, counted], axis=1) >= STREAMS_MIN
        mixtures = np.where(enough, self._mixtures(first, verdicts), -np.inf)
        alone = [_alone(verdict.score, len(venue)) for verdict in venue]
        best = _capped(np.fmax.reduce(scores, axis=(0, 2), initial=-np.inf)) - cost
        several, together = self.joint.update(scores)
        own = np.column_stack([best, several - OTHERS_DECADES])
        tests = np.concatenate([own, mixtures, *alone], axis=1)
        tests[:, 0] = raw = np.maximum(tests.max(axis=1), 0.0)
        self.best = max(self.best, float(raw.max()))
        self.heard |= bool(total.any())
        calibrated = partial(_calibrated, self.venue.law)
        ends = np.cumsum([1, 1, mixtures.shape[1], *(score.shape[1] for score in alone)])
        score, joint, mixture, *venues = np.split(calibrated(tests), ends[:-1], axis=1)
        evidence = Evidence(
            score[:, 0], venues, mixture, joint[:, 0], together, scores, cost, calibrated
        )
        if (first + len(raw)) % BLOCK == 0:
            self._learn()
        return evidence

    def _mixtures(self, first: int, verdicts: Sequence[Verdict]) -> Floats:
        """(T, Q + 1) decades by signal and over all; -inf before they can be known."""
        parts = [verdict.mixture for verdict in verdicts if verdict.mixture is not None]
        each = np.stack([*parts, np.sum(parts, axis=0)], axis=1)
        bins = len(each)
        at = first // BLOCK * 7 % BLOCK - first % BLOCK  # not always the same bin of a second
        if 0 <= at < bins:
            self.sample = each[at].copy()
        if not self._known.any():
            return np.full(each.shape[:2], -np.inf)
        away = (each - self.mean).reshape(bins, -1, len(BELIEFS), SCALES)
        spread = self._sd.reshape(-1, len(BELIEFS), SCALES)
        worth = np.maximum(self._samples * self._worth, 1.0)
        found = np.full(each.shape[:2], -np.inf)
        for belief, tail in enumerate(self.tails):
            value = away[:, :, belief]
            if not IN_NATS[belief]:  # a spread known by few samples: Student's tail
                value = value / spread[:, belief]
                value = np.sign(value) * np.sqrt(worth * np.log1p(value**2 / worth))
            flat = np.where(self._known, value, 0.0).reshape(bins, -1).T
            tail.watch(np.arange(len(flat)), flat.max(axis=1, keepdims=True))
            decades = tail.decades(flat).T.reshape(value.shape).max(axis=2)
            np.maximum(found, decades, out=found)
        decided: Floats = found - OTHERS_DECADES - MIXTURES_DECADES
        return decided

    def _refresh(self) -> None:
        """What holds for a block: spreads, samples a window length, and whether they are enough."""
        self._sd = np.sqrt(np.maximum(self.square - self.mean**2, SD_MIN**2))
        self._samples = self.blocks - self._filled
        self._known = self._samples >= self._warm

    def _learn(self) -> None:
        """A block has ended."""
        if np.isfinite(self.sample).all() and self.best < QUIET_DECADES:
            samples, known = (np.tile(a, len(BELIEFS)) for a in (self._samples, self._known))
            cut = np.where(known, np.minimum(self.sample, self.mean + 6.0 * self._sd), self.sample)
            rate = np.maximum(self._fade, 1.0 / (np.maximum(samples, 0.0) + 1.0))
            self.mean = self.mean + rate * (cut - self.mean)
            self.square = self.square + rate * (cut**2 - self.square)
            self.blocks += 1
            self._refresh()
        self.venue.watch(np.array([0]), np.array([[self.best * LN10]]))
        if self.heard:
            self.check.learn(float(_calibrated(self.venue.law, np.array(self.best))))
        for tail in (*self.tails, self.venue):
            tail.learn(np.array([not self.heard]))
        self.joint.learn(heard=self.heard)
        self.best, self.heard = 0.0, False
        self.sample = np.full_like(self.sample, np.nan)

    def calibration(self) -> State:
        """What quiet flow has taught, that another run may begin with."""
        taught = nest("venue", pack(self.venue, Tail.SUMS))
        taught |= nest("joint", self.joint.calibration())
        for number, tail in enumerate(self.tails):
            taught |= nest(f"tail{number}", pack(tail, Tail.SUMS))
        return taught

    def calibrate(self, taught: Mapping[str, NDArray[np.generic]]) -> None:
        """Begin with what another run was taught."""
        self.venue.calibrate(unnest("venue", taught))
        self.joint.calibrate(unnest("joint", taught))
        for number, tail in enumerate(self.tails):
            tail.calibrate(unnest(f"tail{number}", taught))

    def state(self) -> State:
        """Everything that the next update depends on."""
        state = pack(self, self._STATE)
        state |= nest("joint", self.joint.state())
        state |= nest("venue", self.venue.state()) | nest("check", self.check.state())
        for number, tail in enumerate(self.tails):
            state |= nest(f"tail{number}", tail.state())
        return state

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        unpack(self, self._STATE, state)
        self._refresh()
        self.venue.restore(unnest("venue", state))
        self.joint.restore(unnest("joint", state))
        self.check.restore(unnest("check", state))
        for number, tail in enumerate(self.tails):
            tail.restore(unnest(f"tail{number}", state))


def _calibrated(law: Callable[[Floats], Floats], decades: Floats) -> Floats:
    """Decades of the best test to decades of the venue; -inf stays."""
    nats = np.maximum(decades, 0.0) * LN10
    one = law(nats.reshape(1, -1)).reshape(nats.shape)
    return np.where(np.isneginf(decades), -np.inf, one)


def _alone(score: Floats, detectors: int) -> Floats:
    """(T, n) decades of the venue's own streams, with the number of tests taken into account."""
    decades: Floats = _capped(score) - OTHERS_DECADES - np.log10(max(detectors, 1))
    return decades


def _capped(score: Floats) -> Floats:
    """Decades up to the greatest that count; -inf where there is no opinion."""
    return np.where(np.isfinite(score), np.minimum(score, SCORE_MAX), -np.inf)
