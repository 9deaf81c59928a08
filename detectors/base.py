"""What a detector sees and says: Frame in, Verdict out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
State = dict[str, NDArray[np.generic]]
T = TypeVar("T")

BLOCK: Final = 16  # bins; what was learned takes effect where a block ends, at bins 16·n
LOOK_S: Final = 1.0  # seconds of venue time from one look at the levels to the next


@dataclass(frozen=True, slots=True)
class Levels:
    """What the market looked like, at some bins of a frame.

    names: (G,) gauges. at: (E,) bins of the frame at whose end there was a look, ascending.
    values: (E, S, G) natural logarithms of what was found; NaN is not known.
    """

    names: tuple[str, ...] = ()
    at: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    values: Floats = field(default_factory=lambda: np.empty((0, 0, 0)))


NO_LEVELS: Final = Levels()


@dataclass(frozen=True, slots=True)
class Feeds:
    """How each partition of the input fared in the bins of a frame; rows are only ever added.

    names: (P,) of partitions. values: (T, P, 3) events in time, events late, and the median of
    broker timestamp less event time, milliseconds, NaN where that is not known.
    """

    names: tuple[str, ...] = ()
    values: Floats = field(default_factory=lambda: np.empty((0, 0, 3)))


NO_FEEDS: Final = Feeds()


@dataclass(frozen=True, slots=True)
class Frame:
    """Consecutive closed bins of the venue, at least one, all of them in one block.

    A replay judges many bins in one call, a live monitor one at a time. Both come to the same,
    bit for bit, because nothing that is learned takes effect inside a block.

    bin: index of the first bin. values: (T, S, F) counts by bin, symbol and feature; NaN is not
    observed. Rows are only ever added, from one frame to the next.
    features: (F,) names of the columns.
    skipped: bins left out before the first one because the venue was silent.
    levels, feeds: see Levels and Feeds.
    """

    bin: int
    values: Floats
    features: tuple[str, ...]
    skipped: int = 0
    levels: Levels = NO_LEVELS
    feeds: Feeds = NO_FEEDS

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or not len(self.values):
            raise ValueError(f"values must be (T, S, F) with T > 0, were {self.values.shape}")
        if self.bin % BLOCK + len(self.values) > BLOCK:
            raise ValueError(f"{len(self.values)} bins from {self.bin} on are not in one block")

    @property
    def ends_block(self) -> bool:
        """Whether the last bin is the last of its block."""
        return (self.bin + len(self.values)) % BLOCK == 0

    def column(self, feature: str) -> Floats:
        """(T, S) one feature of every symbol."""
        return self.values[:, :, self.features.index(feature)]

    def level(self, gauge: str) -> Floats:
        """(E, S) one gauge of every symbol at each look; NaN throughout where there is none."""
        levels = self.levels
        if gauge not in levels.names:
            return np.full((levels.at.size, self.values.shape[1]), np.nan)
        return levels.values[:, :, levels.names.index(gauge)]


@dataclass(frozen=True, slots=True)
class Detail:
    """Why some streams scored what they did; each (n,).

    onset_bin: bin in which the anomaly is estimated to have begun.
    observed, expected: what was counted since the onset, and what should have been.
    feature: what drives each, where that is not the verdict's to say.
    """

    onset_bin: Ints
    observed: Floats
    expected: Floats
    feature: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a detector thinks of each stream at the end of each bin of a frame.

    score: (T, S) decades of surprise, k is once in 10^k quiet bins of one stream; NaN, no opinion.
    feature: the column that drives each stream, (S,) or one for all.
    detail: of bin t of the frame and some streams; to be asked before the next `update`.
    mixture: (T, M) evidence of many streams at once (see mixture.py), None where there is none.
    venue: the streams are the venue's own, not one a symbol.
    level: a level is judged, not a count (see level.py).
    feed: the input itself is judged, which is told but is no evidence against the venue: streams
    score above 0 where something is wrong with it.
    silent: (T, S, F) cells of the frame that hold nothing only because the input is silent; None
    where there are none. Whoever judges them next sees them as not observed.
    names: of the streams, where they are not the symbols.
    """

    signal: str
    feature: tuple[str, ...]
    score: Floats
    detail: Callable[[int, NDArray[np.intp]], Detail]
    mixture: Floats | None = None
    venue: bool = False
    level: bool = False
    feed: bool = False
    silent: Bools | None = None
    names: tuple[str, ...] | None = None

    def feature_of(self, stream: int) -> str:
        """The column that drives one stream."""
        return self.feature[stream if len(self.feature) > 1 else 0]


class Detector(Protocol):
    """One pass: score against the past, then learn. `state` and `restore` are plain arrays."""

    signal: str

    def update(self, frame: Frame) -> Verdict:
        """Score a frame, then learn from it."""

    def state(self) -> State:
        """Everything that the next update depends on."""

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""


def reaches(first: int, bins: int, at: int) -> bool:
    """Whether a frame of so many bins, from bin `first` on, holds this bin of its block."""
    return first % BLOCK <= at < first % BLOCK + bins


def pack(thing: object, names: Sequence[str]) -> State:
    """A copy of the named arrays (or numbers) of a thing."""
    return {name: np.array(getattr(thing, name)) for name in names}


def unpack(thing: object, names: Sequence[str], state: Mapping[str, NDArray[np.generic]]) -> None:
    """Put arrays that `pack` took back; 0-d arrays become numbers again."""
    for name in names:
        array = np.array(state[name])
        setattr(thing, name, array if array.ndim else array.item())


def unpacked(
    kind: Callable[..., T], names: Sequence[str], state: Mapping[str, NDArray[np.generic]]
) -> T:
    """A thing of the named arrays, as `pack` took them."""
    return kind(**{name: np.array(state[name]) for name in names})


def nest(prefix: str, state: State) -> State:
    """State of a part, under the part's name."""
    return {f"{prefix}.{name}": array for name, array in state.items()}


def unnest(prefix: str, state: Mapping[str, NDArray[np.generic]]) -> State:
    """The state that `nest` put under a name."""
    start = f"{prefix}."
    return {k.removeprefix(start): np.asarray(v) for k, v in state.items() if k.startswith(start)}


def grow(thing: object, fills: Mapping[str, float], streams: int, signals: int = 1) -> None:
    """Extend the last axis of each named array to `streams`, new streams holding its fill. Streams
    are the same symbols so many times, signal by signal; what is new is new in each signal."""
    for name, fill in fills.items():
        array = getattr(thing, name)
        by_signal = array.reshape(*array.shape[:-1], signals, array.shape[-1] // signals)
        missing = streams // signals - by_signal.shape[-1]
        pad = np.full((*by_signal.shape[:-1], missing), fill, dtype=array.dtype)
        grown = np.concatenate([by_signal, pad], axis=-1)
        setattr(thing, name, grown.reshape(*array.shape[:-1], streams))
