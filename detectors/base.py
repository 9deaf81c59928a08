"""What a detector sees and says: Frame in, Verdict out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
State = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Frame:
    """One closed bin of the venue.

    bin: index of the bin. end_ns: its end, nanoseconds since the epoch.
    values: (S, F) counts by symbol and feature; NaN is not observed. Rows are only ever added.
    features: (F,) names of the columns.
    skipped: bins left out before this one because the venue was silent.
    """

    bin: int
    end_ns: int
    values: Floats
    features: tuple[str, ...]
    skipped: int = 0

    def column(self, feature: str) -> Floats:
        """(S,) one feature of every symbol."""
        return self.values[:, self.features.index(feature)]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a detector thinks of each stream at the end of one bin.

    score: (S,) decades of surprise, k is once in 10^k quiet bins of one stream; NaN is no opinion.
    onset_bin: (S,) bin in which the anomaly is estimated to have begun.
    observed, expected: (S,) what was counted since the onset, and what should have been.
    feature: the column that drove it. venue: one stream for the whole venue, not one a symbol.
    """

    signal: str
    feature: str
    score: Floats
    onset_bin: NDArray[np.int64]
    observed: Floats
    expected: Floats
    venue: bool = False


class Detector(Protocol):
    """One pass: score against the past, then learn. `state` and `restore` are plain arrays."""

    signal: str

    def update(self, frame: Frame) -> Verdict:
        """Score a frame, then learn from it."""

    def state(self) -> State:
        """Everything that the next update depends on."""

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""


def pack(thing: object, names: Sequence[str]) -> State:
    """A copy of the named arrays (or numbers) of a thing."""
    return {name: np.array(getattr(thing, name)) for name in names}


def unpack(thing: object, names: Sequence[str], state: Mapping[str, NDArray[np.generic]]) -> None:
    """Put arrays that `pack` took back; 0-d arrays become numbers again."""
    for name in names:
        array = np.array(state[name])
        setattr(thing, name, array if array.ndim else array.item())


def nest(prefix: str, state: State) -> State:
    """State of a part, under the part's name."""
    return {f"{prefix}.{name}": array for name, array in state.items()}


def unnest(prefix: str, state: Mapping[str, NDArray[np.generic]]) -> State:
    """The state that `nest` put under a name."""
    start = f"{prefix}."
    return {k.removeprefix(start): np.asarray(v) for k, v in state.items() if k.startswith(start)}


def grow(thing: object, fills: Mapping[str, float], streams: int) -> None:
    """Extend the last axis of each named array to `streams`, new streams holding its fill."""
    for name, fill in fills.items():
        array = getattr(thing, name)
        missing = streams - array.shape[-1]
        pad = np.full((*array.shape[:-1], missing), fill, dtype=array.dtype)
        setattr(thing, name, np.concatenate([array, pad], axis=-1))
