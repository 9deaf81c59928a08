"""Refuses events that claim to come from the far future, before they move a partition's clock.

One record an hour ahead would make everything after it late. A record from a broker is judged by
the broker's timestamp. A plain log has none, so there an event far ahead of its partition's clock
waits: if the next events go on from there, the log has a gap and the clock jumps; if they go on
where they were, the event is refused. Nothing is lost at a true gap, which only delays its first
few events until they agree, and a handful of wild records in a row is no gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.codec import bad_record
from monitor.columns import Columns
from monitor.records import BadRecord

AGREEING: Final = 8  # events near each other that make a jump believable
WAITING_MAX: Final = 16  # events that wait at most; then the clock goes on to the first in time
PASSED_MAX: Final = 8  # events at the old level that disprove it
BROKER_MS_MAX: Final = 2**62 // 1_000_000  # a broker timestamp beyond it bounds nothing


@dataclass(slots=True)
class _Waiting:
    """State of one partition of a plain log.

    passed: events at the level of the clock since it last jumped or the first began to wait.
    """

    clock_ns: int | None = None
    passed: int = 0
    columns: list[Columns] = field(default_factory=list)

    def times(self) -> list[int]:
        return [int(c.ts[0]) for c in self.columns]


class FutureGuard:
    """Splits a batch into what may be counted and what is refused as `future`."""

    def __init__(self, *, future_ns: int) -> None:
        if future_ns < 1:
            raise ValueError(f"future_ns must be positive, was {future_ns}")
        self.future_ns = future_ns
        self._plain: dict[object, _Waiting] = {}

    @property
    def holds_any(self) -> bool:
        """Whether an event waits to be judged."""
        return any(state.columns for state in self._plain.values())

    def screen(self, columns: Columns) -> tuple[list[Columns], list[BadRecord]]:
        """Columns to count, in order, and records to refuse."""
        if columns.raw.timestamps_ms is not None:
            return self._by_broker(columns, columns.raw.timestamps_ms)
        if not columns.ts.size:
            return [columns], []
        state = self._plain.setdefault(columns.origin, _Waiting())
        greatest = int(columns.ts.max())
        if (
            state.clock_ns is not None
            and not state.columns
            and greatest <= state.clock_ns + self.future_ns
        ):
            state.clock_ns = max(state.clock_ns, greatest)
            return [columns], []
        return self._by_neighbours(columns, state)

    def finish(self) -> list[Columns]:
        """What still waits at the end of the input is counted: nothing after it can be harmed."""
        left = [column for state in self._plain.values() for column in state.columns]
        self._plain.clear()
        return left

    def _by_broker(
        self, columns: Columns, timestamps_ms: Sequence[int]
    ) -> tuple[list[Columns], list[BadRecord]]:
        least_ms = min(timestamps_ms, default=0)
        earliest_ns = (least_ms if 0 <= least_ms <= BROKER_MS_MAX else 0) * 1_000_000
        if int(columns.ts.max(initial=0)) <= earliest_ns + self.future_ns:
            return [columns], []  # as most batches are
        latest = np.asarray(timestamps_ms, dtype=np.int64)
        if columns.rows is not None:
            latest = latest[columns.rows]
        # Producers may set timestamps to anything; -1 is Kafka's own "none".
        latest = np.where(latest < 0, BROKER_MS_MAX, np.minimum(latest, BROKER_MS_MAX))
        future = columns.ts > latest * 1_000_000 + self.future_ns
        if not future.any():
            return [columns], []
        return [columns.take(~future)], refused(columns, np.flatnonzero(future), "future")

    def _by_neighbours(
        self, columns: Columns, state: _Waiting
    ) -> tuple[list[Columns], list[BadRecord]]:
        out: list[Columns] = []
        bad: list[BadRecord] = []
        run: list[int] = []  # consecutive accepted events of this batch
        for i, ts in enumerate(columns.ts.tolist()):
            if state.clock_ns is not None and ts <= state.clock_ns + self.future_ns:
                state.clock_ns = max(state.clock_ns, ts)
                run.append(i)
                state.passed += bool(state.columns)
                if state.passed >= PASSED_MAX:
                    for held in state.columns:
                        bad += refused(held, np.array([0]), "future")
                    state.columns, state.passed = [], 0
                continue
            state.columns.append(columns.take(np.array([i])))
            jumped = self._believed(state)
            if jumped:
                out += [columns.take(np.array(run))] if run else []
                out += jumped
                run = []
        return out + ([columns.take(np.array(run))] if run else []), bad

    def _believed(self, state: _Waiting) -> list[Columns]:
        """The waiting events that now agree on a new level of the clock; it moves there.

        Where too many wait and none agree, as in a sparse log, it is the level of the earliest.
        """
        times = state.times()
        recent = times[-AGREEING:]
        if len(recent) == AGREEING and max(recent) - min(recent) <= self.future_ns:
            limit = max(recent) + self.future_ns
        elif len(times) >= WAITING_MAX:
            limit = min(times) + self.future_ns
        else:
            return []
        believed = [c for c in state.columns if int(c.ts[0]) <= limit]
        state.columns = [c for c in state.columns if int(c.ts[0]) > limit]
        state.clock_ns, state.passed = max(int(c.ts[0]) for c in believed), 0
        return believed


def refused(columns: Columns, index: NDArray[np.int64], reason: str) -> list[BadRecord]:
    """The records of some events, named as bad."""
    rows = index if columns.rows is None else columns.rows[index]
    return [bad_record(columns.raw, int(row), reason) for row in rows]
