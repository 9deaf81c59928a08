"""What scenarios may turn: every knob has a neutral position, to which each slice returns."""

from dataclasses import dataclass, field

import numpy as np

from monitor.simulator.arrays import Bools, Floats, Ints
from monitor.simulator.book import MAKERS


@dataclass(frozen=True, slots=True)
class Gearing:
    """Accounts that set their leverage anew beside the ordinary flow.

    holders: (n,) whose turn may come, all of one symbol. leverage: (n,) what each sets.
    per_s: changes a second.
    """

    holders: Ints
    leverage: Floats
    per_s: float


@dataclass(frozen=True, slots=True)
class Pressing:
    """Market orders beside the ordinary flow. holders: (n,) who sends them. side: 0 buys, 1 sells.

    usd: typical value of one order. per_s: orders a second. Each brings the margin it needs.
    """

    holders: Ints
    side: int
    usd: float
    per_s: float


@dataclass(frozen=True, slots=True)
class Refusing:
    """Requests that the venue refuses, beside the ordinary ones; each is tried again."""

    holders: Ints
    reason: str
    per_s: float


@dataclass(slots=True)
class Controls:
    """One slice's knobs. S symbols; column MAKERS of (S, MAKERS + 1) is everyone else.

    quoting: multiplies how often quotes are renewed. keep: share of renewals that place again.
    depth, widen: multiply the size of new quotes and their distance from the reference.
    taking, gearing: multiply market orders and leverage changes. bias: log odds to buy.
    drift: log index change a second. jump: log index change at once.
    follow: multiplies how fast perpetual and index pull each other.
    frozen: whether the index stands still. listed: whether the symbol trades at all.
    fund: multiplies what the insurance fund may spend.
    """

    symbols: int
    quoting: Floats = field(init=False)
    keep: Floats = field(init=False)
    depth: Floats = field(init=False)
    widen: Floats = field(init=False)
    taking: Floats = field(init=False)
    gearing: Floats = field(init=False)
    bias: Floats = field(init=False)
    drift: Floats = field(init=False)
    jump: Floats = field(init=False)
    follow: Floats = field(init=False)
    frozen: Bools = field(init=False)
    listed: Bools = field(init=False)
    fund: float = field(init=False)
    geared: list[Gearing] = field(init=False)
    pressing: list[Pressing] = field(init=False)
    refusing: list[Refusing] = field(init=False)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """All knobs to neutral."""
        self.quoting = np.ones((self.symbols, MAKERS + 1))
        self.keep = np.ones((self.symbols, MAKERS + 1))
        for name in ("depth", "widen", "taking", "gearing", "follow"):
            setattr(self, name, np.ones(self.symbols))
        for name in ("bias", "drift", "jump"):
            setattr(self, name, np.zeros(self.symbols))
        self.frozen = np.zeros(self.symbols, np.bool_)
        self.listed = np.ones(self.symbols, np.bool_)
        self.fund = 1.0
        self.geared, self.pressing, self.refusing = [], [], []
