"""More events of one type than normal on a symbol, beyond what the whole market does."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from detectors.base import Frame, State, Verdict, nest, unnest
from detectors.market import MarketFactor
from detectors.options import BurstOptions
from detectors.surprise import SurpriseBank


class Burst:
    """One stream a symbol; the signal is named by what is counted."""

    def __init__(self, signal: str, feature: str, options: BurstOptions) -> None:
        self.signal = signal
        self.feature = feature
        self.market = MarketFactor(options)
        self.bank = SurpriseBank(options)

    def update(self, frame: Frame) -> Verdict:
        """Score a frame, then learn from it."""
        x = frame.column(self.feature)
        self.bank.resize(x.size)
        if frame.skipped:
            self.bank.skip()
            self.market.skip()
        background = self.bank.background
        usable = background.warm & ~self.bank.alarmed
        factor = self.market.update(x, background.mean, background.dispersion, usable)
        surprise = self.bank.update(x, factor, frame.bin)
        return Verdict(
            self.signal,
            self.feature,
            surprise.score,
            surprise.onset_bin,
            surprise.observed,
            surprise.expected,
        )

    def state(self) -> State:
        """Everything that the next update depends on."""
        return nest("market", self.market.state()) | nest("bank", self.bank.state())

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        self.market.restore(unnest("market", state))
        self.bank.restore(unnest("bank", state))
