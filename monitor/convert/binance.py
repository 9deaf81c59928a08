"""Binance USD-margined futures streams, as hftbacktest records them, to orders, cancels and fills.

A line is `local_ns json`. ts is the exchange's transaction time T (milliseconds), so the
recorder's clock, which may be off by seconds, never enters. The combined streams arrive up to
0.1 s out of T's order; they are put back into it within REORDER_MS, at one T trades before depth.

    bookTicker     book with one level a side
    trade          fill; the maker is the buyer when m is true. Trades the matching engine did not
                   make (X is not MARKET) are passed over as "not_market_trade"
    depthUpdate    for every level: order where quantity was added, cancel where it left
    REST snapshot  teaches what the levels hold; no event, counted as "snapshot"

The public feed shows levels, not orders: `order_id` is `side@price`, and an order and a cancel of
one update at one level show only as their difference. What trades took is not a cancel: with the
quantity traded at a level since its last update, added = new - (old - traded), and its sign says
order or cancel. A trade at a level that the next update leaves out was refilled unseen and is
forgotten.

The first sight of a level says what it holds and not what changed. It makes no event and is counted
as "level_first_seen", except inside the price range of a snapshot, where a level that the snapshot
left out was empty. An update whose `pu` is not the last one's `u` has lost something between: all
levels are forgotten and "depth_gap" is counted.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from monitor.convert.inputs import check_input, lines_of
from monitor.convert.lines import ANONYMOUS, CancelLine, FillLine, Line, OrderLine, encoded
from monitor.events import Book, Side, Symbol

NS_PER_MS: Final = 1_000_000
REORDER_MS: Final = 1_000
QTY_DECIMALS: Final = 8  # finer than any contract's step; takes float noise off differences
FINITE_MAX: Final = 1e300

Milliseconds = Annotated[int, Meta(ge=1, le=(2**63 - 1) // NS_PER_MS)]
Number = Annotated[float, Meta(ge=0.0, le=FINITE_MAX)]
Levels = list[tuple[Number, Number]]


class _Trade(Struct, tag_field="e", tag="trade", gc=False):
    T: Milliseconds
    s: Symbol
    p: Number
    q: Number
    m: bool
    X: str = "MARKET"


class _Depth(Struct, tag_field="e", tag="depthUpdate", gc=False):
    T: Milliseconds
    s: Symbol
    u: int
    pu: int
    b: Levels
    a: Levels


class _Ticker(Struct, tag_field="e", tag="bookTicker", gc=False):
    T: Milliseconds
    s: Symbol
    b: Number
    B: Number
    a: Number
    A: Number


class _Snapshot(Struct, gc=False):
    T: Milliseconds
    lastUpdateId: int  # noqa: N815 # the venue's name
    bids: Levels
    asks: Levels


class _Stream(Struct, gc=False):
    data: _Trade | _Depth | _Ticker


class _OtherData(Struct, gc=False):
    e: str


class _Other(Struct, gc=False):
    data: _OtherData


Change = OrderLine | CancelLine
Message = _Trade | _Depth | _Ticker | _Snapshot
_KNOWN: Final = ("trade", "depthUpdate", "bookTicker")
# Binance writes numbers as strings; strict=False reads them as numbers.
_stream: Final = msgspec.json.Decoder(_Stream, strict=False).decode
_snapshot: Final = msgspec.json.Decoder(_Snapshot, strict=False).decode
_other: Final = msgspec.json.Decoder(_Other).decode


@dataclass(slots=True)
class _Levels:
    """One side of one symbol's book. held: quantity by price; traded: since the last update.

    Between low and high a price that is not held is empty; elsewhere it is unknown.
    """

    side: Side
    held: dict[float, float] = field(default_factory=dict)
    traded: dict[float, float] = field(default_factory=dict)
    low: float = float("inf")
    high: float = float("-inf")

    def take(self, fill: _Trade) -> None:
        """Remember what a trade took, until the next update."""
        self.traded[fill.p] = self.traded.get(fill.p, 0.0) + fill.q

    def learn(self, levels: Levels) -> None:
        """Replace what is known in the range of a snapshot's levels."""
        if not levels:
            return
        prices = [price for price, _ in levels]
        self.low, self.high = min(prices), max(prices)
        outside = {p: q for p, q in self.held.items() if not self.low <= p <= self.high}
        self.held = outside | dict(levels)
        self.traded.clear()

    def changes(self, depth: _Depth, levels: Levels, skipped: Counter[str]) -> Iterator[Change]:
        """Orders and cancels of one update; trades since the last one are no cancels."""
        ts = depth.T * NS_PER_MS
        for price, qty in levels:
            before = self.held.get(price, 0.0 if self.low <= price <= self.high else None)
            self.held[price] = qty
            if before is None:
                skipped["level_first_seen"] += 1
                continue
            added = round(qty - (before - self.traded.get(price, 0.0)), QTY_DECIMALS)
            order_id = f"{self.side}@{price}"
            if added > 0:
                yield OrderLine(ts, depth.s, ANONYMOUS, order_id, self.side, price, added)
            elif added < 0:
                yield CancelLine(ts, depth.s, ANONYMOUS, order_id, self.side, price, -added)
        self.traded.clear()


