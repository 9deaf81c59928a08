"""A bank of negative-binomial CUSUMs, one a rate ratio, for many streams at once.

For a stream with mean m and variance D·m, the log likelihood ratio of rate ρm against m is linear
in the count: x·c1(ρ, D) - m·c0(ρ, D). Its running sum, cut at zero, is Page's CUSUM (1954), the
quickest detector of a known change; a bank over ratios makes up for not knowing the change.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats, State, grow, pack, unpack


class CusumBank:
    """R ratios over S streams. w: (R, S) evidence in nats; (R, S) sums since w was last zero."""

    _PER_STREAM: ClassVar = {
        "w": 0.0,
        "onset": 0,
        "x_before": 0.0,
        "m_before": 0.0,
        "x_total": 0.0,
        "m_total": 0.0,
        "c1": 0.0,
        "c0": 0.0,
    }

    def __init__(self, ratios: tuple[float, ...]) -> None:
        self.ratios = np.array(ratios)[:, None]
        empty = np.empty((len(ratios), 0))
        self.w = self.x_before = self.m_before = self.c1 = self.c0 = empty
        self.onset = np.empty((len(ratios), 0), np.int64)
        self.x_total = self.m_total = np.empty(0)

    def resize(self, streams: int) -> None:
        """Make room for streams that were not there before."""
        if streams > self.w.shape[1]:
            grow(self, self._PER_STREAM, streams)

    def tune(self, dispersion: Floats) -> None:
        """Set the coefficients for the current dispersion, (S,), all above 1."""
        extra = dispersion - 1.0
        spread = (1.0 + self.ratios * extra) / dispersion
        self.c1 = np.log(self.ratios / spread)
        self.c0 = np.log(spread) / extra

    def step(self, x: Floats, m: Floats, bin_index: int) -> Floats:
        """Take one bin of counts x with means m, both (S,); returns w."""
        fresh = self.w <= 0.0
        np.copyto(self.x_before, self.x_total, where=fresh)
        np.copyto(self.m_before, self.m_total, where=fresh)
        np.copyto(self.onset, bin_index, where=fresh)
        np.maximum(self.w, 0.0, out=self.w)
        self.w += x * self.c1
        self.w -= m * self.c0
        self.x_total = self.x_total + x
        self.m_total = self.m_total + m
        return self.w

    def since_onset(self, ratio: NDArray[np.intp]) -> tuple[NDArray[np.int64], Floats, Floats]:
        """Onset bin, observed and expected since then, (S,) each, by the ratio given a stream."""
        streams = np.arange(self.w.shape[1])
        return (
            self.onset[ratio, streams],
            self.x_total - self.x_before[ratio, streams],
            self.m_total - self.m_before[ratio, streams],
        )

    def reset(self, streams: NDArray[np.bool_]) -> None:
        """Start these streams' evidence anew."""
        self.w[:, streams] = 0.0

    def state(self) -> State:
        return pack(self, tuple(self._PER_STREAM))

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        unpack(self, tuple(self._PER_STREAM), state)
