"""Slow drift of a symbol's share of the venue's flow, by ADWIN on ten-second aggregates.

Bursts are cut out of the background on purpose; what remains unseen is a rate that creeps. ADWIN
(Bifet and Gavaldà, 2007; river's implementation) compares the recent part of a window with the
rest. On raw clustered counts it alarms all the time, so it sees aggregates against the venue's
total, on a scale where their noise is even (Anscombe's square root). River's object cannot be
saved as arrays, so each stream keeps the values since it last began anew, and is rebuilt from them.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray
from river.drift import ADWIN

from detectors.base import Detail, Floats, Frame, State, Verdict, grow, pack, unpack
from detectors.options import BurstOptions

AGGREGATE_S: Final = 10.0
DELTA: Final = 1e-6  # false alarm probability that ADWIN is given
KEPT: Final = 256  # values that a stream begins anew from, every KEPT values
COUNT_MIN: Final = 10.0  # mean count of an aggregate, for a stream to be watched
MEMORY_AGGREGATES: Final = 60.0
MARKET_STREAMS_MIN: Final = 5  # with fewer there is no market to compare with

_PER_STREAM = {
    "total": 0.0,
    "total_then": 0.0,
    "venue_then": 0.0,
    "mean": 0.0,
    "seen": 0,
    "torn": 0,
}


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
        self.torn = np.empty(0, bool)
        self.values = np.empty((2 * KEPT, 0))
        self._windows: list[ADWIN] = []
        self._width = np.empty(0, np.int64)  # of each window; river takes its time to say it

    def update(self, frame: Frame) -> Verdict:
        """Score a frame, then learn from it."""
        raw = frame.column(self.feature)
        bins, symbols = raw.shape
        self._resize(symbols)
        unseen = ~np.isfinite(raw)
        self.torn |= frame.skipped > 0
        x = np.where(unseen, 0.0, raw)
        score = np.full(raw.shape, np.nan)
        found: dict[tuple[int, int], tuple[int, float, float]] = {}
        for t in range(bins):
            self.torn |= unseen[t]
            self.total += x[t]
            self.venue += float(x[t].sum())
            # A Python loop over the symbols whose turn it is: ADWIN is an object a stream.
            for stream, change in self._turn(frame.bin + t, symbols):
                score[t, stream] = -np.log10(DELTA)
                found[t, stream] = change
        return Verdict(self.signal, (self.feature,), score, partial(_detail, found))

    def _turn(self, now: int, symbols: int) -> Iterator[tuple[int, tuple[int, float, float]]]:
        """Feed the streams whose aggregate ends with bin `now`; those that have changed, with
        the bin, the count, and what it would have been."""
        first = -now % self._every
        if first >= symbols:
            return
        turn = np.arange(first, symbols, self._every)
        count, level, watched = self._aggregate(turn)
        for at, age, log_ratio in self._feed(turn, level, np.flatnonzero(watched)):
            expected = float(count[at] / np.exp(log_ratio))
            yield int(turn[at]), (now - age * self._every, float(count[at]), expected)

    def _aggregate(self, turn: NDArray[np.intp]) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """End the aggregates of these streams: counts, levels, and which ADWIN should see."""
        count = self.total[turn] - self.total_then[turn]
        others = self.venue - self.venue_then[turn] - count
        self.total_then[turn], self.venue_then[turn] = self.total[turn], self.venue
        whole = ~self.torn[turn]
        self.torn[turn] = False
        self.mean[turn] += np.where(whole, count - self.mean[turn], 0.0) / MEMORY_AGGREGATES
        level = np.log(count + 1.0)
        if self.total.size >= MARKET_STREAMS_MIN:
            level -= np.log(others + 1.0)
        return count, level, whole & (self.mean[turn] >= COUNT_MIN)

    def _feed(
        self, turn: NDArray[np.intp], level: Floats, watched: NDArray[np.intp]
    ) -> Iterator[tuple[int, int, float]]:
        """Give one value to each stream of a turn that is watched; where ADWIN finds a change, its
        place in the turn, its age in values and its size."""
        if not watched.size:
            return
        streams, values = turn[watched], level[watched]
        for i in streams[self.seen[streams] == len(self.values)].tolist():
            self.values[:KEPT, i] = self.values[KEPT:, i]
            self.seen[i] = KEPT
            self._windows[i] = _adwin(self.values[:KEPT, i])
            self._width[i] = _width(self._windows[i])
        self.values[self.seen[streams], streams] = values
        self.seen[streams] += 1
        self._width[streams] += 1
        for at, i, value in zip(watched.tolist(), streams.tolist(), values.tolist(), strict=True):
            window = self._windows[i]
            window.update(value)
            if window.drift_detected:
                stop = self.seen[i]
                age, log_ratio = _change(self.values[stop - self._width[i] : stop, i])
                self._width[i] = _width(window)
                yield at, age, log_ratio

    def _resize(self, streams: int) -> None:
        missing = streams - self.total.size
        if missing > 0:
            grow(self, _PER_STREAM, streams)
            self.venue_then[-missing:] = self.venue
            grow(self, {"values": 0.0}, streams)
            grow(self, {"_width": 0}, streams)
            self._windows += [_adwin(()) for _ in range(missing)]

    def state(self) -> State:
        """Everything that the next update depends on."""
        return pack(self, ("venue", "values", *_PER_STREAM))

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        unpack(self, ("venue", "values", *_PER_STREAM), state)
        self._windows = [_adwin(self.values[: self.seen[i], i]) for i in range(self.total.size)]
        self._width = np.array([_width(window) for window in self._windows], np.int64)


def _detail(
    found: Mapping[tuple[int, int], tuple[int, float, float]], t: int, streams: NDArray[np.intp]
) -> Detail:
    """Of streams that have drifted in bin t of a frame."""
    onset_bin, observed, expected = zip(*(found[t, i] for i in streams.tolist()), strict=True)
    return Detail(np.array(onset_bin, np.int64), np.array(observed), np.array(expected))


def _change(values: Floats) -> tuple[int, float]:
    """How many values ago the mean most likely changed, and by how much.

    ADWIN itself cuts off old values a few at a time, long before it has cut down to the change.
    """
    before = np.arange(1, values.size)
    after = values.size - before
    sums = np.cumsum(values)
    steps = (sums[-1] - sums[:-1]) / after - sums[:-1] / before
    best = int(np.argmax(steps**2 * before * after))
    return int(after[best]), float(steps[best])


def _width(window: ADWIN) -> int:
    """How many values a window holds when it is given the next; a change makes it begin anew."""
    return 0 if window.drift_detected else int(window.width)


def _adwin(values: Iterable[float]) -> ADWIN:
    window = ADWIN(delta=DELTA, clock=1)
    for value in values:
        window.update(float(value))
    return window
