"""How noisy each stream is: counting noise of single bins, and how much its rate wanders.

The variance of a count with mean m over a window is counting·m + wander²·m². The first comes from
differences of neighbouring bins, which wandering hardly touches; the second from what is left over
at each window length, since rates wander differently within a second and within minutes. A stream
that is too quiet to show how its rate wanders borrows from the others.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import BLOCK, Bools, Floats, State, grow, pack, reaches, unpack
from detectors.options import BurstOptions
from detectors.windows import HOPS, LENGTHS, SCALES, Plan

COUNTING_MIN: Final = 1.05
WANDER2_MIN: Final = 1e-3
SQUARE_MAX: Final = 9.0  # times its variance: what one square may add, so a burst adds little
SKEW: Final = 6.0  # and more where events are few, for there large squares make up the variance
PRIOR_SAMPLES: Final = 4.0
SAMPLES_MIN: Final = 4.0
BORROWED_MAX: Final = 100.0  # samples of other streams, that a stream's noise is known by
PRIOR_EVENTS: Final = 4.0  # added to the mean a prior sample is worth, for near-silent streams
_IS_DENSE: Final = np.array(LENGTHS) <= HOPS
FOLDED: Final = 4  # bin of a block with little to do: no look, and nothing learned
_PHASE: Final = 7  # the bin at which a block's dense sample is taken moves on by this, modulo 16
_LENGTHS = np.array(LENGTHS, np.float64)[:, None]
_WORTH = np.minimum(1.0, np.maximum(BLOCK, _LENGTHS / HOPS) / _LENGTHS)  # windows that overlap

_PER_STREAM = {
    "jumps": 0.0,
    "jump_means": 0.0,
    "squares": 0.0,
    "weights": 0.0,
    "samples": 0.0,
    "sample": 0.0,
    "waiting": 0.0,
}
_STATE = (
    "turn",
    "start",
    "taught",
    "common",
    "taught_events",
    "pooled",
    "counting",
    "wander2",
    *_PER_STREAM,
)


class Noise:
    """Noise of S streams, learned once a block.

    counting: (S,) variance over mean of single bins. wander2: (SCALES, S) variance of log rates.
    Streams are Q signals of the same symbols, signal by signal, which teach each other nothing.
    sample, waiting: counts (0) and what was expected (1) of one window a scale; 0, there is none.
    pooled: (SCALES, Q) wander2 of all streams. start: what it was believed to be at first, from
    as many samples as were taught. common, taught_events: (1, Q) the same of counting.
    """

    def __init__(self, options: BurstOptions, signals: int = 1) -> None:
        self.options = options
        self.signals = signals
        self._decay = float(np.exp(-BLOCK * options.bin_ns / 1e9 / options.noise_memory_s))
        self._decays = self._decay ** np.minimum(1.0, 16.0 * _WORTH)  # long windows last longer
        self.jumps = self.jump_means = self.counting = np.empty(0)
        self.squares = self.weights = self.samples = np.empty((SCALES, 0))
        self.wander2 = np.empty((SCALES, 0))
        self.sample = np.empty((2, SCALES, 0))
        self.waiting = np.empty((max(1, options.bins(options.delay_s) // BLOCK), 2, SCALES, 0))
        self.turn = 0  # of what waits, the oldest
        self.start = np.full((SCALES, signals), options.wander**2)
        self.taught = np.zeros((SCALES, signals))
        self.common = np.full((1, signals), options.counting_prior)
        self.taught_events = np.zeros((1, signals))
        self.pooled = self.start.copy()
        self._folded: tuple[Floats, ...] | None = None  # the sums, as the block's end finds them
        self._count()

    def resize(self, streams: int) -> None:
        """Make room for streams that were not there before."""
        self._folded = None
        grow(self, _PER_STREAM, streams, self.signals)

    def variance(self, expected: Floats, scale: NDArray[np.intp]) -> Floats:
        """(R, S) variance of counts with these means over windows of these scales, (R,)."""
        found = self.wander2.take(scale, axis=0)
        found *= expected
        found += self.counting
        found *= expected
        return found

    def watch(self, first: int, rows: Plan, counts: Floats, expected: Floats) -> None:
        """Take this block's sample of each scale from the rows of a frame, (R, S) each; in the
        middle of a block, work out what the oldest sample comes to."""
        bins = len(rows.ending)
        dense = first // BLOCK * _PHASE % BLOCK - first % BLOCK
        for at, wanted in ((dense, _IS_DENSE), (BLOCK - 1 - first % BLOCK, ~_IS_DENSE)):
            if 0 <= at < bins:
                ending = rows.ending[at]
                row = ending[wanted[rows.scale[ending]]]
                self.sample[0, rows.scale[row]] = counts[row]
                self.sample[1, rows.scale[row]] = expected[row]
        if reaches(first, bins, FOLDED):
            self._fold()

    def _fold(self) -> None:
        """Work out what the oldest sample that waits adds to the sums. It is known since the block
        began, so that this can be done in a bin that has little else to do."""
        c, e = self.waiting[self.turn]
        known = e > 0
        counting = self.counting * e
        limit = self.wander2 * e
        limit += self.counting
        limit *= SQUARE_MAX
        limit *= e
        limit += SKEW * self.counting**2
        jump = np.where(known[0] & known[1], (2.0 * c[0] - c[1]) ** 2 / 2.0, 0.0)
        fading = np.where(known, self._decays, 1.0)
        jumps = self.jumps * fading[0] + np.minimum(jump, limit[0])
        means = self.jump_means * fading[0] + e[0]
        left = c - e
        left *= left
        np.minimum(left, limit, out=left)
        left -= counting
        squares, weights, samples = (
            _faded(now, fading, more)
            for now, more in (
                (self.squares, left),
                (self.weights, np.multiply(e, e, out=limit)),
                (self.samples, known.astype(np.float64)),
            )
        )
        self._folded = jumps, means, squares, weights, samples

    def learn(self, unknown: Bools) -> None:
        """A block has ended: queue its sample, and learn the one that is old enough. Of streams
        whose mean is unknown, (S,), a sample tells nothing. To be followed by `refresh`."""
        if self._folded is None:
            self._fold()
        assert self._folded is not None
        self.jumps, self.jump_means, self.squares, self.weights, self.samples = self._folded
        self._folded = None
        self.waiting[self.turn] = self.sample
        self.turn = (self.turn + 1) % len(self.waiting)
        if unknown.any():
            self.waiting[..., unknown] = 0.0
        self.sample[:] = 0.0

    def skip(self) -> None:
        """The input was silent: samples that wait may span the silence."""
        self._folded = None
        self.sample[:] = 0.0
        self.waiting[:] = 0.0

    def refresh(self, mean: Floats) -> None:
        """Estimates from the sums: shrunk to a prior, raised while little is known."""
        caution = 0.5 * self.options.caution * np.sqrt(2.0)
        taught = np.minimum(self.taught_events, BORROWED_MAX)
        events = PRIOR_SAMPLES * PRIOR_EVENTS + taught
        heard = events * self.common + self._sum(self.jumps)
        common = self._each(heard / (events + self._sum(self.jump_means)))[0]
        prior = PRIOR_SAMPLES * (mean + PRIOR_EVENTS)
        weight = prior + self.jump_means
        raw = (prior * np.maximum(common, COUNTING_MIN) + self.jumps) / weight
        raised = 1.0 + caution / np.sqrt(weight / (mean + PRIOR_EVENTS) + self._each(taught)[0])
        self.counting = np.maximum(raw * raised, COUNTING_MIN)
        e = np.maximum(mean * _LENGTHS, 1e-9)
        # What a sample weighs is fixed by the prior: by what is learned, estimate and weight swing.
        unit = e + self.counting / self.options.wander**2
        unit *= unit
        heard, weight = self._sum(self.squares / unit), self._sum(self.weights / unit)
        trust = PRIOR_SAMPLES + np.minimum(self.taught, BORROWED_MAX)
        self.pooled = np.maximum((trust * self.start + heard) / (trust + weight), WANDER2_MIN)
        unit *= PRIOR_SAMPLES
        raw = unit * self._each(self.pooled)
        raw += self.squares
        raw /= np.add(self.weights, unit, out=unit)
        e *= e
        raised = np.divide(self.weights, e, out=e)
        raised += self._each(trust)
        np.divide(caution, np.sqrt(raised, out=raised), out=raised)
        raised += 1.0
        np.maximum(raw, WANDER2_MIN, out=raw)
        self.wander2 = np.multiply(raw, raised, out=raw)
        self._count()

    def _count(self) -> None:
        self.borrowed = self._sum(self.samples) + self.taught

    def known(self, scale: NDArray[np.intp], stream: NDArray[np.intp]) -> Floats:
        """(n,) how many samples the noise of streams rests on at these scales, (n,) each."""
        own = self.samples[scale, stream]
        signal = stream // (self.counting.size // self.signals)
        others = np.minimum(self.borrowed[scale, signal] - own, BORROWED_MAX)
        return np.asarray(SAMPLES_MIN + own + others)

    def _sum(self, values: Floats) -> Floats:
        """(…, Q) sums over the streams of each signal, of (…, S)."""
        symbols = values.shape[-1] // self.signals
        by_signal = values.reshape(*values.shape[:-1], self.signals, symbols)
        return np.asarray(by_signal.sum(axis=-1))

    def _each(self, of_signal: Floats) -> Floats:
        """(n, S) what holds for the signal of each stream, of (n, Q)."""
        return np.repeat(of_signal, self.jumps.size // self.signals, axis=1)

    def calibration(self, signal: int) -> State:
        """How a signal's rates wander, and the samples that this rests on, (SCALES, 1) each;
        counting noise of all its streams, and the events that it rests on, (1, 1) each."""
        events = self._sum(self.jump_means) + self.taught_events
        jumps = self._sum(self.jumps) + self.taught_events * self.common
        all_signals = {
            "wander2": self.pooled,
            "samples": self._sum(self.samples) + self.taught,
            "counting": np.where(events > 0, jumps / np.maximum(events, 1e-9), self.common),
            "events": events,
        }
        return {name: array[:, [signal]] for name, array in all_signals.items()}

    def calibrate(self, signal: int, taught: Mapping[str, NDArray[np.generic]]) -> None:
        """Begin with what another run was taught of a signal."""
        self.start[:, [signal]] = taught["wander2"]
        self.pooled = self.start.copy()
        self.taught[:, [signal]] = taught["samples"]
        self.common[:, [signal]] = taught["counting"]
        self.taught_events[:, [signal]] = taught["events"]

    def state(self) -> State:
        return pack(self, _STATE)

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        self._folded = None
        unpack(self, _STATE, state)
        self._count()


def _faded(total: Floats, fading: Floats, more: Floats) -> Floats:
    """(SCALES, S) sums with what a sample adds to them, by what it is worth."""
    more *= _WORTH
    found = total * fading
    found += more
    return found