@dataclass(slots=True)
class _Market:
    """One symbol: both sides of its book, and u of its last update (None before the first)."""

    bids: _Levels = field(default_factory=lambda: _Levels("buy"))
    asks: _Levels = field(default_factory=lambda: _Levels("sell"))
    last_update: int | None = None

    def changes(self, depth: _Depth, skipped: Counter[str]) -> Iterator[Change]:
        """What one update added and removed, bids first."""
        if self.last_update is not None and depth.pu != self.last_update:
            skipped["depth_gap"] += 1
            self.bids, self.asks = _Levels("buy"), _Levels("sell")
        self.last_update = depth.u
        yield from self.bids.changes(depth, depth.b, skipped)
        yield from self.asks.changes(depth, depth.a, skipped)


@dataclass(slots=True)
class _Venue:
    """Every symbol's market by name, and the count of what makes no event."""

    skipped: Counter[str]
    markets: dict[str, _Market] = field(default_factory=dict)

    def lines(self, message: Message) -> Iterator[Line]:
        """The events of one message."""
        if isinstance(message, _Snapshot):
            self._learn(message)
            return
        market = self.markets.setdefault(message.s, _Market())
        if isinstance(message, _Depth):
            yield from map(encoded, market.changes(message, self.skipped))
        elif isinstance(message, _Ticker):
            bid, ask = (message.b, message.B), (message.a, message.A)
            yield encoded(Book(message.T * NS_PER_MS, message.s, [bid], [ask]))
        elif message.X != "MARKET":
            self.skipped["not_market_trade"] += 1
        else:
            levels = market.bids if message.m else market.asks
            levels.take(message)
            yield encoded(_fill(message, levels.side))

    def _learn(self, snapshot: _Snapshot) -> None:
        """A snapshot names no symbol, so it is of use only where there is a single one."""
        if len(self.markets) != 1:
            self.skipped["snapshot_of_unknown_symbol"] += 1
            return
        self.skipped["snapshot"] += 1
        for market in self.markets.values():
            market.bids.learn(snapshot.bids)
            market.asks.learn(snapshot.asks)


def _fill(trade: _Trade, side: Side) -> FillLine:
    order_id = f"{side}@{trade.p}"
    return FillLine(trade.T * NS_PER_MS, trade.s, order_id, side, trade.p, trade.q, ANONYMOUS)


def _parsed(line: bytes) -> Message | str:
    """One line's message, or the reason to pass it over."""
    local_ns, _, text = line.partition(b" ")
    if not local_ns.isdigit():
        return "bad_row"
    try:
        return _snapshot(text) if text.startswith(b'{"lastUpdateId"') else _stream(text).data
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _why_not(text)


def _why_not(text: bytes) -> str:
    try:
        return "bad_row" if _other(text).data.e in _KNOWN else "other_stream"
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "bad_row"


def _in_order(lines: Iterable[bytes], skipped: Counter[str]) -> Iterator[Message]:
    """Messages by T, trades before depth, as far as they arrive within REORDER_MS."""
    waiting: list[tuple[int, bool, int, Message]] = []
    latest_ms = 0
    for number, line in enumerate(lines):
        message = _parsed(line)
        if isinstance(message, str):
            skipped[message] += 1
            continue
        latest_ms = max(latest_ms, message.T)
        is_trade = isinstance(message, _Trade)
        heapq.heappush(waiting, (message.T, not is_trade, number, message))
        while waiting[0][0] < latest_ms - REORDER_MS:
            yield heapq.heappop(waiting)[-1]
    while waiting:
        yield heapq.heappop(waiting)[-1]


def from_binance(path: Path, skipped: Counter[str]) -> Iterator[Line]:
    """Lines of one recording, plain or compressed."""
    check_input(path)
    venue = _Venue(skipped)
    for message in _in_order(lines_of(path), skipped):
        yield from venue.lines(message)
