"""Resting depth of every symbol on a grid of log prices, kept from orders, cancels and fills.

A snapshot replaces what was known in the range that it tells. Without one, depth that an unseen
fill took out stays behind as a ghost; it is found when the touch has moved past it, since nothing
can rest on the wrong side of the touch, and is then removed. How much had to be mended, over what
was added, says how far the book can be trusted.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from detectors.base import Floats, Ints, State, pack, unpack
from monitor.market.ranked import distinct
from monitor.rows import CELL_BITS, CELL_MASK, QUOTE_UNITS
from monitor.settled import Changes, Settled, Snapshots

CELLS: Final = 1024  # a symbol and side: about 10 % on either side of the touch
MIDDLE: Final = CELLS // 2
SEARCH: Final = 40  # cells around the last touch in which the next is looked for
BANDS_CELLS: Final = (5, 10, 25, 50)  # 10, 20, 50 and 100 basis points from the touch
BANDS_BPS: Final = tuple(2 * cells for cells in BANDS_CELLS)
MEND_MEMORY_S: Final = 600.0
_PAD: Final = CELLS  # cells before the first grid and after the last, that windows may reach into


class Depth:
    """Books of S symbols.

    grid: (S, 2, CELLS) int64 millionths of quote currency that rest in each cell, bids and asks.
    base: (S,) the grid's first cell; -1 before anything was known.
    touch: (S,) boundary between bids and asks, as a place in the grid.
    added, mended: (S,) quote currency put into the book, and removed since it could not be there.
    turn: counts what happens to books. changed: (S,) turn in which each last became another; what
    was found out about it since then holds.
    """

    _STATE = ("base", "touch", "added", "mended")

    def __init__(self) -> None:
        self.base = np.empty(0, np.int64)
        self.touch = np.empty(0, np.int64)
        self.added = np.empty(0)
        self.mended = np.empty(0)
        self.turn = 0
        self._lay(0)

    def _lay(self, symbols: int) -> None:
        """Empty grids; whatever was found out is to be found again."""
        self._padded = np.zeros(symbols * 2 * CELLS + 2 * _PAD, np.int64)
        self.grid = self._padded[_PAD:-_PAD].reshape(symbols, 2, CELLS)
        self._windows: dict[int, Ints] = {}  # by their width: to make a view takes its time
        self.turn += 1
        self.changed = np.full(symbols, self.turn)
        self._settled = self._banded = 0  # turns
        self._centre = np.zeros(symbols, np.int64)
        self._bands = np.full((symbols, 2, len(BANDS_CELLS)), np.nan)

    def resize(self, symbols: int) -> None:
        """Make room for symbols that are new."""
        missing = symbols - self.base.size
        if missing > 0:
            grid = self.grid
            self._lay(symbols)
            self.grid[: len(grid)] = grid
            self.base = np.concatenate([self.base, np.full(missing, -1)])
            self.touch = np.concatenate([self.touch, np.full(missing, MIDDLE)])
            self.added = np.concatenate([self.added, np.zeros(missing)])
            self.mended = np.concatenate([self.mended, np.zeros(missing)])

    def apply(self, settled: Settled) -> None:
        """Take in one bin."""
        self.turn += 1
        self._add(settled.before)
        if settled.snapshots is not None:
            self._replace(settled.snapshots)
        if settled.after is not None:
            self._add(settled.after)

    def _add(self, changes: Changes) -> None:
        if not changes.row.size:
            return
        row, change = changes.row, changes.change
        self.changed[row] = self.turn
        base = self.base[row]
        if base.min() < 0:
            self._begin(changes)
            base = self.base[row]
        place = (changes.cell & CELL_MASK) - base
        flat = (row * 2 + (changes.cell >> CELL_BITS)) * CELLS + place
        total = np.zeros(self.base.size, np.int64)
        np.add.at(total, row, np.maximum(change, 0))
        self.added += total / QUOTE_UNITS
        if place.min() < 0 or place.max() >= CELLS:
            inside = (place >= 0) & (place < CELLS)
            flat, change = flat[inside], change[inside]
        np.add.at(self.grid.reshape(-1), flat, change)
        self._floor(flat)

    def _floor(self, flat: Ints) -> None:
        """What left the book and was never seen to enter it leaves nothing behind."""
        cells = self.grid.reshape(-1)
        below = flat[cells[flat] < 0]
        if below.size:
            below = distinct(below)
            np.subtract.at(self.mended, below // (2 * CELLS), cells[below] / QUOTE_UNITS)
            cells[below] = 0

    def _begin(self, changes: Changes) -> None:
        """Lay the grid of a symbol around the first prices that are seen of it."""
        new = np.flatnonzero(self.base[changes.row] < 0)
        rows, cells = changes.row[new], changes.cell[new] & CELL_MASK
        for row in np.unique(rows).tolist():  # once in a symbol's life
            own = np.sort(cells[rows == row])
            self.base[row] = own[own.size // 2] - MIDDLE

    def _replace(self, snapshots: Snapshots) -> None:
        """What a book tells, up to its farthest level on each side, replaces what was known."""
        if snapshots.levels.row.size:
            self._begin(snapshots.levels)
        known = self.base[snapshots.row] >= 0
        rows, worst = snapshots.row[known], snapshots.worst[known]
        self.changed[rows] = self.turn
        empty, worst = worst < 0, worst - self.base[rows][:, None]
        side, at = np.arange(2), np.clip(worst, 0, CELLS - 1)
        within = (worst >= 0) & (worst < CELLS) & ~empty
        least = np.where(within, self.grid[rows[:, None], side, at], 0)
        bids_from = np.where(empty[:, 0], 0, np.clip(worst[:, 0] + 1, 0, CELLS))
        asks_to = np.where(empty[:, 1], CELLS, np.clip(worst[:, 1], 0, CELLS))
        for row, bid, ask in zip(rows.tolist(), bids_from.tolist(), asks_to.tolist(), strict=True):
            self.grid[row, 0, bid:] = 0  # a loop over slices: a mask over whole grids is far slower
            self.grid[row, 1, :ask] = 0
        self.grid[rows[:, None], side, at] *= ~within  # the edge cell is told in part
        self._add(snapshots.levels)
        now = self.grid[rows[:, None], side, at]
        self.grid[rows[:, None], side, at] = np.maximum(now, least)

    def settle(self, traded: Ints, cells: Ints, memory: float) -> None:
        """Find the touch and remove what cannot be. traded, cells: rows, and where they traded
        last; memory: share of the older sums of added and mended that is kept."""
        centre = self.touch.copy()
        known = self.base[traded] >= 0
        centre[traded[known]] = cells[known] - self.base[traded[known]]
        centre = np.minimum(np.maximum(centre, SEARCH), CELLS - SEARCH - 1)
        # A book that is as it was is settled as it was.
        news = (self.changed > self._settled) | (centre != self._centre)
        rows = np.flatnonzero(news & (self.base >= 0))
        self._centre, self._settled = centre, self.turn
        self.turn += 1
        if rows.size:
            start = centre[rows] - SEARCH
            bids = self._cells(rows, 0, start, 2 * SEARCH)
            asks = self._cells(rows, 1, start, 2 * SEARCH)
            touch = start + _touch(bids, asks)
            self.changed[rows[touch != self.touch[rows]]] = self.turn
            self.touch[rows] = touch
            self._mend(rows)
        self.added *= memory
        self.mended *= memory
        self._recentre(rows)

    def _cells(self, rows: Ints, side: int, start: Ints, width: int) -> Ints:
        """(n, width) cells of one side from a place on; what is beyond the grid is not its own."""
        if width not in self._windows:
            self._windows[width] = sliding_window_view(self._padded, width)
        return np.asarray(self._windows[width][_PAD + (rows * 2 + side) * CELLS + start])

    def _mend(self, rows: Ints) -> None:
        """Remove depth more than a cell on the wrong side of the touch."""
        for side, begin, end in ((0, 1, SEARCH), (1, -SEARCH, -1)):
            start = self.touch[rows] + begin
            held = self._cells(rows, side, start, end - begin)
            at, place = np.divmod(np.flatnonzero(held > 0), end - begin)
            place += start[at]
            own = (place >= 0) & (place < CELLS)
            at, place = at[own], place[own]
            if at.size:
                row = rows[at]
                ghosts = np.zeros(self.base.size, np.int64)
                np.add.at(ghosts, row, self.grid[row, side, place])
                self.mended += ghosts / QUOTE_UNITS
                self.grid[row, side, place] = 0
                self.changed[row] = self.turn

    def _recentre(self, rows: Ints) -> None:
        """Move the grid of a symbol whose touch has come far from the middle."""
        far = rows[np.abs(self.touch[rows] - MIDDLE) > CELLS // 4]
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
            self.changed[row] = self.turn

    def within(self, rows: Ints, edges: Sequence[int]) -> Ints:
        """(n, 2, K) what bids, and asks, of some symbols hold within each distance of the touch,
        in units. edges: (K,) distances in cells, ascending."""
        reach, touch = edges[-1], self.touch[rows, None]
        outward = np.array([0, *edges])
        # Cells beyond the grid are not their own: nothing is known of them.
        of_bids = np.maximum(reach - outward[::-1], reach - 1 - touch)
        of_asks = np.minimum(outward, CELLS + 1 - touch)
        bids = _sums(self._cells(rows, 0, touch[:, 0] - reach + 1, reach + 1), of_bids)
        asks = _sums(self._cells(rows, 1, touch[:, 0] - 1, reach + 1), of_asks)
        sums = np.empty((rows.size, 2, len(edges)), np.int64)
        sums[:, 0], sums[:, 1] = bids[:, ::-1], asks
        for k in range(1, len(edges)):  # a cumulative sum of many short rows takes twice as long
            sums[..., k] += sums[..., k - 1]
        return sums

    def bands(self) -> Floats:
        """(S, 2, len(BANDS_CELLS)) quote currency that rests within each distance of the touch;
        NaN where no book is known."""
        rows = np.flatnonzero((self.changed > self._banded) & (self.base >= 0))
        bands = self._bands.copy()
        bands[rows] = self.within(rows, BANDS_CELLS) / QUOTE_UNITS
        self._bands, self._banded = bands, self.turn
        return bands

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
        self._lay(self.base.size)
        self.grid.reshape(-1)[np.asarray(state["held"], np.int64)] = state["depth"]


def _touch(bids: Ints, asks: Ints) -> Ints:
    """(n,) where bids end and asks begin in windows of cells, (n, W); the middle of all places that
    leave as little as can be on the wrong side. Where nothing rests, the middle of the window."""
    width, every = bids.shape[1], np.arange(len(bids))
    bid, ask = bids[:, ::-1] > 0, asks > 0
    nearest, last = bid.argmax(axis=1), ask.argmax(axis=1)
    some_bid, some_ask = bid[every, nearest], ask[every, last]
    first = np.where(some_bid, width - nearest, 0)
    last = np.where(some_ask, last, width - 1)
    mixed = np.flatnonzero(first > last)
    # From one place to the next, asks are left behind and bids are freed.
    crossed = np.zeros((mixed.size, width), np.int64)
    np.cumsum((asks[mixed] - bids[mixed])[:, :-1], axis=1, out=crossed[:, 1:])
    first[mixed] = crossed.argmin(axis=1)
    last[mixed] = width - 1 - crossed[:, ::-1].argmin(axis=1)
    return np.asarray(np.where(some_bid | some_ask, (first + last + 1) // 2, width // 2))


def _sums(held: Ints, bounds: Ints) -> Ints:
    """(n, K) sums of rows of (n, W) between neighbouring bounds, (n, K + 1), ascending and below W;
    0 where two are equal."""
    at = np.arange(len(held))[:, None] * held.shape[1] + bounds
    found = np.add.reduceat(held.reshape(-1), at.reshape(-1)).reshape(at.shape)[:, :-1]
    return np.where(bounds[:, 1:] > bounds[:, :-1], found, 0)
