"""A level that is unusual against its own past: depth that thins, leverage that builds up.

A level is smoothed over 1, 4, 16, 64 and 256 looks, so that a sudden change and one over minutes
are both seen, and compared with a slow mean of its own past that is fed with a delay. What the
difference usually is, is learned for each smoothing, per symbol and over all of them.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import (
    BLOCK,
    LOOK_S,
    Detail,
    Floats,
    Frame,
    State,
    Verdict,
    grow,
    nest,
    pack,
    unnest,
    unpack,
)
from detectors.options import BurstOptions
from detectors.tail import Tail, TailPrior

LOOKS: Final = (1, 4, 16, 64, 256)
RATES: Final = 1.0 / np.array(LOOKS, np.float64)[:, None]
_LOOKS: Final = np.array(LOOKS, np.float64)
SMOOTHINGS: Final = len(LOOKS)
SMOOTHINGS_DECADES: Final = float(np.log10(3.0))  # smoothings that hear much the same
BACKGROUND_S: Final = 1800.0
DELAY_S: Final = 120.0  # age of what is learned, so that a slow change is not learned as it comes
WARM_UP_S: Final = 60.0
MEMORY_S: Final = 4.0 * 3600.0
WINSOR_SD: Final = 3.0
SQUARE_MAX: Final = 9.0  # times its variance: what one square may add
PRIOR_SAMPLES: Final = 4.0
POOLED_MAX: Final = 100.0  # samples of other symbols that a symbol's noise is known by
PRIOR: Final = TailPrior(level=4.0, share=0.25, excess=1.3, exceedances=10.0)

_PER_STREAM = {
    "smooth": np.nan,
    "total": 0.0,
    "weight": 0.0,
    "squares": 0.0,
    "samples": 0.0,
    "waiting": np.nan,
    "waiting_square": np.nan,
    "held": np.nan,
    "held_look": 0.0,
    "held_smooth": np.nan,
    "held_mean": np.nan,
    "block_sum": 0.0,
    "block_looks": 0.0,
    "block_square": np.nan,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelOptions:
    """gauge: the level that is judged (see Levels). rising: whether high is bad, or low is.

    sd, sd_min: by which the logarithm is believed to wander before it was seen to, and at least.
    A level that mostly stands where it does not matter wanders by more than it shows.
    material: the level from which it matters; what is less bad counts as if it were this much.
    looks_min: smoothings over fewer looks say nothing, so that what passes is no alarm.
    reach: how far from usual one look may count, in logarithms.
    """

    gauge: str
    rising: bool
    sd: float = 0.5
    sd_min: float = 0.02
    material: float | None = None
    looks_min: int = 1
    reach: float = np.inf

    def __post_init__(self) -> None:
        if not 0.0 < self.sd_min <= self.sd:
            raise ValueError(f"sd_min must be positive, at most {self.sd}, was {self.sd_min}")
        if not 1 <= self.looks_min <= LOOKS[-1]:
            raise ValueError(f"looks_min must be 1 to {LOOKS[-1]}, was {self.looks_min}")
        if self.reach <= 0.0:
            raise ValueError(f"reach must be positive, was {self.reach}")
        if self.material is not None and self.material <= 0.0:
            raise ValueError(f"material must be positive, was {self.material}")


class Level:
    """One stream a symbol. Scores are of the last look, until the next.

    held: (S,) decades at the last look. held_look, held_smooth, held_mean: (S,) how many looks the
    smoothing that speaks takes in, what it comes to, and what is usual. look_bin: when that was.
    """

    _HELD: Final = ("held", "held_look", "held_smooth", "held_mean")
    _STATE: Final = (*_PER_STREAM, "look_bin")

    def __init__(self, signal: str, options: LevelOptions, burst: BurstOptions) -> None:
        self.signal = signal
        self.gauge = options.gauge
        self.options = options
        self._sign = 1.0 if options.rising else -1.0
        block_s = BLOCK * burst.bin_ns / 1e9
        self._speaks = _LOOKS[:, None] >= options.looks_min
        self._look_bins = burst.bins(LOOK_S)
        self._decay = float(np.exp(-block_s / BACKGROUND_S))
        self._fade = float(np.exp(-block_s / MEMORY_S))
        self._warm_blocks = max(1, round(WARM_UP_S / block_s))
        self.look_bin = 0
        self.smooth = self.squares = self.samples = np.empty((SMOOTHINGS, 0))
        self.block_square = np.empty((SMOOTHINGS, 0))
        self.total = self.weight = self.block_sum = self.block_looks = np.empty(0)
        self.held = self.held_look = self.held_smooth = self.held_mean = np.empty(0)
        delay = max(1, round(DELAY_S / block_s))
        self.waiting = np.empty((delay, 0))
        self.waiting_square = np.empty((delay, SMOOTHINGS, 0))
        self.tail = Tail(SMOOTHINGS, PRIOR, burst)
        self._refresh()

    @property
    def warm(self) -> NDArray[np.bool_]:
        """(S,) whether enough was learned to have an opinion."""
        return np.asarray(self.weight >= self._warm_blocks)

    @property
    def fed(self) -> bool:
        """Whether the level of any symbol was ever known, as of the last block that ended."""
        return bool(np.isfinite(self.waiting).any() or self.weight.any())

    def update(self, frame: Frame) -> Verdict:
        """Score a frame, then learn from it."""
        symbols = frame.values.shape[1]
        if symbols > self.held.size:
            grow(self, _PER_STREAM, symbols)
            self.tail.resize(symbols)
            self._refresh()
        seen = [self._of_last_look()]
        looks = frame.levels.at.tolist()
        if looks:
            for at, x in zip(looks, self._sign * frame.level(self.gauge), strict=True):
                self._look(x)
                self.look_bin = frame.bin + at
                seen.append(self._of_last_look())
        if frame.ends_block:
            self._learn()
        which = [bisect_right(looks, t) for t in range(len(frame.values))]
        score = np.array([seen[look][1][0] for look in which])

        def detail(t: int, streams: NDArray[np.intp]) -> Detail:
            look_bin, (_, taken, smooth, mean) = seen[which[t]]
            onset = look_bin + 1 - taken[streams].astype(np.int64) * self._look_bins
            observed = np.exp(self._sign * smooth[streams])
            return Detail(onset, observed, np.exp(self._sign * mean[streams]))

        return Verdict(self.signal, (self.gauge,), score, detail, level=True)

    def _of_last_look(self) -> tuple[int, tuple[Floats, ...]]:
        return self.look_bin, tuple(getattr(self, name) for name in self._HELD)

    def _look(self, x: Floats) -> None:
        """One look: smoothed, compared, and put where it will be learned. x: (S,), high is bad."""
        if self.options.material is not None:
            x = np.maximum(x, self._sign * np.log(self.options.material))
        x = np.where(self.warm, np.minimum(x, self.mean + self.options.reach), x)
        known = np.isfinite(x)
        fresh = np.isnan(self.smooth) & known
        moved = self.smooth + RATES * (np.where(known, x, 0.0) - self.smooth)
        self.smooth = np.where(fresh, x, np.where(known, moved, self.smooth))
        heard = known & self.warm
        away = np.where(heard, self.smooth - self.mean, 0.0)
        z2 = np.where(self._speaks, np.maximum(away, 0.0) ** 2 / self.variance, 0.0)
        nats = 0.5 * self.known * np.log1p(z2 / self.known)
        self.tail.watch(np.arange(SMOOTHINGS), np.where(heard, nats, -np.inf))
        decades = self.tail.decades(nats)
        best = decades.argmax(axis=0)[None]
        top = np.take_along_axis(decades, best, axis=0)[0] - SMOOTHINGS_DECADES
        self.held = np.where(heard, np.maximum(top, 0.0), np.nan)
        self.held_look = _LOOKS[best[0]]
        self.held_smooth = np.take_along_axis(self.smooth, best, axis=0)[0]
        self.held_mean = self.mean
        self.block_sum = self.block_sum + np.where(known, x, 0.0)
        self.block_looks = self.block_looks + known
        self.block_square = np.where(heard, away**2, self.block_square)

    def _learn(self) -> None:
        """A block has ended."""
        mean = self.block_sum / np.maximum(self.block_looks, 1.0)
        mean = np.where(self.block_looks > 0.0, mean, np.nan)
        old, self.waiting = self.waiting[0], np.concatenate([self.waiting[1:], mean[None]])
        square = self.waiting_square[0]
        self.waiting_square = np.concatenate([self.waiting_square[1:], self.block_square[None]])
        known = np.isfinite(old)
        limit = WINSOR_SD * np.sqrt(self.variance[1])
        cut = np.where(self.warm, np.clip(old, self.mean - limit, self.mean + limit), old)
        self.total = np.where(known, self.total * self._decay + cut, self.total)
        self.weight = np.where(known, self.weight * self._decay + 1.0, self.weight)
        heard = np.isfinite(square[0])
        square = np.minimum(square, SQUARE_MAX * self.variance)
        self.squares = np.where(heard, self.squares * self._fade + square, self.squares)
        self.samples = np.where(heard, self.samples * self._fade + 1.0, self.samples)
        self.tail.learn(np.isnan(self.block_square[0]))
        self.block_sum = np.zeros_like(self.block_sum)
        self.block_looks = np.zeros_like(self.block_looks)
        self.block_square = np.full_like(self.block_square, np.nan)
        self._refresh()

    def _refresh(self) -> None:
        """What the next block is judged by."""
        # Smoothings that reach over many blocks hear much the same in the next.
        per_block = np.minimum(1.0, RATES * BLOCK / self._look_bins)
        samples = self.samples * per_block
        # Sorted, so that the order of symbols cannot change a bit of the sum.
        squares = np.sort(self.squares * per_block, axis=1).sum(axis=1, keepdims=True)
        seen = np.sort(samples, axis=1).sum(axis=1, keepdims=True)
        pooled = (PRIOR_SAMPLES * self.options.sd**2 + squares) / (PRIOR_SAMPLES + seen)
        own = PRIOR_SAMPLES * pooled + self.squares * per_block
        self.variance = np.maximum(own / (PRIOR_SAMPLES + samples), self.options.sd_min**2)
        self.known = PRIOR_SAMPLES + samples + np.minimum(seen, POOLED_MAX)
        self.mean = self.total / np.maximum(self.weight, 1e-9)

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
        self._refresh()
