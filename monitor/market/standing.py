"""Who holds what at a moment, whatever happens to positions later."""

from dataclasses import dataclass

import numpy as np

from detectors.base import Floats, Ints
from monitor.columns import ACCOUNT_BITS


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
        start, end = np.searchsorted(self.sorted, np.array([row, row + 1]) << ACCOUNT_BITS)
        return np.sort(self.order[start:end])
