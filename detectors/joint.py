"""Evidence of several signals together: on one symbol, and on the loudest few.

A burst of cancels, a shift of leverage and a thin book on the same symbols within a minute are one
thing, and say more than the loudest of them. So each stream's surprise is held for a minute while
it fades, and added up over the signals of a symbol; then the loudest symbol is taken, and the sum
over the √S loudest ones. Signals coincide in quiet flow too, orders with cancels above all: what
the sums usually come to, and how far they stray from it, is learned and taken out again, before a
tail of their own says how rare that is.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import BLOCK, Bools, Floats, State, nest, pack, unnest, unpack
from detectors.options import BurstOptions
from detectors.tail import LN10, Tail, TailPrior

HOLD_S: Final = 60.0
QUIET_DECADES: Final = 2.5  # what a stream comes to now and then within a minute
STREAM_MAX: Final = 5.0  # decades above that one signal may add: together needs more than one
SUMS: Final = 2  # the loudest symbol, and the loudest few
SUMS_DECADES: Final = float(np.log10(2.0))
MEMORY_S: Final = 7200.0
WARM_UP_S: Final = 300.0
FAR_SD: Final = 4.0  # how far from usual one block may count as it is learned
SD_MIN: Final = 1.0  # nats
PRIOR: Final = TailPrior(level=3.0, share=0.25, excess=1.5, exceedances=10.0)  # in deviations


class Joint:
    """Q signals over S symbols. held: (Q, S) decades above quiet, fading. mean, square: (SUMS, 1)
    of what a block's greatest sums come to, in nats. best: (SUMS, 1) of this block."""

    _STATE: Final = ("held", "blocks", "mean", "square", "best")

    def __init__(self, signals: int, options: BurstOptions) -> None:
        self.held = np.zeros((signals, 0))
        self.blocks = 0
        self.mean, self.square, self.best = np.zeros((3, SUMS, 1))
        self._fade = float(np.exp(-1.0 / options.bins(HOLD_S)))
        self._rate = BLOCK / options.bins(MEMORY_S)
        self._warm = options.bins(WARM_UP_S) / BLOCK
        self.tail = Tail(SUMS, PRIOR, options)
        self.tail.resize(1)

    def update(self, scores: Floats) -> tuple[Floats, Bools]:
        """Take in decades, (Q, T, S), NaN no opinion; (T,) decades of the venue, and (T, S) the
        symbols that they come from."""
        _, bins, symbols = scores.shape
        if symbols > self.held.shape[1]:
            missing = symbols - self.held.shape[1]
            self.held = np.pad(self.held, ((0, 0), (0, missing)))
        if not symbols:
            return np.full(bins, -np.inf), np.zeros((bins, 0), bool)
        news = np.fmax(scores - QUIET_DECADES, 0.0)  # no opinion is no news
        np.minimum(news, STREAM_MAX, out=news)
        by_symbol = np.zeros((bins, symbols))
        several = np.zeros((bins, symbols), bool)
        for t in range(bins):  # each bin fades what the one before left
            self.held *= self._fade
            np.maximum(self.held, news[:, t], out=self.held)
            self.held.sum(axis=0, out=by_symbol[t])
            np.greater(np.add.reduce(self.held > 0.1, axis=0, dtype=np.int8), 1, out=several[t])
        few = max(1, round(float(np.sqrt(symbols))))
        top = np.sort(by_symbol, axis=1)[:, -few:]
        sums = np.stack([np.where(several, by_symbol, 0.0).max(axis=1), top.sum(axis=1)]) * LN10
        self.best = np.maximum(self.best, sums.max(axis=1, keepdims=True))
        decades = np.full(bins, -np.inf)
        if self.blocks >= self._warm:
            away = np.maximum(sums - self.mean, 0.0) / self._sd
            away = np.sqrt(self.blocks * np.log1p(away**2 / self.blocks))  # known by so many
            self.tail.watch(np.arange(SUMS), away.max(axis=1, keepdims=True))
            decades = self.tail.decades(away).max(axis=0) - SUMS_DECADES
        members = by_symbol >= np.maximum(0.5 * top[:, -1:], 0.1)
        return decades, members

    def learn(self, *, heard: bool) -> None:
        """A block has ended."""
        if heard:
            cut = self.best
            if self.blocks >= self._warm:
                cut = np.minimum(cut, self.mean + FAR_SD * self._sd)
            self.blocks += 1
            rate = max(self._rate, 1.0 / self.blocks)
            self.mean = self.mean + rate * (cut - self.mean)
            self.square = self.square + rate * (cut**2 - self.square)
        self.best = np.zeros((SUMS, 1))
        self.tail.learn(np.array([not heard or self.blocks <= self._warm]))

    @property
    def _sd(self) -> Floats:
        return np.sqrt(np.maximum(self.square - self.mean**2, SD_MIN**2))

    def calibration(self) -> State:
        """What quiet flow has taught, that another run may begin with."""
        return pack(self.tail, Tail.SUMS)

    def calibrate(self, taught: Mapping[str, NDArray[np.generic]]) -> None:
        """Begin with what another run was taught."""
        self.tail.calibrate(taught)

    def state(self) -> State:
        """Everything that the next update depends on."""
        return pack(self, self._STATE) | nest("tail", self.tail.state())

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        unpack(self, self._STATE, state)
        self.tail.restore(unnest("tail", state))
