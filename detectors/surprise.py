"""Counts to surprise: evidence against a learned background, calibrated, that guards itself.

Streams are judged twice. Alone, by the likelihood that their rate has risen to a multiple (see
cusum.py), and by what lasts (see sustained.py), which the tail of quiet flow turns into decades:
that is the score. Together with others, by the excess of windows over the mean and the market,
weighed against the stream's own noise at that length; what many streams come to in such a window is
a mixture (see mixture.py).

An alarmed stream is not learned. One that stays alarmed for long has found a new normal, and starts
anew from there, so that a level shift alarms once. Noise and tails are learned at all times, in
small steps: they say what this stream is like, and a guard must not keep that from them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.alone import BLOCK_SCALE, Alone
from detectors.background import Background
from detectors.base import BLOCK, Bools, Detail, Floats, State, grow, nest, pack, unnest, unpack
from detectors.excess import CERTAIN, SILENCE, Loud, nats
from detectors.market import MarketFactor, Panel, market_panel
from detectors.mixture import BELIEFS, SIZE, mixture
from detectors.noise import Noise
from detectors.options import BurstOptions
from detectors.windows import LENGTHS, SCALES, Plan, Windows

EXCESS_SD: Final = 1.5  # standard deviations from where on an excess is weighed at all
SUSPECT_DECADES: Final = 4.0  # from here on the mean stands still, lest it follow a slow rise
ALARM_PER_S: Final = 1.0 / 3_600.0  # over all streams: what is this rare is kept from learning
STILL: Final = 0.5  # of a long window's excess rate, that its last eighth must still show
SPREAD: Final = 4.0  # times that rate, beyond which it began only now
FULL: Final = 0.75  # of a window's usual mean, that it must hold to be one
STEADY: Final = 1e-6  # wander² for dating: by a rate that wanders all begins are much alike
_LENGTH = np.array(LENGTHS, np.float64)


@dataclass(frozen=True, slots=True)
class Surprise:
    """Of T bins, Q signals and S symbols: decades, (T, Q, S); the mixtures, (T, Q, SIZE); and why,
    when asked for a signal, a bin and symbols."""

    score: Floats
    mixture: Floats
    detail: Callable[[int, int, NDArray[np.intp]], Detail]


class SurpriseBank:
    """Counts of Q signals of S symbols to as many scores; symbols are only ever added.

    Signals have nothing to do with each other, but are judged in one go: most of the time of a
    bin goes by in calls, not in numbers. Inside, streams are (Q · S,), signal by signal.

    market: whether the streams of a signal have a common factor that is not theirs to answer for.
    common: (SCALES, Q) that factor, as the last bin had it.
    """

    _PER_STREAM = ("alarmed", "alarm_blocks", "best")

    def __init__(self, options: BurstOptions, *, market: bool, signals: int = 1) -> None:
        self.options = options
        self.signals = signals
        self.background = Background(options, signals)
        self.noise = Noise(options, signals)
        self.windows = Windows(signals)
        self.factor = MarketFactor(signals) if market else None
        self.alone = Alone(options, signals, market=market)
        self.alarmed = np.empty(0, bool)
        self.alarm_blocks = np.empty(0)
        self.best = np.empty(0)
        self.held_mixture = np.zeros((SCALES, signals, len(BELIEFS)))
        self.common = np.ones((SCALES, signals))
        self._due = False
        self._forget_block()

    def _begin(self) -> None:
        """Noise of a block that has ended, as the next one begins: the bin that ends a block has
        enough to do."""
        if self._due:
            self.noise.refresh(self.background.mean)
            self._due = False

    def _forget_block(self) -> None:
        """What is worked out once a block is to be worked out again, when it is needed."""
        self._able: Bools | None = None
        self._panel: Panel | None = None

    def _prepare(self) -> Bools:
        """What holds for a block: expectations, the panel of the market, and which streams there
        is an opinion on, (Q · S,): none on what was never heard of."""
        known = self.background
        able: Bools = known.warm & known.heard
        self.alone.prepare(known, self.noise)
        if self.factor is not None:
            self._panel = market_panel(known.mean, able & ~self.alarmed, self.noise, known.lift)
        return able

    @property
    def symbols(self) -> int:
        return self.best.size // self.signals

    @property
    def warm(self) -> Bools:
        """(Q,) whether enough was learned of a signal for an opinion on any symbol."""
        return np.asarray(self.background.warm.reshape(self.signals, self.symbols).any(axis=1))

    def resize(self, symbols: int) -> None:
        """Make room for symbols that were not there before."""
        if symbols > self.symbols:
            streams = symbols * self.signals
            grow(self, dict.fromkeys(self._PER_STREAM, 0.0), streams, self.signals)
            for part in (self.background, self.noise, self.windows):
                part.resize(streams)
            self.alone.resize(symbols)
            self._due = True
            self._forget_block()

    def skip(self) -> None:
        """The input was silent for long: evidence that spans the silence means nothing."""
        self.background.forget_waiting()
        self.noise.skip()
        self.windows.forget(np.ones(self.best.size, bool))
        self.alone.skip()
        self.held_mixture[:] = 0.0
        self.alarmed[:] = False
        self.alarm_blocks[:] = 0.0
        self.best[:] = 0.0
        self._forget_block()
        if self.factor is not None:
            self.factor.skip()

    def update(self, x: Floats, first: int) -> Surprise:
        """Score counts of the bins from `first` on, (T, Q, S), NaN unobserved; then learn."""
        self._begin()
        bins = len(x)
        x = x.reshape(bins, self.best.size)
        seen = np.isfinite(x)
        counts = np.where(seen, x, 0.0)
        means = np.where(seen, self.background.mean, 0.0)
        if self._able is None:
            self._able = self._prepare()
        able = self._able
        rows, sums, last = self.windows.take(first, counts, means)
        of_row, filled = np.ones((rows.scale.size, 1)), np.ones((bins, SCALES, 1))
        single = filled[:, 0]
        if self.factor is not None and self._panel is not None:
            of_row, filled, single = self.factor.update(rows, sums, self._panel)
            self.common = filled[-1]
        shape = rows.scale.size, self.signals, self.symbols
        expected = (sums[1].reshape(shape) * of_row[..., None]).reshape(sums[1].shape)
        loud = self._weigh(rows, sums, expected, last, of_row, able)
        alone = self.alone.score(counts, seen, single, able, self.noise, (rows, loud))
        score = np.where(seen & able, alone, np.nan)
        joint = self._mixture(rows, loud)
        detail = self._detail(filled)
        self.background.watch(counts, seen)
        self.noise.watch(first, rows, sums[0], expected)
        self.best = np.fmax(self.best, np.fmax.reduce(score, axis=0))
        if (first + bins) % BLOCK == 0:
            self._learn()
        return Surprise(score.reshape(bins, self.signals, self.symbols), joint, detail)

    def _weigh(
        self, rows: Plan, sums: Floats, expected: Floats, last: Floats, of_row: Floats, able: Bools
    ) -> Loud:
        """The windows of able streams that hold more than expected, and by how much."""
        counts, means = sums
        limit = self.noise.variance(expected, rows.scale)
        limit *= EXCESS_SD**2
        excess = counts - expected
        excess *= np.abs(excess)
        at = np.flatnonzero((excess > limit) & able)
        if not at.size:
            return SILENCE
        row, stream = np.divmod(at, able.size)
        scale, c, e = rows.scale[row], counts[row, stream], expected[row, stream]
        # What began anew in its midst is a window of another length.
        loud = means[row, stream] >= FULL * self.background.mean[stream] * _LENGTH[scale]
        long = np.searchsorted(row, rows.long)  # what is over is not news
        at, of = row[long:] - rows.long, stream[long:]
        market = of_row[row[long:], self._signal(of)] if self.factor is not None else 1.0
        rest = last[0, at, of] - market * last[1, at, of]
        eighth = (c[long:] - e[long:]) / 8.0
        loud[long:] &= rest >= STILL * eighth
        lasting = np.zeros(row.size, bool)
        lasting[long:] = rest <= SPREAD * eighth
        row, stream, scale, c, e, lasting = (
            part[loud] for part in (row, stream, scale, c, e, lasting)
        )
        counting, wander2 = self.noise.counting[stream], self.noise.wander2[scale, stream]
        found = nats(c, e, counting, wander2, self.noise.known(scale, stream))
        return Loud(row, stream, found, lasting)

    def _signal(self, stream: NDArray[np.intp]) -> NDArray[np.intp]:
        return stream // max(self.symbols, 1)

    def _mixture(self, rows: Plan, loud: Loud) -> Floats:
        """(T, Q, SIZE) evidence of all symbols together, by belief and window length."""
        cell = loud.row * self.signals + self._signal(loud.stream)
        of_cell = mixture(rows.scale.size * self.signals, cell, loud.nats)
        of_row = of_cell.reshape(rows.scale.size, self.signals, len(BELIEFS))
        held = rows.held
        spoken = np.where((held >= 0)[..., None, None], of_row[held], self.held_mixture)
        self.held_mixture = spoken[-1].copy()
        return spoken.transpose(0, 2, 3, 1).reshape(len(held), self.signals, SIZE)

    def _detail(self, filled: Floats) -> Callable[[int, int, NDArray[np.intp]], Detail]:
        """Asked for a signal, a bin and symbols: the begin that makes the most of what has come
        since."""
        windows, counting, of_symbol = self.windows, self.noise.counting, self.symbols

        def detail(signal: int, t: int, symbols: NDArray[np.intp]) -> Detail:
            streams = signal * of_symbol + symbols
            begin, (counts, means), scale = windows.past(t, streams)
            expected = means * filled[t, scale, signal if filled.shape[2] > 1 else 0][:, None]
            observed = np.diff(means, axis=0, prepend=0.0) > 0  # not before it began anew
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
        self.alarmed = self.best >= np.log10(bins * max(self.symbols, 1))
        cold = ~self.background.warm
        calmer = np.maximum(self.alarm_blocks - 1, 0)  # a pause for breath is no end
        self.alarm_blocks = np.where(self.alarmed, self.alarm_blocks + 1, calmer)
        self.background.learn(
            self.noise.counting,
            self.noise.wander2[BLOCK_SCALE],
            self.alarmed,
            self.best >= SUSPECT_DECADES,
        )
        settled = self.alarm_blocks * BLOCK >= self.options.bins(self.options.rebaseline_s)
        if settled.any():
            self.background.rebaseline(settled, self.noise.counting)
        unheard = cold | ~self.background.heard
        self.alone.learn(unheard)
        self.noise.learn(cold)  # that nothing came is known as well
        self._due = True
        self._forget(cold | settled)
        self.best = np.zeros_like(self.best)
        self._forget_block()

    def _forget(self, streams: Bools) -> None:
        """Evidence of these streams starts anew."""
        if streams.any():
            self.windows.forget(streams)
            self.alone.forget(streams)
            self.alarm_blocks[streams] = 0.0
            self.alarmed[streams] = False

    def calibration(self, signal: int) -> State:
        """What a signal's quiet flow has taught, that another run may begin with."""
        return self.alone.calibration(signal) | self.noise.calibration(signal)

    def calibrate(self, signal: int, taught: Mapping[str, NDArray[np.generic]]) -> None:
        """Begin with what another run was taught of a signal."""
        self.alone.calibrate(signal, taught)
        self.noise.calibrate(signal, taught)

    def state(self) -> State:
        """Everything that the next update depends on."""
        self._begin()
        held = {} if self.factor is None else {"factor": self.factor.held.copy()}
        state: State = pack(self, ("held_mixture", *self._PER_STREAM)) | held
        for name in ("background", "noise", "windows", "alone"):
            state |= nest(name, getattr(self, name).state())
        return state

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        unpack(self, ("held_mixture", *self._PER_STREAM), state)
        self._due = False
        self._forget_block()
        if self.factor is not None:
            self.factor.held = np.array(state["factor"], dtype=np.float64)
        for name in ("background", "noise", "windows", "alone"):
            getattr(self, name).restore(unnest(name, state))
