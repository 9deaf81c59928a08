"""The rows of a closed bin by kind and symbol, in an order that no arrival can change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.events import Kind
from monitor.feeds import Feed
from monitor.keys import account_of, kind_of, packed, symbol_of
from monitor.partial import PartialFrame
from monitor.rows import CELL_BITS, WIDTH, Rows, cells, units

BEFORE_ALL: Final = np.iinfo(np.int64).min
_NOWHERE: Final = np.iinfo(np.int64).max
_TOLD: Final = {Kind.FILL: 2}  # columns in use, of kinds with few


@dataclass(frozen=True, slots=True)
class Facts:
    """What events of one kind said in a bin, by symbol, then by time.

    row: (m,) of the symbol. account: (m,) its code, 0 for none. ts: (m,) nanoseconds.
    values: (m, 6), see `monitor.rows.facts`.
    """

    row: NDArray[np.int64]
    account: NDArray[np.int64]
    ts: NDArray[np.int64]
    values: NDArray[np.float64]

    def last(self) -> "Facts":
        """The latest of each symbol."""
        ends = np.ones(self.row.size, np.bool_)
        np.not_equal(self.row[1:], self.row[:-1], out=ends[:-1])
        return Facts(self.row[ends], self.account[ends], self.ts[ends], self.values[ends])


@dataclass(frozen=True, slots=True)
class Changes:
    """What was added to the book, or taken from it. row: (m,). cell: (m,) side and cell.
    change: (m,) in whole units of the quote currency; they add up in any order."""

    row: NDArray[np.int64]
    cell: NDArray[np.int64]
    change: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Books that replace what was known. row: (k,) their symbols. levels: what rests in them.
    worst: (k, 2) the farthest cell of each side that they tell, -1 where a side is empty."""

    row: NDArray[np.int64]
    levels: Changes
    worst: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Settled:
    """A closed bin. keys: (n,) of the events of watched symbols.

    before: changes of the book, up to the snapshot where there is one. after: since it.
    """

    keys: NDArray[np.int64]
    before: Changes
    snapshots: Snapshots | None
    after: Changes | None
    facts: Mapping[Kind, Facts]
    feeds: Sequence[Feed] = ()


_NO_ROWS: Final = np.empty(0, np.int64)
NO_CHANGES: Final = Changes(_NO_ROWS, _NO_ROWS, _NO_ROWS)


def settle(keys: NDArray[np.int64], partial: PartialFrame, row_of: NDArray[np.int64]) -> Settled:
    """Bring the rows of a closed bin into order. row_of: symbol code -> row, negative: refused."""
    kinds = _by_kind(partial.facts, row_of)
    books = kinds.pop(Kind.BOOK, None)  # in no order: each says what it is about
    facts = {kind: _in_order(kind, told) for kind, told in kinds.items()}
    changes, ts = _changes(partial.depth, row_of)
    if books is None:
        return Settled(keys, changes, None, None, facts, partial.feeds)
    snapshots, taken_ns = _snapshots(books)
    last_ns = np.full(row_of.size + 1, BEFORE_ALL)
    last_ns[snapshots.row] = taken_ns
    known = last_ns[changes.row]
    after = (known > BEFORE_ALL) & (ts > known)
    before, since = _some(changes, ~after), _some(changes, after)
    return Settled(keys, before, snapshots, since, facts, partial.feeds)


def _by_kind(rows: Rows, row_of: NDArray[np.int64]) -> dict[Kind, Facts]:
    if not rows.size:
        return {}
    row = row_of[symbol_of(rows.keys)]
    kinds = np.where(row >= 0, kind_of(rows.keys), len(Kind))
    found = {}
    for kind in np.flatnonzero(np.bincount(kinds, minlength=len(Kind))[: len(Kind)]).tolist():
        at = np.flatnonzero(kinds == kind)
        account = account_of(rows.keys[at])
        found[Kind(kind)] = Facts(row[at], account, rows.ts[at], rows.values[at])
    return found


