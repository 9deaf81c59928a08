"""Market orders meet resting ones, best price first, all symbols at once."""

from dataclasses import dataclass

import numpy as np

from monitor.simulator.arrays import Bools, Ints, starts
from monitor.simulator.book import NOTHING, Book


@dataclass(frozen=True, slots=True)
class MarketOrders:
    """(n,) orders that take what rests. side: 0 buys, 1 sells. at_ns: since the slice began."""

    symbol: Ints
    side: Ints
    holder: Ints
    lots: Ints
    at_ns: Ints

    @property
    def row(self) -> Ints:
        """The (symbol, side) row of the book that each order takes from."""
        return np.asarray(self.symbol * 2 + 1 - self.side)

    def __len__(self) -> int:
        return int(self.symbol.size)

    def where(self, kept: Bools) -> "MarketOrders":
        return MarketOrders(
            self.symbol[kept],
            self.side[kept],
            self.holder[kept],
            self.lots[kept],
            self.at_ns[kept],
        )

    @staticmethod
    def joined(parts: "list[MarketOrders]") -> "MarketOrders":
        names = ("symbol", "side", "holder", "lots", "at_ns")
        return MarketOrders(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))


@dataclass(frozen=True, slots=True)
class Fills:
    """(n,) trades. order: which market order. rank: of the resting order that was hit."""

    slot: Ints
    order: Ints
    lots: Ints
    rank: Ints
    number: Ints
    maker: Ints
    at_ns: Ints

    @property
    def ticks(self) -> Ints:
        return np.abs(self.rank)


def match(book: Book, orders: MarketOrders) -> Fills:
    """Fill orders in the order of time as far as the book goes, and take the lots out of it.

    In each (symbol, side) row the queue of orders and the queue of resting lots are laid side by
    side; every stretch between two neighbouring edges is one fill:

        orders   |--- 1 ---|-- 2 --|------ 3 ------|
        resting  |-- a --|---- b ----|-- c --|
        fills    |  1a   |1b|  2b    |3b| 3c  |
    """
    if not len(orders):
        return _no_fills()
    queue = np.lexsort((orders.at_ns, orders.row))
    row, wanted = orders.row[queue], orders.lots[queue]
    first = np.flatnonzero(starts(row))
    rows = row[first]
    asked = np.add.reduceat(wanted, first)
    slots, rested = _within_reach(*book.rested(rows), asked)
    offered = rested[:, -1]
    base = np.zeros(rows.size + 1, np.int64)
    np.cumsum(np.maximum(offered, asked), out=base[1:])
    rested_end = (rested + base[:-1, None]).ravel()
    place = np.cumsum(starts(row)) - 1
    ordered = np.cumsum(wanted)
    order_end = ordered + (base[:-1] - ordered[first] + wanted[first])[place]
    edges = np.sort(np.concatenate([base[:-1], rested_end, order_end]))
    some = np.flatnonzero(np.diff(edges))
    start, lots = edges[some], edges[some + 1] - edges[some]
    at_row = np.searchsorted(base, start, side="right") - 1
    both = start < (base[:-1] + np.minimum(offered, asked))[at_row]
    start, lots = start[both], lots[both]
    order = queue[np.searchsorted(order_end, start, side="right")]
    slot = slots.ravel()[np.searchsorted(rested_end, start, side="right")]
    fills = Fills(
        slot=slot,
        order=order,
        lots=lots,
        rank=book.rank[slot],
        number=book.number[slot],
        maker=book.holder[slot],
        at_ns=orders.at_ns[order],
    )
    _take(book, fills)
    return fills


def _within_reach(slots: Ints, lots: Ints, asked: Ints) -> tuple[Ints, Ints]:
    """Slots that orders may reach, the same number in each row, and the lots up to each of them."""
    rested = np.cumsum(lots, axis=1)
    reach = int((rested < asked[:, None]).sum(axis=1).max()) + 1
    return slots[:, :reach], rested[:, :reach]


def _take(book: Book, fills: Fills) -> None:
    assert (fills.rank != NOTHING).all(), "a fill of an order that is not there"
    if fills.slot.size:
        # Fills of one resting order stand side by side: its queue was walked once.
        first = np.flatnonzero(starts(fills.slot))
        book.take(fills.slot[first], np.add.reduceat(fills.lots, first))


def _no_fills() -> Fills:
    nothing = np.empty(0, np.int64)
    return Fills(nothing, nothing, nothing, nothing, nothing, nothing, nothing)


def overlay(left: Ints, right: Ints) -> tuple[Ints, Ints, Ints]:
    """Two queues of lots side by side, to the shorter end: who meets whom, and over how much."""
    left_end, right_end = np.cumsum(left), np.cumsum(right)
    if not left.size or not right.size:
        nothing = np.empty(0, np.int64)
        return nothing, nothing, nothing
    edges = np.unique(np.concatenate([[0], left_end, right_end]))
    edges = edges[edges <= min(left_end[-1], right_end[-1])]
    start = edges[:-1]
    at_left = np.searchsorted(left_end, start, side="right")
    at_right = np.searchsorted(right_end, start, side="right")
    return at_left, at_right, np.diff(edges)
