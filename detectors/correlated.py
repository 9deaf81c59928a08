"""Evidence for the whole venue, from the surprise of single streams: where incidents come from.

Three tests share the budget of wrong alarms. The maximum over streams sees few strong ones. A
mixture after Xie and Siegmund (2013), the sum over streams of log(1 - p0 + p0·10^(score/2)), sees
several that are each too weak, within a signal and over all of them. The venue's own streams
(market_wide) see what moves everything. The mixture's quiet law depends on the venue, so it is
standardised by its own past and has a calibrated tail of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats, State, Verdict, nest, pack, unnest, unpack
from detectors.options import BurstOptions
from detectors.tail import Tail, TailPrior

SHARE: Final = 0.02  # p0: of streams believed to be part of an anomaly
PERSISTENCE: Final = 0.5  # scores stay: the share of quiet bins above k falls like 10^-(k/2)
TESTS: Final = 3
MEMBER_DECADES: Final = float(np.log10((1.0 - SHARE) / SHARE))  # as likely in as out
SCORE_MAX: Final = 30.0
MEMORY_S: Final = 1800.0
WARM_UP_S: Final = 60.0
GUARD_DECADES: Final = 5.0  # from here on nothing is learned
PRIOR: Final = TailPrior(level=3.0, share=0.3, excess=1.0, exceedances=10.0)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one bin says about the venue.

    score: decades, venue-wide, the best of the tests.
    streams: (Q, S) decades of each stream with the number of streams taken into account.
    members: (Q, S) streams that the mixture believes to be part of the anomaly.
    mixture: (Q + 1,) decades of the mixture by signal, and over all signals last.
    """

    score: float
    streams: Floats
    members: NDArray[np.bool_]
    mixture: Floats


class CorrelatedTest:
    """Q signals over S symbols to venue-wide decades."""

    _STATE = ("bins", "mean", "square")

    def __init__(self, signals: int, options: BurstOptions) -> None:
        self.bins = 0
        self.mean = np.zeros(signals + 1)
        self.square = np.ones(signals + 1)
        self._alpha = 1.0 / options.bins(MEMORY_S)
        self._warm_bins = options.bins(WARM_UP_S)
        self.tail = Tail(signals + 1, PRIOR, block_bins=options.bins(240.0))

    def update(self, verdicts: Sequence[Verdict], venue: Sequence[Verdict]) -> Evidence:
        """Test one bin, then learn what quiet looks like. verdicts: Q of them, over S symbols."""
        scores = np.vstack([verdict.score for verdict in verdicts])
        opinion = np.isfinite(scores)
        counted = int(np.count_nonzero(opinion))
        streams = np.where(opinion, scores, -np.inf) - np.log10(max(counted, 1) * TESTS)
        known = np.where(opinion, np.minimum(scores, SCORE_MAX), 0.0)
        mixture = self._mixture(known, counted)
        members = (known > MEMBER_DECADES) & (mixture[:-1, None] > 0)
        alone = [float(np.nanmax(v.score, initial=-np.inf)) for v in venue]
        tests = [float(streams.max(initial=-np.inf)), float(mixture.max())]
        tests += [score - np.log10(TESTS * max(len(venue), 1)) for score in alone]
        return Evidence(max(tests), streams, members, mixture)

    def _mixture(self, known: Floats, counted: int) -> Floats:
        """Decades of the mixture by signal and over all; -inf before it can be known."""
        odds = np.exp(PERSISTENCE * np.log(10.0) * known)
        each = np.log1p(SHARE * (odds - 1.0)).sum(axis=1)
        statistic = np.append(each, each.sum())
        if counted == 0:
            return np.full(statistic.shape, -np.inf)
        sd = np.sqrt(np.maximum(self.square - self.mean**2, 1.0))
        z = ((statistic - self.mean) / sd)[:, None]
        warm = self.bins >= self._warm_bins
        decades = self.tail.decades(z)[:, 0] - np.log10(TESTS * statistic.size)
        quiet = not warm or float(decades.max()) < GUARD_DECADES
        if quiet:
            self._learn(statistic, sd)
        if warm:
            self.tail.learn(z, np.array([not quiet]))
        return decades if warm else np.full(statistic.shape, -np.inf)

    def _learn(self, statistic: Floats, sd: Floats) -> None:
        self.bins += 1
        cut = np.minimum(statistic, self.mean + 6.0 * sd) if self.bins > 1 else statistic
        rate = max(self._alpha, 1.0 / self.bins)
        self.mean = self.mean + rate * (cut - self.mean)
        self.square = self.square + rate * (cut**2 - self.square)

    def state(self) -> State:
        """Everything that the next update depends on."""
        return pack(self, self._STATE) | nest("tail", self.tail.state())

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        unpack(self, self._STATE, state)
        self.tail.restore(unnest("tail", state))
