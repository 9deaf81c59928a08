"""Raw records as a source hands them over: bytes with their origin, nothing decoded."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray


class Partition(NamedTuple):
    """One partition of one topic; the unit that has an order and a clock."""

    topic: str
    partition: int


class Lines(Sequence[bytes]):
    """Records that came as lines of one text, split only when one is asked for.

    text: at least one line, none of them empty, without the last newline.
    newlines: (n - 1,) where the newlines are.
    """

    def __init__(self, text: bytes, newlines: NDArray[np.int64]) -> None:
        self.text = text
        self.newlines = newlines
        self._split: list[bytes] | None = None

    def __len__(self) -> int:
        return self.newlines.size + 1

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if self._split is None:
            self._split = self.text.split(b"\n")
        return self._split[index]


def newlines_in(text: bytes) -> NDArray[np.int64]:
    """Positions of all newlines of a text."""
    return np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))


@dataclass(frozen=True, slots=True)
class RawBatch:
    """Consecutive records of one partition, in the order of their offsets.

    values: (n,) record values; None is a tombstone.
    offsets: (n,) rising, gaps allowed.
    timestamps_ms: (n,) broker timestamps, or None where the source has none (a plain log).
    """

    origin: Partition
    values: Sequence[bytes | None]
    offsets: Sequence[int]
    timestamps_ms: Sequence[int] | None = None

    def part(self, start: int, end: int) -> "RawBatch":
        """Records number `start` to `end` of the batch."""
        if start == 0 and end == len(self.values):
            return self
        piece = slice(start, end)
        timestamps_ms = None if self.timestamps_ms is None else self.timestamps_ms[piece]
        return RawBatch(self.origin, self.values[piece], self.offsets[piece], timestamps_ms)


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that was passed over, with where it came from and why."""

    origin: Partition
    offset: int
    timestamp_ms: int | None
    reason: str
    value: bytes | None = field(repr=False)
