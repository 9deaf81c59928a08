"""Columns of what happened become events, and the events of a slice a list in order of arrival."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.convert.lines import CancelLine, FillLine, OrderLine
from monitor.events import Book, Event, LeverageChange, Liquidation, Mark, Reject
from monitor.simulator.arrays import Floats, Ints, named
from monitor.simulator.book import row_of
from monitor.simulator.gearing import LeverageChanges
from monitor.simulator.instruments import Instruments
from monitor.simulator.ledger import Ledger
from monitor.simulator.liquidation import KIND_NAMES, Liquidations
from monitor.simulator.matching import Fills
from monitor.simulator.quoting import Orders
from monitor.simulator.slices import SLICE_NS

SIDES: Final = named(["buy", "sell"])
DELAY_NS: Final = 4_000_000.0  # mean time from the venue to the log
DELAY_MAX_NS: Final = 40_000_000.0

encode_lines: Final = msgspec.json.Encoder().encode_lines


class RejectLine(Reject, tag="reject", omit_defaults=True, gc=False):
    """A reject as it is written."""


class Lines:
    """Collects one slice's events; times are nanoseconds since the slice began."""

    def __init__(self, traded: Instruments, ledger: Ledger) -> None:
        self._traded = traded
        self._ledger = ledger
        self._at_ns: list[Ints] = []
        self._events: list[Event] = []
        self._start_ns = 0

    def begin(self, start_ns: int) -> None:
        """A new slice."""
        self._start_ns = start_ns
        self._at_ns, self._events = [], []

    def in_order_of_arrival(self, rng: np.random.Generator) -> list[Event]:
        """The slice's events; each came a little after it happened."""
        if not self._events:
            return []
        at_ns = np.concatenate(self._at_ns)
        delay = np.minimum(DELAY_NS * rng.standard_exponential(at_ns.size), DELAY_MAX_NS)
        order = np.argsort(at_ns + delay, kind="stable")
        return list(map(self._events.__getitem__, order.tolist()))

    def orders(self, orders: Orders) -> None:
        self._add(orders.at_ns, map(OrderLine, *self._resting(orders)))

    def cancels(self, cancels: Orders) -> None:
        self._add(cancels.at_ns, map(CancelLine, *self._resting(cancels)))

    def _resting(self, orders: Orders) -> tuple[list[Any], ...]:
        """Columns that order and cancel have in common."""
        row = row_of(orders.slot)
        symbol = row >> 1
        return (
            self._ts(orders.at_ns),
            self._symbols(symbol),
            self._accounts(orders.holder),
            orders.number.tolist(),
            SIDES[row & 1].tolist(),
            self._price(orders.rank, symbol),
            self._qty(orders.lots, symbol),
        )

    def fills(self, fills: Fills, taker: Ints) -> None:
        """taker: (n,) holder of each fill's market order."""
        row = row_of(fills.slot)
        symbol = row >> 1
        events = map(
            FillLine,
            self._ts(fills.at_ns),
            self._symbols(symbol),
            fills.number.tolist(),
            SIDES[row & 1].tolist(),
            self._price(fills.rank, symbol),
            self._qty(fills.lots, symbol),
            self._accounts(fills.maker),
            self._accounts(taker),
        )
        self._add(fills.at_ns, events)

    def leverage(self, changes: LeverageChanges) -> None:
        ledger, holder = self._ledger, changes.holder
        symbol = ledger.symbol[holder]
        entry = np.round(ledger.entry[holder], 2) / self._traded.price_units[symbol]
        events = map(
            LeverageChange,
            self._ts(changes.at_ns),
            self._symbols(symbol),
            self._accounts(holder),
            changes.old.tolist(),
            changes.new.tolist(),
            self._qty(ledger.position[holder], symbol),
            entry.tolist(),
            ledger.pool_names[ledger.pool[holder]].tolist(),
            ledger.margin_rate[holder].tolist(),
        )
        self._add(changes.at_ns, events)

    def liquidations(self, taken: Liquidations, at_ns: Ints, mark_ticks: Ints) -> None:
        symbol = self._ledger.symbol[taken.holder]
        events = map(
            Liquidation,
            self._ts(at_ns),
            self._symbols(symbol),
            self._accounts(taken.holder),
            SIDES[taken.side].tolist(),
            self._price(mark_ticks[symbol], symbol),
            self._qty(taken.lots, symbol),
            self._qty(taken.position, symbol),
            np.round(taken.margin_ratio, 4).tolist(),
            KIND_NAMES[taken.kind].tolist(),
        )
        self._add(at_ns, events)

    def rejects(self, holder: Ints, reasons: list[str], at_ns: Ints) -> None:
        symbols = self._symbols(self._ledger.symbol[holder])
        columns = (self._ts(at_ns), symbols, self._accounts(holder), reasons)
        self._add(at_ns, map(RejectLine, *columns))

    def marks(
        self,
        symbol: Ints,
        at_ns: Ints,
        *,
        mark: Floats,
        index: Floats,
        index_ns: Ints,
        funding: Floats,
        interest: Ints,
    ) -> None:
        """mark, index: (n,) in ticks, of the symbols named."""
        units = self._traded.price_units[symbol]
        events = map(
            Mark,
            self._ts(at_ns),
            self._symbols(symbol),
            (np.round(mark, 1) / units).tolist(),
            (np.round(index, 1) / units).tolist(),
            index_ns.tolist(),
            np.round(funding, 7).tolist(),
            self._qty(interest, symbol),
        )
        self._add(at_ns, events)

    def book(self, symbol: int, bids: tuple[Ints, Ints], asks: tuple[Ints, Ints]) -> None:
        """A snapshot as the slice ends: ranks and lots of each side, best first."""
        name = self._traded.names[symbol]
        levels = []
        for rank, lots in (bids, asks):
            price = np.abs(rank) / self._traded.price_units[symbol]
            qty = lots / self._traded.lot_units[symbol]
            levels.append(list(zip(price.tolist(), qty.tolist(), strict=True)))
        at_ns = np.array([SLICE_NS - 1])
        self._add(at_ns, [Book(self._start_ns + SLICE_NS - 1, name, levels[0], levels[1])])

    def _add(self, at_ns: Ints, events: Iterable[Event]) -> None:
        self._at_ns.append(at_ns)
        self._events.extend(events)

    def _ts(self, at_ns: Ints) -> list[Any]:
        return _listed(at_ns + self._start_ns)

    def _symbols(self, symbol: Ints) -> list[Any]:
        return _listed(self._traded.names[symbol])

    def _accounts(self, holder: Ints) -> list[Any]:
        return _listed(self._ledger.names[self._ledger.account[holder]])

    def _price(self, rank: Ints, symbol: Ints) -> list[Any]:
        return _listed(np.abs(rank) / self._traded.price_units[symbol])

    def _qty(self, lots: Ints, symbol: Ints) -> list[Any]:
        return _listed(lots / self._traded.lot_units[symbol])


def _listed(column: NDArray[Any]) -> list[Any]:
    values: list[Any] = column.tolist()
    return values
