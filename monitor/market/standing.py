"""Who holds what at a moment, whatever happens to positions later."""

from dataclasses import dataclass

import numpy as np

from detectors.base import Floats, Ints
from monitor.keys import packed


@dataclass(frozen=True, slots=True)
class Standing:
    """N positions at a moment. account, leverage: (N,) as in Exposure. sorted, order: (N,) their
    keys, ascending, and the place of each."""

    account: Ints
    leverage: Floats
    sorted: Ints
    order: Ints

    def of_symbol(self, row: int) -> Ints:
        """Places of all positions of one symbol, in the order in which they were admitted."""
        return of_symbols(self.sorted, self.order, row, row + 1)


def of_symbols(keys: Ints, order: Ints, first: int, last: int) -> Ints:
    """Places of all positions of the symbols from one up to, and without, another, in the order in
    which they were admitted. keys, order: as in Standing."""
    start, end = np.searchsorted(keys, packed(0, np.array([first, last])))
    return np.sort(order[start:end])
