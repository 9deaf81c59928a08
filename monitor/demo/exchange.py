"""A small seeded exchange: makers that quote and re-quote, takers, leverage; one bad minute.

It is traffic to watch, not a market to measure detection on. Everything that happens follows from
the seed and from the time since the start, in slices of 50 ms.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from monitor.events import Cancel, Event, Fill, LeverageChange, Order

SYMBOLS: Final = (
    "BTC-PERP", "ETH-PERP", "SOL-PERP", "XRP-PERP", "DOGE-PERP", "BNB-PERP",
    "ADA-PERP", "LINK-PERP", "AVAX-PERP", "LTC-PERP", "DOT-PERP", "UNI-PERP",
)  # fmt: skip
HIT: Final = 5  # symbols that lose their makers
PULLERS: Final = ("mm-atlas", "mm-boreas", "mm-castor")  # they share one collateral pool
MAKERS: Final = (*PULLERS, "mm-dione", "mm-eris", "mm-fenrir", "mm-gaia", "mm-hermes")
SLICE_NS: Final = 50_000_000
QUOTES_PER_S: Final = 40.0  # of BTC-PERP; the others quote less
RESTING: Final = 100  # orders that rest on a quiet symbol
TOPIC_OF: Final = {
    "order": "orders",
    "fill": "orders",
    "cancel": "cancels",
    "leverage": "leverage-changes",
}
TAG: Final = {Order: "order", Cancel: "cancel", Fill: "fill", LeverageChange: "leverage"}
encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """When things go wrong, in seconds since the start."""

    leverage_from_s: float = 52.0
    pull_from_s: float = 60.0
    pull_until_s: float = 80.0
    pull_ratio: float = 6.0
    leverage_ratio: float = 25.0


class Exchange:
    """Call `slice` once for every 50 ms, in order."""

    def __init__(self, *, seed: int, start_ns: int, script: Script | None = None) -> None:
        self._rng = np.random.default_rng(seed)
        self._start_ns = start_ns
        self._script = script or Script()
        self._mids = 100.0 * np.exp(self._rng.normal(0.0, 1.5, len(SYMBOLS)))
        self._resting: list[list[Order]] = [[] for _ in SYMBOLS]
        self._orders = 0
        self._number = 0
        self._mood = np.zeros(len(SYMBOLS) + 1)  # log rates wander: each symbol's and a common one

    def slice(self) -> list[tuple[str, str, bytes]]:
        """Topic, key and value of every event of the next 50 ms, in the order of time."""
        since_ns = self._number * SLICE_NS
        self._number += 1
        self._mood += -0.01 * self._mood + 0.02 * self._rng.normal(size=self._mood.size)
        self._mids *= np.exp(self._rng.normal(0.0, 2e-5, self._mids.size))
        events = [
            event for number in range(len(SYMBOLS)) for event in self._trade(number, since_ns)
        ]
        events.sort(key=lambda event: event.ts)
        return [(TOPIC_OF[TAG[type(e)]], e.symbol, encode(e)) for e in events]

    def _trade(self, number: int, since_ns: int) -> Iterator[Event]:
        """What happens on one symbol in one slice."""
        script, now_s = self._script, since_ns / 1e9
        hit = number < HIT
        pulled = hit and script.pull_from_s <= now_s < script.pull_until_s
        geared = hit and script.leverage_from_s <= now_s < script.pull_until_s
        mood = float(np.exp(self._mood[number] + self._mood[-1]))
        rate = QUOTES_PER_S / (1.0 + 0.25 * number) * mood * SLICE_NS / 1e9
        at = self._start_ns + since_ns
        flicker = script.pull_ratio if pulled else 1.0  # pulled quotes are tried again and pulled
        for _ in range(self._rng.poisson(rate * 0.7 * flicker if pulled else rate)):
            yield self._quote(number, at, PULLERS if pulled else MAKERS)
        fullness = len(self._resting[number]) / RESTING
        for _ in range(self._rng.poisson(0.95 * rate * flicker * fullness)):
            yield from self._cancel(number, at, pulled)
        for _ in range(self._rng.poisson(0.05 * rate)):
            yield from self._fill(number, at)
        gearing = 0.3 * mood * SLICE_NS / 1e9
        for _ in range(self._rng.poisson(gearing * (script.leverage_ratio if geared else 1.0))):
            yield self._gear(number, at, geared)

    def _at(self, at: int) -> int:
        return at + int(self._rng.integers(SLICE_NS))

    def _quote(self, number: int, at: int, makers: tuple[str, ...]) -> Order:
        self._orders += 1
        side = "buy" if self._rng.random() < 0.5 else "sell"
        away = float(self._rng.exponential(5e-4)) * (-1 if side == "buy" else 1)
        order = Order(
            ts=self._at(at),
            symbol=SYMBOLS[number],
            account=str(self._rng.choice(makers)),
            order_id=self._orders,
            side=side,  # type: ignore[arg-type]
            price=round(float(self._mids[number]) * (1.0 + away), 4),
            qty=round(float(self._rng.exponential(2.0)) + 0.01, 3),
        )
        self._resting[number].append(order)
        return order

    def _take(self, number: int, accounts: tuple[str, ...]) -> Order | None:
        """Some resting order, of these accounts if there is one among a few looked at."""
        resting = self._resting[number]
        for _ in range(8):
            if not resting:
                return None
            index = int(self._rng.integers(len(resting)))
            if resting[index].account in accounts:
                break
        return resting.pop(index)

    def _cancel(self, number: int, at: int, pulled: bool) -> Iterator[Cancel]:
        order = self._take(number, PULLERS if pulled else MAKERS)
        if order is None:
            return
        yield Cancel(
            ts=self._at(at),
            symbol=order.symbol,
            account=order.account,
            order_id=order.order_id,
            side=order.side,
            price=order.price,
            qty=order.qty,
        )

    def _fill(self, number: int, at: int) -> Iterator[Fill]:
        order = self._take(number, MAKERS)
        if order is None:
            return
        yield Fill(
            ts=self._at(at),
            symbol=order.symbol,
            order_id=order.order_id,
            side=order.side,
            price=order.price,
            qty=order.qty,
            account=order.account,
            taker=f"taker-{self._rng.integers(200):03d}",
        )

    def _gear(self, number: int, at: int, geared: bool) -> LeverageChange:
        old = float(self._rng.choice([2, 3, 5, 10]))
        return LeverageChange(
            ts=self._at(at),
            symbol=SYMBOLS[number],
            account=f"trader-{self._rng.integers(40 if geared else 2000):04d}",
            old_leverage=old,
            new_leverage=old * (5.0 if geared else float(self._rng.choice([0.5, 2.0]))),
        )
