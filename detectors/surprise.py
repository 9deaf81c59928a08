"""Counts to surprise: windows against a learned background, calibrated, that guard themselves.

Of every window, the excess over the mean and the market is weighed against the stream's own noise
at that length, and the tail of quiet flow turns it into decades; the best window is the score. An
alarmed stream is not learned. One that stays alarmed for long has found a new normal, and starts
anew from there, so that a level shift alarms once. Noise and tails are learned at all times, in
small steps: they say what this stream is like, and a guard must not keep that from them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.background import Background
from detectors.base import BLOCK, Bools, Detail, Floats, State, grow, nest, pack, unnest, unpack
from detectors.excess import CERTAIN, nats
from detectors.market import MarketFactor, market_panel
from detectors.mixture import BELIEFS, SIZE, mixture
from detectors.noise import Noise
from detectors.options import BurstOptions
from detectors.tail import MAXIMA_S, Tail, TailPrior
from detectors.windows import HOPS, LENGTHS, SCALES, Plan, Windows

EXCESS_SD: Final = 1.5  # standard deviations from where on an excess is weighed at all
SUSPECT_DECADES: Final = 4.0  # from here on the mean stands still, lest it follow a slow rise
SCALES_DECADES: Final = float(np.log10(4.0))  # the best of many windows, which overlap
ALARM_PER_S: Final = 1.0 / 3_600.0  # over all streams: what is this rare is kept from learning
STILL: Final = 0.5  # of a long window's excess rate, that its last eighth must still show
LONG: Final = tuple(scale for scale, length in enumerate(LENGTHS) if length > 2 * HOPS)
FULL: Final = 0.75  # of a window's usual mean, that it must hold to be one
STEADY: Final = 1e-6  # wander² for dating: by a rate that wanders all begins are much alike
LEVELS_NATS: Final = (1.5, 6.0)  # where tails begin: of long windows, and of short ones
EXCESS: Final = 1.0 / 3.0  # of the level, that maxima are believed to exceed it by
EXCESS_MIN: Final = 0.8
BLOCK_SCALE: Final = LENGTHS.index(BLOCK)
_LENGTHS = np.array(LENGTHS, np.float64)[:, None]


@dataclass(frozen=True, slots=True)
class Surprise:
    """Of T bins and S streams: decades, (T, S); the mixture, (T, SIZE); and why, when asked."""

    score: Floats
    mixture: Floats
    detail: Callable[[int, NDArray[np.intp]], Detail]


@dataclass(frozen=True, slots=True)
class _Loud:
    """Windows that hold more than expected, (n,) each: row, stream, surprise in nats."""

    row: NDArray[np.intp]
    stream: NDArray[np.intp]
    nats: Floats


class SurpriseBank:
    """S streams of counts to S scores; rows are only ever added.

    market: whether the streams have a common factor that is not theirs to answer for.
    """

    _PER_STREAM = ("alarmed", "alarm_blocks", "held", "best")

    def __init__(self, options: BurstOptions, *, market: bool) -> None:
        self.options = options
        self.background = Background(options)
        self.noise = Noise(options)
        self.windows = Windows()
        self.factor = MarketFactor() if market else None
        self.tail = Tail(SCALES, _prior(options), options)
        self.alarmed = np.empty(0, bool)
        self.alarm_blocks = np.empty(0)
        self.best = np.empty(0)
        self.held = np.empty((SCALES, 0))
        self.held_mixture = np.zeros((SCALES, len(BELIEFS)))
        self.panel: NDArray[np.intp] | None = None  # of this block, once it was needed

    def resize(self, streams: int) -> None:
        """Make room for streams that were not there before."""
        if streams > self.best.size:
            grow(self, dict.fromkeys(self._PER_STREAM, 0.0), streams)
            for part in (self.background, self.noise, self.windows, self.tail):
                part.resize(streams)
            self.noise.refresh(self.background.mean)
            self.panel = None

    def skip(self) -> None:
        """The input was silent for long: evidence that spans the silence means nothing."""
        self.background.forget_waiting()
        self.noise.skip()
        self.windows.forget(np.ones(self.best.size, bool))
        self.held[:] = 0.0
        self.held_mixture[:] = 0.0
        self.panel = None
        self.alarmed[:] = False
        self.alarm_blocks[:] = 0.0
        self.best[:] = 0.0
        if self.factor is not None:
            self.factor.skip()

    def update(self, x: Floats, first: int) -> Surprise:
        """Score counts of the bins from `first` on, (T, S), NaN unobserved; then learn."""
        seen = np.isfinite(x)
        counts = np.where(seen, x, 0.0)
        warm = self.background.warm
        means = np.where(seen, self.background.mean, 0.0)
        rows, sums, last = self.windows.take(first, counts, means)
        of_row = np.ones(rows.scale.size)
        filled = np.ones((len(x), SCALES))
        if self.factor is not None:
            usable = warm & ~self.alarmed
            if self.panel is None:
                self.panel = market_panel(self.background.mean, usable)
            of_row, filled = self.factor.update(rows, sums, self.panel, self.noise)
        expected = sums[1] * of_row[:, None]
        loud = self._weigh(rows, sums, expected, last, of_row)
        score = np.where(seen & warm, self._score(rows, loud, x.shape[1]), np.nan)
        joint = self._mixture(rows, loud)
        detail = self._detail(filled)
        self.background.watch(counts, seen)
        self.noise.watch(first, rows, sums[0], expected)
        self.best = np.fmax(self.best, np.fmax.reduce(score, axis=0))
        if (first + len(x)) % BLOCK == 0:
            self._learn()
        return Surprise(score, joint, detail)

    def _weigh(
        self, rows: Plan, sums: Floats, expected: Floats, last: Floats, of_row: Floats
    ) -> _Loud:
        """The windows of warm streams that hold more than expected, and by how much."""
        counts, means = sums
        excess = counts - expected
        limit = EXCESS_SD**2 * self.noise.variance(expected, rows.scale)
        whole = FULL * self.background.mean * _LENGTHS[rows.scale]
        loud = (excess > 0) & (excess * excess > limit) & self.background.warm
        loud &= means >= whole  # what began anew in its midst is a window of another length
        for scale in LONG:  # what is over is not news
            part = rows.rows[scale]
            rest = last[0, part] - of_row[part, None] * last[1, part]
            loud[part] &= rest >= STILL / 8.0 * excess[part]
        row, stream = np.nonzero(loud)
        found = nats(
            counts[row, stream],
            expected[row, stream],
            self.noise.counting[stream],
            self.noise.wander2[rows.scale[row], stream],
            self.noise.known[rows.scale[row], stream],
        )
        return _Loud(row, stream, found)

    def _score(self, rows: Plan, loud: _Loud, streams: int) -> Floats:
        """(T, S) decades of the best window, where each speaks until it moves on."""
        found, decades = np.zeros((2, rows.scale.size, streams))
        found[loud.row, loud.stream] = loud.nats
        decades[loud.row, loud.stream] = self.tail.decades_of(loud.nats, rows.scale[loud.row])
        present = np.flatnonzero([part.stop > part.start for part in rows.rows])
        starts = [rows.rows[scale].start for scale in present]
        self.tail.watch(present, np.maximum.reduceat(found, starts, axis=0))
        before = self.tail.decades(self.held)
        best = np.zeros((len(rows.held), streams))
        for scale in range(SCALES):
            held = rows.held[:, scale]
            spoken = decades[held]
            spoken[held < 0] = before[scale]
            np.maximum(best, spoken, out=best)
            if held[-1] >= 0:
                self.held[scale] = found[held[-1]]
        return np.maximum(best - SCALES_DECADES, 0.0)

    def _mixture(self, rows: Plan, loud: _Loud) -> Floats:
        """(T, SIZE) evidence of all streams together, by belief and window length."""
        of_row = mixture(rows.scale.size, loud.row, loud.nats)
        held = rows.held
        spoken = np.where((held >= 0)[..., None], of_row[held], self.held_mixture)
        self.held_mixture = spoken[-1]
        return spoken.transpose(0, 2, 1).reshape(len(held), SIZE)

    def _detail(self, filled: Floats) -> Callable[[int, NDArray[np.intp]], Detail]:
        """Asked for a bin and streams: the begin that makes the most of what has come since."""
        windows, counting = self.windows, self.noise.counting

        def detail(t: int, streams: NDArray[np.intp]) -> Detail:
            begin, since, scale = windows.past(t, streams)
            counts, expected = since[:, 0], since[:, 1] * filled[t, scale][:, None]
            observed = np.diff(since[:, 1], axis=0, prepend=0.0) > 0  # not before it began anew
            at, of = np.nonzero((counts > expected) & observed)
            found = np.zeros_like(counts)
            found[at, of] = nats(
                counts[at, of],
                expected[at, of],
                counting[streams[of]],
                np.full(at.size, STEADY),
                np.full(at.size, CERTAIN),
            )
            best, order = found.argmax(axis=0), np.arange(streams.size)
            return Detail(begin[best], counts[best, order], expected[best, order])

        return detail

    def _learn(self) -> None:
        """A block has ended: what was quiet in it is normal."""
        bins = 1e9 / (self.options.bin_ns * ALARM_PER_S)
        self.alarmed = self.best >= np.log10(bins * max(self.best.size, 1))
        cold = ~self.background.warm
        calmer = np.maximum(self.alarm_blocks - 1, 0)  # a pause for breath is no end
        self.alarm_blocks = np.where(self.alarmed, self.alarm_blocks + 1, calmer)
        self.tail.learn(cold)
        self.background.learn(
            self.noise.counting,
            self.noise.wander2[BLOCK_SCALE],
            self.alarmed,
            self.best >= SUSPECT_DECADES,
        )
        settled = self.alarm_blocks * BLOCK >= self.options.bins(self.options.rebaseline_s)
        if settled.any():
            self.background.rebaseline(settled, self.noise.counting)
        self.noise.learn(self.background.mean, cold)
        self._forget(cold | settled)
        self.best = np.zeros_like(self.best)
        self.panel = None

    def _forget(self, streams: Bools) -> None:
        """Evidence of these streams starts anew."""
        if streams.any():
            self.windows.forget(streams)
            self.held[:, streams] = 0.0
            self.alarm_blocks[streams] = 0.0
            self.alarmed[streams] = False

    def calibration(self) -> State:
        """What quiet flow has taught, that another run may begin with."""
        return pack(self.tail, Tail.SUMS) | self.noise.calibration()

    def calibrate(self, taught: Mapping[str, NDArray[np.generic]]) -> None:
        """Begin with what another run was taught."""
        self.tail.calibrate(taught)
        self.noise.calibrate(taught)

    def state(self) -> State:
        """Everything that the next update depends on."""
        held = {} if self.factor is None else {"factor": self.factor.held.copy()}
        state: State = pack(self, ("held_mixture", *self._PER_STREAM)) | held
        for name in ("background", "noise", "windows", "tail"):
            state |= nest(name, getattr(self, name).state())
        return state

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        unpack(self, ("held_mixture", *self._PER_STREAM), state)
        self.panel = None
        if self.factor is not None:
            self.factor.held = np.array(state["factor"], dtype=np.float64)
        for name in ("background", "noise", "windows", "tail"):
            getattr(self, name).restore(unnest(name, state))


def _prior(options: BurstOptions) -> TailPrior:
    """The fewer windows of a length there are in four minutes, the lower quiet flow's maxima lie;
    a tail that began above them all would never learn anything."""
    windows = np.maximum(options.bins(MAXIMA_S) / _LENGTHS, 1.0)
    level = np.clip(np.log(windows) - 0.5, *LEVELS_NATS)
    return TailPrior(level=level, share=0.1, excess=np.maximum(EXCESS * level, EXCESS_MIN))
