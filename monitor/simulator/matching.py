"""Market orders meet resting ones, best price first, all symbols at once."""

from dataclasses import dataclass

import numpy as np

from monitor.simulator.arrays import Ints
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

    def joined(self, other: "MarketOrders") -> "MarketOrders":
        return MarketOrders(
            *(
                np.concatenate([getattr(self, name), getattr(other, name)])
                for name in ("symbol", "side", "holder", "lots", "at_ns")
            )
        )


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
    queue = np.lexsort((orders.at_ns, orders.row))
    row, wanted = orders.row[queue], orders.lots[queue]
    rows, first = np.unique(row, return_index=True)
    slots, resting = book.rested(rows)
    offered = resting.sum(axis=1)
    asked = np.add.reduceat(wanted, first) if rows.size else wanted
    base = np.concatenate([[0], np.cumsum(np.maximum(offered, asked))])
    rested_end = np.cumsum(resting, axis=1) + base[:-1, None]
    before_row = np.cumsum(wanted)[first] - wanted[first] if rows.size else wanted
    place = np.searchsorted(rows, row)
    order_end = np.cumsum(wanted) - before_row[place] + base[place]
    edges = np.unique(np.concatenate([base[:-1], rested_end.ravel(), order_end]))
    start, lots = edges[:-1], np.diff(edges)
    order = np.searchsorted(order_end, start, side="right")
    at_row = np.searchsorted(base, start, side="right") - 1
    both = (start < base[at_row] + np.minimum(offered, asked)[at_row]) if rows.size else start > 0
    order, start, lots = order[both], start[both], lots[both]
    slot = slots.ravel()[np.searchsorted(rested_end.ravel(), start, side="right")]
    fills = Fills(
        slot=slot,
        order=queue[order],
        lots=lots,
        rank=book.rank[slot],
        number=book.number[slot],
        maker=book.holder[slot],
        at_ns=orders.at_ns[queue[order]],
    )
    _take(book, fills)
    return fills


def _take(book: Book, fills: Fills) -> None:
    assert (fills.rank != NOTHING).all(), "a fill of an order that is not there"
    slots, inverse = np.unique(fills.slot, return_inverse=True)
    taken = np.zeros(slots.size, np.int64)
    np.add.at(taken, inverse, fills.lots)
    book.take(slots, taken)


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
