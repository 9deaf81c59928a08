"""More events over the whole venue than normal: what the symbols' own bursts leave out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats, Frame, State, Verdict, grow, nest, pack, unnest, unpack
from detectors.options import BurstOptions
from detectors.surprise import SurpriseBank

MEMORY_S: Final = 60.0
SHARE_MAX: Final = 4.0  # times its own recent mean: what one symbol may add to a total
STREAMS_MIN: Final = 5.0
MARKET_WANDER: Final = 0.25  # the whole market wanders more than a symbol within it


class MarketWide:
    """One stream a feature: the venue's total, in which no symbol counts beyond a few times its
    recent mean, so that it takes many symbols to move it."""

    signal = "market_wide"

    def __init__(self, features: tuple[str, ...], options: BurstOptions) -> None:
        self.features = features
        self.bank = SurpriseBank(replace(options, wander=MARKET_WANDER))
        self.bank.resize(len(features))
        self._alpha = 1.0 / options.bins(MEMORY_S)
        self.bins = 0
        self.recent = np.empty((len(features), 0))

    def update(self, frame: Frame) -> Verdict:
        """Score a frame, then learn from it."""
        columns = [frame.features.index(feature) for feature in self.features]
        x = frame.values[:, columns].T
        grow(self, {"recent": 0.0}, x.shape[1])
        if frame.skipped:
            self.bank.skip()
        seen = np.isfinite(x)
        cut = np.where(seen, x, self.recent)
        if self.bins:
            cut = np.minimum(cut, SHARE_MAX * self.recent + 3.0)
        total = np.where(seen.any(axis=1), cut.sum(axis=1), np.nan)
        surprise = self.bank.update(total, 1.0, frame.bin)
        score = np.where(self._streams() >= STREAMS_MIN, surprise.score, np.nan)
        self.bins += 1
        self.recent += max(self._alpha, 1.0 / self.bins) * (cut - self.recent)
        best = int(np.argmax(np.nan_to_num(score, nan=-np.inf)))
        one = slice(best, best + 1)
        return Verdict(
            self.signal,
            self.features[best],
            score[one],
            surprise.onset_bin[one],
            surprise.observed[one],
            surprise.expected[one],
            venue=True,
        )

    def _streams(self) -> Floats:
        """(features,) how many symbols effectively make the total."""
        total = self.recent.sum(axis=1)
        square = np.maximum((self.recent**2).sum(axis=1), 1e-12)
        streams: Floats = total**2 / square
        return streams

    def state(self) -> State:
        """Everything that the next update depends on."""
        return pack(self, ("bins", "recent")) | nest("bank", self.bank.state())

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        unpack(self, ("bins", "recent"), state)
        self.bank.restore(unnest("bank", state))
