"""Sums of counts and of their means over the last 1, 2, 4, … 1024 bins, for many streams.

Windows of up to 16 bins move with every bin; longer ones move by a sixteenth of their length, so
that ten doublings cost little more than five. Everything is a difference of running totals at
positions, where position p is the end of bin p - 1. A window of 16 hops at position p, a multiple
of the hop, begins where a ring of 16 remembered totals is about to be overwritten:

    ring of level 2 (hop 4)   | p-64 | p-60 |  …  | p-4 |        total at p
                                 └──────── window of 64 bins ────────┘
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import BLOCK, Floats, Ints, State, pack, unpack

HOPS: Final = 16
LEVELS: Final = 7
LENGTHS: Final = (1, 2, 4, 8, *(HOPS << level for level in range(LEVELS)))  # of windows, in bins
SCALES: Final = len(LENGTHS)
_SHORT: Final = 4  # windows that are shorter than the ring of level 0
_AGO: Final = 8  # bins before a frame that the short windows look back, at the most


@dataclass(frozen=True, slots=True)
class Plan:
    """Which windows end where in a frame. One row is one window length at one bin.

    scale, bin: (R,) of each row, by scale, then by bin. rows: a slice of rows a scale.
    held: (T, SCALES) the row that speaks for a scale at a bin; -1, the one before the frame.
    """

    scale: NDArray[np.intp]
    bin: NDArray[np.intp]
    rows: tuple[slice, ...]
    held: NDArray[np.intp]


@lru_cache(maxsize=4096)
def plan(phase: int, bins: int) -> Plan:
    """The plan of a frame whose first bin is `phase` after a multiple of the longest hop."""
    scales, ends, rows, start = [], [], [], 0
    held = np.full((bins, SCALES), -1, np.intp)
    for scale, length in enumerate(LENGTHS):
        hop = max(1, length // HOPS)
        due = np.flatnonzero((phase + 1 + np.arange(bins)) % hop == 0)
        scales.append(np.full(due.size, scale))
        ends.append(due)
        rows.append(slice(start, start + due.size))
        before = np.searchsorted(due, np.arange(bins), side="right") - 1
        held[:, scale] = np.where(before >= 0, start + before, -1)
        start += due.size
    return Plan(np.concatenate(scales), np.concatenate(ends), tuple(rows), held)


class Windows:
    """Totals of counts (0) and means (1) of S streams, and rings of earlier totals.

    totals: (2, S). rings: (LEVELS, HOPS, 2, S).
    """

    _STATE = ("totals", "rings")

    def __init__(self) -> None:
        self.totals = np.zeros((2, 0))
        self.rings = np.zeros((LEVELS, HOPS, 2, 0))
        self.first = 0
        self.path: Floats | None = None
        self._forgotten: list[NDArray[np.bool_]] = []

    def resize(self, streams: int) -> None:
        """Make room for streams that were not there before."""
        missing = streams - self.totals.shape[1]
        if missing > 0:
            self.settle()
            self.totals = np.pad(self.totals, ((0, 0), (0, missing)))
            self.rings = np.pad(self.rings, ((0, 0), (0, 0), (0, 0), (0, missing)))

    def take(self, first: int, counts: Floats, means: Floats) -> tuple[Plan, Floats, Floats]:
        """Take bins in, from bin `first` on; counts and means are (T, S).

        Returns the plan and, for each of its rows, the sums over the whole window and over its
        last eighth (where it is long): (2, R, S) each.
        """
        self.settle()
        bins, streams = counts.shape
        path = np.empty((bins + 1, 2, streams))
        path[0] = self.totals
        path[1:, 0], path[1:, 1] = counts, means
        np.cumsum(path, axis=0, out=path)  # one bin after the other, as in frames of one bin
        self.first, self.path = first, path
        rows = plan(first % (HOPS << LEVELS), bins)
        sums = np.empty((2, rows.scale.size, streams))
        last = np.zeros((2, rows.scale.size, streams))
        back = [self.rings[0, (first - ago) % HOPS] for ago in range(_AGO, 0, -1)]
        line = np.concatenate([np.stack(back), path])
        for scale, part in enumerate(rows.rows):
            at = rows.bin[part] + 1
            if at.size:
                now = path[at]
                sums[:, part] = (now - self._begin(scale, at, line)).swapaxes(0, 1)
                if scale > _SHORT + 1:
                    last[:, part] = (now - self._eighth(scale, at, line)).swapaxes(0, 1)
        return rows, sums, last

    def _begin(self, scale: int, at: Ints, line: Floats) -> Floats:
        """(n, 2, S) totals where the windows begin that end `at` bins after the frame's begin."""
        if scale < _SHORT:
            begun: Floats = line[_AGO + at - LENGTHS[scale]]
            return begun
        level = scale - _SHORT
        return np.asarray(self.rings[level, ((self.first + at) >> level) % HOPS])

    def _eighth(self, scale: int, at: Ints, line: Floats) -> Floats:
        """(n, 2, S) totals where the last eighth of long windows begins."""
        level = scale - _SHORT
        hops = 2 << level
        if hops <= _AGO:
            begun: Floats = line[_AGO + at - hops]
            return begun
        return np.asarray(self.rings[level, ((self.first + at - hops) >> level) % HOPS])

    def settle(self) -> None:
        """Put the last frame into the rings; until then they are as before it."""
        if self.path is not None:
            end = self.first + len(self.path) - 1
            for level in range(LEVELS):
                hop = 1 << level
                due = np.arange((self.first // hop + 1) * hop, end + 1, hop)
                self.rings[level, (due >> level) % HOPS] = self.path[due - self.first]
            self.totals = self.path[-1].copy()
            self.path = None
        for streams in self._forgotten:
            self.rings[..., streams] = self.totals[:, streams]
        self._forgotten.clear()

    def forget(self, streams: NDArray[np.bool_]) -> None:
        """From the next frame on, windows of these streams begin here."""
        self._forgotten.append(streams.copy())

    def past(self, bin_in_frame: int, streams: NDArray[np.intp]) -> tuple[Ints, Floats, Floats]:
        """Positions that a window ending with a bin of the last frame may begin at, newest first,
        and the sums since each: (n,), (n, 2, streams), and which scale each belongs to, (n,)."""
        assert self.path is not None
        end = self.first + bin_in_frame + 1
        positions: list[Ints] = []
        levels: list[Ints] = []
        for level in range(LEVELS):
            hop = 1 << level
            newest = (end - 1) // hop * hop
            at = np.arange(newest, end - HOPS * hop - 1, -hop)
            at = at[at < (positions[-1][-1] if positions else end)]
            positions.append(at)
            levels.append(np.full(at.size, level))
        start, level_of = np.concatenate(positions), np.concatenate(levels)
        inside = start >= self.first
        before = self.rings[level_of, (start >> level_of) % HOPS][:, :, streams]
        begun = self.path[np.where(inside, start - self.first, 0)][:, :, streams]
        since = self.path[bin_in_frame + 1][:, streams] - np.where(
            inside[:, None, None], begun, before
        )
        scale = np.searchsorted(LENGTHS, end - start).clip(max=SCALES - 1)
        return start, since, scale

    def state(self) -> State:
        self.settle()
        return pack(self, self._STATE)

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        self.path = None
        self._forgotten.clear()
        unpack(self, self._STATE, state)


assert BLOCK <= HOPS  # a frame never looks into itself for the begin of a long window
