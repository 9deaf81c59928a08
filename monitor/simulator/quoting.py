"""Quotes are renewed: an order is cancelled and, most times, another takes its slot.

Renewals come in clusters, a maker's ladder or a part of it in one breath. If a slot is renewed
several times within a slice, each renewal cancels what the one before it placed.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.simulator.arrays import Bools, Floats, Ints, starts
from monitor.simulator.book import LEVELS, MAKERS, NOTHING, OPEN_SLOTS, SLOTS, Best, Book, row_of
from monitor.simulator.controls import Controls
from monitor.simulator.instruments import Instruments
from monitor.simulator.ledger import Ledger
from monitor.simulator.slices import SLICE_NS

LADDER: Final = 2 * LEVELS  # slots of one maker on one symbol
AWAY: Final = np.array([1.5e-4, 4e-4, 9e-4, 1.8e-3, 3.5e-3])  # of each level, share of the price
OPEN_AWAY: Final = 1.2e-3  # mean distance of everyone else's orders
LEVEL_USD: Final = 9_000.0  # typical size of a maker's quote; deeper levels are larger
OPEN_USD: Final = 2_500.0
SPACING_NS: Final = 60_000.0  # between the renewals of one cluster


@dataclass(frozen=True, slots=True)
class Orders:
    """(n,) orders that came to rest in a slot, or left it. at_ns: since the slice began."""

    slot: Ints
    rank: Ints
    lots: Ints
    holder: Ints
    number: Ints
    at_ns: Ints


@dataclass(frozen=True, slots=True)
class Renewals:
    """(n,) slots to renew. places: whether another order takes the slot."""

    slot: Ints
    at_ns: Ints
    places: Bools

    def joined(self, other: "Renewals") -> "Renewals":
        return Renewals(
            np.concatenate([self.slot, other.slot]),
            np.concatenate([self.at_ns, other.at_ns]),
            np.concatenate([self.places, other.places]),
        )


def draw(
    rng: np.random.Generator,
    per_slice: Floats,
    controls: Controls,
    *,
    cluster_mean: float,
) -> Renewals:
    """Renewals of one slice. per_slice: (S, MAKERS + 1) their mean number."""
    clusters = rng.poisson(per_slice / cluster_mean)
    cell = np.repeat(np.arange(clusters.size), clusters.ravel())
    sizes = rng.geometric(1.0 / cluster_mean, cell.size)
    begins = np.cumsum(sizes) - sizes
    total = int(sizes.sum())
    within = np.arange(total) - np.repeat(begins, sizes)
    at_ns = np.repeat(rng.integers(0, SLICE_NS, cell.size), sizes) + within * int(SPACING_NS)
    cell = np.repeat(cell, sizes)
    first = np.repeat(rng.integers(0, 2**31, clusters.sum()), sizes)
    places = rng.random(total) < controls.keep.ravel()[cell]
    slot = _slot(cell, first + within)
    return Renewals(slot, np.minimum(at_ns, SLICE_NS - 1), places)


def _slot(cell: Ints, turn: Ints) -> Ints:
    """The slot of each (symbol, owner) cell whose turn it is; both sides by turns."""
    symbol, owner = np.divmod(cell, MAKERS + 1)
    everyone = owner == MAKERS
    size = np.where(everyone, 2 * OPEN_SLOTS, LADDER)
    turn = turn % size
    side, level = turn & 1, turn >> 1
    position = owner * LEVELS + level
    return np.asarray((symbol * 2 + side) * SLOTS + position)


def stale(
    rng: np.random.Generator, book: Book, reference: Floats, controls: Controls, *, alert: Floats
) -> Renewals:
    """Quotes on the wrong side of the reference, as far as their owners are alert: (S,)."""
    bound = np.stack([reference, -reference], axis=1).reshape(-1, 1)
    wrong = np.flatnonzero(book.rank.reshape(-1, SLOTS) > bound)
    symbol = row_of(wrong) // 2
    seen = rng.random(wrong.size) < alert[symbol]
    wrong, symbol = wrong[seen], symbol[seen]
    cell = symbol * (MAKERS + 1) + np.minimum(wrong % SLOTS // LEVELS, MAKERS)
    places = rng.random(wrong.size) < controls.keep.ravel()[cell]
    return Renewals(wrong, rng.integers(0, SLICE_NS, wrong.size), places)


def every_slot(rng: np.random.Generator, listed: Bools) -> Renewals:
    """Each slot of listed symbols once: how a market opens."""
    slots = np.flatnonzero(listed.repeat(2 * SLOTS))
    return Renewals(slots, rng.integers(0, SLICE_NS, slots.size), np.ones(slots.size, np.bool_))


class Quoting:
    """Carries out renewals on a book, within the touch as the slice found it."""

    def __init__(
        self, rng: np.random.Generator, book: Book, ledger: Ledger, traded: Instruments
    ) -> None:
        self._rng = rng
        self._lot_usd = traded.lot_usd
        self._book = book
        self._ledger = ledger
        self._not_before = np.zeros(book.rank.size, np.int64)

    def renew(
        self,
        due: Renewals,
        *,
        reference: Floats,
        found: Best,
        controls: Controls,
        hit: tuple[Ints, Ints],
    ) -> tuple[Orders, Orders]:
        """Cancels and new orders. found: the touch before the slice, which no new order crosses.

        reference: (S,) ticks. hit: slots that traded in this slice and when, in ns.
        """
        book = self._book
        at_ns = self._after_trades(due, hit)
        order = np.lexsort((at_ns, due.slot))
        slot, places = due.slot[order], due.places[order]
        first = starts(slot)
        at_ns = _one_after_another(first, at_ns[order])
        placed = self._new_orders(slot, at_ns, places, reference, found, controls)
        last = np.ones(slot.size, np.bool_)
        last[:-1] = first[1:]
        cancels = Orders(
            slot=slot,
            rank=_found(first, book.rank[slot], placed.rank),
            lots=_found(first, book.lots[slot], placed.lots),
            holder=_found(first, book.holder[slot], placed.holder),
            number=_found(first, book.number[slot], placed.number),
            at_ns=at_ns,
        )
        end = slot[last]
        book.rank[end], book.lots[end] = placed.rank[last], placed.lots[last]
        book.holder[end], book.number[end] = placed.holder[last], placed.number[last]
        return _where(cancels, cancels.lots > 0), _where(placed, places)

    def _after_trades(self, due: Renewals, hit: tuple[Ints, Ints]) -> Ints:
        """Times of renewals, moved behind what traded in the same slot."""
        slots, at_ns = hit
        self._not_before[slots] = 0
        np.maximum.at(self._not_before, slots, at_ns + 1)
        least = self._not_before[due.slot]
        self._not_before[slots] = 0
        left = np.maximum(SLICE_NS - least, 1)
        return np.where(least > 0, least + due.at_ns * left // SLICE_NS, due.at_ns)

    def _new_orders(
        self,
        slot: Ints,
        at_ns: Ints,
        places: Bools,
        reference: Floats,
        found: Best,
        controls: Controls,
    ) -> Orders:
        """What each renewal places; nothing (rank NOTHING, 0 lots) where it does not."""
        rng, count = self._rng, slot.size
        row, position = np.divmod(slot, SLOTS)
        symbol, side = row >> 1, row & 1
        level = position % LEVELS
        made = position < MAKERS * LEVELS
        spread = rng.random(count)
        away = np.where(made, AWAY[level] * (0.7 + 0.6 * spread), -OPEN_AWAY * np.log1p(-spread))
        away = away * controls.widen[symbol]
        sign = 1.0 - 2.0 * side
        wished = np.floor(sign * reference[symbol] * (1.0 - sign * away) - 0.5)
        rank = np.minimum(wished.astype(np.int64), found.opposite.ravel()[row])
        rank = np.where(side == 0, np.maximum(rank, 1), rank)
        usd = np.where(made, LEVEL_USD * (1.0 + 0.5 * level), OPEN_USD) * controls.depth[symbol]
        size = usd / self._lot_usd[symbol] * np.exp(0.6 * rng.standard_normal(count))
        lots = np.where(places, np.maximum(size, 1.0), 0.0).astype(np.int64)
        number = np.zeros(count, np.int64)
        number[places] = self._book.numbers(int(places.sum()))
        maker = self._ledger.maker(symbol, np.minimum(position // LEVELS, MAKERS - 1))
        holder = np.where(made, maker, self._ledger.random_traders(rng, symbol))
        rank = np.where(places, rank, NOTHING)
        return Orders(slot, rank, lots, holder, number, at_ns)


def _one_after_another(first: Bools, at_ns: Ints) -> Ints:
    """Times that differ within a slot, so that an order never leaves as it comes."""
    here = np.arange(first.size)
    return np.asarray(at_ns + here - np.maximum.accumulate(np.where(first, here, 0)))


def _found(first: Bools, rested: Ints, placed: Ints) -> Ints:
    """What each renewal finds in its slot: what rested there, or what the one before placed."""
    return np.where(first, rested, np.concatenate([placed[-1:], placed[:-1]]))


def _where(orders: Orders, kept: Bools) -> Orders:
    return Orders(
        orders.slot[kept],
        orders.rank[kept],
        orders.lots[kept],
        orders.holder[kept],
        orders.number[kept],
        orders.at_ns[kept],
    )
