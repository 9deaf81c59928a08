"""How each partition of the input fares: what came in time, what came late, and by which clock.

Everything here is a whole number that does not depend on the order in which a bin was filled.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from detectors.base import Feeds, State, grow, pack, unpack
from monitor.arrival import BROKER_MS_MAX
from monitor.columns import Columns
from monitor.records import Partition
from monitor.textstate import from_names, to_names

SAMPLED: Final = 8  # one record in so many, by its offset, is asked for its clocks
EVENTS, LATE, DELAY = range(3)
LATE_S: Final = 20.0
LATE_SHARE: Final = 0.5  # of a partition's events, from which its picture is torn
LATE_MIN: Final = 10.0
PART_MIN: Final = 0.01  # of all events, that a partition must carry for signals to depend on it


class Feed(Struct, frozen=True, array_like=True):
    """One partition in one bin. events: in time. late: as its clock stood in this bin.

    delay_ms: median of broker timestamp less event time; None where there was no sample.
    """

    topic: str
    partition: int
    events: int
    late: int
    delay_ms: int | None


@dataclass(slots=True)
class Tally:
    """A partition's part of an open bin."""

    events: int = 0
    late: int = 0
    delays_ms: list[NDArray[np.int64]] = field(default_factory=list)

    def closed(self, origin: Partition) -> Feed:
        delay_ms = None
        if self.delays_ms:
            delays_ms = np.sort(np.concatenate(self.delays_ms))
            delay_ms = int(delays_ms[(delays_ms.size - 1) // 2])
        return Feed(*origin, self.events, self.late, delay_ms)


def sampled_delays(columns: Columns) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(k,) which events were sampled, and (k,) milliseconds from their time to the broker's."""
    raw = columns.raw
    if raw.timestamps_ms is None or not columns.ts.size:
        return _NONE, _NONE
    first, records = raw.offsets[0], len(raw.offsets)
    if raw.offsets[-1] - first == records - 1:
        start = -first % SAMPLED
        rows = np.arange(start, records, SAMPLED)
        told = raw.timestamps_ms[start::SAMPLED]
    else:
        rows = np.flatnonzero(np.asarray(raw.offsets, np.int64) % SAMPLED == 0)
        told = [raw.timestamps_ms[row] for row in rows.tolist()]
    broker_ms = np.asarray(told, np.int64)
    if columns.rows is None:
        events = rows
    else:
        events = np.searchsorted(columns.rows, rows)
        found = columns.rows[np.minimum(events, columns.rows.size - 1)] == rows
        events, broker_ms = events[found], broker_ms[found]
    known = (broker_ms >= 0) & (broker_ms < BROKER_MS_MAX)
    events, broker_ms = events[known], broker_ms[known]
    return events, broker_ms - columns.ts[events] // 1_000_000


_NONE: Final = np.empty(0, np.int64)


def delays_by_bin(
    columns: Columns, bins: NDArray[np.int64]
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """The sampled delays of each bin. bins: (n,) of the batch's events."""
    events, delays_ms = sampled_delays(columns)
    if events.size:
        own = bins[events]
        order = np.argsort(own, kind="stable")
        own, delays_ms = own[order], delays_ms[order]
        edges = np.flatnonzero(np.diff(own)) + 1
        for start, end in pairwise((0, *edges.tolist(), own.size)):
            yield int(own[start]), delays_ms[start:end]


def late_by_bin(
    columns: Columns,
    late: NDArray[np.bool_],
    again: NDArray[np.bool_],
    stood: NDArray[np.int64],
    counted: int,
) -> Iterator[tuple[int, int, int]]:
    """(bin, first event, events) of what came late, see Fold. counted: from this offset on nothing
    is read again."""
    at = np.flatnonzero(late)
    if columns.raw.offsets[0] < counted:
        at = np.array([i for i in at if again[i] or columns.offset_at(int(i)) >= counted], np.int64)
    bins, firsts, counts = np.unique(stood[at], return_index=True, return_counts=True)
    yield from zip(bins.tolist(), at[firsts].tolist(), counts.tolist(), strict=True)


class FeedRoster:
    """Which partition has which row, admitted by name as its first bin closes; and which of them
    come mostly late, over some twenty seconds.

    sums: (2, P) events in time and late.
    """

    def __init__(self, *, bin_ns: int) -> None:
        self.names: list[str] = []
        self._row_of: dict[tuple[str, int], int] = {}
        self._keep = float(np.exp(-bin_ns / 1e9 / LATE_S))
        self.sums = np.zeros((2, 0))

    def panel(self, bins: Sequence[Sequence[Feed]]) -> Feeds:
        """Of the bins of a frame."""
        for feeds in bins:
            for feed in feeds:  # sorted
                self._admit(feed.topic, feed.partition)
        values = np.zeros((len(bins), len(self.names), 3))
        values[:, :, DELAY] = np.nan
        for t, feeds in enumerate(bins):  # a few partitions a bin
            for feed in feeds:
                row = self._row_of[feed.topic, feed.partition]
                delay_ms = np.nan if feed.delay_ms is None else feed.delay_ms
                values[t, row] = feed.events, feed.late, delay_ms
        return Feeds(tuple(self.names), values)

    def _admit(self, topic: str, partition: int) -> None:
        if (topic, partition) not in self._row_of:
            self._row_of[topic, partition] = len(self.names)
            self.names.append(f"{topic}/{partition}")
            grow(self, {"sums": 0.0}, len(self.names))

    def hear(self, values: NDArray[np.float64]) -> None:
        """One bin. values: (P, 3) as in Feeds."""
        self.sums = self._keep * self.sums + values[:, [EVENTS, LATE]].T

    def late(self) -> list[str]:
        """Partitions whose events mostly come late, and that carry a part of the flow."""
        events, late = self.sums
        most = (late >= LATE_MIN) & (late > LATE_SHARE * (events + late))
        most &= events + late >= PART_MIN * self.sums.sum()
        return sorted(self.names[row] for row in np.flatnonzero(most).tolist())

    def state(self) -> State:
        return {"names": from_names(self.names)} | pack(self, ("sums",))

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        self.names = to_names(state["names"])
        split = (name.rpartition("/") for name in self.names)
        self._row_of = {(topic, int(number)): row for row, (topic, _, number) in enumerate(split)}
        unpack(self, ("sums",), state)
