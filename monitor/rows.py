"""What events leave beside their count: rows that change the book, and facts about accounts.

An order, a cancel or a fill leaves one row of depth. Every rarer event leaves facts: what a
leverage change says of a position, both sides of a fill, each level of a book, marks, forced
orders. Rows of one bin have no order of their own; whoever reads them brings them into one.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from itertools import compress, pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from monitor.events import MOST, Kind
from monitor.keys import stream_of
from monitor.schema import Schema

CELL: Final = 2e-4  # width of a cell of the price grid, in natural logarithms: 2 basis points
CELL_BITS: Final = 20
CELL_ZERO: Final = 1 << (CELL_BITS - 1)  # the cell that begins at price 1
CELL_MASK: Final = (1 << CELL_BITS) - 1
QUOTE_UNITS: Final = 1e6  # depth is kept in whole millionths of the quote currency
LEAST: Final = 1e-18  # of a price or a leverage that means anything
UNITS_MAX: Final = 2.0**50  # what one order may add
WIDTH: Final = 6
POOL: Final = 4  # column of a leverage change's collateral pool, as a number
LIQUIDATION_KINDS: Final = {None: 0.0, "partial": 1.0, "full": 2.0, "adl": 3.0}
NOT_RESTING: Final = ("market", "stop", "trigger", "take_profit", "ioc", "fok")
_SIGN: Final = np.array([1, -1], np.int64)  # of a position, by the side that traded


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of the events of one batch, or of one bin.

    of: (m,) position of the row's event in the batch. ts: (m,) its venue time, nanoseconds.
    keys: (m,) as in Columns. values: (m, 2) int64 of depth: side and cell, and change in units of
    quote currency; or (m, 6) float64 of facts (see `facts`).
    """

    of: NDArray[np.int64]
    ts: NDArray[np.int64]
    keys: NDArray[np.int64]
    values: NDArray[Any]

    @property
    def size(self) -> int:
        return self.ts.size

    def take(self, index: NDArray[Any] | slice) -> "Rows":
        """The rows that an index, a mask or a slice selects."""
        return Rows(self.of[index], self.ts[index], self.keys[index], self.values[index])

    def of_events(self, index: NDArray[Any], events: int) -> "Rows":
        """The rows of the events, out of so many, that an index or a mask selects."""
        place = np.full(events, -1, np.int64)
        kept = np.flatnonzero(index) if index.dtype == np.bool_ else index
        place[kept] = np.arange(kept.size)
        of = place[self.of]
        found = of >= 0
        return replace(self.take(found), of=of[found])

    def by_bin(self, bins: NDArray[np.int64]) -> Iterator[tuple[int, "Rows"]]:
        """The rows of each bin; bins: (n,) of the batch's events."""
        if not self.size:
            return
        own = bins[self.of]
        rows = self
        if (own[1:] < own[:-1]).any():
            order = np.argsort(own, kind="stable")
            rows, own = self.take(order), own[order]
        edges = np.flatnonzero(np.diff(own)) + 1
        for start, end in pairwise((0, *edges.tolist(), own.size)):
            yield int(own[start]), rows.take(slice(start, end))

    def recoded(self, apply: Callable[[NDArray[np.int64]], NDArray[np.int64]]) -> "Rows":
        """The same rows after the name tables were compacted."""
        return replace(self, keys=apply(self.keys))


_NONE: Final = np.empty(0, np.int64)
NO_DEPTH: Final = Rows(_NONE, _NONE, _NONE, np.empty((0, 2), np.int64))
NO_FACTS: Final = Rows(_NONE, _NONE, _NONE, np.empty((0, WIDTH)))


def joined(parts: Sequence[Rows], empty: Rows) -> Rows:
    """Rows of several batches end to end."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return empty
    return Rows(
        np.concatenate([part.of for part in parts]),
        np.concatenate([part.ts for part in parts]),
        np.concatenate([part.keys for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


def cells(price: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n,) cell of each price, from 0 to CELL_MASK; -1 where there is no price."""
    known = (price > 0.0) & np.isfinite(price)
    at = np.floor(np.log(np.where(known, price, 1.0)) / CELL).astype(np.int64) + CELL_ZERO
    return np.where(known & (at >= 0) & (at <= CELL_MASK), at, -1)


