"""One slice of the venue's life: trades, renewals, prices, margins, and what is told of them."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.events import Event
from monitor.simulator import gearing, quoting, takers
from monitor.simulator.arrays import Bools, Floats, Ints
from monitor.simulator.book import MAKERS, SLOTS, Best, Book
from monitor.simulator.casting import Venue
from monitor.simulator.controls import Controls
from monitor.simulator.history import History
from monitor.simulator.instruments import instruments
from monitor.simulator.intensity import Intensity
from monitor.simulator.ledger import Ledger
from monitor.simulator.lines import Lines
from monitor.simulator.liquidation import Engine
from monitor.simulator.matching import Fills, MarketOrders, match
from monitor.simulator.options import Options
from monitor.simulator.prices import Prices
from monitor.simulator.programme import programme
from monitor.simulator.quoting import Quoting, Renewals
from monitor.simulator.slices import SLICE_NS, SLICE_S

MARK_EVERY: Final = 5  # slices
BOOK_EVERY: Final = 25
BOOK_LEVELS: Final = 10
LEVERAGE_SHARE: Final = 0.004  # of the rate of orders, cancels and fills
REJECT_SHARE: Final = 0.002
REASONS: Final = ("post_only_would_cross", "price_band", "rate_limited")


@dataclass(frozen=True, slots=True)
class Traded:
    """What a slice's trading came to. found: the touch before it. refused: (n,) holders of market
    orders that their margin did not allow."""

    found: Best
    fills: Fills
    refused: Ints


class Market:
    """Call `step` once for every slice, in order; it returns what the venue tells of it."""

    def __init__(self, options: Options) -> None:
        rng = np.random.default_rng([options.seed, 0])
        self._rng, self._options = rng, options
        names, self._profile = options.symbol_names, options.profile_of
        self.traded = instruments(rng, names, self._profile)
        self.ledger = Ledger(rng, self.traded)
        self.prices = Prices(rng, self.traded)
        self.book = Book(len(names))
        self.engine = Engine(rng, self.ledger)
        self.history = History()
        self._rate = options.events_per_s * self.traded.share
        self.venue = Venue(self.traded, self.ledger, self.prices, self._rate)
        self.programme = programme(options, self.venue)
        self._intensity = Intensity(rng, len(names), self._profile)
        self._quoting = Quoting(rng, self.book, self.ledger, self.traded)
        self._lines = Lines(self.traded, self.ledger)
        self.controls = Controls(len(names))
        weight = rng.dirichlet(np.full(MAKERS, 20.0), len(names)) * 0.8
        self._owner_share = np.concatenate([weight, np.full((len(names), 1), 0.2)], axis=1)
        self._alert = np.zeros(len(names))
        self._alert[self.traded.active] = self._profile.alert
        self._number = 0
        self._open()

    def _open(self) -> None:
        """Fill all books, unseen, so that the log begins in the middle of the day."""
        self.prices.step(self.controls, self._options.start_ns)
        self._turn_controls(0.0)
        slots = quoting.every_slot(self._rng, self.controls.listed)
        nothing = np.empty(0, np.int64)
        self._renew(slots, self.book.best(), (nothing, nothing))

    def step(self) -> list[Event]:
        """The events of the next slice in order of arrival."""
        options, controls, lines = self._options, self.controls, self._lines
        now_s = self._number * SLICE_S
        start_ns = options.start_ns + self._number * SLICE_NS
        self._turn_controls(now_s)
        lines.begin(start_ns)
        busy = self._intensity.step(
            (options.start_ns / 1e9 + now_s) % 86_400.0, self.programme.to_funding_s(now_s)
        )
        busy = np.where(controls.listed, busy, 0.0)
        self.prices.step(controls, start_ns)
        traded = self._trade(busy)
        self._requote(busy, traded)
        marks = np.exp(self.prices.mark)
        per_slice = LEVERAGE_SHARE * self._rate * busy * SLICE_S
        lines.leverage(gearing.change(self._rng, per_slice, controls, self.ledger, marks))
        self._liquidate(marks, start_ns)
        self._fund(now_s)
        self._refuse(busy, traded.refused)
        self._publish()
        self._number += 1
        return lines.in_order_of_arrival(self._rng)

    def _turn_controls(self, now_s: float) -> None:
        self.controls.reset()
        for act in self.programme.acts:
            act.apply(self.controls, now_s)

    def _trade(self, busy: Floats) -> Traded:
        """Market orders of takers, of scenarios and of the liquidation engine eat into the book."""
        found = self.book.best()
        orders = self._taken(busy)
        afford = self._can_afford(orders)
        refused = orders.holder[~afford]
        parts = [orders.where(afford)]
        parts += [takers.press(self._rng, p, self.ledger) for p in self.controls.pressing]
        forced_from = sum(map(len, parts))
        orders = MarketOrders.joined([*parts, self.engine.orders(self.book)])
        fills = match(self.book, orders)
        self._settle(fills, orders, forced_from)
        self.prices.learn(found, self.book.best())
        return Traded(found, fills, refused)

    def _taken(self, busy: Floats) -> MarketOrders:
        """Market orders of the ordinary flow."""
        return takers.draw(
            self._rng,
            self._profile.market_share * self._rate * busy * SLICE_S,
            self.prices.true_index - self.prices.reference,
            self.controls,
            self.ledger,
            order_usd=self._profile.order_usd,
        )

    def _can_afford(self, orders: MarketOrders) -> Bools:
        """Whether an order reduces a position, or its pool has free margin for more."""
        ledger, holder = self.ledger, orders.holder
        reduces = (1 - 2 * orders.side) * ledger.position[holder] < 0
        return np.asarray(reduces | self.engine.has_free_margin[ledger.pool[holder]])

    def _settle(self, fills: Fills, orders: MarketOrders, forced_from: int) -> None:
        taker = orders.holder[fills.order]
        buys = orders.side[fills.order] == 0
        buyer, seller = np.where(buys, taker, fills.maker), np.where(buys, fills.maker, taker)
        self.ledger.trade(buyer, seller, fills.lots, fills.ticks)
        forced = fills.order >= forced_from
        self.engine.filled(taker[forced], fills.lots[forced])
        self._lines.fills(fills, taker)

    def _requote(self, busy: Floats, traded: Traded) -> None:
        """Quotes are renewed: by rate, and where they stand on the wrong side of the price."""
        rng, controls = self._rng, self.controls
        mean = self._profile.order_share * self._rate * SLICE_S
        per_slice = (mean * busy)[:, None] * self._owner_share * controls.quoting
        due = quoting.draw(rng, per_slice, controls, cluster_mean=self._profile.cluster_mean)
        came = np.bincount(due.slot // (2 * SLOTS), minlength=len(self.traded))
        expected = mean * (self._owner_share * controls.quoting).sum(axis=1)
        self._intensity.excite(came / np.maximum(expected, 1e-12))
        reference = np.exp(self.prices.reference)
        wrong = quoting.stale(rng, self.book, reference, controls, alert=self._alert)
        fills = traded.fills
        self._renew(due.joined(wrong), traded.found, (fills.slot, fills.at_ns))

    def _renew(self, due: Renewals, found: Best, hit: tuple[Ints, Ints]) -> None:
        cancels, orders = self._quoting.renew(
            due,
            reference=np.exp(self.prices.reference),
            found=found,
            controls=self.controls,
            hit=hit,
        )
        self._lines.cancels(cancels)
        self._lines.orders(orders)

    def _liquidate(self, marks: Floats, start_ns: int) -> None:
        mark_ticks = self.prices.mark_ticks()
        taken = self.engine.check(marks, mark_ticks, start_ns, self.controls.fund)
        if not taken.holder.size:
            return
        at_ns = np.sort(self._rng.integers(0, SLICE_NS, taken.holder.size))
        self._lines.liquidations(taken, at_ns, mark_ticks)
        symbol = self.ledger.symbol[taken.holder]
        usd = taken.lots * marks[symbol] * self.traded.tick_usd[symbol]
        self.history.liquidated(at_ns + start_ns, self.ledger.account[taken.holder], usd)

    def _fund(self, now_s: float) -> None:
        """Pay funding in the slice where its moment falls."""
        due_s = self.programme.to_funding_s(now_s)
        if 0.0 <= due_s < SLICE_S:
            self.ledger.settle_funding(self.prices.funding_rate, self.prices.mark_ticks())

    def _refuse(self, busy: Floats, refused: Ints) -> None:
        """Requests that are refused: by chance, for want of margin, and by scenario."""
        rng, ledger = self._rng, self.ledger
        counts = rng.poisson(REJECT_SHARE * self._rate * busy * SLICE_S)
        holder = ledger.random_traders(rng, np.repeat(np.arange(counts.size), counts))
        reasons = [REASONS[i] for i in rng.integers(0, len(REASONS), holder.size)]
        holder = np.concatenate([holder, refused])
        reasons += ["insufficient_margin"] * refused.size
        for refusing in self.controls.refusing:
            more = rng.choice(refusing.holders, int(rng.poisson(refusing.per_s * SLICE_S)))
            holder = np.concatenate([holder, more])
            reasons += [refusing.reason] * more.size
        self._lines.rejects(holder, reasons, rng.integers(0, SLICE_NS, holder.size))

    def _publish(self) -> None:
        """Marks of a fifth of the symbols, and the books of a few: each symbol has its turn."""
        prices, listed = self.prices, self.controls.listed
        turn = np.arange(len(self.traded)) + self._number
        symbol = np.flatnonzero((turn % MARK_EVERY == 0) & listed)
        self._lines.marks(
            symbol,
            self._rng.integers(0, SLICE_NS, symbol.size),
            mark=np.exp(prices.mark[symbol]),
            index=np.exp(prices.index[symbol]),
            index_ns=prices.index_ns[symbol],
            funding=prices.funding_rate[symbol],
            interest=self.ledger.open_interest()[symbol],
        )
        # A loop over the few symbols whose snapshot is due in this slice.
        for due in np.flatnonzero((turn % BOOK_EVERY == 0) & listed).tolist():
            bids, asks = (self.book.ladder(2 * due + side, BOOK_LEVELS) for side in (0, 1))
            self._lines.book(due, bids, asks)
