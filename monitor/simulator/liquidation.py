"""The liquidation engine: partial first, then whole; the insurance fund; auto-deleveraging.

A pool whose equity at mark prices is below its maintenance margin is taken over, step by step: a
quarter of each of its positions, at most three times, then all of it, a second apart. What is taken
over is sent to the book as market orders, no faster than a share of what rests there. A pool that
ends below zero is made whole by the insurance fund. When the fund cannot cover what is under
water, or nothing rests on the other side for seconds, positions are closed against the accounts
that won most on the other side, at the mark: auto-deleveraging.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.events import NS_PER_S
from monitor.simulator.arrays import Bools, Floats, Ints, Names, named
from monitor.simulator.book import Book
from monitor.simulator.ledger import FUND_USD_PER_SYMBOL, Ledger
from monitor.simulator.matching import MarketOrders, overlay
from monitor.simulator.slices import SLICE_NS

STEP: Final = 0.25
STEPS: Final = 3
PACE_NS: Final = NS_PER_S
BITE: Final = 0.35  # share of the resting lots that the engine takes in a slice
STUCK_NS: Final = 6 * NS_PER_S
FRESH_USD: Final = 500.0  # what an account that lost everything comes back with
PARTIAL, FULL, ADL = 0, 1, 2
KIND_NAMES: Final[Names] = named(["partial", "full", "adl"])


@dataclass(frozen=True, slots=True)
class Liquidations:
    """(n,) positions taken over or deleveraged. side: of the forced order, 0 buys, 1 sells.

    margin_ratio: maintenance margin over equity; at 1 and above, or below 0, a pool is liquidated.
    """

    holder: Ints
    side: Ints
    lots: Ints
    position: Ints
    margin_ratio: Floats
    kind: Ints

    @staticmethod
    def joined(parts: list["Liquidations"]) -> "Liquidations":
        names = ("holder", "side", "lots", "position", "margin_ratio", "kind")
        return Liquidations(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


class Engine:
    """forced: (H,) lots of each holder that are still to be closed. stage: (P,) steps taken.

    has_free_margin: (P,) whether a pool may take on more, as of the last check.
    """

    def __init__(self, rng: np.random.Generator, ledger: Ledger) -> None:
        self._rng = rng
        self._ledger = ledger
        self.forced = np.zeros(ledger.position.size, np.int64)
        self.stage = np.zeros(ledger.deposit.size, np.int64)
        self._rest_until_ns = np.zeros(ledger.deposit.size, np.int64)
        self._since_ns = np.zeros(ledger.position.size, np.int64)
        self.fund_usd = FUND_USD_PER_SYMBOL * ledger.symbols
        self.paid_usd = 0.0
        self.has_free_margin = np.ones(ledger.deposit.size, np.bool_)

    def orders(self, book: Book) -> MarketOrders:
        """Market orders of one slice for what is taken over."""
        ledger = self._ledger
        holder = np.flatnonzero(self.forced)
        symbol = ledger.symbol[holder]
        side = (ledger.position[holder] > 0).astype(np.int64)
        row = symbol * 2 + 1 - side
        asked = np.bincount(row, self.forced[holder], ledger.symbols * 2)
        most = BITE * book.depth_lots().ravel()
        pace = np.minimum(1.0, most / np.maximum(asked, 1.0))
        lots = np.floor(self.forced[holder] * pace[row]).astype(np.int64)
        sent = lots > 0
        return MarketOrders(
            symbol=symbol[sent],
            side=side[sent],
            holder=holder[sent],
            lots=lots[sent],
            at_ns=self._rng.integers(0, SLICE_NS, int(sent.sum())),
        )

    def filled(self, holder: Ints, lots: Ints) -> None:
        """Forced orders were filled."""
        np.subtract.at(self.forced, holder, lots)

    def check(self, marks: Floats, mark_ticks: Ints, now_ns: int, fund: float) -> Liquidations:
        """Take over what must be at (S,) marks; fund: multiplies what the insurance fund has."""
        ledger = self._ledger
        self._own_trades()
        equity, needed = ledger.equity_usd(marks), ledger.maintenance_usd(marks)
        below = (equity < needed) & (self._rest_until_ns <= now_ns)
        parts = [self._take_over(below, equity, needed, now_ns)] if below.any() else []
        self.stage[(equity >= needed) & (self.stage > 0)] = 0
        self.has_free_margin = equity > ledger.asked_usd(marks)
        under_water = float(-np.minimum(equity, 0.0).sum())
        broke = self.paid_usd + under_water > self.fund_usd * fund
        if self.forced.any():
            parts += self._deleverage(marks, mark_ticks, now_ns, equity if broke else None)
        self._make_whole(equity, needed)
        return Liquidations.joined([_none(), *parts])

    def _own_trades(self) -> None:
        """An account may have closed by itself what was to be closed for it."""
        held = np.flatnonzero(self.forced)
        self.forced[held] = np.minimum(self.forced[held], np.abs(self._ledger.position[held]))

    def _take_over(
        self,
        below: Bools,
        equity: Floats,
        needed: Floats,
        now_ns: int,
    ) -> Liquidations:
        ledger = self._ledger
        rows = ledger.traders
        first = rows.start
        due = below[ledger.pool[rows]] & (ledger.position[rows] != 0) & (self.forced[rows] == 0)
        holder = np.flatnonzero(due) + first
        pool, position = ledger.pool[holder], ledger.position[holder]
        whole = self.stage[pool] >= STEPS
        lots = np.where(whole, np.abs(position), np.ceil(STEP * np.abs(position)).astype(np.int64))
        self.forced[holder] = lots
        self._since_ns[holder] = now_ns
        touched = np.unique(pool)
        self.stage[touched] += 1
        self._rest_until_ns[touched] = now_ns + PACE_NS
        ratio = needed[pool] / np.where(equity[pool] == 0.0, 1e-9, equity[pool])
        side = (position > 0).astype(np.int64)
        return Liquidations(holder, side, lots, position, ratio, np.where(whole, FULL, PARTIAL))

    def _deleverage(
        self, marks: Floats, mark_ticks: Ints, now_ns: int, equity: Floats | None
    ) -> list[Liquidations]:
        """Close what cannot be sold, or what nobody insures, against those who won most.

        equity: (P,) where the fund is exhausted, None while it is not.
        """
        ledger = self._ledger
        holder = np.flatnonzero(self.forced)
        due = now_ns - self._since_ns[holder] > STUCK_NS
        if equity is not None:
            due |= equity[ledger.pool[holder]] < 0.0
        holder = holder[due]
        long = ledger.position[holder] > 0
        row = ledger.symbol[holder] * 2 + long
        # One loop a (symbol, side) with something due: seldom any, and each ranks its own winners.
        return [
            self._close_against(holder[row == r], int(r) >> 1, bool(r & 1), marks, mark_ticks)
            for r in np.unique(row)
        ]

    def _close_against(
        self, losers: Ints, symbol: int, long: bool, marks: Floats, mark_ticks: Ints
    ) -> Liquidations:
        ledger = self._ledger
        rivals = ledger.traders_of(symbol)
        sign = -1 if long else 1
        rivals = rivals[(sign * ledger.position[rivals] > 0) & (self.forced[rivals] == 0)]
        won = sign * (marks[symbol] / ledger.entry[rivals] - 1.0) * ledger.leverage[rivals]
        rivals = rivals[np.argsort(-won, kind="stable")]
        position = ledger.position[rivals]
        loser, rival, lots = overlay(self.forced[losers], np.abs(position))
        ticks = np.full(lots.size, mark_ticks[symbol])
        buyer, seller = rivals[rival], losers[loser]
        if not long:
            buyer, seller = seller, buyer
        ledger.trade(buyer, seller, lots, ticks)
        self.filled(losers[loser], lots)
        given = np.bincount(rival, lots, rivals.size).astype(np.int64)
        hit = given > 0
        side = np.full(int(hit.sum()), 0 if long else 1)
        nothing = np.zeros(int(hit.sum()))
        kind = np.full(side.size, ADL)
        return Liquidations(rivals[hit], side, given[hit], position[hit], nothing, kind)

    def _make_whole(self, equity: Floats, needed: Floats) -> None:
        """Pools that lost everything are paid out by the fund and come back with fresh money."""
        lost = (needed == 0.0) & (equity < FRESH_USD) & (self.stage > 0)
        self.paid_usd += float(-np.minimum(equity[lost], 0.0).sum())
        self._ledger.deposit[lost] += FRESH_USD - equity[lost]
        self.stage[lost] = 0


def _none() -> Liquidations:
    nothing = np.empty(0, np.int64)
    return Liquidations(nothing, nothing, nothing, nothing, np.empty(0), nothing)
