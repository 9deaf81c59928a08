"""Raw records as a source hands them over: bytes with their origin, nothing decoded."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Partition(NamedTuple):
    """One partition of one topic; the unit that has an order and a clock."""

    topic: str
    partition: int


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


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that was passed over, with where it came from and why."""

    origin: Partition
    offset: int
    timestamp_ms: int | None
    reason: str
    value: bytes | None = field(repr=False)
