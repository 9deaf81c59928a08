"""More events of one type than normal on a symbol, beyond what the whole market does."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from detectors.base import Frame, State, Verdict, nest, unnest
from detectors.options import BurstOptions
from detectors.surprise import SurpriseBank


class Burst:
    """One stream a symbol; the signal is named by what is counted."""

    def __init__(self, signal: str, feature: str, options: BurstOptions) -> None:
        self.signal = signal
        self.feature = feature
        self.bank = SurpriseBank(options, market=True)

    def update(self, frame: Frame) -> Verdict:
        """Score a frame, then learn from it."""
        x = frame.column(self.feature)
        self.bank.resize(x.shape[1])
        if frame.skipped:
            self.bank.skip()
        found = self.bank.update(x, frame.bin)
        return Verdict(self.signal, (self.feature,), found.score, found.detail, found.mixture)

    def state(self) -> State:
        """Everything that the next update depends on."""
        return nest("bank", self.bank.state())

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        self.bank.restore(unnest("bank", state))
