"""Who and what a scenario is about: symbols, makers and accounts, drawn before anything happens."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from monitor.labels import Size
from monitor.simulator.arrays import Floats, Ints
from monitor.simulator.book import MAKERS
from monitor.simulator.controls import Controls
from monitor.simulator.instruments import Instruments
from monitor.simulator.ledger import MAKER_NAMES, POOLED_MAKERS, Ledger
from monitor.simulator.prices import Prices

SIZES: Final[tuple[Size, ...]] = ("small", "medium", "large")

Turn = Callable[[Controls, float], None]
"""Turns the controls of one slice; the second argument is seconds since the onset."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that happens on the venue, cast and timed.

    onset_s, lasts_s: from the start of the log. early_s: how long before its onset it already turns
    something (a symbol that is not yet listed).
    """

    scenario: str
    decoy: bool
    size: Size
    onset_s: float
    lasts_s: float
    turn: Turn
    symbols: Ints
    accounts: tuple[str, ...] = ()
    early_s: float = 0.0
    detail: dict[str, Any] = field(default_factory=dict)

    def apply(self, controls: Controls, now_s: float) -> None:
        """Turn the controls where the time has come."""
        since_s = now_s - self.onset_s
        if -self.early_s <= since_s < self.lasts_s:
            self.turn(controls, since_s)


@dataclass(frozen=True, slots=True)
class Plot:
    """What a scenario comes to once it is cast. See Act."""

    lasts_s: float
    turn: Turn
    symbols: Ints
    accounts: tuple[str, ...] = ()
    early_s: float = 0.0
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Venue:
    """What scenarios may look at. rate: (S,) events/s of each symbol in quiet."""

    traded: Instruments
    ledger: Ledger
    prices: Prices
    rate: Floats


@dataclass(frozen=True, slots=True)
class Casting:
    """Draws the cast of one scenario."""

    rng: np.random.Generator
    venue: Venue
    size: Size

    def by_size(self, small: float, medium: float, large: float) -> float:
        return (small, medium, large)[SIZES.index(self.size)]

    def symbols(self, small: int, medium: int, large: int) -> Ints:
        """So many active symbols by chance, or all there are; sorted."""
        active = self.venue.traded.active
        count = min(int(self.by_size(small, medium, large)), active.size)
        return np.sort(self.rng.choice(active, count, replace=False))

    def makers(self, small: int, medium: int, large: int) -> Ints:
        """So many makers, the desks of one firm first."""
        count = int(self.by_size(small, medium, large))
        others = POOLED_MAKERS + self.rng.permutation(MAKERS - POOLED_MAKERS)
        return np.sort(np.concatenate([np.arange(POOLED_MAKERS), others])[:count])

    def traders(self, symbols: Ints, count: int) -> Ints:
        """(len(symbols), count) holders by chance, the same number of each symbol."""
        ledger = self.venue.ledger
        return np.stack(
            [self.rng.choice(ledger.traders_of(int(s)), count, replace=False) for s in symbols]
        )

    def names(self, holders: Ints) -> tuple[str, ...]:
        """Accounts of holders, each once, by name."""
        ledger = self.venue.ledger
        return tuple(sorted(set(ledger.names[ledger.account[holders.ravel()]].tolist())))

    def maker_names(self, makers: Ints) -> tuple[str, ...]:
        return tuple(MAKER_NAMES[m] for m in makers)


def ramp(now: float, begin: float, end: float) -> float:
    """0 before `begin`, 1 after `end`, straight in between."""
    return min(max((now - begin) / max(end - begin, 1e-9), 0.0), 1.0)


def fade(since_s: float, memory_s: float) -> float:
    """1 at zero, falling exponentially; 0 before."""
    return float(np.exp(-since_s / memory_s)) if since_s >= 0.0 else 0.0
