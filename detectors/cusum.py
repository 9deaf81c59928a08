"""Whether a stream's rate has risen to a multiple of what it would be, and since when: a CUSUM of
likelihood ratios (Page, 1954) for each of a few multiples.

Each count is compared with two predictions: that the rate goes on as it was, and that it went up to
the multiple at some moment and goes on from there. Rates wander by themselves, so each prediction
follows its own rate (a Kalman filter for a log rate that returns to the mean): what came just
before says where the next count ought to be, and a rate that jumps is told from one that drifts,
which no sum over a window can do. Counts are negative binomial with the variance over mean that
both predictions have on average. The evidence adds up while it is positive; when it has fallen by
OVER from its highest, what there was is over.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bools, Floats, State, grow, pack, unpack
from detectors.noise import Noise
from detectors.windows import LENGTHS

MULTIPLES: Final = (1.5, 2.5, 6.0)
LEAST_MULTIPLE: Final = 1.1  # that the first of them falls to, where a stream is steady
CLEAR: Final = 8.0  # nats that a slow window is to make of it
SIZES: Final = len(MULTIPLES)
OVER: Final = 4.0  # nats
LULL: Final = 0.9  # of the mean: no rate is followed further down, lest its usual flow be a burst
ROUGH: Final = 0.001  # variance of a log rate within one bin, that no model of it is better than
NEWS: Final = 0.01  # the same, where what the market does is not divided out
STEP_MAX: Final = 1.0  # of a log rate, by one count
QUICK: Final = LENGTHS.index(8)  # the window lengths that a rate's memory is read from: long
SLOW: Final = LENGTHS.index(128)  # enough that counting noise is little, and far apart
MEMORY: Final = 20.0  # bins, that a rate is believed to forget within, before it was seen to
MEMORY_SAMPLES: Final = 50.0  # what that belief is worth, in slow windows
STEADIEST: Final = 0.5  # of the variance that streams have together, that one of them may have
_RATES = np.array((1.0, *MULTIPLES))[:, None]


def averaged(bins: float, memory: Floats) -> Floats:
    """Variance of the mean over so many bins of a rate with variance 1 that forgets within
    `memory` bins (an Ornstein-Uhlenbeck process)."""
    x = bins / memory
    found: Floats = 2.0 * (x - 1.0 + np.exp(-x)) / (x * x)
    return found


_MEMORIES = np.geomspace(2.0, 240.0, 200)  # bins
_KEPT = averaged(LENGTHS[SLOW], _MEMORIES) / averaged(LENGTHS[QUICK], _MEMORIES)
_KEPT_PRIOR = float(np.interp(MEMORY, _MEMORIES, _KEPT))


class Cusum:
    """Evidence that S streams have risen, by multiple.

    drift: (1 + SIZES, S) log of the rate over the mean, as the count before left it: without a
    rise, and of a rise, where there is evidence for one, without its multiple.
    market: whether a factor says what all do at once. Without one no lull is followed, in which all
    may stand still, and no rise is asked after that news brings every hour.
    rates: (1 + SIZES, S) multiples of each stream's rate that are compared, 1 first.
    nats, peak: (SIZES, S) evidence, and its highest. came, usual: (SIZES, S) what came since it
    began, and what the mean expects; they mean nothing where there is no evidence.
    """

    _STATE = ("drift", "nats", "peak", "came", "usual")

    def __init__(self, signals: int = 1, *, market: bool = True) -> None:
        self.signals = signals
        self._market = market
        self._lull = float(np.log(LULL)) if market else 0.0
        self._rough = ROUGH if market else NEWS
        self.drift = np.zeros((1 + SIZES, 0))
        self.nats = self.peak = self.came = self.usual = np.zeros((SIZES, 0))

    def resize(self, streams: int) -> None:
        """Make room for streams that were not there before."""
        grow(self, dict.fromkeys(self._STATE, 0.0), streams, self.signals)

    def refresh(self, mean: Floats, weight: Floats, noise: Noise) -> None:
        """What holds for a block, from the mean of streams, the bins that it rests on, (S,) each,
        and their noise."""
        seen = noise.borrowed[SLOW]
        kept = MEMORY_SAMPLES * _KEPT_PRIOR + seen * noise.pooled[SLOW] / noise.pooled[QUICK]
        kept /= MEMORY_SAMPLES + seen
        memory = np.interp(kept, _KEPT, _MEMORIES)  # (Q,)
        keep = self._each(np.exp(-1.0 / memory))
        # One that seems far steadier than the others is not known well yet.
        raised = self._each(averaged(LENGTHS[QUICK], memory))
        wander2 = np.maximum(noise.wander2[QUICK], STEADIEST * self._each(noise.pooled[QUICK]))
        wander2 /= raised
        self._keep, self._mean = keep, mean
        self._stream = np.tile(np.arange(mean.size), SIZES)  # of each evidence
        self.rates = self._rise(mean, noise)
        self._logs = np.log(self.rates[1:])
        # Counts beyond this multiple of the usual, the mean of both predictions that is called
        # logarithmic, speak for a rise in Poisson's law; negative binomial ones lie further out.
        self._least = (self.rates[1:] - 1.0) / self._logs
        means = mean * self.rates
        counting = noise.counting + self._rough * mean
        counted = counting / means  # variance of a log rate that one count tells
        moved = wander2 * (1.0 - keep**2)
        less = counted * (1.0 - keep**2) - moved
        predicted = (np.sqrt(less**2 + 4.0 * moved * counted) - less) / 2.0
        self._gain = predicted / (predicted + counted)
        spread = predicted * means
        dispersion = counting + (spread[0] + spread[1:]) / 2.0
        self._sizes = 1.0 / (dispersion - 1.0)
        self._cost = np.log(dispersion) * self._sizes
        unsure = counted[0] + 2.0 * wander2 / -np.log(keep)
        self._known = np.maximum(weight, 1.0) / (2.0 * unsure)
        self._most = self._logs**2 * self._known

    def _rise(self, mean: Floats, noise: Noise) -> Floats:
        """(1 + SIZES, S) the multiples of each stream, after 1: the first is what a slow window
        would make CLEAR of, in a stream that is so steady."""
        rates = np.repeat(_RATES, mean.size, axis=1)
        if not self._market:
            return rates
        spread = noise.counting / (LENGTHS[SLOW] * mean) + noise.wander2[SLOW]
        clear = np.exp(np.sqrt(2.0 * CLEAR * spread))
        rates[1] = np.minimum(np.maximum(clear, LEAST_MULTIPLE), rates[1])
        return rates

    def _each(self, of_signal: Floats) -> Floats:
        """(S,) what holds for the signal of each stream, of (Q,)."""
        return np.repeat(of_signal, self.drift.shape[1] // self.signals)

    def take(self, counts: Floats, seen: Bools, factor: Floats) -> NDArray[np.intp]:
        """Take in the next bin: counts of streams, (S,), and what the market does, (Q,) or (1,),
        as a factor. Returns where in (SIZES · S) there may be evidence now; elsewhere there is
        none."""
        usual = self.drift[0]
        usual *= self._keep
        base = (self._mean.reshape(self.signals, -1) * factor[:, None]).reshape(-1)
        expected = np.exp(usual) * base
        live = np.flatnonzero((self.nats > 0.0) | (counts > expected * self._least))
        if live.size:
            self._weigh(live, counts, seen, base, expected)
        self._follow(usual, counts, expected, self._gain[0], seen)
        return live

    def _weigh(
        self, live: NDArray[np.intp], counts: Floats, seen: Bools, base: Floats, expected: Floats
    ) -> None:
        """Take in a bin where there is evidence, or will be: elsewhere a rise, which would begin
        now, is less likely than none. live: (n,) of (SIZES · S)."""
        stream = self._stream[live]
        nats, peak, drift = self.nats.reshape(-1), self.peak.reshape(-1), self.drift[1:].reshape(-1)
        before, usual = nats[live], base[stream]
        begun = before > 0.0
        risen = np.where(begun, drift[live] * self._keep[stream], self.drift[0, stream])
        raised = np.exp(risen) * usual * self.rates[1:].reshape(-1)[live]
        c, e, known = counts[stream], expected[stream], seen[stream]
        sizes = self._sizes.reshape(-1)[live]
        gained = (e - raised) * self._cost.reshape(-1)[live]
        gained += _ratio(c, e * sizes, raised * sizes)
        gained *= known
        for sums, more in ((self.came.reshape(-1), c), (self.usual.reshape(-1), usual)):
            sums[live] = np.where(begun, sums[live], 0.0) + more * known
        found = before + gained
        highest = np.maximum(peak[live], found)
        over = found <= np.maximum(highest - OVER, 0.0)
        self._follow(risen, c, raised, self._gain[1:].reshape(-1)[live], known)
        nats[live] = np.where(over, 0.0, found)
        peak[live] = np.where(over, 0.0, highest)
        drift[live] = np.where(over, 0.0, risen)

    def _follow(
        self, drift: Floats, counts: Floats, expected: Floats, gain: Floats, seen: Bools
    ) -> None:
        """Correct log rates by what came, in place; all (n,)."""
        news = counts / expected
        news -= 1.0
        news *= gain
        np.minimum(news, STEP_MAX, out=news)
        news *= seen
        drift += news
        np.maximum(drift, self._lull, out=drift)

    def believed(self, at: NDArray[np.intp]) -> Floats:
        """(n,) evidence at places in (SIZES · S), as far as the means of streams are known: one
        that is wrong by as much as came explains it too, and a rise by the multiple need be wrong
        by the rest only."""
        found = self.nats.reshape(-1)[at]
        beyond = np.flatnonzero(found > self._most.reshape(-1)[at])
        if beyond.size:
            there = at[beyond]
            stream = self._stream[there]
            logs = self._logs.reshape(-1)[there]
            ratio = self.came.reshape(-1)[there] / self.usual.reshape(-1)[there]
            costs = logs * (2.0 * np.maximum(np.log(ratio), logs) - logs) * self._known[stream]
            found[beyond] = np.minimum(found[beyond], costs)
        return found

    def forget(self, streams: Bools) -> None:
        """Evidence of these streams starts anew."""
        self.nats[:, streams] = 0.0
        self.peak[:, streams] = 0.0
        self.drift[1:, streams] = 0.0

    def skip(self) -> None:
        """The input was silent: what rates did before it says nothing of now."""
        for array in (self.drift, self.nats, self.peak):
            array[:] = 0.0

    def state(self) -> State:
        return pack(self, self._STATE)

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        unpack(self, self._STATE, state)


def _ratio(c: Floats, size: Floats, raised: Floats) -> Floats:
    """The part of the log likelihood ratio that is 0 where nothing came: log of
    Γ(c + raised)·Γ(size) / Γ(raised)·Γ(c + size), by Stirling's formula one step up."""
    terms = np.empty((4, c.size))
    np.add(c, raised, out=terms[0])
    terms[1], terms[2] = raised, size
    np.add(c, size, out=terms[3])
    steps = np.log(terms[3] * raised / (terms[0] * size))
    terms = _stirling(terms)
    found: Floats = terms[0] - terms[1] + terms[2] - terms[3] + steps
    return found


def _stirling(x: Floats) -> Floats:
    """log Γ(x + 1) without what cancels in `_ratio`; off by less than 3e-4 for any x ≥ 0."""
    above = x + 1.0
    found = np.log(above)
    found *= x + 0.5
    found -= above
    above *= 12.0
    found += np.divide(1.0, above, out=above)
    return np.asarray(found)
