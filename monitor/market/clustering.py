"""Whether orders, cancels and fills gather where the book has become thin.

The book is taken in shells by distance from the touch. A shell is thin as far as it holds less than
two thirds of what it usually holds, wholly at less than four ninths. The share of a minute's
changes that fell into thin shells is looked at from the touch outward, over each width in turn.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats, State, grow, pack, unpack
from monitor.market.depth import BANDS_CELLS, Depth
from monitor.rows import CELL_BITS, CELL_MASK, QUOTE_UNITS
from monitor.settled import Changes, Settled

SHELLS: Final = len(BANDS_CELLS)
FLOW_S: Final = 60.0
USUAL_S: Final = 1800.0
THIN: Final = float(np.log(1.5))  # below usual, in logarithms, where thinness begins
SHELL_MIN: Final = 1.0  # quote currency
_SHELL_OF: Final = np.searchsorted(BANDS_CELLS, np.arange(BANDS_CELLS[-1] + 1), side="right")


class Clustering:
    """Flow into shells of S symbols.

    flow: (2, SHELLS, S) quote currency of changes, fading over a minute.
    usual, weight: (2, SHELLS, S) and (S,) sums over the logarithms of what shells held, fading
    over half an hour.
    """

    _STATE: Final = ("flow", "usual", "weight")

    def __init__(self, *, look_s: float) -> None:
        self._fade = float(np.exp(-look_s / FLOW_S))
        self._keep = float(np.exp(-look_s / USUAL_S))
        self.flow = self.usual = np.empty((2, SHELLS, 0))
        self.weight = np.empty(0)

    def resize(self, symbols: int) -> None:
        """Make room for symbols that are new."""
        if symbols > self.weight.size:
            grow(self, dict.fromkeys(self._STATE, 0.0), symbols)

    def apply(self, settled: Settled, depth: Depth) -> None:
        """Take in one bin, before the book does."""
        for changes in (settled.before, settled.after):
            if changes is not None and changes.row.size:
                self._count(changes, depth)

    def _count(self, changes: Changes, depth: Depth) -> None:
        side, row = changes.cell >> CELL_BITS, changes.row
        base = depth.base[row]
        place = (changes.cell & CELL_MASK) - base - depth.touch[row]
        outward = place * (2 * side - 1) + side  # bids lie below the touch, asks from it on
        shell = _SHELL_OF[np.minimum(np.maximum(outward, 0), BANDS_CELLS[-1])]
        shell[base < 0] = SHELLS
        symbols, change = self.weight.size, np.abs(changes.change)
        total = np.zeros((2 * (SHELLS + 1), symbols), np.int64)  # the last shell is all beyond
        np.add.at(total.reshape(-1), (side * (SHELLS + 1) + shell) * symbols + row, change)
        self.flow += total.reshape(2, SHELLS + 1, symbols)[:, :SHELLS] / QUOTE_UNITS

    def look(self, bands: Floats) -> Floats:
        """(S,) greatest share of changes in thin shells, over widths; NaN where nothing is known.

        bands: (S, 2, SHELLS) depth within each distance.
        """
        within = np.ascontiguousarray(bands.transpose(1, 2, 0))
        held = within.copy()
        held[:, 1:] -= within[:, :-1]
        found = np.log(np.maximum(held, SHELL_MIN))
        usual = self.usual / np.maximum(self.weight, 1e-9)
        below = np.where(np.isfinite(found), usual - found, 0.0)
        thin = np.minimum(np.maximum((below - THIN) / THIN, 0.0), 1.0)
        flowed = self.flow.sum(axis=0).cumsum(axis=0)
        struck = (self.flow * thin).sum(axis=0).cumsum(axis=0)
        share = np.where(flowed > 0.0, struck / np.maximum(flowed, 1e-9), 0.0).max(axis=0)
        known = np.isfinite(found).all(axis=(0, 1))
        self.usual = np.where(
            known, self.usual * self._keep + np.where(known, found, 0.0), self.usual
        )
        self.weight = np.where(known, self.weight * self._keep + 1.0, self.weight)
        self.flow = self.flow * self._fade
        return np.where(known & (flowed[-1] > 0.0), share, np.nan)

    def usual_bands(self) -> Floats:
        """(S, 2, SHELLS) quote currency that usually rests within each distance: what shells held
        as a mean of logarithms, added up outward; NaN where no book was ever known."""
        with np.errstate(invalid="ignore"):
            usual = np.exp(self.usual / np.where(self.weight > 0.0, self.weight, np.nan))
        return np.asarray(usual.cumsum(axis=1).transpose(2, 0, 1))

    def state(self) -> State:
        return pack(self, self._STATE)

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        unpack(self, self._STATE, state)
