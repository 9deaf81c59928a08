"""Each stream by itself: how rare it is in quiet flow that its rate seems to have risen so much."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.background import Background
from detectors.base import BLOCK, Bools, Floats, State, nest, pack, unnest
from detectors.cusum import MULTIPLES, SIZES, Cusum
from detectors.excess import Loud
from detectors.noise import Noise
from detectors.options import BurstOptions
from detectors.sustained import Sustained
from detectors.tail import Tail, TailPrior
from detectors.windows import LENGTHS, Plan

RISES: Final = (f"to {MULTIPLES[0]:g}x", *(f"{m:g}x" for m in MULTIPLES[1:]), "sustained")
LEAST_NATS: Final = 1.0  # to be anything at all
LEVELS: Final = (*(6.0 for _ in MULTIPLES), 3.0)  # nats that the tail of each rise begins at
RISES_DECADES: Final = float(np.log10(len(RISES)))  # the best of so many
BLOCK_SCALE: Final = LENGTHS.index(BLOCK)


class Alone:
    """CUSUMs and the longest windows of Q · S streams, and their tails, RISES · Q of them, each
    pooled over S symbols."""

    def __init__(self, options: BurstOptions, signals: int, *, market: bool) -> None:
        """market: whether a factor says what all do at once (see cusum.py)."""
        self.signals = signals
        self.cusum = Cusum(signals, market=market)
        self.sustained = Sustained(signals)
        prior = TailPrior(level=np.repeat(LEVELS, signals)[:, None], share=0.3, excess=1.5)
        self.tail = Tail(len(RISES) * signals, prior, options, least=0.0)

    def resize(self, symbols: int) -> None:
        """Make room for symbols that were not there before."""
        self.cusum.resize(symbols * self.signals)
        self.sustained.resize(symbols * self.signals)
        self.tail.resize(symbols)

    def prepare(self, known: Background, noise: Noise) -> None:
        """What holds for a block."""
        self.cusum.refresh(known.mean, known.weight, noise)

    def score(
        self,
        counts: Floats,
        seen: Bools,
        factor: Floats,
        able: Bools,
        noise: Noise,
        windows: tuple[Plan, Loud],
    ) -> Floats:
        """(T, Q · S) decades of the likeliest rise, of counts, (T, Q · S), by what the market does
        in each bin, (T, Q) or (T, 1). able: (Q · S,) which streams there is an opinion on.
        windows: those of able streams that hold more than expected."""
        best = np.zeros(counts.shape)
        at, place, nats = self._evidence(counts, seen, factor)
        stream = place % able.size
        told = np.flatnonzero((nats > LEAST_NATS) & able[stream])
        at, place, stream, nats = at[told], place[told], stream[told], nats[told]
        decades = self._decades(_damped(nats, stream, noise), place)
        np.maximum.at(best, (at, stream), decades)
        np.maximum(best[:-1], self.sustained.decades, out=best[:-1])
        loudest = self.sustained.take(*windows)
        if loudest is not None:
            stream = np.flatnonzero((loudest > LEAST_NATS) & able)
            place = SIZES * able.size + stream
            self.sustained.decades = np.zeros(able.size)
            self.sustained.decades[stream] = self._decades(loudest[stream], place)
        np.maximum(best[-1], self.sustained.decades, out=best[-1])
        best -= RISES_DECADES
        return np.asarray(np.maximum(best, 0.0))

    def _evidence(
        self, counts: Floats, seen: Bools, factor: Floats
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
        """Bins, places in (SIZES · Q · S) and believed nats, (n,) each, of what there is."""
        bins: list[NDArray[np.intp]] = []
        places: list[NDArray[np.intp]] = []
        evidence: list[Floats] = []
        for t, count in enumerate(counts):
            live = self.cusum.take(count, seen[t], factor[t])
            place = live[self.cusum.nats.reshape(-1)[live] > LEAST_NATS]
            bins.append(np.full(place.size, t))
            places.append(place)
            evidence.append(self.cusum.believed(place))  # now: the next bin changes it
        return np.concatenate(bins), np.concatenate(places), np.concatenate(evidence)

    def _decades(self, nats: Floats, place: NDArray[np.intp]) -> Floats:
        """(n,) decades of evidence at places in (RISES · Q · S), which is taken in."""
        self.tail.watch_some(place, nats)
        symbols = self.sustained.decades.size // self.signals
        return self.tail.decades_of(nats, place // max(symbols, 1))

    def spoken(self, stream: int, noise: Noise) -> Floats:
        """(RISES,) decades of each rise of a stream, as the last bin left them."""
        of_all = self.sustained.decades.size
        nats = self.cusum.believed(np.arange(SIZES) * of_all + stream)
        nats = _damped(nats, np.full(SIZES, stream), noise)
        signal = stream // (of_all // self.signals)
        decades = self.tail.decades_of(nats, np.arange(SIZES) * self.signals + signal)
        return np.append(decades, self.sustained.decades[stream])

    def rises(self, stream: int) -> list[str]:
        """(RISES,) what each is called of one stream."""
        return [*(f"{m:.2g}x" for m in self.cusum.rates[1:, stream].tolist()), RISES[-1]]

    def learn(self, unheard: Bools) -> None:
        """A block has ended; unheard: (Q · S,) streams that there was no opinion on."""
        self.tail.learn(np.tile(unheard.reshape(self.signals, -1), (len(RISES), 1)))

    def forget(self, streams: Bools) -> None:
        """Evidence of these streams starts anew."""
        self.cusum.forget(streams)
        self.sustained.forget(streams)

    def skip(self) -> None:
        """The input was silent for long."""
        self.cusum.skip()
        self.sustained.skip()

    def calibration(self, signal: int) -> State:
        """What a signal's quiet flow has taught, that another run may begin with."""
        return {name: getattr(self.tail, name)[signal :: self.signals] for name in Tail.SUMS}

    def calibrate(self, signal: int, taught: Mapping[str, NDArray[np.generic]]) -> None:
        """Begin with what another run was taught of a signal."""
        sums = pack(self.tail, Tail.SUMS)
        for name, array in sums.items():
            array[signal :: self.signals] = taught[name]
        self.tail.calibrate(sums)

    def state(self) -> State:
        """Everything that the next update depends on."""
        state = nest("cusum", self.cusum.state()) | nest("sustained", self.sustained.state())
        return state | nest("tail", self.tail.state())

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        self.cusum.restore(unnest("cusum", state))
        self.sustained.restore(unnest("sustained", state))
        self.tail.restore(unnest("tail", state))


def _damped(nats: Floats, stream: NDArray[np.intp], noise: Noise) -> Floats:
    """Evidence as far as the noise is known that it rests on (Student's tail); all (n,)."""
    known = noise.known(np.full(stream.size, BLOCK_SCALE), stream)
    found: Floats = known / 2.0 * np.log1p(2.0 * nats / known)
    return found
