"""Each stream by itself: how rare it is in quiet flow that its rate seems to have risen so much."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.background import Background
from detectors.base import BLOCK, Bools, Floats, State, nest, pack, unnest
from detectors.cusum import LULL, SIZES, Cusum
from detectors.noise import Noise
from detectors.options import BurstOptions
from detectors.tail import Tail, TailPrior
from detectors.windows import LENGTHS

LEAST_NATS: Final = 1.0  # of a CUSUM, to be anything at all
PRIOR: Final = TailPrior(level=6.0, share=0.3, excess=1.3)  # of a CUSUM, in nats
SIZES_DECADES: Final = float(np.log10(SIZES))  # the best of so many multiples
BLOCK_SCALE: Final = LENGTHS.index(BLOCK)


class Alone:
    """CUSUMs of Q · S streams and their tails, SIZES · Q of them, each pooled over S symbols."""

    def __init__(self, options: BurstOptions, signals: int, *, market: bool) -> None:
        """market: whether a factor says when all stand still; without one no lull is followed."""
        self.signals = signals
        self.cusum = Cusum(signals, lull=LULL if market else 1.0)
        self.tail = Tail(SIZES * signals, PRIOR, options, least=0.0)

    def resize(self, symbols: int) -> None:
        """Make room for symbols that were not there before."""
        self.cusum.resize(symbols * self.signals)
        self.tail.resize(symbols)

    def prepare(self, known: Background, noise: Noise) -> None:
        """What holds for a block."""
        self.cusum.refresh(known.mean, known.weight, noise)

    def score(
        self, counts: Floats, seen: Bools, factor: Floats, able: Bools, noise: Noise
    ) -> Floats:
        """(T, Q · S) decades of the likeliest multiple, of counts, (T, Q · S), by what the market
        does in each bin, (T, Q) or (T, 1). able: (Q · S,) which streams there is an opinion on."""
        found = np.empty((len(counts), SIZES, able.size))
        for t, count in enumerate(counts):
            self.cusum.take(count, seen[t], factor[t])
            found[t] = self.cusum.believed()
        bins, size, stream = np.nonzero((found > LEAST_NATS) & able)
        nats = _damped(found[bins, size, stream], stream, noise)
        signal, symbol = np.divmod(stream, max(able.size // self.signals, 1))
        tail = size * self.signals + signal
        self.tail.watch_some(tail, symbol, nats)
        found[:] = 0.0
        found[bins, size, stream] = self.tail.decades_of(nats, tail)
        best = found.max(axis=1)
        best -= SIZES_DECADES
        return np.asarray(np.maximum(best, 0.0))

    def spoken(self, stream: int, noise: Noise) -> Floats:
        """(SIZES,) decades of each multiple of a stream's rate, as the last bin left them."""
        streams = np.full(SIZES, stream)
        nats = _damped(self.cusum.believed()[:, stream], streams, noise)
        signal = stream // (self.cusum.nats.shape[1] // self.signals)
        return self.tail.decades_of(nats, np.arange(SIZES) * self.signals + signal)

    def learn(self, unheard: Bools) -> None:
        """A block has ended; unheard: (Q · S,) streams that there was no opinion on."""
        self.tail.learn(np.tile(unheard.reshape(self.signals, -1), (SIZES, 1)))

    def forget(self, streams: Bools) -> None:
        """Evidence of these streams starts anew."""
        self.cusum.forget(streams)

    def skip(self) -> None:
        """The input was silent for long."""
        self.cusum.skip()

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
        return nest("cusum", self.cusum.state()) | nest("tail", self.tail.state())

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        self.cusum.restore(unnest("cusum", state))
        self.tail.restore(unnest("tail", state))


def _damped(nats: Floats, stream: NDArray[np.intp], noise: Noise) -> Floats:
    """Evidence as far as the noise is known that it rests on (Student's tail); all (n,)."""
    known = noise.known(np.full(stream.size, BLOCK_SCALE), stream)
    found: Floats = known / 2.0 * np.log1p(2.0 * nats / known)
    return found
