"""The latest prices of every symbol: mark, index, funding, open interest, and the last trade."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import State, grow, pack, unpack
from monitor.events import Kind
from monitor.settled import Settled

MARK, INDEX, INDEX_S, FUNDING, INTEREST = range(5)


class Prices:
    """Latest values of S symbols; NaN where none was told.

    told: (5, S) mark, index (quote currency), index time (s), funding rate, open interest (base).
    told_ns: (S,) venue time of the latest mark. trade: (S,) price of the last fill.
    trade_ns: (S,) its venue time; 0 before there was one.
    """

    _STATE: Final = ("told", "told_ns", "trade", "trade_ns")

    def __init__(self) -> None:
        self.told = np.empty((5, 0))
        self.told_ns = np.empty(0, np.int64)
        self.trade = np.empty(0)
        self.trade_ns = np.empty(0, np.int64)

    def resize(self, symbols: int) -> None:
        """Make room for symbols that are new."""
        if symbols > self.trade.size:
            fills = {"told": np.nan, "told_ns": 0, "trade": np.nan, "trade_ns": 0}
            grow(self, fills, symbols)

    def apply(self, settled: Settled) -> None:
        """Take in one bin."""
        marks = settled.facts.get(Kind.MARK)
        if marks is not None:
            last = marks.last()
            newer = last.ts >= self.told_ns[last.row]
            rows, values = last.row[newer], last.values[newer, :5].T
            self.told[:, rows] = np.where(np.isnan(values), self.told[:, rows], values)
            self.told_ns[rows] = last.ts[newer]
        fills = settled.facts.get(Kind.FILL)
        if fills is not None:
            last = fills.last()
            self.trade[last.row] = last.values[:, 0]
            self.trade_ns[last.row] = last.ts

    def reference(self) -> NDArray[np.float64]:
        """(S,) mark, or the last trade where there is no mark."""
        return np.where(np.isnan(self.told[MARK]), self.trade, self.told[MARK])

    def state(self) -> State:
        return pack(self, self._STATE)

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        unpack(self, self._STATE, state)
