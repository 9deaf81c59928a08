"""Everything that is known of the market, and the levels that detectors judge, once a second.

Looks take two bins, books and prices in the first and positions in the second, and with bins of
250 ms they fall between the ends of blocks, where detectors learn: no bin pays for all of it.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from detectors.base import BLOCK, LOOK_S, Floats, Ints, Levels, State, nest, unnest
from monitor.columns import Names, Recoding
from monitor.features import Built
from monitor.market.apart import Apart
from monitor.market.clustering import Clustering
from monitor.market.depth import MEND_MEMORY_S, Depth
from monitor.market.gauges import (
    ALIVE_NS,
    DRIFT_MAX,
    GAUGES,
    OF_BOOKS,
    OF_POSITIONS,
    TRADED_NS,
)
from monitor.market.prices import VOLATILITY_S, Prices
from monitor.market.risk import Risk
from monitor.rows import cell_price, cells
from monitor.settled import Settled


class Market:
    """Fed with every bin; looks at the levels once in each second."""

    def __init__(self, names: Names, *, bin_ns: int, positions_max: int) -> None:
        self.bin_ns = bin_ns
        self.every = max(1, round(LOOK_S * 1e9 / bin_ns))
        self.depth = Depth()
        self.prices = Prices()
        look_s = self.every * bin_ns / 1e9
        self.clustering = Clustering(look_s=look_s)
        self.risk = Risk(names, look_s=look_s, positions_max=positions_max)
        self.apart = Apart()
        self.bands = self.depth.bands()  # at the last look
        self.struck = np.empty(0)  # (S,) share of changes in thin shells, at the last look
        self.books = np.empty((0, len(OF_BOOKS)))  # (S, gauges) levels of books, at the last look
        self.now_ns = 0
        self._memory = float(np.exp(-look_s / MEND_MEMORY_S))
        self._keep = float(np.exp(-look_s / VOLATILITY_S))

    def update(self, built: Built) -> Levels:
        """Take in the bins of a frame; the levels as its looks found them."""
        symbols = built.frame.values.shape[1]
        self.depth.resize(symbols)
        self.prices.resize(symbols)
        self.clustering.resize(symbols)
        self.risk.begin(built.frame.bin // BLOCK, symbols)
        self.apart.begin()
        self._begin(symbols, torn=built.frame.skipped > 0)
        at, values = [], []
        for i, settled in enumerate(built.bins):
            self._apply(settled)
            end = built.frame.bin + i + 1
            if end % self.every == self.every // 2:  # apart from the ends of blocks
                self.now_ns = end * self.bin_ns
                self._look_at_books()
            if end % self.every == (self.every // 2 + 1) % self.every:
                at.append(i)
                values.append(self._look(end - 1))
        shape = (len(at), symbols, len(GAUGES))
        return Levels(tuple(GAUGES), np.array(at, np.int64), np.array(values).reshape(shape))

    def _apply(self, settled: Settled) -> None:
        self.clustering.apply(settled, self.depth)
        self.depth.apply(settled)
        self.prices.apply(settled)
        self.risk.apply(settled, self.depth, self.prices)

    def _begin(self, symbols: int, *, torn: bool) -> None:
        """Make room for symbols that are new; what was seen before a silence is of no look now."""
        if symbols > len(self.books):
            missing = np.full((symbols - len(self.books), len(OF_BOOKS)), np.nan)
            self.books = np.concatenate([self.books, missing])
        if torn:
            self.books[:] = np.nan

    def _look_at_books(self) -> None:
        """The first half of a look."""
        traded = np.flatnonzero(np.isfinite(self.prices.trade))
        self.depth.settle(traded, cells(self.prices.trade[traded]), self._memory)
        self.bands = self.depth.bands()
        self.struck = self.clustering.look(self.bands)
        self.prices.look(self._keep)
        self.risk.measure(self.depth)
        self.books = np.column_stack([gauge(self) for gauge in OF_BOOKS.values()])

    def _look(self, at_bin: int) -> Floats:
        """(S, G) the levels: of positions at the end of a bin, of books as they were just seen."""
        self.risk.look(at_bin, self.depth, self.prices)
        levels = np.column_stack([self.books, *(gauge(self) for gauge in OF_POSITIONS.values())])
        self.apart.look(at_bin, self, levels)
        return levels

    def keys(self) -> list[Ints]:
        """Accounts that are remembered, for whoever must know which codes are in use."""
        return [*self.risk.keys(), *self.apart.keys()]

    def recode(self, recoding: Recoding) -> None:
        """Follow the name tables after they were compacted."""
        self.risk.recode(recoding)
        self.apart.recode(recoding)

    def price(self) -> Floats:
        """(S,) where the market is: the last trade, or the touch of a sound book where that is
        some seconds old; NaN where neither is known."""
        since_ns = self.now_ns - self.prices.trade_ns
        sound = (self.depth.base >= 0) & (self.depth.drift() <= DRIFT_MAX)
        usable = sound & (since_ns <= ALIVE_NS)
        touch = np.where(usable, cell_price(self.depth.base + self.depth.touch), np.nan)
        return np.where(since_ns <= TRADED_NS, self.prices.trade, touch)

    def _parts(self) -> dict[str, Depth | Prices | Clustering | Risk | Apart]:
        return {
            "depth": self.depth,
            "prices": self.prices,
            "clustering": self.clustering,
            "risk": self.risk,
            "apart": self.apart,
        }

    def state(self) -> State:
        """Everything that the next bin depends on."""
        state: State = {"now_ns": np.array(self.now_ns), "books": self.books.copy()}
        for name, part in self._parts().items():
            state |= nest(name, part.state())
        return state

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        self.now_ns = int(state["now_ns"])
        self.books = np.array(state["books"], np.float64)
        for name, part in self._parts().items():
            part.restore(unnest(name, state))
