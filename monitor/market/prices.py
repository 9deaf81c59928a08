"""The latest prices of every symbol: mark, index, funding, open interest, and the last trade."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import State, grow, pack, unpack
from monitor.events import Kind
from monitor.settled import Settled

MARK, INDEX, INDEX_S, FUNDING, INTEREST = range(5)
VOLATILITY_S: Final = 60.0  # memory of the variance of trade prices
_PER_SYMBOL: Final = {
    "told": np.nan,
    "told_ns": 0,
    "still_ns": 0,
    "still_trade": np.nan,
    "trade": np.nan,
    "trade_ns": 0,
    "looked": np.nan,
    "variance": 0.0,
}


class Prices:
    """Latest values of S symbols; NaN where none was told.

    told: (5, S) mark, index (quote currency), index time (s), funding rate, open interest (base).
    told_ns: (S,) venue time of the latest mark. trade: (S,) price of the last fill.
    trade_ns: (S,) its venue time; 0 before there was one.
    still_ns: (S,) venue time of the first mark with the index as it is. still_trade: (S,) price of
    the last fill before it.
    variance: (S,) of the logarithm of trade prices from one look to the next, over a minute.
    """

    def __init__(self) -> None:
        self.told = np.empty((5, 0))
        self.told_ns = self.still_ns = self.trade_ns = np.empty(0, np.int64)
        self.trade = self.still_trade = self.looked = self.variance = np.empty(0)

    def resize(self, symbols: int) -> None:
        """Make room for symbols that are new."""
        if symbols > self.trade.size:
            grow(self, _PER_SYMBOL, symbols)

    def apply(self, settled: Settled) -> None:
        """Take in one bin."""
        marks = settled.facts.get(Kind.MARK)
        if marks is not None:
            last = marks.last()
            newer = last.ts >= self.told_ns[last.row]
            rows, values = last.row[newer], last.values[newer, :5].T
            moved = ~np.isnan(values[INDEX]) & (values[INDEX] != self.told[INDEX, rows])
            self.still_ns[rows[moved]] = last.ts[newer][moved]
            self.still_trade[rows[moved]] = self.trade[rows[moved]]
            self.told[:, rows] = np.where(np.isnan(values), self.told[:, rows], values)
            self.told_ns[rows] = last.ts[newer]
        fills = settled.facts.get(Kind.FILL)
        if fills is not None:
            last = fills.last()
            self.trade[last.row] = last.values[:, 0]
            self.trade_ns[last.row] = last.ts
            first = np.isnan(self.still_trade[last.row])
            self.still_trade[last.row[first]] = last.values[first, 0]

    def reference(self) -> NDArray[np.float64]:
        """(S,) mark, or the last trade where there is no mark."""
        return np.where(np.isnan(self.told[MARK]), self.trade, self.told[MARK])

    def look(self, keep: float) -> None:
        """A second has passed. keep: share of the variance that is kept."""
        moved = np.log(self.trade / self.looked)
        square = np.where(np.isnan(moved), 0.0, moved) ** 2
        self.variance = keep * self.variance + (1.0 - keep) * square
        self.looked = self.trade.copy()

    def state(self) -> State:
        return pack(self, tuple(_PER_SYMBOL))

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        unpack(self, tuple(_PER_SYMBOL), state)
