"""Positions and what holds them up, looked at once a second."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats, Ints, State, nest, unnest
from detectors.comovement import Comovement
from monitor.columns import Names, Recoding
from monitor.market.bands import DISTANCES, depth_by_distance
from monitor.market.carry import Carry
from monitor.market.depth import Depth
from monitor.market.exposure import Exposure
from monitor.market.findings import PRESSED, Findings, find, nothing
from monitor.market.looks import Looks
from monitor.market.prices import FUNDING, Prices
from monitor.market.related import Related
from monitor.market.survey import Survey, crowd, survey
from monitor.rows import cell_price
from monitor.settled import Settled

TURNS: Final = 4  # looks until every book was measured


class Risk:
    """exposure: positions. carry: cost of holding them. comovement, related: what joins symbols.
    resting: (S, 2, K) books by distance, at most TURNS looks old; NaN where nobody holds anything.
    seen, crowd: of the last look. looked: what looks found."""

    def __init__(self, names: Names, *, look_s: float, positions_max: int) -> None:
        self._names = names
        self._look_s = look_s
        self.exposure = Exposure(positions_max=positions_max)
        self.carry = Carry(look_s)
        self.comovement = Comovement(look_s)
        self.related = Related()
        self._seen: Survey | None = None
        self.crowd = np.empty(0)
        self.resting = np.empty((0, 2, len(DISTANCES)))
        self._measured = np.empty(0, np.int64)  # turn of depth in which each was
        self.looks = 0
        self.looked = Looks(nothing(0))

    def begin(self, block: int, symbols: int) -> None:
        """A frame of a block begins; make room for symbols that are new."""
        self.related.begin(block)
        self.related.resize(symbols)
        self.carry.resize(symbols)
        if symbols > len(self.resting):
            missing = np.full((symbols - len(self.resting), *self.resting.shape[1:]), np.nan)
            self.resting = np.concatenate([self.resting, missing])
            self._measured = np.concatenate([self._measured, np.zeros(len(missing), np.int64)])
        self.looked.begin()

    def apply(self, settled: Settled, depth: Depth, prices: Prices) -> None:
        """Take in one bin, after book and prices did."""
        if settled.facts:
            names = self._names.accounts.names
            self.exposure.apply(settled, price_of(depth, prices), names)

    def look(self, at_bin: int, depth: Depth, prices: Prices) -> None:
        """The levels at the end of a bin."""
        self.carry.look(prices)
        price, funding = price_of(depth, prices), prices.told[FUNDING]
        follows = self.comovement.edges
        seen = self._seen = survey(self.exposure, self.resting, price, funding, follows)
        stake = seen.worth.sum(axis=1)
        stake[seen.cascades.mover] = np.inf
        self.comovement.look(price, stake)
        self.related.look(self.exposure, seen.margins.worth, self.comovement.edges)
        carry = self.carry.over_volatility()
        self.crowd = crowd(seen.worth, seen.leverage, carry)
        _, last = self.looked.last
        self.looked.add(at_bin, find(self.exposure, seen, self.crowd, last, self._look_s))

    def measure(self, depth: Depth) -> None:
        """A look has begun: the books anew, of symbols with positions: of those under pressure, and
        of those that had none, at each look; of others in turn."""
        known, pressed = self.exposure.known(len(self.resting)), self.looked.last[1].weighed
        left = np.flatnonzero(~known & ~np.isnan(self.resting[:, 0, 0]))
        self.resting[left], self._measured[left] = np.nan, 0
        due = np.isnan(self.resting[:, 0, 0])
        due[self.looks % TURNS :: TURNS] = True
        due[: pressed.size] |= pressed > PRESSED
        # A book that is as it was is measured as it was.
        rows = np.flatnonzero(known & due & (depth.changed > self._measured))
        self.resting[rows] = depth_by_distance(depth, rows)
        self._measured[rows] = depth.turn
        self.looks += 1

    @property
    def seen(self) -> Survey:
        """The last look; there is none before the first."""
        assert self._seen is not None
        return self._seen

    def found(self, at_bin: int) -> Findings:
        """What the last look up to the end of a bin found."""
        return self.looked.at(at_bin)

    def keys(self) -> list[Ints]:
        """Accounts that are remembered, for whoever must know which codes are in use."""
        told = [found.holders.who[:, 2] for found in self.looked.all()]
        return [self.exposure.account, *self.related.keys(), *told]

    def recode(self, recoding: Recoding) -> None:
        """Follow the name tables after they were compacted."""
        self.exposure.recode(recoding)
        self.related.recode(recoding)
        self.looked.change(lambda found: found.recoded(recoding))

    def state(self) -> State:
        """Everything that the next bin depends on."""
        at_bin, found = self.looked.last
        state: State = {"look": np.array(at_bin), "looks": np.array(self.looks)}
        state["resting"] = self.resting.copy()
        for name, part in self._parts().items():
            state |= nest(name, part.state())
        return state | nest("found", found.state())

    def _parts(self) -> dict[str, Exposure | Carry | Comovement | Related]:
        return {
            "exposure": self.exposure,
            "carry": self.carry,
            "comovement": self.comovement,
            "related": self.related,
        }

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        self.looks = int(state["looks"])
        self.resting = np.array(state["resting"], np.float64)
        self._measured = np.zeros(len(self.resting), np.int64)
        for name, part in self._parts().items():
            part.restore(unnest(name, state))
        found = Findings.restored(unnest("found", state))
        self.looked = Looks(found, int(state["look"]))


def price_of(depth: Depth, prices: Prices) -> Floats:
    """(S,) the mark; where there is none the last trade, or the touch of the book."""
    touch = np.where(depth.base >= 0, cell_price(depth.base + depth.touch), np.nan)
    told = prices.reference()
    return np.where(told > 0.0, told, touch)
