"""What forced accounts hold, as far as the log has told, and what stands on the same collateral."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.base import Floats, Ints

NEVER_NS: Final = -1


class Held:
    """What is known of one account on one symbol. since: when its margin last changed by anything
    but the mark."""

    __slots__ = ("entry", "leverage", "position", "rate", "since")

    def __init__(self) -> None:
        self.position = self.entry = self.leverage = self.rate = np.nan
        self.since = NEVER_NS

    def traded(self, signed: float, price: float, ts: int) -> None:
        """A trade: entries average what adds, keep what reduces, and start anew what turns."""
        before = self.position
        after = before + signed
        if before * after <= 0.0:
            self.entry = price
        elif abs(after) > abs(before):
            self.entry = (self.entry * abs(before) + price * abs(signed)) / abs(after)
        self.position = after
        self.since = ts


class Holdings:
    """Positions by account and symbol. mates: account -> all that share its pool, itself too."""

    def __init__(self, mates: Mapping[int, frozenset[int]]) -> None:
        self._mates = mates
        self._of: dict[int, dict[int, Held]] = defaultdict(dict)

    def held(self, symbol: int, account: int) -> Held:
        mine = self._of[account]
        if symbol not in mine:
            mine[symbol] = Held()
        return mine[symbol]

    def beside(self, symbol: int, account: int) -> Iterator[tuple[int, Held]]:
        """(symbol, what is held) of all else that stands on an account's collateral."""
        for mate in sorted(self._mates.get(account, (account,))):
            for where, held in sorted(self._of.get(mate, {}).items()):
                if (mate, where) != (account, symbol):
                    yield where, held


@dataclass(frozen=True, slots=True)
class Legs:
    """(k,) positions that stood on the collateral of a forced order, its own among them.

    order: number of the forced order. position: signed. rate: maintenance margin rate. Orders of
    which not all positions are known have no legs.
    """

    order: Ints
    symbol: Ints
    position: Floats
    rate: Floats


def usual_rates(symbol: Ints, rate: Floats) -> dict[int, float]:
    """The most frequent maintenance margin rate of each symbol, from (n,) that were told."""
    usual = {}
    for code in np.unique(symbol).tolist():
        known = rate[(symbol == code) & (rate > 0.0)]
        if known.size:
            values, counts = np.unique(known, return_counts=True)
            usual[code] = float(values[counts.argmax()])
    return usual