def _in_order(kind: Kind, told: Facts) -> Facts:
    """By symbol, then by time; what is told of one moment by what it says."""
    order = np.lexsort((told.ts, told.row))
    row, ts = told.row[order], told.ts[order]
    if ((row[1:] == row[:-1]) & (ts[1:] == ts[:-1])).any():
        columns = told.values.T[: _TOLD.get(kind, WIDTH)]
        order = np.lexsort((*columns, told.ts, told.row))
    return Facts(told.row[order], told.account[order], told.ts[order], told.values[order])


def _changes(rows: Rows, row_of: NDArray[np.int64]) -> tuple[Changes, NDArray[np.int64]]:
    row = row_of[symbol_of(rows.keys)]
    cell, change, ts = rows.values[:, 0], rows.values[:, 1], rows.ts
    if row.size and row.min() < 0:
        kept = row >= 0
        row, cell, change, ts = row[kept], cell[kept], change[kept], ts[kept]
    return Changes(row, cell, change), ts


def _some(changes: Changes, chosen: NDArray[np.bool_]) -> Changes:
    return Changes(changes.row[chosen], changes.cell[chosen], changes.change[chosen])


def _snapshots(books: Facts) -> tuple[Snapshots, NDArray[np.int64]]:
    """The last book of each symbol in the bin, and (k,) when it was taken."""
    latest = np.full(int(books.row.max()) + 1, BEFORE_ALL)
    np.maximum.at(latest, books.row, books.ts)
    rows = np.flatnonzero(latest > BEFORE_ALL)
    current = books.ts == latest[books.row]
    begins = books.values[:, 0] < 0.0  # a book's own row, before its levels
    several = np.count_nonzero(current & begins) > rows.size
    current &= ~begins
    row, values = books.row[current], books.values[current, :3]
    if several and row.size:  # two books of one symbol at one moment are taken as one
        whole = np.unique(np.column_stack([row, values]), axis=0)
        row, values = whole[:, 0].astype(np.int64), whole[:, 1:]
    side, cell = values[:, 0].astype(np.int64), cells(values[:, 1])
    priced = cell >= 0
    row, side, cell, values = row[priced], side[priced], cell[priced], values[priced]
    bids, far = side == 0, np.full((latest.size, 2), (_NOWHERE, -1))
    np.minimum.at(far[:, 0], row[bids], cell[bids])
    np.maximum.at(far[:, 1], row[~bids], cell[~bids])
    worst = np.where(far == _NOWHERE, -1, far)[rows]
    levels = Changes(row, side << CELL_BITS | cell, units(values[:, 1], values[:, 2]))
    return Snapshots(rows, levels, worst), latest[rows]


def reduced(partial: PartialFrame) -> PartialFrame:
    """The same bin in fewer rows: changes of one cell added up, up to the book and since it."""
    depth, facts = partial.depth, partial.facts
    if not depth.size:
        return partial
    symbols = symbol_of(depth.keys)
    last_ns = np.full(int(symbols.max()) + 1, BEFORE_ALL)
    books = facts.take(kind_of(facts.keys) == Kind.BOOK)
    told = symbol_of(books.keys)
    in_use = told <= symbols.max()
    np.maximum.at(last_ns, told[in_use], books.ts[in_use])
    known = last_ns[symbols]
    since = np.where((known > BEFORE_ALL) & (depth.ts > known), known + 1, 0)
    table = np.column_stack([symbols, since, depth.values[:, 0]])
    rows, place = np.unique(table, axis=0, return_inverse=True)
    change = np.zeros(len(rows), np.int64)
    np.add.at(change, place.ravel(), depth.values[:, 1])
    values = np.column_stack([rows[:, 2], change])
    of = np.zeros(len(rows), np.int64)
    less = Rows(of, rows[:, 1].copy(), packed(0, rows[:, 0]), values)
    return replace(partial, depth=less)
