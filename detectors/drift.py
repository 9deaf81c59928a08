"""Slow drift of a symbol's share of the venue's flow, by ADWIN on ten-second aggregates.

Bursts are cut out of the background on purpose; what remains unseen is a rate that creeps. ADWIN
(Bifet and Gavaldà, 2007; river's implementation) compares the recent part of a window with the
rest. On raw clustered counts it alarms all the time, so it sees aggregates against the venue's
total, on a scale where their noise is even (Anscombe's square root). River's object cannot be
saved as arrays, so each stream keeps the values since it last began anew, and is rebuilt from them.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from river.drift import ADWIN

from detectors.base import Frame, State, Verdict, grow, pack, unpack
from detectors.options import BurstOptions

AGGREGATE_S: Final = 10.0
DELTA: Final = 1e-6  # false alarm probability that ADWIN is given
KEPT: Final = 256  # values that a stream begins anew from, every KEPT values
COUNT_MIN: Final = 10.0  # mean count of an aggregate, for a stream to be watched
MEMORY_AGGREGATES: Final = 60.0
MARKET_STREAMS_MIN: Final = 5  # with fewer there is no market to compare with

_PER_STREAM = {"total": 0.0, "total_then": 0.0, "venue_then": 0.0, "mean": 0.0, "seen": 0}


class Drift:
    """One ADWIN a symbol over one feature; symbols take turns, so that no bin pays for all.

    values: (2·KEPT, S) what each stream's ADWIN was fed since it began anew, first `seen` rows.
    """

    signal = "drift"

    def __init__(self, feature: str, options: BurstOptions) -> None:
        self.feature = feature
        self._every = options.bins(AGGREGATE_S)
        self.venue = 0.0
        self.total = self.total_then = self.venue_then = self.mean = np.empty(0)
        self.seen = np.empty(0, np.int64)
        self.values = np.empty((2 * KEPT, 0))
        self._windows: list[ADWIN] = []

    def update(self, frame: Frame) -> Verdict:
        """Score a frame, then learn from it."""
        x = np.nan_to_num(frame.column(self.feature))
        self._resize(x.size)
        self.total = self.total + x
        self.venue += float(x.sum())
        score = np.full(x.size, np.nan)
        onset = np.full(x.size, frame.bin)
        observed, expected = np.zeros(x.size), np.zeros(x.size)
        # A Python loop over the symbols whose turn it is: ADWIN is an object a stream.
        for i in range(-frame.bin % self._every, x.size, self._every):
            count = float(self.total[i] - self.total_then[i])
            others = self.venue - float(self.venue_then[i]) - count
            self.total_then[i], self.venue_then[i] = self.total[i], self.venue
            self.mean[i] += (count - self.mean[i]) / MEMORY_AGGREGATES
            if self.mean[i] < COUNT_MIN:
                continue
            level = np.log(count + 1.0)
            if x.size >= MARKET_STREAMS_MIN:
                level -= np.log(others + 1.0)
            change = self._feed(i, float(level))
            if change is not None:
                width, log_ratio = change
                onset[i] = frame.bin - width * self._every
                score[i] = -np.log10(DELTA)
                observed[i], expected[i] = count, count / np.exp(log_ratio)
        return Verdict(self.signal, self.feature, score, onset, observed, expected)

    def _feed(self, i: int, level: float) -> tuple[int, float] | None:
        """Give ADWIN one value; where it cut its window, the new width and the change of level."""
        if self.seen[i] == self.values.shape[0]:
            self.values[:KEPT, i] = self.values[KEPT:, i]
            self.seen[i] = KEPT
            self._windows[i] = _adwin(self.values[:KEPT, i])
        window = self._windows[i]
        before = window.estimation
        self.values[self.seen[i], i] = level
        self.seen[i] += 1
        window.update(level)
        if not window.drift_detected:
            return None
        return int(window.width), float(window.estimation - before)

    def _resize(self, streams: int) -> None:
        missing = streams - self.total.size
        if missing > 0:
            grow(self, _PER_STREAM, streams)
            self.venue_then[-missing:] = self.venue
            grow(self, {"values": 0.0}, streams)
            self._windows += [_adwin(()) for _ in range(missing)]

    def state(self) -> State:
        """Everything that the next update depends on."""
        return pack(self, ("venue", "values", *_PER_STREAM))

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        unpack(self, ("venue", "values", *_PER_STREAM), state)
        self._windows = [_adwin(self.values[: self.seen[i], i]) for i in range(self.total.size)]


def _adwin(values: Iterable[float]) -> ADWIN:
    window = ADWIN(delta=DELTA, clock=1)
    for value in values:
        window.update(float(value))
    return window
