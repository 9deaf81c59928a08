"""Levels to surprise: smoothed, compared with a slow mean of their own past, and calibrated.

A level is smoothed over 1, 4, 16, 64 and 256 looks, so that a sudden change and one over minutes
are both seen, and compared with a slow mean of its own past that is fed with a delay. What the
difference usually is, is learned for each smoothing, per symbol and over all of them. Only what
is far enough from usual to score at all is weighed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import BLOCK, LOOK_S, Floats, Ints, State, grow, nest, pack, unnest, unpack
from detectors.level_options import LOOKS, LevelOptions
from detectors.options import BurstOptions
from detectors.tail import Tail, TailPrior

_LOOKS: Final = np.array(LOOKS, np.float64)
RATES: Final = 1.0 / _LOOKS[:, None]
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
_ROUNDING: Final = 1.0 - 1e-9  # so that nothing is left out that would score at all

_PER_STREAM: Final = {
    "smooth": np.nan,
    "total": 0.0,
    "weight": 0.0,
    "squares": 0.0,
    "samples": 0.0,
    "waiting": np.nan,
    "waiting_away": np.nan,
    "held": np.nan,
    "held_look": 1.0,
    "held_smooth": np.nan,
    "held_mean": np.nan,
    "block_sum": 0.0,
    "block_looks": 0.0,
    "block_away": np.nan,
}


@dataclass(frozen=True, slots=True)
class Heard:
    """What the last look said, (L, S) each: decades, how many looks the smoothing that speaks takes
    in, what it comes to, and what is usual."""

    decades: Floats
    looks: Floats
    smooth: Floats
    mean: Floats


class LevelBank:
    """L levels of S symbols, which have nothing to do with each other but are judged in one go.

    smooth, squares, block_away: (L, SMOOTHINGS, S). total, weight, samples, held, block_sum,
    block_looks: (L, S). waiting, waiting_away: (delay, …) rings of what is to be learned; `turn`
    is the oldest. fed: (L,) whether the level of any symbol was ever known.
    """

    mean: Floats
    variance: Floats
    _seen: Floats
    _warm: NDArray[np.bool_]
    _STATE: Final = (*_PER_STREAM, "fed", "turn")

    def __init__(self, options: Sequence[LevelOptions], burst: BurstOptions) -> None:
        levels = len(options)
        block_s = BLOCK * burst.bin_ns / 1e9
        self._floor = np.array([each.floor for each in options])[:, None]
        self._reach = np.array([each.reach for each in options])[:, None]
        self._bounded = np.flatnonzero(np.isfinite(self._reach))
        self._sd2 = np.array([each.sd**2 for each in options])[:, None, None]
        self._sd2_min = np.array([each.sd_min**2 for each in options])[:, None, None]
        speaks = np.array([each.looks_min <= _LOOKS for each in options], np.bool_)
        self._mute = ~speaks.reshape(levels, SMOOTHINGS, 1)
        # Smoothings that reach over many blocks hear much the same in the next.
        self._per_block = np.minimum(1.0, RATES * BLOCK / burst.bins(LOOK_S))
        self._decay = float(np.exp(-block_s / BACKGROUND_S))
        self._fade = float(np.exp(-block_s / MEMORY_S))
        self._warm_blocks = max(1, round(WARM_UP_S / block_s))
        delay, self.turn = max(1, round(DELAY_S / block_s)), 0
        self.fed = np.zeros(levels, np.bool_)
        self.smooth, self.squares, self.block_away = np.empty((3, levels, SMOOTHINGS, 0))
        self.total, self.weight, self.samples = np.empty((3, levels, 0))
        self.block_sum, self.block_looks = np.empty((2, levels, 0))
        self.held, self.held_look, self.held_smooth, self.held_mean = np.empty((4, levels, 0))
        self.waiting = np.empty((delay, levels, 0))
        self.waiting_away = np.empty((delay, levels, SMOOTHINGS, 0))
        self.tail = Tail(levels * SMOOTHINGS, PRIOR, burst, least=0.0)
        self._folded: State = {}  # what the end of the block is to find, by name
        self._refresh()

    @property
    def warm(self) -> NDArray[np.bool_]:
        """(L, S) whether enough was learned to have an opinion."""
        return self._enough(self.weight)

    def warm_of(self, number: int) -> NDArray[np.bool_]:
        """(S,) the same of one level."""
        return self._enough(self.weight[number])

    def _enough(self, weight: Floats) -> NDArray[np.bool_]:
        return np.asarray(weight >= self._warm_blocks)

    @property
    def heard(self) -> Heard:
        """What the last look said."""
        return Heard(self.held, self.held_look, self.held_smooth, self.held_mean)

    def resize(self, symbols: int) -> None:
        """Make room for symbols that are new."""
        if symbols > self.total.shape[1]:
            grow(self, _PER_STREAM, symbols)
            self.tail.resize(symbols)
            self._refresh()

    def look(self, x: Floats) -> None:
        """One look: smoothed, compared, and put where it will be learned. x: (L, S) logarithms,
        high is bad, NaN not known."""
        x = np.maximum(x, self._floor)
        some = self._bounded
        near = np.minimum(x[some], self.mean[some] + self._reach[some])
        x[some] = np.where(self._warm[some], near, x[some])
        known = np.isfinite(x)
        away = self._smooth(x, known)
        heard = known & self._warm
        np.copyto(self.block_away, away, where=heard[:, None])
        self._speak(away, heard)
        self.block_sum += np.where(known, x, 0.0)
        self.block_looks += known

    def _smooth(self, x: Floats, known: NDArray[np.bool_]) -> Floats:
        """(L, SMOOTHINGS, S) how far from usual the smoothings are with one look more."""
        smooth = self.smooth
        step = x[:, None] - smooth
        step *= RATES
        fresh = known & np.isnan(smooth[:, 0])
        if known.all():
            smooth += step
        else:
            np.add(smooth, step, out=smooth, where=known[:, None])
        if fresh.any():
            np.copyto(smooth, x[:, None], where=fresh[:, None])
        return np.subtract(smooth, self.mean[:, None], out=step)

    def _speak(self, away: Floats, heard: NDArray[np.bool_]) -> None:
        """What is far enough from usual scores by its rarest smoothing."""
        symbols = self.total.shape[1]
        scale, stream = np.divmod(np.flatnonzero(away > self._least), max(symbols, 1))
        level, smoothing = np.divmod(scale, SMOOTHINGS)
        mine = heard[level, stream]
        scale, stream = scale[mine], stream[mine]
        level, smoothing = level[mine], smoothing[mine]
        at = scale * symbols + stream
        known = self._known(level, smoothing, stream)
        z2 = away.reshape(-1)[at] ** 2 / self.variance.reshape(-1)[at]
        nats = 0.5 * known * np.log1p(z2 / known)
        self.tail.watch_some(at, nats)
        decades = self.tail.decades_of(nats, scale) - SMOOTHINGS_DECADES
        held = np.zeros(self.held.shape)
        cell = level * symbols + stream
        np.maximum.at(held.reshape(-1), cell, decades)
        best = np.flatnonzero(decades == held.reshape(-1)[cell])[::-1]  # of equals, the shortest
        self.held_look, self.held_smooth = np.ones(held.shape), self.smooth[:, 0].copy()
        self.held_look.reshape(-1)[cell[best]] = _LOOKS[smoothing[best]]
        self.held_smooth.reshape(-1)[cell[best]] = self.smooth.reshape(-1)[at[best]]
        self.held, self.held_mean = np.where(heard, held, np.nan), self.mean

    def _known(self, level: Ints, smoothing: Ints, stream: Ints) -> Floats:
        """(n,) how many samples the noise of streams rests on."""
        own = self.samples[level, stream] * self._per_block[smoothing, 0]
        others = np.minimum(self._seen[level, smoothing, 0], POOLED_MAX)
        return np.asarray(PRIOR_SAMPLES + own + others)

    def fold(self) -> None:
        """Work out what the oldest block that waits adds to the sums. It is known since the block
        began, so that this can be done in a bin that has little else to do."""
        old, square = self.waiting[self.turn], self.waiting_away[self.turn] ** 2
        known, heard = np.isfinite(old), np.isfinite(square[:, 0])
        limit = WINSOR_SD * np.sqrt(self.variance[:, 1])
        cut = np.minimum(np.maximum(old, self.mean - limit), self.mean + limit)
        cut = np.where(self._warm, cut, old)
        np.minimum(square, SQUARE_MAX * self.variance, out=square)
        square += self.squares * self._fade
        if not heard.all():
            np.copyto(square, self.squares, where=~heard[:, None])
        total = np.where(known, self.total * self._decay + cut, self.total)
        weight = np.where(known, self.weight * self._decay + 1.0, self.weight)
        samples = np.where(heard, self.samples * self._fade + 1.0, self.samples)
        sums = {"total": total, "weight": weight, "samples": samples, "squares": square}
        self._folded = sums | self._estimates(**sums)

    def learn(self) -> None:
        """A block has ended."""
        if not self._folded:
            self.fold()
        for name, found in self._folded.items():
            setattr(self, name, found)
        self._folded = {}
        mean = self.block_sum / np.maximum(self.block_looks, 1.0)
        mean = np.where(self.block_looks > 0.0, mean, np.nan)
        unheard = np.isnan(self.block_away[:, 0])
        self.tail.learn(np.repeat(unheard, SMOOTHINGS, axis=0))
        self.waiting[self.turn], self.waiting_away[self.turn] = mean, self.block_away
        self.turn = (self.turn + 1) % len(self.waiting)
        self.fed |= np.isfinite(mean).any(axis=1)
        self.block_sum[:], self.block_looks[:], self.block_away[:] = 0.0, 0.0, np.nan
        self._limit()

    def _refresh(self) -> None:
        """What the next block is judged by, from the sums."""
        self._folded = {}
        sums = (self.total, self.weight, self.samples, self.squares)
        for name, found in self._estimates(*sums).items():
            setattr(self, name, found)
        self._limit()

    def _estimates(self, total: Floats, weight: Floats, samples: Floats, squares: Floats) -> State:
        """By name, what sums come to: means, variances and what they rest on."""
        squares, worth = squares * self._per_block, samples[:, None] * self._per_block
        # Sorted, so that the order of symbols cannot change a bit of the sum.
        ranked = np.sort(samples, axis=1)[:, None] * self._per_block
        seen = ranked.sum(axis=2, keepdims=True)
        pooled = PRIOR_SAMPLES * self._sd2 + np.sort(squares, axis=2).sum(axis=2, keepdims=True)
        pooled /= PRIOR_SAMPLES + seen
        squares += PRIOR_SAMPLES * pooled
        worth += PRIOR_SAMPLES
        squares /= worth
        variance = np.maximum(squares, self._sd2_min, out=squares)
        mean = total / np.maximum(weight, 1e-9)
        return {"mean": mean, "variance": variance, "_seen": seen, "_warm": self._enough(weight)}

    def _limit(self) -> None:
        """From where on a smoothing can score at all: n nats take at least 2 n variances."""
        nats = SMOOTHINGS_DECADES * self.tail.level / self.tail.at_level
        least = np.sqrt(2.0 * _ROUNDING * nats).reshape(len(self.fed), SMOOTHINGS, 1)
        self._least = np.sqrt(self.variance)
        self._least *= least
        np.copyto(self._least, np.inf, where=self._mute | ~self._warm[:, None])

    def _tails(self, number: int) -> slice:
        return slice(number * SMOOTHINGS, (number + 1) * SMOOTHINGS)

    def calibration(self, number: int) -> State:
        """What quiet flow has taught of a level, that another run may begin with."""
        sums = pack(self.tail, Tail.SUMS)
        return {name: array[self._tails(number)] for name, array in sums.items()}

    def calibrate(self, number: int, taught: Mapping[str, NDArray[np.generic]]) -> None:
        """Begin with what another run was taught of a level."""
        sums = pack(self.tail, Tail.SUMS)
        for name, array in sums.items():
            array[self._tails(number)] = taught[name]
        self.tail.calibrate(sums)
        self._limit()

    def state(self) -> State:
        """Everything that the next look depends on."""
        return pack(self, self._STATE) | nest("tail", self.tail.state())

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        unpack(self, self._STATE, state)
        self.tail.restore(unnest("tail", state))
        self._refresh()