def cell_price(cell: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,) the price where each cell begins."""
    price: NDArray[np.float64] = np.exp((cell - CELL_ZERO) * CELL)
    return price


def units(price: NDArray[np.float64], qty: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n,) notional in whole units, so that sums do not depend on their order."""
    return np.asarray(np.rint(np.minimum(price * qty * QUOTE_UNITS, UNITS_MAX)), dtype=np.int64)


def depth(
    schema: Schema,
    events: Sequence[Any],
    ts: NDArray[np.int64],
    keys: NDArray[np.int64],
    kinds: NDArray[np.int64],
) -> Rows:
    """One row for each order, cancel and fill that changes what rests in the book.

    A market order rests nowhere, so its own event leaves none; its fills do.
    """
    of = np.flatnonzero((kinds <= Kind.CANCEL) | (kinds == Kind.FILL))
    if not of.size:
        return NO_DEPTH
    if of.size < kinds.size:
        wanted = np.zeros(kinds.size, np.bool_)
        wanted[of] = True
        events = list(compress(events, wanted.tolist()))
    price, qty = schema.number("price", events), schema.number("qty", events)
    at = cells(price)
    change = units(price, qty) * np.where(kinds[of] == Kind.ORDER, 1, -1)
    keep = (at >= 0) & _resting(schema, events, kinds[of])
    values = np.column_stack([schema.side(events).astype(np.int64) << CELL_BITS | at, change])
    rows = Rows(of, ts[of], keys[of], values)
    return rows if keep.all() else rows.take(keep)


def _resting(schema: Schema, events: Sequence[Any], kinds: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) False for orders that never rest; cancels and fills are of what did."""
    orders = np.flatnonzero(kinds == Kind.ORDER)
    keep = np.ones(kinds.size, np.bool_)
    if orders.size:
        named = schema.getter("order_type")
        if orders.size == kinds.size:
            types = list(map(named, events))
        else:
            types = list(map(named, compress(events, (kinds == Kind.ORDER).tolist())))
        if any(types):
            keep[orders] = [not _never_rests(order_type) for order_type in types]
    return keep


@lru_cache(maxsize=1024)
def _never_rests(order_type: str | None) -> bool:
    return order_type is not None and any(word in order_type.lower() for word in NOT_RESTING)


def facts(
    schema: Schema,
    events: Sequence[Any],
    ts: NDArray[np.int64],
    keys: NDArray[np.int64],
    kinds: NDArray[np.int64],
    account_of: Callable[[Any], int],
) -> Rows:
    """What the rarer events say. Columns of values, NaN where not told:

    leverage: new leverage, position (signed base units), entry price, maintenance margin rate,
      pool as a number. fill, one row an account: price, change of its position (signed base units).
    book: side (-1 in a first row without a level), price, quantity. mark: mark, index, index time
      (s), funding rate, open interest. liquidation: price, change of position, position before,
      margin ratio, kind (0 not told, 1 partial, 2 full, 3 adl).
    """
    parts: list[Rows] = []
    for kind, read in _READERS.items():
        of = np.flatnonzero(kinds == kind)
        if of.size:
            chosen = [events[i] for i in of.tolist()]
            values, own, accounts = read(schema, chosen, account_of)
            at = of if own is None else of[own]
            key = keys[at]
            if accounts is not None:
                key = stream_of(key) | accounts
            parts.append(Rows(at, ts[at], key, values))
    return joined(parts, NO_FACTS)


_Read = tuple[NDArray[np.float64], NDArray[np.int64] | None, NDArray[np.int64] | None]


def _table(columns: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    values = np.full((columns[0].size, WIDTH), np.nan)
    for i, column in enumerate(columns):
        values[:, i] = column
    return values


def _sane(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """NaN, as where it is not told, where a number is none, or beyond what sums can hold."""
    return np.where(np.abs(value) <= MOST, value, np.nan)


def _known_price(price: NDArray[np.float64]) -> NDArray[np.float64]:
    """NaN where a price is none: nought, or too small to divide by."""
    return np.where(price >= LEAST, price, np.nan)


_LEVERAGE: Final = ("new_leverage", "position", "entry_price", "maintenance_margin_rate")


def _leverage(schema: Schema, events: Sequence[Any], _: Callable[[Any], int]) -> _Read:
    leverage, position, entry, rate = (schema.number(name, events) for name in _LEVERAGE)
    told = [_sane(position), _known_price(entry), _sane(rate)]
    columns = [np.where(leverage >= LEAST, leverage, 0.0), *told]
    pools = map(schema.getter("collateral_pool"), events)
    pool = np.fromiter(map(pool_number, pools), np.float64, len(events))
    return _table([*columns, pool]), None, None


@lru_cache(maxsize=1 << 17)
def pool_number(name: str | int | None) -> float:
    """A collateral pool's name as a whole number below 2^52; NaN for none."""
    if name is None or name == "":
        return float("nan")
    return float(int.from_bytes(blake2b(str(name).encode(), digest_size=8).digest()) >> 12)


