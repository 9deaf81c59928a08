"""Counts to surprise: a CUSUM bank over a learned background, calibrated, that guards itself.

While a stream is alarmed nothing of it is learned. Evidence is let go when it has fallen from its
peak by `RELEASE_NATS`: while a burst lasts, that happens once in e^RELEASE_NATS peaks. An alarm
that lasts ends when what the stream does has become its normal, so a level shift alarms once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.background import Background
from detectors.base import Floats, State, grow, nest, pack, unnest, unpack
from detectors.cusum import CusumBank
from detectors.options import BurstOptions
from detectors.tail import Tail, TailPrior

RELEASE_NATS: Final = 3.0
RAISED_DECADES: Final = 2.0  # below an alarm, from where on evidence is let go when it falls
SUSPECT_DECADES: Final = 4.0  # from here on the mean stands still, lest it follow a slow rise
SCALES_DECADES: Final = float(np.log10(3.0))  # the best of six ratios, which hear much the same
TAIL_BLOCK_S: Final = 240.0
ALARM_PER_S: Final = 1.0 / 86_400.0  # an alarm a day over all streams: what is kept from learning
# One alarm a day over 200 clustered streams came at 19.3 nats (block dispersion, market removed).
PRIOR: Final = TailPrior(level=8.0, share=0.5, excess=1.15)


@dataclass(frozen=True, slots=True)
class Surprise:
    """Of each of S streams: decades, onset bin, and counts since then."""

    score: Floats
    onset_bin: NDArray[np.int64]
    observed: Floats
    expected: Floats


class SurpriseBank:
    """S streams of counts to S scores; rows are only ever added."""

    _STATE = ("alarmed", "alarm_bins", "peak")

    def __init__(self, options: BurstOptions) -> None:
        self.options = options
        self.background = Background(options)
        self.cusum = CusumBank(options.ratios)
        self.tail = Tail(len(options.ratios), PRIOR, block_bins=options.bins(TAIL_BLOCK_S))
        self.alarmed = np.empty(0, bool)
        self.alarm_bins = np.empty(0)
        self.peak = np.empty(0)

    def resize(self, streams: int) -> None:
        """Make room for streams that were not there before."""
        if streams > self.alarmed.size:
            grow(self, {"alarmed": 0, "alarm_bins": 0, "peak": 0}, streams)
            self.background.resize(streams)
            self.cusum.resize(streams)
            self.cusum.tune(self.background.dispersion)

    def skip(self) -> None:
        """The input was silent for long: evidence that spans the silence means nothing."""
        self.background.forget_waiting()
        self.cusum.reset(np.ones_like(self.alarmed))
        self.alarmed[:] = False
        self.alarm_bins[:] = 0.0
        self.peak[:] = 0.0

    def update(self, x: Floats, factor: float, bin_index: int) -> Surprise:
        """Score one bin of counts, (S,), NaN unobserved, against means times the factor; learn."""
        expected = self.background.mean * factor
        seen = np.isfinite(x)
        ready = self.background.warm & seen
        if seen.all():
            evidence = self.cusum.step(x, expected, bin_index)
        else:
            counted = np.where(seen, x, 0.0)
            evidence = self.cusum.step(counted, np.where(seen, expected, 0.0), bin_index)
        if not ready.all():
            self.cusum.reset(~self.background.warm)
        decades = self.tail.decades(evidence)
        best = decades.argmax(axis=0)
        streams = np.arange(best.size)
        pooled = np.maximum(decades[best, streams] - SCALES_DECADES, 0.0)
        score = np.where(ready, pooled, np.nan)
        surprise = Surprise(score, *self.cusum.since_onset(best))
        self._guard(score, evidence[best, streams])
        self.tail.learn(evidence, self.alarmed | ~ready)
        if self.background.learn(x, expected, self.alarmed, score >= SUSPECT_DECADES):
            self.cusum.tune(self.background.dispersion)
        return surprise

    def _guard(self, score: Floats, nats: Floats) -> None:
        """Raise and release alarms."""
        rare = np.log10(1e9 / (self.options.bin_ns * ALARM_PER_S) * max(score.size, 1))
        loud = score >= rare
        raised = (score >= rare - RAISED_DECADES) | self.alarmed
        if not raised.any():
            self.peak[:] = 0.0
            return
        self.alarmed |= loud
        self.alarm_bins = np.where(self.alarmed, self.alarm_bins + 1, 0)
        self.peak = np.where(raised, np.maximum(self.peak, nats), 0.0)
        settled = self.alarm_bins >= self.options.bins(self.options.rebaseline_s)
        if settled.any():
            self.background.rebaseline(settled)
        over = raised & ((nats < self.peak - RELEASE_NATS) | settled)
        if over.any():
            self.cusum.reset(over)
            self.alarmed[over] = False
            self.peak[over] = 0.0
            self.alarm_bins[over] = 0

    def state(self) -> State:
        return (
            pack(self, self._STATE)
            | nest("background", self.background.state())
            | nest("cusum", self.cusum.state())
            | nest("tail", self.tail.state())
        )

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        unpack(self, self._STATE, state)
        self.background.restore(unnest("background", state))
        self.cusum.restore(unnest("cusum", state))
        self.tail.restore(unnest("tail", state))
