"""Synthetic traffic of any size, as fast as it can be written."""

from collections.abc import Iterator

import numpy as np

SYMBOLS = 1_000
ACCOUNTS = 100_000
EVENTS_PER_S = 20_000  # of venue time
START_NS = 1_790_000_000_000_000_000
MAKERS = 400  # accounts that make nine tenths of the flow, as on a real venue


def events(count: int, *, seed: int, start: int = 0) -> Iterator[tuple[str, bytes, bytes]]:
    """Topic, key and value of events number `start` to `start + count`, in the order of time."""
    rng = np.random.default_rng((seed, start))
    for first in range(start, start + count, 10_000):
        size = min(10_000, start + count - first)
        gaps_ns = np.sort(rng.integers(0, size * 10**9 // EVENTS_PER_S, size))
        times = START_NS + first * 10**9 // EVENTS_PER_S + gaps_ns
        symbols = np.minimum(rng.zipf(1.2, size) - 1, 10**6) % SYMBOLS
        maker = rng.random(size) < 0.9
        accounts = np.where(
            maker, rng.integers(MAKERS, size=size), rng.integers(ACCOUNTS, size=size)
        )
        kinds = rng.choice(4, size, p=[0.5, 0.44, 0.05, 0.01])
        prices = np.round(rng.normal(100.0, 0.2, size), 2)  # a few tenths of a percent around
        rows = zip(
            times.tolist(), symbols.tolist(), accounts.tolist(), kinds.tolist(), prices.tolist(),
            strict=True,
        )  # fmt: skip
        for number, (ts, symbol, account, kind, price) in enumerate(rows, first):
            yield _event(number, ts, f"S{symbol:04d}-PERP", f"account-{account:06d}", kind, price)


def _event(
    number: int, ts: int, symbol: str, account: str, kind: int, price: float
) -> tuple[str, bytes, bytes]:
    side = "buy" if number & 1 else "sell"
    head = f'"ts":{ts},"symbol":"{symbol}","account":"{account}"'
    if kind == 3:
        value = f'{{"type":"leverage",{head},"old_leverage":5,"new_leverage":10}}'
        return "leverage-changes", symbol.encode(), value.encode()
    topic, name = (("orders", "order"), ("cancels", "cancel"), ("orders", "fill"))[kind]
    rest = f'"order_id":{number},"side":"{side}","price":{price},"qty":0.25'
    return topic, symbol.encode(), f'{{"type":"{name}",{head},{rest}}}'.encode()
