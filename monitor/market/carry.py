"""What it costs to hold a position, and how far its price moves meanwhile: slow means of both."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats, State, grow, pack, unpack
from monitor.market.prices import FUNDING, MARK, Prices

MEMORY_S: Final = 600.0
WARM_UP_S: Final = 60.0
INTERVAL_S: Final = 8.0 * 3_600.0  # of funding; the venue's own does not matter to a comparison


class Carry:
    """S symbols. last: mark at the last look. funding: mean rate. square: mean squared log return
    a second. looks: how many returns went into it."""

    _STATE: Final = ("last", "funding", "square", "looks")

    def __init__(self, look_s: float) -> None:
        self._look_s = look_s
        self.last = self.funding = self.square = self.looks = np.empty(0)

    def resize(self, symbols: int) -> None:
        """Make room for symbols that are new."""
        if symbols > self.looks.size:
            fills = {"last": np.nan, "funding": np.nan, "square": 0.0, "looks": 0.0}
            grow(self, fills, symbols)

    def look(self, prices: Prices) -> None:
        """One look later."""
        mark, rate = prices.told[MARK], prices.told[FUNDING]
        with np.errstate(divide="ignore", invalid="ignore"):  # a mark that is no price
            moved = np.log(mark / self.last)
        known = np.isfinite(moved)
        looks = self.looks + known
        share = np.maximum(self._look_s / MEMORY_S, 1.0 / np.maximum(looks, 1.0))
        square = np.where(known, moved, 0.0) ** 2 / self._look_s
        self.square = np.where(known, self.square + share * (square - self.square), self.square)
        fresh = np.isnan(self.funding)
        paid = self.funding + share * (rate - self.funding)
        self.funding = np.where(fresh, rate, np.where(np.isnan(rate), self.funding, paid))
        self.looks = looks
        self.last = np.where(np.isnan(mark), self.last, mark)

    def over_volatility(self) -> Floats:
        """(S,) funding of an interval over the price's standard deviation in it, signed: above 0
        longs pay. NaN before there is enough to tell."""
        warm = (self.looks * self._look_s >= WARM_UP_S) & (self.square > 0.0)
        sd = np.sqrt(np.where(warm, self.square, np.nan) * INTERVAL_S)
        return np.asarray(self.funding / sd)

    def state(self) -> State:
        return pack(self, self._STATE)

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        unpack(self, self._STATE, state)
