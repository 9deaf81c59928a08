"""Input that falls silent where events were expected.

Each kind of event of each symbol has a rate and pauses of its own. A pause is a gap when it is
longer than either explains: where pauses are exponential, n times their mean is exceeded once in
e^n pauses. The venue as a whole stands beside its symbols, and all kinds together beside each, so
that many thin streams that stop together are heard long before any of them could be.

Makers that cancel everything and wait are silent for a reason: orders that stop after a rush of
cancels are left alone for a minute. What is silent for an hour is closed.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import (
    BLOCK,
    Bools,
    Detail,
    Floats,
    Frame,
    Ints,
    State,
    Verdict,
    grow,
    pack,
    unpack,
)
from detectors.options import BurstOptions
from detectors.tail import LN10

# What comes at all times. Forced orders and rejects come in waves, and are never missed.
EXPECTED: Final = ("order", "cancel", "leverage", "fill", "book", "mark")
ANY: Final = "any"
KINDS: Final = (*EXPECTED, ANY)
ORDER, CANCEL, FILL, ALL = map(KINDS.index, ("order", "cancel", "fill", ANY))
GAP: Final = 15.0  # mean pauses, for one stream; the more streams there are, the longer
GAP_MIN_S: Final = 5.0
GROWTH: Final = 2.0  # one pause makes the longest at most so many times as long
SLOW_S: Final = 600.0
RECENT_S: Final = 60.0
PAUSES_S: Final = 4.0 * 3600.0
WARM_UP_S: Final = 60.0
HEARD_MIN: Final = 30.0  # seconds with events, before pauses are known
RUSH_S: Final = 4.0
RUSH: Final = 3.0  # times as many cancels as usual
RUSH_BEFORE_S: Final = 10.0
RUSH_EXPLAINS_S: Final = 60.0
CLOSED_S: Final = 3600.0

_PER_STREAM = {
    "last": -1,
    "before": -1,
    "learned": 0,
    "gap": False,
    "torn": False,
    "longest": 0.0,
    "heard": 0.0,
    "second": 0.0,
    "block": 0.0,
    "slow": 0.0,
    "slow_bins": 0.0,
    "recent": 0.0,
    "recent_bins": 0.0,
    "told": np.nan,
    "missed": 0.0,
}
_PER_ROW = {"rush_orders": 0.0, "rush_cancels": 0.0, "rush_bin": -(2**40)}


class FeedGap:
    """Streams are (K, S + 1): kinds by the venue and its S symbols.

    last: bin of the last event, -1 before the first; before: as of the last look.
    learned: bin up to which rates are learned. gap: whether it is one. torn: whether one was,
    since rates were learned.
    longest: pause, in bins. heard: how many seconds had events. slow, recent: events over ten
    minutes and over one, and slow_bins, recent_bins. told: decades at the last look, NaN is no
    opinion.
    missed: events that should have come in the pause.
    calm: (S,) what is said of symbols while there is no gap: 0, or NaN where there is no opinion.
    rush_orders, rush_cancels: (S + 1,) over seconds. rush_bin: (S + 1,) the last bin of a rush.
    """

    signal = "feed_gap"
    gap: Bools

    def __init__(self, options: BurstOptions) -> None:
        self._options = options
        self._every = options.bins(1.0)
        self._rush_keep = float(np.exp(-self._every * options.bin_ns / 1e9 / RUSH_S))
        self._pauses_keep = float(np.exp(-BLOCK * options.bin_ns / 1e9 / PAUSES_S))
        streams = (len(KINDS), 0)
        self.last, self.before, self.learned = np.empty((3, *streams), np.int64)
        self.gap, self.torn = np.zeros(streams, np.bool_), np.zeros(streams, np.bool_)
        self.longest, self.heard, self.second, self.block = np.empty((4, *streams))
        self.told, self.missed = np.empty((2, *streams))
        self.slow, self.slow_bins, self.recent, self.recent_bins = np.empty((4, *streams))
        self.rush_orders, self.rush_cancels = np.empty((2, 0))
        self.rush_bin = np.empty(0, np.int64)
        self._resize(0)

    def _resize(self, symbols: int) -> None:
        if symbols + 1 > self.rush_bin.size:
            grow(self, _PER_STREAM, symbols + 1)
            grow(self, _PER_ROW, symbols + 1)
            self.calm = _calm(self.told)

    def update(self, frame: Frame) -> Verdict:
        """Look for gaps in a frame, then learn from it."""
        bins, symbols, _ = frame.values.shape
        self._resize(symbols)
        counts, seen = _streams(frame)
        score = np.empty((bins, symbols))
        silent: Bools | None = None
        then: list[tuple[Bools, Ints, Floats, Floats]] = []
        for t in range(bins):  # a gap ends with the very bin in which something comes
            self._hear(counts[t], seen[t], frame.bin + t)
            if (frame.bin + t + 1) % self._every == 0:
                self._look(frame.bin + t)
            score[t] = np.where(seen[t, 1:], self.calm, np.nan)
            if self.gap.any():
                silent = (
                    np.zeros((bins, len(KINDS), symbols), np.bool_) if silent is None else silent
                )
                silent[t] = self.gap[:, 1:] | (self.gap[:, :1] & (self.last[:, 1:] >= 0))
                loud = np.where(self.gap, self.told, 0.0)
                loud = np.where(silent[t], np.maximum(loud[:, 1:], loud[:, :1]), 0.0)
                score[t] = np.where(silent[t].any(axis=0), loud.max(axis=0), score[t])
            then.append((self.gap, self.last, self.told, self.missed))
        if frame.ends_block:
            self._learn(frame.bin + bins)

        def detail(t: int, streams: NDArray[np.intp]) -> Detail:
            return _detail(*then[t], streams + 1)

        unheard = None if silent is None else _of_features(silent, frame.features)
        return Verdict(self.signal, (ANY,), score, detail, feed=True, silent=unheard)

    def _hear(self, count: Floats, seen: Bools, now: int) -> None:
        """One bin. count: (K, S + 1). seen: (S + 1,) whether it was observed at all."""
        heard = count > 0.0
        if not seen.all():
            heard = heard | (~seen & (self.last >= 0))
        self.last = np.where(heard, now, self.last)
        self.second += count
        if self.gap.any():
            self.gap = self.gap & ~heard

    def _rate(self, kinds: int | slice = slice(None)) -> Floats:
        """(K, S + 1) events a bin: of the last ten minutes, or the last one if that had less."""
        slow = self.slow[kinds] / np.maximum(self.slow_bins[kinds], 1.0)
        recent = self.recent[kinds] / np.maximum(self.recent_bins[kinds], 1.0)
        return np.asarray(np.minimum(slow, recent))

    def _look(self, now: int) -> None:
        """A second has passed."""
        bins = self._options.bins
        self._pauses(now)
        rate = self._rate()
        pause = np.where(self.last >= 0, now - self.last, 0)
        closed = pause >= bins(CLOSED_S)
        warm = (self.slow_bins >= bins(WARM_UP_S)) & (self.heard >= HEARD_MIN) & ~closed
        mean = np.maximum(1.0 / np.maximum(rate, 1e-12), self.longest / np.log(self.heard + np.e))
        nats = pause / mean
        limit = GAP + float(np.log(max(int(np.count_nonzero(warm)), 1)))
        excused = self.last[ORDER] - self.rush_bin <= bins(RUSH_BEFORE_S)
        excused &= pause[ORDER] < bins(RUSH_EXPLAINS_S)
        found = warm & (nats >= limit) & (pause >= bins(GAP_MIN_S))
        found[[ORDER, CANCEL, FILL, ALL]] &= ~excused
        self.gap = (self.gap | found) & ~closed
        self.torn = self.torn | self.gap
        self.told = np.where(warm, nats / LN10, np.nan)
        self.missed = rate * pause
        self.calm = _calm(self.told)
        if closed.any():
            for name in ("heard", "slow", "slow_bins", "recent", "recent_bins", "longest"):
                setattr(self, name, np.where(closed, 0.0, getattr(self, name)))

    def _pauses(self, now: int) -> None:
        """Learn pauses that ended in this second, and whether makers leave in a hurry."""
        heard, known = self.second > 0.0, self.before >= 0
        pause = np.where(heard & known, np.maximum(now - self._every - self.before, 1), 0)
        limit = np.where(self.heard < HEARD_MIN, pause, GROWTH * self.longest)
        self.longest = np.maximum(self.longest, np.minimum(pause, np.maximum(limit, 1.0)))
        self.heard = self.heard + heard
        self.learned = np.where(heard & ~known, now + 1 - self._every, self.learned)
        self.before = self.last
        self.block = self.block + self.second
        self.rush_orders = self._rush_keep * self.rush_orders + self.second[ORDER]
        self.rush_cancels = self._rush_keep * self.rush_cancels + self.second[CANCEL]
        usual = self._rate(CANCEL) * self._every / (1.0 - self._rush_keep)
        rush = (self.rush_cancels > RUSH * (usual + 1.0)) & (self.rush_cancels > self.rush_orders)
        self.rush_bin = np.where(rush, now, self.rush_bin)
        self.second = np.zeros_like(self.second)

    def _learn(self, end: int) -> None:
        """A block has ended. A pause is learned once it is over, and a gap never."""
        heard = self.block > 0.0
        bins = np.where(self.torn, BLOCK, end - self.learned)
        for name, memory_s in (("slow", SLOW_S), ("recent", RECENT_S)):
            keep = np.exp(-bins / self._options.bins(memory_s))
            for part, more in ((name, self.block), (f"{name}_bins", bins)):
                now = getattr(self, part)
                setattr(self, part, np.where(heard, keep * now + more, now))
        self.learned = np.where(heard, end, self.learned)
        self.torn = np.where(heard, self.gap, self.torn)
        self.longest = self.longest * self._pauses_keep
        self.heard = self.heard * self._pauses_keep
        self.block = np.zeros_like(self.block)

    def state(self) -> State:
        """Everything that the next update depends on."""
        return pack(self, (*_PER_STREAM, *_PER_ROW))

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        unpack(self, (*_PER_STREAM, *_PER_ROW), state)
        self.calm = _calm(self.told)


def _calm(told: Floats) -> Floats:
    return np.where(np.isfinite(told[:, 1:]).any(axis=0), 0.0, np.nan)


def _streams(frame: Frame) -> tuple[Floats, Bools]:
    """(T, K, S + 1) counts; (T, S + 1) whether a symbol, or any, was observed."""
    bins, symbols, _ = frame.values.shape
    known = np.isfinite(frame.values)
    values = np.where(known, frame.values, 0.0)
    counts = np.zeros((bins, len(KINDS), symbols + 1))
    for k, kind in enumerate(EXPECTED):
        if kind in frame.features:
            counts[:, k, 1:] = values[:, :, frame.features.index(kind)]
    counts[:, ALL, 1:] = values.sum(axis=2)
    counts[:, :, 0] = counts[:, :, 1:].sum(axis=2)
    seen = np.empty((bins, symbols + 1), np.bool_)
    seen[:, 1:] = known.all(axis=2)
    seen[:, 0] = seen[:, 1:].any(axis=1)
    return counts, seen


def _of_features(silent: Bools, features: tuple[str, ...]) -> Bools:
    """(T, K, S) kinds to (T, S, F) columns of a frame; all kinds together are every column."""
    columns = [silent[:, KINDS.index(f) if f in EXPECTED else ALL] for f in features]
    return np.stack(columns, axis=2) | silent[:, ALL][:, :, None]


def _detail(gap: Bools, last: Ints, told: Floats, missed: Floats, rows: NDArray[np.intp]) -> Detail:
    """Of rows that are silent: the widest of their gaps, or the venue's."""
    own, venue = gap[:, rows], gap[:, :1] & (last[:, rows] >= 0)
    loud = np.where(own, told[:, rows], np.where(venue, told[:, :1], -1.0))
    loud[ALL] = np.where(own[ALL] | venue[ALL], np.inf, -1.0)
    kind = loud.argmax(axis=0)
    at = np.arange(rows.size)
    since = np.where(own[kind, at], last[kind, rows], last[kind, 0])
    names = tuple(KINDS[k] for k in kind.tolist())
    return Detail(since + 1, np.zeros(rows.size), missed[kind, rows], names)