def _fill(schema: Schema, events: Sequence[Any], account_of: Callable[[Any], int]) -> _Read:
    price = np.maximum(schema.number("price", events), LEAST)
    signed = schema.number("qty", events) * _SIGN[schema.side(events)]
    count = len(events)
    makers = np.fromiter(map(account_of, map(schema.getter("account"), events)), np.int64, count)
    takers = np.fromiter(map(account_of, map(schema.getter("taker"), events)), np.int64, count)
    own = np.tile(np.arange(count), 2)
    values = _table([price[own], np.concatenate([signed, -signed])])
    return values, own, np.concatenate([makers, takers])


def _book(schema: Schema, events: Sequence[Any], _: Callable[[Any], int]) -> _Read:
    bids, asks = schema.getter("bids"), schema.getter("asks")
    rows: list[tuple[float, float, float]] = []
    own: list[int] = []
    for i, event in enumerate(events):
        levels = [(0.0, *level) for level in bids(event)] + [(1.0, *level) for level in asks(event)]
        rows += [(-1.0, 0.0, 0.0), *levels]
        own += [i] * (len(levels) + 1)
    columns = np.array(rows, np.float64).reshape(-1, 3)
    return _table(list(columns.T)), np.array(own, np.int64), None


def _mark(schema: Schema, events: Sequence[Any], _: Callable[[Any], int]) -> _Read:
    mark, index, funding, interest = (
        schema.number(name, events) for name in ("mark", "index", "funding_rate", "open_interest")
    )
    index_s = schema.index_ts_ns(events) / 1e9
    known_s = np.where(index_s > 0.0, index_s, np.nan)
    told = [_known_price(mark), _known_price(index), known_s, _sane(funding), interest]
    return _table(told), None, None


def _liquidation(schema: Schema, events: Sequence[Any], _: Callable[[Any], int]) -> _Read:
    change = schema.number("qty", events) * _SIGN[schema.side(events)]
    kinds = map(schema.getter("kind"), events)
    kind = np.fromiter((LIQUIDATION_KINDS.get(k, 0.0) for k in kinds), np.float64, len(events))
    before = _sane(schema.number("position_before", events))
    ratio = _sane(schema.number("margin_ratio", events))
    return _table([schema.number("price", events), change, before, ratio, kind]), None, None


_READERS: Final[dict[Kind, Callable[[Schema, Sequence[Any], Callable[[Any], int]], _Read]]] = {
    Kind.LEVERAGE: _leverage,
    Kind.FILL: _fill,
    Kind.BOOK: _book,
    Kind.MARK: _mark,
    Kind.LIQUIDATION: _liquidation,
}
