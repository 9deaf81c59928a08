"""Synthetic order flow with known truth: negative-binomial counts over wandering rates."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from detectors.base import BLOCK, Floats, Frame, Levels, Verdict

BIN_NS: Final = 250_000_000
BINS_PER_S: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Wander:
    """A log rate that follows an AR(1) process: its standard deviation and its memory."""

    sd: float
    memory_s: float


CALM: Final = Wander(sd=0.0, memory_s=1.0)
OWN: Final = Wander(sd=0.2, memory_s=5.0)
COMMON: Final = Wander(sd=0.15, memory_s=30.0)
DAY_S: Final = 86_400.0


class Flow:
    """S streams of counts; calls of `take` continue each other.

    mean: (S,) mean count a bin. dispersion: (S,) variance over mean within a bin, 1 is Poisson.
    season: share by which rates rise and fall with the time of day.
    """

    def __init__(
        self,
        seed: int,
        streams: int,
        *,
        mean: tuple[float, float] = (0.3, 60.0),
        dispersion: tuple[float, float] = (1.5, 3.5),
        own: Wander = OWN,
        common: Wander = COMMON,
        season: float = 0.0,
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.mean = np.exp(self.rng.uniform(np.log(mean[0]), np.log(mean[1]), streams))
        self.dispersion = self.rng.uniform(*dispersion, streams)
        self._own, self._common, self._season = own, common, season
        self.bins = int(self.rng.integers(round(DAY_S * BINS_PER_S)))  # since midnight
        self._own_now = self.rng.normal(0.0, own.sd, streams)
        self._common_now = self.rng.normal(0.0, common.sd, 1)

    def take(self, bins: int, boost: Floats | None = None) -> Floats:
        """(bins, S) counts; boost multiplies the rates and broadcasts to that shape."""
        common, self._common_now = self._walk(self._common, self._common_now, bins)
        own, self._own_now = self._walk(self._own, self._own_now, bins)
        now = 2.0 * np.pi * (self.bins + np.arange(bins)) / (DAY_S * BINS_PER_S)
        self.bins += bins
        rate: Floats = (
            self.mean * np.exp(common + own) * (1.0 + self._season * np.sin(now))[:, None]
        )
        if boost is not None:
            rate = rate * boost
        if self.dispersion.max() <= 1.0:
            return self.rng.poisson(rate).astype(np.float64)
        extra = self.dispersion - 1.0
        counts: NDArray[np.int64] = self.rng.negative_binomial(
            np.maximum(rate / extra, 1e-9), 1.0 / self.dispersion
        )
        return counts.astype(np.float64)

    def _walk(self, wander: Wander, now: Floats, bins: int) -> tuple[Floats, Floats]:
        """(bins, n) of AR(1) from where it stands, and where it stands then."""
        keep = float(np.exp(-1.0 / (BINS_PER_S * wander.memory_s)))
        shocks = self.rng.normal(0.0, wander.sd * np.sqrt(1.0 - keep**2), (bins, now.size))
        path: Floats
        path, last = lfilter([1.0], [1.0, -keep], shocks, axis=0, zi=(keep * now)[None])
        return path, last[0] / keep


def frames(
    counts: Floats, features: tuple[str, ...] = ("order",), first: int = 0, *, bins: int = BLOCK
) -> list[Frame]:
    """Counts, (T, S) or (T, S, F), as frames of `bins` bins, or fewer where a block ends."""
    cube = counts[:, :, None] if counts.ndim == 2 else counts
    found, at = [], 0
    while at < len(cube):
        size = min(bins, BLOCK - (first + at) % BLOCK, len(cube) - at)
        found.append(Frame(first + at, cube[at : at + size], features))
        at += size
    return found


def joined(single: Sequence[Frame], size: Callable[[], int]) -> list[Frame]:
    """Frames of one bin as frames of about `size()` bins, as if they had been handed over so.

    Bins are joined where the monitor would join them: they follow each other in one block, and
    no symbol is new.
    """
    found: list[Frame] = []
    parts: list[Frame] = []
    left = size()
    for frame in single:
        if parts:
            last = parts[-1]
            follows = frame.bin == last.bin + 1 and not last.ends_block
            if not (left and follows and frame.values.shape == last.values.shape):
                found.append(_join(parts))
                parts, left = [], size()
        parts.append(frame)
        left -= 1
    return [*found, _join(parts)] if parts else found


def _join(parts: Sequence[Frame]) -> Frame:
    values = np.concatenate([part.values for part in parts])
    starts = np.cumsum([0, *(len(part.values) for part in parts)])[:-1]
    levels = Levels(
        parts[0].levels.names,
        np.concatenate([p.levels.at + start for p, start in zip(parts, starts, strict=True)]),
        np.concatenate([part.levels.values for part in parts]),
    )
    return replace(parts[0], values=values, levels=levels)


def look(frame: Frame, levels: Mapping[str, Floats], *, every: int = BINS_PER_S) -> Frame:
    """The frame with levels, (bins, S) from bin 0 on, as they are at every fourth bin's end."""
    ends = frame.bin + np.arange(len(frame.values)) + 1
    at = np.flatnonzero(ends % every == 0)
    symbols = frame.values.shape[1]
    found = [level[ends[at] - 1, :symbols] for level in levels.values()]
    values = np.stack(found, axis=2) if found else np.empty((at.size, symbols, 0))
    return replace(frame, levels=Levels(tuple(levels), at, values))


def told(verdict: Verdict) -> list[bytes]:
    """All that a verdict says of each bin, so that NaN equals NaN and nothing else does."""
    lines = []
    for t, score in enumerate(verdict.score):
        parts: list[NDArray[np.generic]] = [score]
        if verdict.mixture is not None:
            parts.append(verdict.mixture[t])
        streams = np.flatnonzero(np.isfinite(score))
        if streams.size:
            why = verdict.detail(t, streams)
            parts += [why.onset_bin, why.observed, why.expected]
        lines.append(b"".join(part.tobytes() for part in parts))
    return lines
