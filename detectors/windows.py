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

from detectors.base import BLOCK, Floats, Ints, State, grow, pack, unpack

HOPS: Final = 16
LEVELS: Final = 7
LENGTHS: Final = (1, 2, 4, 8, *(HOPS << level for level in range(LEVELS)))  # of windows, in bins
SCALES: Final = len(LENGTHS)
_SHORT: Final = 4  # windows that are shorter than the ring of level 0
LONG: Final = LENGTHS.index(4 * HOPS)  # from here on a window's last eighth is looked at as well
_LENGTH: Final = np.array(LENGTHS)
_HOP: Final = np.maximum(1, _LENGTH // HOPS)


@dataclass(frozen=True, slots=True)
class Places:
    """Where totals at some positions are found: in the rings, unless a frame holds them itself.

    slot: (n,) over all rings. inside, at: (m,) which of them are inside the frame, and how many
    bins into it.
    """

    slot: NDArray[np.intp]
    inside: NDArray[np.intp]
    at: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Plan:
    """Which windows end where in a frame. One row is one window length at one bin.

    scale, bin: (R,) of each row, by scale, then by bin. rows: a slice of rows a scale.
    held: (T, SCALES) the row that speaks for a scale at a bin; -1, the one before the frame.
    ending: T times the rows that end with a bin. long: the first row of a long window.
    begin: where each row's window begins. eighth: where the last eighths of long ones do.
    kept: what of the frame goes into the rings.
    """

    scale: NDArray[np.intp]
    bin: NDArray[np.intp]
    rows: tuple[slice, ...]
    held: NDArray[np.intp]
    ending: tuple[NDArray[np.intp], ...]
    long: int
    begin: Places
    eighth: Places
    kept: Places


@lru_cache(maxsize=4096)
def plan(phase: int, bins: int) -> Plan:
    """The plan of a frame whose first bin is `phase` after a multiple of the longest hop."""
    ends = phase + 1 + np.arange(bins)
    due = ends % _HOP[:, None] == 0
    scale, at = np.nonzero(due)
    number = np.where(due, np.cumsum(due).reshape(due.shape) - 1, -1)
    stops = np.searchsorted(scale, np.arange(SCALES), side="right").tolist()
    rows = tuple(map(slice, [0, *stops[:-1]], stops))
    long = rows[LONG].start
    end, level = ends[at], np.maximum(scale - _SHORT, 0)
    kept_level, kept_at = np.nonzero(ends % _HOP[_SHORT:, None] == 0)
    return Plan(
        scale,
        at,
        rows,
        np.maximum.accumulate(number, axis=1).T,
        tuple(np.flatnonzero(at == t) for t in range(bins)),
        long,
        _places(end - _LENGTH[scale], level, phase),
        _places(end[long:] - _LENGTH[scale[long:]] // 8, level[long:], phase),
        _places(ends[kept_at], kept_level, phase),
    )


def _places(position: Ints, level: NDArray[np.intp], phase: int) -> Places:
    inside = np.flatnonzero(position > phase)
    return Places(_slot(position, level), inside, position[inside] - phase)


def _slot(position: Ints, level: NDArray[np.intp]) -> NDArray[np.intp]:
    """Where in the rings, end to end, a ring of this level keeps the total at a position."""
    return level * HOPS + (position >> level) % HOPS


@lru_cache(maxsize=16)
def _origins(end: int) -> tuple[Ints, NDArray[np.intp], Ints]:
    """(n,) positions that a window may begin at that ends at one, newest first, where in the rings
    their totals are, and which scale each belongs to. Several signals ask for the same."""
    positions: list[Ints] = []
    levels: list[Ints] = []
    for level in range(LEVELS):
        hop = 1 << level
        newest = (end - 1) // hop * hop
        at = np.arange(newest, end - HOPS * hop - 1, -hop)
        at = at[at < (positions[-1][-1] if positions else end)]
        positions.append(at)
        levels.append(np.full(at.size, level))
    start = np.concatenate(positions)
    scale = np.searchsorted(LENGTHS, end - start).clip(max=SCALES - 1).astype(np.int64)
    return start, _slot(start, np.concatenate(levels)), scale


class Windows:
    """Totals of counts (0) and means (1) of S streams, and rings of earlier totals.

    signals: streams are so many times the same symbols, signal by signal.
    totals: (2, S). rings: (2, LEVELS · HOPS, S).
    """

    _STATE = ("totals", "rings")

    def __init__(self, signals: int = 1) -> None:
        self.signals = signals
        self.totals = np.zeros((2, 0))
        self.rings = np.zeros((2, LEVELS * HOPS, 0))
        self.first = 0
        self.rows: Plan | None = None  # of the last frame, while it is not in the rings
        self.path = np.empty((2, 0, 0))
        self._forgotten: list[NDArray[np.bool_]] = []

    def resize(self, streams: int) -> None:
        """Make room for streams that were not there before."""
        self.settle()
        grow(self, dict.fromkeys(self._STATE, 0.0), streams, self.signals)

    def take(self, first: int, counts: Floats, means: Floats) -> tuple[Plan, Floats, Floats]:
        """Take bins in, from bin `first` on; counts and means are (T, S).

        Returns the plan and, for each of its rows, the sums over the whole window, (2, R, S), and
        for the rows of long windows those over its last eighth, (2, R - long, S).
        """
        self.settle()
        bins, streams = counts.shape
        path = np.empty((2, bins + 1, streams))
        path[:, 0] = self.totals
        for t in range(bins):  # one bin after the other, as in frames of one bin
            np.add(path[0, t], counts[t], out=path[0, t + 1])
            np.add(path[1, t], means[t], out=path[1, t + 1])
        rows = plan(first % (HOPS << LEVELS), bins)
        self.first, self.path, self.rows = first, path, rows
        begun, eighth = self._begun(rows.begin), self._begun(rows.eighth)
        if bins == 1:  # all rows end with the only bin
            now, last = path[:, 1:], path[:, 1:]
        else:
            now = path.take(rows.bin + 1, axis=1)
            last = now[:, rows.long :]
        return rows, np.subtract(now, begun, out=begun), np.subtract(last, eighth, out=eighth)

    def _begun(self, places: Places) -> Floats:
        """(2, n, S) totals at these places."""
        begun = self.rings.take(places.slot, axis=1)
        if places.inside.size:
            begun[:, places.inside] = self.path[:, places.at]
        return begun

    def settle(self) -> None:
        """Put the last frame into the rings; until then they are as before it."""
        if self.rows is not None:
            kept = self.rows.kept
            self.rings[:, kept.slot] = self.path[:, kept.at]
            self.totals = self.path[:, -1].copy()
            self.rows = None
        for streams in self._forgotten:
            self.rings[..., streams] = self.totals[:, None, streams]
        self._forgotten.clear()

    def forget(self, streams: NDArray[np.bool_]) -> None:
        """From the next frame on, windows of these streams begin here."""
        self._forgotten.append(streams.copy())

    def past(self, bin_in_frame: int, streams: NDArray[np.intp]) -> tuple[Ints, Floats, Ints]:
        """Positions that a window ending with a bin of the last frame may begin at, newest first,
        and the sums since each: (n,), (2, n, streams), and which scale each belongs to, (n,)."""
        assert self.rows is not None
        start, slot, scale = _origins(self.first + bin_in_frame + 1)
        inside = start >= self.first
        before = self.rings[:, slot[:, None], streams]
        begun = self.path[:, np.where(inside, start - self.first, 0)[:, None], streams]
        now = self.path[:, bin_in_frame + 1, streams]
        since = now[:, None] - np.where(inside[:, None], begun, before)
        return start, since, scale

    def state(self) -> State:
        self.settle()
        return pack(self, self._STATE)

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        self.rows = None
        self._forgotten.clear()
        unpack(self, self._STATE, state)


assert BLOCK <= HOPS  # a frame never looks into itself for the begin of a long window
