"""Bitstamp's order stream, as ob-analytics stores it, to orders, cancels and fills.

A row is an order that was created, changed or deleted, with the volume it has left (in satoshi).

Time is `timestamp`, the recorder's clock in milliseconds. `exchange.timestamp` cannot serve: it has
whole seconds only, and on a change or a deletion it still says when the order was created.

    created                             order
    deleted, volume left                cancel of what was left
    changed or deleted, volume lower    one leg of a trade, of the volume that left
    changed, volume the same            passed over as "repriced" (the venue moved its price)

A trade shows as two such legs, the resting order's and the aggressor's, in either order and
milliseconds apart, equal up to a satoshi or two of rounding. Opposite legs are paired, and a pair
is one fill: of the older order (lower id), which was resting, at the time of the later leg. The
other leg is passed over as "aggressor_leg", and one whose partner was lost, within PAIRING_MS, as
"unpaired_leg". An order from before the recording has no known volume: its leg takes the quantity
of the leg it pairs with. Adding a leg of its own for each side would count every trade twice.

The stream names no accounts, and only BTC-USD was recorded.

Source: Stenger, ob-analytics, whose event matching this follows in little.
"""

from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from monitor.convert.inputs import ConvertError, check_input, lines_of
from monitor.convert.lines import ANONYMOUS, CancelLine, FillLine, Line, OrderLine, encoded
from monitor.events import Side

SYMBOL: Final = "BTC-USD"
PAIRING_MS: Final = 1_000
PAIRING_TOLERANCE_SATOSHI: Final = 2
SATOSHI_PER_BTC: Final = 100_000_000
NS_PER_MS: Final = 1_000_000
TS_MS_MAX: Final = (2**63 - 1) // NS_PER_MS
HEADER: Final = b"id,timestamp,exchange.timestamp,price,volume,action,direction"
_SIDES: Final[dict[bytes, Side]] = {b"bid": "buy", b"ask": "sell"}


class _Row(NamedTuple):
    """One row. satoshi: the volume left, or of a leg the volume that left (None: unknown)."""

    ts_ms: int
    order_id: int
    side: Side
    price: float
    satoshi: int | None
    action: bytes


class _Stream:
    """What every live order has left, and the legs that wait for their other half."""

    def __init__(self, skipped: Counter[str]) -> None:
        self._skipped = skipped
        self._left: dict[int, int] = {}
        self._legs: deque[_Row] = deque()

    def events(self, row: _Row) -> Iterator[OrderLine | CancelLine | FillLine]:
        """The events of one row; its volume left is known (not None)."""
        ts, left = row.ts_ms * NS_PER_MS, row.satoshi or 0
        qty = left / SATOSHI_PER_BTC
        before = self._left.pop(row.order_id, None)
        if row.action != b"deleted":
            self._left[row.order_id] = left
        if row.action == b"created":
            yield OrderLine(ts, SYMBOL, ANONYMOUS, row.order_id, row.side, row.price, qty)
            return
        cancelled = row.action == b"deleted" and left > 0
        if before is None and not cancelled:
            yield from self._traded(row._replace(satoshi=None))
        elif before is not None and before > left:
            yield from self._traded(row._replace(satoshi=before - left))
        elif not cancelled:
            self._skipped["repriced"] += 1
        if cancelled:
            yield CancelLine(ts, SYMBOL, ANONYMOUS, row.order_id, row.side, row.price, qty)

    def close(self) -> None:
        """Count the legs still waiting; nothing comes after."""
        self._skipped["unpaired_leg"] += len(self._legs)
        self._legs.clear()

    def _traded(self, leg: _Row) -> Iterator[FillLine]:
        while self._legs and leg.ts_ms - self._legs[0].ts_ms > PAIRING_MS:
            self._legs.popleft()
            self._skipped["unpaired_leg"] += 1
        partner = next((other for other in reversed(self._legs) if _is_pair(leg, other)), None)
        if partner is None:
            self._legs.append(leg)
            return
        self._legs.remove(partner)
        self._skipped["aggressor_leg"] += 1
        resting, aggressor = sorted((leg, partner), key=lambda side: side.order_id)
        satoshi = resting.satoshi if resting.satoshi is not None else aggressor.satoshi
        assert satoshi is not None
        yield FillLine(
            leg.ts_ms * NS_PER_MS,
            SYMBOL,
            resting.order_id,
            resting.side,
            resting.price,
            satoshi / SATOSHI_PER_BTC,
            ANONYMOUS,
        )


def _is_pair(leg: _Row, other: _Row) -> bool:
    if leg.side == other.side:
        return False
    if leg.satoshi is None or other.satoshi is None:
        return leg.satoshi is not other.satoshi
    return abs(leg.satoshi - other.satoshi) <= PAIRING_TOLERANCE_SATOSHI


def _parsed(row: bytes) -> _Row:
    """One CSV row; raises ValueError, or KeyError for an unknown direction."""
    order_id, ts, _, price, satoshi, action, direction = row.split(b",")
    parsed = _Row(int(ts), int(order_id), _SIDES[direction], float(price), int(satoshi), action)
    in_bounds = 0 < parsed.ts_ms <= TS_MS_MAX and 0 <= parsed.price < float("inf")
    if not in_bounds or int(satoshi) < 0 or action not in (b"created", b"changed", b"deleted"):
        raise ValueError(f"out of bounds: {row!r}")
    return parsed


def from_bitstamp(path: Path, skipped: Counter[str]) -> Iterator[Line]:
    """Lines of one CSV, plain or compressed; raises ConvertError when it is none."""
    check_input(path)
    rows = lines_of(path)
    if next(rows, b"").replace(b'"', b"") != HEADER:
        raise ConvertError(
            f"{path}, line 1: not a Bitstamp order log: the header is not {HEADER.decode()}"
        )
    stream = _Stream(skipped)
    for row in rows:
        try:
            parsed = _parsed(row)
        except (ValueError, KeyError):
            skipped["bad_row"] += 1
            continue
        for event in stream.events(parsed):
            yield encoded(event)
    stream.close()
