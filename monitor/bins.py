"""Event-time bins that close as each partition's own clock advances.

A partition's clock is the greatest event time it has shown. Its watermark is the clock less the
allowed lateness; a bin is closed for the partition when it ends at or before the watermark, and
closed for the venue when it is closed for every live partition:

    partition 0  ──●──●───●────────●|           clock, less lateness = watermark 0
    partition 1  ──●────●──────|                watermark 1, the least: bins before it close
    bins         | 0 | 1 | 2 | 3 | 4 |

So lateness is judged inside one partition, event by event, and the content of a bin does not
depend on how partitions interleave.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from monitor.clocks import NEVER, PartitionClock, Resume
from monitor.columns import Columns, Recoding
from monitor.feeds import delays_by_bin, late_by_bin
from monitor.partial import OpenBin, PartialFrame
from monitor.records import Partition


class Fold:
    """Collects columns into bins and gives the bins up as they close."""

    def __init__(
        self, *, bin_ns: int, lateness_ns: int, silence_bins: int, tallies: bool = True
    ) -> None:
        for name, value in (("bin_ns", bin_ns), ("silence_bins", silence_bins)):
            if value < 1:
                raise ValueError(f"{name} must be positive, was {value}")
        if lateness_ns < 0:
            raise ValueError(f"lateness_ns must not be negative, was {lateness_ns}")
        self.bin_ns = bin_ns
        self.lateness_ns = lateness_ns
        self.silence_bins = silence_bins
        self._tallies = tallies  # whether partitions are those of events
        self.partitions: dict[Partition, PartitionClock] = {}
        self.next_bin: int | None = None
        self.last_full_bin: int | None = None
        self._open: dict[int, OpenBin] = {}

    def assign(self, partition: Partition, resume: Resume | None = None) -> None:
        """Wait for a partition from now on; `resume` continues where a checkpoint stood."""
        state = PartitionClock()
        if resume is not None:
            state = PartitionClock(resume.clock_ns, resume.offset, resume.counted)
        self.partitions[partition] = state

    def revoke(self, partition: Partition) -> None:
        """Forget a partition that another consumer reads now."""
        self.partitions.pop(partition, None)

    def add(self, columns: Columns) -> int:
        """Count a batch; returns how many of its events were late."""
        if not columns.ts.size and columns.origin not in self.partitions:
            return 0  # nothing good was ever read of it: there is no clock to wait for
        state = self.partitions.setdefault(columns.origin, PartitionClock())
        late_total = 0
        if columns.ts.size:
            state.idle = False  # what is not an event says nothing of time
            clocks = np.maximum.accumulate(np.concatenate(([state.clock_ns], columns.ts)))
            bins = columns.ts // self.bin_ns
            passed = (clocks[:-1] - self.lateness_ns) // self.bin_ns
            floor = state.floor_bin if self.next_bin is None else self.next_bin
            closed = np.maximum(passed, max(floor, state.floor_bin))
            state.clock_ns = int(clocks[-1])
            late = bins < closed
            if not late.any():
                self._collect(columns, bins, clocks, state)
            else:
                late_total = self._late_total(columns, late, state)
                on_time = np.flatnonzero(~late)
                self._collect(columns.take(on_time), bins[on_time], clocks[on_time], state)
                if self._tallies:
                    again = bins < np.maximum(passed, state.floor_bin)
                    stood = np.maximum(clocks[:-1] // self.bin_ns, closed)
                    self._tally_late(columns, late, again, clocks, stood)
        if len(columns.raw.offsets):
            state.position = columns.raw.offsets[-1] + 1
        return late_total

    def _late_total(self, columns: Columns, late: NDArray[np.bool_], state: PartitionClock) -> int:
        """Late events, less those that a restart reads again: they were counted in time."""
        if columns.raw.offsets[0] >= state.counted:
            return int(late.sum())
        return sum(columns.offset_at(int(i)) >= state.counted for i in np.flatnonzero(late))

    def _tally_late(
        self,
        columns: Columns,
        late: NDArray[np.bool_],
        again: NDArray[np.bool_],
        clocks: NDArray[np.int64],
        stood: NDArray[np.int64],
    ) -> None:
        """Count late events in the bin where the partition's clock stood when they came.

        again: (n,) which are late even where a restart reads them again; what it reads again is
        else late only because its bin was closed in time. stood: (n,) bins.
        """
        state = self.partitions[columns.origin]
        for index, first, count in late_by_bin(columns, late, again, stood, state.counted):
            at = columns.offset_at(first), int(clocks[first])
            state.firsts[index] = min(at, state.firsts.get(index, at))
            self._bin(index).tally(columns.origin).late += count

    def open_from(self, origin: Partition) -> int:
        """The first bin that is open for a partition."""
        state = self.partitions.get(origin)
        own = NEVER if state is None else self._closed_before(state)
        return own if self.next_bin is None else max(own, self.next_bin)

    def add_feeds(self, origin: Partition, resume: Resume, frame: PartialFrame) -> None:
        """Take over how partitions fared in a bin, as a shard has counted it; resume: from where
        it must be read again while the bin is open."""
        if frame.feeds:
            state = self.partitions.setdefault(origin, PartitionClock())
            state.firsts.setdefault(frame.bin, (resume.offset, resume.clock_ns))
            self._bin(frame.bin).feeds += frame.feeds

    def _collect(
        self,
        columns: Columns,
        bins: NDArray[np.int64],
        clocks: NDArray[np.int64],
        state: PartitionClock,
    ) -> None:
        """Put keys into their bins. clocks: (n, ...) the partition's clock before each event."""
        if not bins.size:
            return
        steps = np.diff(bins)
        starts = np.flatnonzero(steps) + 1
        for start in (0, *starts.tolist()):
            state.firsts.setdefault(
                int(bins[start]), (columns.offset_at(start), int(clocks[start]))
            )
        for index, rows in columns.depth.by_bin(bins):
            self._bin(index).depth.append(rows)
        for index, rows in columns.facts.by_bin(bins):
            self._bin(index).facts.append(rows)
        if self._tallies:
            for index, delays_ms in delays_by_bin(columns, bins):
                self._bin(index).tally(columns.origin).delays_ms.append(delays_ms)
        keys = columns.keys
        if (steps < 0).any():
            order = np.argsort(bins, kind="stable")
            bins, keys = bins[order], keys[order]
            starts = np.flatnonzero(np.diff(bins)) + 1
        edges = [0, *starts.tolist(), bins.size]
        for start, end in pairwise(edges):
            held = self._bin(int(bins[start]))
            held.keys.append(keys[start:end])
            if self._tallies:
                held.tally(columns.origin).events += end - start

    def _bin(self, index: int) -> OpenBin:
        return self._open.setdefault(index, OpenBin())

    def close(self) -> Iterator[PartialFrame]:
        """Frames of all bins that every live partition has passed, oldest first."""
        yield from self._close_before(self.end_bin())

    def end_bin(self) -> int:
        """The first bin that some live partition has not passed; `NEVER` where none is passed."""
        states = self.partitions.values()
        if states and all(state.done for state in states):
            return max(self._open, default=0) + 1
        waited = [self._closed_before(state) for state in states if state.waited_for]
        # Where all are idle, the clock that got furthest was the last to be waited for.
        return min(waited) if waited else max(map(self._closed_before, states), default=NEVER)

    def beyond_open_bins(self) -> int:
        """The first bin after all that hold anything; `NEVER` where none does."""
        return max(self._open, default=NEVER - 1) + 1

    def take_before(self, end_bin: int) -> list[PartialFrame]:
        """The bins before an end that hold anything; these and the empty ones are closed now."""
        closing = sorted(index for index in self._open if index < end_bin)
        self.next_bin = end_bin
        return [self._pop(index) for index in closing]

    def _closed_before(self, clock: PartitionClock) -> int:
        return clock.closed_before(self.bin_ns, self.lateness_ns)

    def finish(self) -> Iterator[PartialFrame]:
        """Frames of all bins that hold anything: the input has ended."""
        for state in self.partitions.values():
            state.done = True
        yield from self.close()

    def _close_before(self, end_bin: int) -> Iterator[PartialFrame]:
        """Close in order; after `silence_bins` empty ones the rest of a silence is skipped."""
        while self._open or self.last_full_bin is not None:
            if self.next_bin is None:
                first = min(self._open)
                if first >= end_bin:
                    return  # an earlier bin may still come
                self.next_bin = first
            if self.next_bin >= end_bin:
                return
            closing, skipped = self.next_bin, 0
            if closing not in self._open and self.last_full_bin is not None:
                silent_from = self.last_full_bin + 1 + self.silence_bins
                if closing >= silent_from:
                    closing = min((b for b in self._open if b < end_bin), default=end_bin)
                    self.next_bin = closing
                    if closing == end_bin:
                        return
                    skipped = closing - silent_from
            if closing in self._open:
                self.last_full_bin = closing
            self.next_bin = closing + 1
            yield self._pop(closing, skipped)

    def _pop(self, index: int, skipped: int = 0) -> PartialFrame:
        for state in self.partitions.values():
            state.firsts.pop(index, None)
        return self._open.pop(index, OpenBin()).closed(index, skipped)

    def resumes(self) -> dict[Partition, Resume]:
        """Where each partition must be read again to rebuild what is open now."""
        return {
            partition: Resume(
                *min(state.firsts.values(), default=(state.position, state.clock_ns)),
                max(state.position, state.counted),
            )
            for partition, state in self.partitions.items()
        }

    def open_keys(self) -> list[NDArray[np.int64]]:
        """The keys of every open bin, for whoever must know which codes are in use."""
        return [
            keys
            for held in self._open.values()
            for keys in (*held.keys, *(rows.keys for rows in held.facts))
        ]

    def recode(self, recoding: Recoding) -> None:
        """Rewrite the keys of open bins after the name tables were compacted."""
        for held in self._open.values():
            held.recode(recoding)
