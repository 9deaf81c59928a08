"""Resting orders of every symbol in slots: arrays of price, quantity, owner and number.

A slot holds at most one order. Of each (symbol, side), the first slots belong to the makers, a
ladder each, and the rest to whoever posts there:

    symbol 0 buy  | maker 0: level 0 … 4 | maker 1 | … | maker 7 | 24 for everyone |
    symbol 0 sell | …

Prices are kept as `rank`: the tick of a bid, the negative tick of an ask, so that on both sides
the greatest rank is the best price.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.simulator.arrays import Floats, Ints

MAKERS: Final = 8
LEVELS: Final = 5
OPEN_SLOTS: Final = 24
SLOTS: Final = MAKERS * LEVELS + OPEN_SLOTS
NOTHING: Final = -(2**40)  # the rank where no order rests


@dataclass(frozen=True, slots=True)
class Best:
    """The touch before anything of a slice happened. rank: (S, 2), NOTHING where a side is bare."""

    rank: Ints

    @property
    def opposite(self) -> Ints:
        """(S, 2) the greatest rank that a new order may have without crossing."""
        return np.asarray(-self.rank[:, ::-1] - 1)


class Book:
    """All slots, flat: slot = (symbol * 2 + side) * SLOTS + position; side 0 buys, 1 sells.

    rank, lots, holder, number: (S * 2 * SLOTS,); lots is 0 exactly where rank is NOTHING.
    """

    def __init__(self, symbols: int) -> None:
        slots = symbols * 2 * SLOTS
        self.rank = np.full(slots, NOTHING, np.int64)
        self.lots = np.zeros(slots, np.int64)
        self.holder = np.zeros(slots, np.int64)
        self.number = np.zeros(slots, np.int64)
        self._next_number = 1
        self._by_row = self.rank.reshape(symbols * 2, SLOTS)
        self._lots_by_row = self.lots.reshape(symbols * 2, SLOTS)

    def best(self) -> Best:
        return Best(self._by_row.max(axis=1).reshape(-1, 2))

    def numbers(self, count: int) -> Ints:
        """Fresh order numbers."""
        first = self._next_number
        self._next_number += count
        return np.arange(first, first + count)

    def rested(self, rows: Ints) -> tuple[Ints, Ints]:
        """Slots and lots, (len(rows), SLOTS), of (symbol, side) rows, best price first."""
        position = np.argsort(-self._by_row[rows], axis=1, kind="stable")
        slots = rows[:, None] * SLOTS + position
        return slots, self.lots[slots]

    def take(self, slots: Ints, lots: Ints) -> None:
        """Trade away lots of slots, each named once; what is empty leaves the book."""
        left = self.lots[slots] - lots
        self.lots[slots] = left
        self.rank[slots[left == 0]] = NOTHING

    def depth_lots(self) -> Ints:
        """(S, 2) everything that rests."""
        return np.asarray(self._lots_by_row.sum(axis=1).reshape(-1, 2))

    def depth_within(self, reference: Floats, share: float) -> Ints:
        """(S, 2) lots that rest within a share of a reference price in ticks."""
        reach = np.stack([reference * (1.0 - share), -reference * (1.0 + share)], axis=1)
        near = self._by_row >= reach.reshape(-1, 1)
        return np.asarray((self._lots_by_row * near).sum(axis=1).reshape(-1, 2))

    def ladder(self, row: int, levels: int) -> tuple[Ints, Ints]:
        """Ranks and lots of the best price levels of one (symbol, side) row."""
        alive = np.flatnonzero(self._lots_by_row[row])
        rank, inverse = np.unique(-self._by_row[row][alive], return_inverse=True)
        lots = np.bincount(inverse, self._lots_by_row[row][alive], rank.size)
        return -rank[:levels], lots[:levels].astype(np.int64)


def row_of(slots: Ints) -> Ints:
    """The (symbol, side) row of each slot; its lowest bit is the side."""
    return np.asarray(slots // SLOTS)
