"""Small logs of forced orders, made by hand, and their audit."""

import json
from collections.abc import Sequence
from typing import Any

from monitor.codec import Codec
from monitor.fairness import Fairness, FairnessOptions, Gatherer, judge
from monitor.records import Partition, RawBatch

S = 1_000_000_000
START = 1_700_000_000 * S
Event = dict[str, Any]


def ts(at_s: float) -> int:
    return START + round(at_s * S)


def mark(at_s: float, price: float = 100.0, symbol: str = "X") -> Event:
    return {"type": "mark", "ts": ts(at_s), "symbol": symbol, "mark": price, "index": price}


def marks(until_s: int, price: float = 100.0, symbol: str = "X") -> list[Event]:
    """A mark every second."""
    return [mark(float(at), price, symbol) for at in range(until_s + 1)]


def cut(
    at_s: float,
    account: str,
    qty: float,
    *,
    position: float | None = 100.0,
    ratio: float | None = None,
    kind: str | None = "partial",
    price: float = 100.0,
    symbol: str = "X",
    side: str = "sell",
) -> Event:
    told = {"position_before": position, "margin_ratio": ratio, "kind": kind}
    return {
        "type": "liquidation",
        "ts": ts(at_s),
        "symbol": symbol,
        "account": account,
        "side": side,
        "price": price,
        "qty": qty,
        **{name: value for name, value in told.items() if value is not None},
    }


def geared(
    at_s: float,
    account: str,
    *,
    leverage: float = 10.0,
    position: float = 100.0,
    entry: float = 100.0,
    pool: str | None = None,
    symbol: str = "X",
) -> Event:
    return {
        "type": "leverage",
        "ts": ts(at_s),
        "symbol": symbol,
        "account": account,
        "old_leverage": 1.0,
        "new_leverage": leverage,
        "position": position,
        "entry_price": entry,
        "maintenance_margin_rate": 0.01,
        **({} if pool is None else {"collateral_pool": pool}),
    }


def fill(
    at_s: float, taker: str, qty: float, price: float, *, side: str = "buy", symbol: str = "X"
) -> Event:
    """side: of the resting order."""
    return {
        "type": "fill",
        "ts": ts(at_s),
        "symbol": symbol,
        "order_id": 1,
        "side": side,
        "price": price,
        "qty": qty,
        "account": "maker",
        "taker": taker,
    }


def batch(events: Sequence[Event], topic: str = "t") -> RawBatch:
    values = [json.dumps(event).encode() for event in events]
    return RawBatch(Partition(topic, 0), values, range(len(values)))


def audited(*batches: RawBatch, **options: float) -> Fairness:
    """The audit of batches in their order."""
    codec, seen = Codec({}, record_bytes_max=1 << 20), Gatherer()
    for take in (seen.first, seen.second):
        for raw in batches:
            take(codec.decode(raw))
    return judge(seen, FairnessOptions(**options))


def audit(*events: Event | list[Event], **options: float) -> Fairness:
    """The audit of events, in one batch."""
    flat = [e for each in events for e in (each if isinstance(each, list) else [each])]
    return audited(batch(flat), **options)
