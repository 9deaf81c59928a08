"""Does quiet flow still alarm as often as was promised? Scores that a budget hangs on are far too
rare to check, so what is checked is how often the venue's score passes the once-an-hour mark."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import BLOCK, State, pack, unpack
from detectors.options import BurstOptions

PERIOD_S: Final = 240.0
MARK_S: Final = 3_600.0
MEMORY_S: Final = 86_400.0
PRIOR: Final = 2.0  # passes, as promised, that are believed before anything was seen
LOST_RATIO: Final = 3.0


class NullCheck:
    """Passes of the once-an-hour mark against their promise, over about a day.

    ratio: observed over promised, drawn to 1 while little was seen.
    """

    _STATE = ("blocks", "best", "promised", "passed")

    def __init__(self, options: BurstOptions) -> None:
        self.mark = float(np.log10(options.bins(MARK_S)))
        self._blocks = max(1, round(options.bins(PERIOD_S) / BLOCK))
        self._share = 1.0 - float(np.exp(-PERIOD_S / MARK_S))
        self._keep = float(np.exp(-PERIOD_S / MEMORY_S))
        self.blocks = 0
        self.best = 0.0
        self.promised = self.passed = 0.0

    @property
    def ratio(self) -> float:
        return (PRIOR + self.passed) / (PRIOR + self.promised)

    @property
    def lost(self) -> bool:
        """Whether flow has left what the scores were calibrated on."""
        return self.ratio >= LOST_RATIO

    def learn(self, score: float) -> None:
        """A block has ended whose greatest venue-wide score was this, in decades."""
        self.blocks += 1
        self.best = max(self.best, score)
        if self.blocks == self._blocks:
            self.promised = self.promised * self._keep + self._share
            self.passed = self.passed * self._keep + (self.best >= self.mark)
            self.blocks, self.best = 0, 0.0

    def state(self) -> State:
        return pack(self, self._STATE)

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        unpack(self, self._STATE, state)
