"""What moves the whole venue at once, which no symbol's own score can show."""

from collections.abc import Mapping
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import BLOCK, Floats, Frame, State, Verdict, grow, nest, pack, unnest, unpack
from detectors.options import BurstOptions
from detectors.surprise import SurpriseBank

MEMORY_S: Final = 60.0
SHARE_MAX: Final = 4.0  # times its own recent mean: what one symbol may add to a total
STREAMS_MIN: Final = 5.0


class MarketWide:
    """One stream a feature: the venue's total, in which no symbol counts beyond a few times its
    recent mean, and the loudest not beyond the mean, so that it takes many symbols to move it.

    recent: (F, S) mean counts a bin over about a minute. block: (F, S) what this block adds to it.
    """

    signal = "market_wide"

    def __init__(self, features: tuple[str, ...], options: BurstOptions) -> None:
        self.features = features
        self.bank = SurpriseBank(options, market=False)
        self.bank.resize(len(features))
        self._fade = BLOCK / options.bins(MEMORY_S)
        self.blocks = 0
        self.block_bins = 0
        self.recent = self.block = np.empty((len(features), 0))
        self._refresh()

    def update(self, frame: Frame) -> Verdict:
        """Score a frame, then learn from it."""
        columns = [frame.features.index(feature) for feature in self.features]
        x = np.ascontiguousarray(frame.values[:, :, columns].transpose(0, 2, 1))
        if x.shape[2] > self.recent.shape[1]:
            grow(self, {"recent": 0.0, "block": 0.0}, x.shape[2])
            self._refresh()
        if frame.skipped:
            self.bank.skip()
        seen = np.isfinite(x)
        cut = np.where(seen, x, 0.0)
        if self.blocks:  # in whole numbers, so that sums are exact
            cut = np.minimum(cut, self._most)
        loudest = (cut - self._whole).max(axis=2, initial=0.0)
        total = np.where(seen.any(axis=2), cut.sum(axis=2) - loudest, np.nan)
        found = self.bank.update(total[:, None], frame.bin)
        score = np.where(self._streams >= STREAMS_MIN, found.score[:, 0], np.nan)
        self.block += cut.sum(axis=0)
        self.block_bins += len(x)
        if frame.ends_block:
            self._learn()
        return Verdict(self.signal, self.features, score, partial(found.detail, 0), venue=True)

    def _learn(self) -> None:
        self.blocks += 1
        rate = max(min(self._fade, 1.0), 1.0 / self.blocks)
        self.recent = self.recent + rate * (self.block / self.block_bins - self.recent)
        self.block = np.zeros_like(self.block)
        self.block_bins = 0
        self._refresh()

    def _refresh(self) -> None:
        """What holds for a block: the mean and the most of each symbol, in whole numbers, and how
        many symbols effectively make each total, (features,)."""
        self._whole = np.floor(self.recent)
        self._most = np.floor(SHARE_MAX * self.recent) + 3.0
        total = self.recent.sum(axis=1)
        square = np.maximum((self.recent**2).sum(axis=1), 1e-12)
        self._streams: Floats = total**2 / square

    def calibration(self) -> State:
        """What quiet flow has taught, that another run may begin with."""
        return self.bank.calibration(0)

    def calibrate(self, taught: Mapping[str, NDArray[np.generic]]) -> None:
        """Begin with what another run was taught."""
        self.bank.calibrate(0, taught)

    def state(self) -> State:
        """Everything that the next update depends on."""
        own = pack(self, ("blocks", "block_bins", "recent", "block"))
        return own | nest("bank", self.bank.state())

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        unpack(self, ("blocks", "block_bins", "recent", "block"), state)
        self._refresh()
        self.bank.restore(unnest("bank", state))
