"""Resting depth of every symbol on a grid of log prices, kept from orders, cancels and fills.

A snapshot replaces what was known in the range that it tells. Without one, depth that an unseen
fill took out stays behind as a ghost; it is found when the touch has moved past it, since nothing
can rest on the wrong side of the touch, and is then removed. How much had to be mended, over what
was added, says how far the book can be trusted.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats, State, pack, unpack
from monitor.rows import CELL_BITS, CELL_MASK, QUOTE_UNITS
from monitor.settled import Changes, Settled, Snapshots

CELLS: Final = 1024  # a symbol and side: about 10 % on either side of the touch
MIDDLE: Final = CELLS // 2
SEARCH: Final = 40  # cells around the last touch in which the next is looked for
BANDS_CELLS: Final = (5, 10, 25, 50)  # 10, 20, 50 and 100 basis points from the touch
BANDS_BPS: Final = tuple(2 * cells for cells in BANDS_CELLS)
MEND_MEMORY_S: Final = 600.0
_REACH: Final = BANDS_CELLS[-1]
_AROUND: Final = np.arange(-SEARCH, SEARCH)
_OUTWARD: Final = np.arange(_REACH)


class Depth:
    """Books of S symbols.

    grid: (S, 2, CELLS) int64 millionths of quote currency that rest in each cell, bids and asks.
    base: (S,) the grid's first cell; -1 before anything was known.
    touch: (S,) boundary between bids and asks, as a place in the grid.
    added, mended: (S,) quote currency put into the book, and removed since it could not be there.
    """

    _STATE = ("base", "touch", "added", "mended")

    def __init__(self) -> None:
        self.grid = np.zeros((0, 2, CELLS), np.int64)
        self.base = np.empty(0, np.int64)
        self.touch = np.empty(0, np.int64)
        self.added = np.empty(0)
        self.mended = np.empty(0)

    def resize(self, symbols: int) -> None:
        """Make room for symbols that are new."""
        missing = symbols - self.base.size
        if missing > 0:
            self.grid = np.concatenate([self.grid, np.zeros((missing, 2, CELLS), np.int64)])
            self.base = np.concatenate([self.base, np.full(missing, -1)])
            self.touch = np.concatenate([self.touch, np.full(missing, MIDDLE)])
            self.added = np.concatenate([self.added, np.zeros(missing)])
            self.mended = np.concatenate([self.mended, np.zeros(missing)])

    def apply(self, settled: Settled) -> None:
        """Take in one bin."""
        self._add(settled.before)
        if settled.snapshots is not None:
            self._replace(settled.snapshots)
        if settled.after is not None:
            self._add(settled.after)

    def _add(self, changes: Changes) -> None:
        if not changes.row.size:
            return
        self._begin(changes)
        row, place = changes.row, (changes.cell & CELL_MASK) - self.base[changes.row]
        inside = (place >= 0) & (place < CELLS)
        flat = (row * 2 + (changes.cell >> CELL_BITS)) * CELLS + place
        cells = self.grid.reshape(-1)
        if inside.all():
            np.add.at(cells, flat, changes.change)
        else:
            flat = flat[inside]
            np.add.at(cells, flat, changes.change[inside])
        self._floor(flat)
        more = np.maximum(changes.change, 0)
        total = np.zeros(self.base.size, np.int64)
        np.add.at(total, row, more)
        self.added += total / QUOTE_UNITS

    def _floor(self, flat: NDArray[np.int64]) -> None:
        """What left the book and was never seen to enter it leaves nothing behind."""
        cells = self.grid.reshape(-1)
        below = flat[cells[flat] < 0]
        if below.size:
            below = np.unique(below)
            np.subtract.at(self.mended, below // (2 * CELLS), cells[below] / QUOTE_UNITS)
            cells[below] = 0

    def _begin(self, changes: Changes) -> None:
        """Lay the grid of a symbol around the first prices that are seen of it."""
        new = np.flatnonzero(self.base[changes.row] < 0)
        if not new.size:
            return
        rows, cells = changes.row[new], changes.cell[new] & CELL_MASK
        for row in np.unique(rows).tolist():  # once in a symbol's life
            own = np.sort(cells[rows == row])
            self.base[row] = own[own.size // 2] - MIDDLE

    def _replace(self, snapshots: Snapshots) -> None:
        """What a book tells, up to its farthest level on each side, replaces what was known."""
        self._begin(snapshots.levels)
        known = self.base[snapshots.row] >= 0
        rows = snapshots.row[known]
        worst = snapshots.worst[known] - self.base[rows][:, None]
        empty = snapshots.worst[known] < 0
        places = np.arange(CELLS)
        bids = (places > worst[:, :1]) | empty[:, :1]
        asks = (places < worst[:, 1:]) | empty[:, 1:]
        told = np.stack([bids, asks], axis=1)
        edge = np.take_along_axis(self.grid[rows], np.clip(worst, 0, CELLS - 1)[..., None], axis=2)
        self.grid[rows] = np.where(told, 0, self.grid[rows])
        side = np.arange(2)
        within = (worst >= 0) & (worst < CELLS) & ~empty
        at = np.clip(worst, 0, CELLS - 1)
        self.grid[rows[:, None], side, at] *= ~within  # the edge cell is told in part
        self._add(snapshots.levels)
        least = np.where(within, edge[..., 0], 0)
        now = self.grid[rows[:, None], side, at]
        self.grid[rows[:, None], side, at] = np.maximum(now, least)

    def settle(self, traded: NDArray[np.int64], cells: NDArray[np.int64], memory: float) -> None:
        """Find the touch and remove what cannot be. traded, cells: rows, and where they traded
        last; memory: share of the older sums of added and mended that is kept."""
        active = np.flatnonzero(self.base >= 0)
        if not active.size:
            return
        centre = self.touch.copy()
        known = self.base[traded] >= 0
        centre[traded[known]] = cells[known] - self.base[traded[known]]
        centre = np.clip(centre, SEARCH, CELLS - SEARCH - 1)
        window = centre[active, None] + _AROUND
        bids = self.grid[active[:, None], 0, window]
        asks = self.grid[active[:, None], 1, window]
        crossed = bids[:, ::-1].cumsum(axis=1)[:, ::-1]
        below = asks.cumsum(axis=1)
        crossed[:, 1:] += below[:, :-1]
        least = crossed == crossed.min(axis=1, keepdims=True)
        first = least.argmax(axis=1)
        last = 2 * SEARCH - 1 - least[:, ::-1].argmax(axis=1)
        some = (bids > 0).any(axis=1) | (asks > 0).any(axis=1)
        found = window[np.arange(active.size), (first + last + 1) // 2]
        self.touch[active] = np.where(some, found, centre[active])
        self._mend(active)
        self.added *= memory
        self.mended *= memory
        self._recentre(active)

    def _mend(self, active: NDArray[np.intp]) -> None:
        """Remove depth more than a cell on the wrong side of the touch."""
        window = np.clip(self.touch[active, None] + _AROUND, 0, CELLS - 1)
        for side, wrong in ((0, _AROUND > 0), (1, _AROUND < -1)):
            held = self.grid[active[:, None], side, window]
            ghosts = np.where(wrong, held, 0)
            if ghosts.any():
                self.grid[active[:, None], side, window] = held - ghosts
                self.mended[active] += ghosts.sum(axis=1) / QUOTE_UNITS

    def _recentre(self, active: NDArray[np.intp]) -> None:
        """Move the grid of a symbol whose touch has come far from the middle."""
        far = active[np.abs(self.touch[active] - MIDDLE) > CELLS // 4]
        for row in far.tolist():  # seldom: a price has moved by 5 %
            shift = int(self.touch[row]) - MIDDLE
            moved = np.zeros((2, CELLS), np.int64)
            kept = CELLS - abs(shift)
            if kept > 0:
                source = slice(max(shift, 0), max(shift, 0) + kept)
                moved[:, max(-shift, 0) : max(-shift, 0) + kept] = self.grid[row, :, source]
            self.grid[row] = moved
            self.base[row] += shift
            self.touch[row] = MIDDLE

    def bands(self) -> Floats:
        """(S, 2, len(BANDS_CELLS)) quote currency that rests within each distance of the touch;
        NaN where no book is known."""
        rows = np.arange(self.base.size)[:, None]
        asks = np.clip(self.touch[:, None] - 1 + _OUTWARD, 0, CELLS - 1)
        bids = np.clip(self.touch[:, None] - _OUTWARD, 0, CELLS - 1)
        both = np.stack([self.grid[rows, 0, bids], self.grid[rows, 1, asks]], axis=1)
        sums = both.cumsum(axis=2)[..., [cells - 1 for cells in BANDS_CELLS]]
        return np.where(self.base[:, None, None] >= 0, sums / QUOTE_UNITS, np.nan)

    def drift(self) -> Floats:
        """(S,) share of what was added that had to be mended: 0 is a book without a gap."""
        return np.where(self.added > 0.0, self.mended / np.maximum(self.added, 1e-9), np.nan)

    def state(self) -> State:
        """Everything that the next bin depends on; the grid by its cells that hold anything."""
        held = np.flatnonzero(self.grid.reshape(-1))
        return pack(self, self._STATE) | {"held": held, "depth": self.grid.reshape(-1)[held]}

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        unpack(self, self._STATE, state)
        self.grid = np.zeros((self.base.size, 2, CELLS), np.int64)
        self.grid.reshape(-1)[np.asarray(state["held"], np.int64)] = state["depth"]
