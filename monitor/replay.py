"""Replay: the pure core over incident logs, in the order that their own clocks give."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from monitor.calibration import configured
from monitor.config import Config
from monitor.detection import Step
from monitor.errors import UserError
from monitor.frames import Decision
from monitor.incidents import Incident
from monitor.intake import Taken
from monitor.pipeline import Pipeline
from monitor.records import BadRecord, Partition, RawBatch
from monitor.sources.files import LogError, open_log


class BadRecordError(UserError):
    """A bad record under --strict; the message is one line for the user."""


@dataclass(slots=True)
class ReplayTotals:
    """What a replay has seen so far. first_ns, last_ns: least and greatest venue time."""

    events: int = 0
    records: int = 0
    late: int = 0
    bins: int = 0
    bad: Counter[str] = field(default_factory=Counter)
    first_ns: int | None = None
    last_ns: int | None = None
    incidents: int = 0
    read_bytes: int = 0

    @property
    def span_s(self) -> float:
        """Venue time covered, seconds."""
        if self.first_ns is None or self.last_ns is None:
            return 0.0
        return (self.last_ns - self.first_ns) / 1e9

    def count(self, taken: Taken) -> None:
        """Take in what became of one batch."""
        self.records += taken.records
        self.late += taken.late
        self.bad.update(bad.reason for bad in taken.bad)
        if taken.ts.size:
            self.events += taken.ts.size
            first, last = int(taken.ts.min()), int(taken.ts.max())
            self.first_ns = first if self.first_ns is None else min(self.first_ns, first)
            self.last_ns = last if self.last_ns is None else max(self.last_ns, last)


def read_floors(path: Path) -> dict[Partition, dict[int, int]]:
    """Partition -> offset -> the bin before which its idle time there closed all bins.

    Raises LogError when the audit log cannot be read.
    """
    floors: dict[Partition, dict[int, int]] = {}
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise LogError(f"{path}: {error.strerror}") from error
    for line in lines:
        try:
            said = msgspec.json.decode(line, type=Decision)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue  # an incident, or a torn line
        if said.bin is not None:
            of_partition = floors.setdefault(Partition(said.topic, said.partition), {})
            of_partition[said.offset] = max(of_partition.get(said.offset, said.bin), said.bin)
    return floors


class Log(Protocol):
    """What can be replayed: a file, or what behaves like one (a simulation)."""

    path: Path
    enveloped: bool
    read_bytes: int

    def partitions(self, *, record_bytes_max: int) -> dict[Partition, int]:
        """How many records of each partition there are; asked of an enveloped log only."""

    def batches(self, *, record_bytes_max: int) -> Iterator[RawBatch]:
        """The records in their order."""


class Replay:
    """One run over some logs. Iterating gives incidents; `totals` grows meanwhile.

    decisions: an audit log. muted, singly: see Pipeline.
    """

    def __init__(
        self,
        config: Config,
        logs: Sequence[Path | Log],
        *,
        strict: bool = False,
        decisions: Path | None = None,
        muted: Collection[str] = (),
        singly: bool = False,
        on_batch: Callable[[ReplayTotals], None] = lambda _: None,
        on_step: Callable[[Step], None] = lambda _: None,
        on_bad: Callable[[BadRecord], None] = lambda _: None,
    ) -> None:
        self.pipeline = Pipeline(config, calibration=configured(config), muted=muted, singly=singly)
        self.totals = ReplayTotals()
        self._logs: list[Log] = [open_log(log) if isinstance(log, Path) else log for log in logs]
        self._strict = strict
        self._floors = {} if decisions is None else read_floors(decisions)
        self._on_batch = on_batch
        self._on_step = on_step
        self._on_bad = on_bad
        self._record_bytes_max = config.input.record_bytes_max

    @property
    def total_bytes(self) -> int:
        """Size of all logs as they are stored."""
        return sum(log.path.stat().st_size for log in self._logs)

    def incidents(self) -> Iterator[Incident]:
        """Every change of an incident, in order."""
        with ExitStack() as stack:
            for raw in self._batches(stack):
                taken = self.pipeline.take(raw)
                self.totals.count(taken)
                self._judge(taken.bad)
                yield from self._changes(self.pipeline.steps())
                self.totals.read_bytes = sum(log.read_bytes for log in self._logs)
                self._on_batch(self.totals)
            for taken in self.pipeline.flush():
                self.totals.count(taken)
            yield from self._changes(self.pipeline.finish())

    def _judge(self, bad: Sequence[BadRecord]) -> None:
        for record in bad:
            if self._strict:
                where = f"{record.origin.topic}:{record.origin.partition}:{record.offset}"
                raise BadRecordError(f"{where}: bad record: {record.reason}")
            self._on_bad(record)

    def _changes(self, steps: Iterator[Step]) -> Iterator[Incident]:
        for step in steps:
            self._on_step(step)
            self.totals.bins += 1
            self.totals.incidents += sum(i.change == "open" for i in step.incidents)
            yield from step.incidents

    def _batches(self, stack: ExitStack) -> Iterator[RawBatch]:
        """Batches of all logs; plain logs take turns so that none runs ahead of the others."""
        enveloped = [log for log in self._logs if log.enveloped]
        plain = {
            Partition(log.path.name, number): log
            for number, log in enumerate(self._logs)
            if not log.enveloped
        }
        for origin in plain:  # waited for from the start, or their events would come late
            self.pipeline.fold.assign(origin)
        yield from self._enveloped(enveloped)
        yield from self._plain(plain, stack)

    def _enveloped(self, logs: Sequence[Log]) -> Iterator[RawBatch]:
        """Records by partition. A partition is waited for exactly until its last record."""
        left: Counter[Partition] = Counter()
        for log in logs:
            left.update(log.partitions(record_bytes_max=self._record_bytes_max))
        for partition in left:
            self.pipeline.fold.assign(partition)
        for log in logs:
            for raw in log.batches(record_bytes_max=self._record_bytes_max):
                yield from self._floored(raw)
                left[raw.origin] -= len(raw.values)
                if left[raw.origin] <= 0 and raw.origin in self.pipeline.fold.partitions:
                    self.pipeline.fold.partitions[raw.origin].done = True

    def _floored(self, raw: RawBatch) -> Iterator[RawBatch]:
        """A batch in pieces, so that each idle time of its partition is repeated where it was."""
        floors, start, count = self._floors.get(raw.origin, {}), 0, len(raw.values)
        for offset in sorted(floors):  # there may be no record there: a marker of a transaction is
            if offset > raw.offsets[-1] + 1:
                break
            cut = next((i for i in range(start, count) if raw.offsets[i] >= offset), count)
            if start < cut:
                yield raw.part(start, cut)
            start = cut
            self._raise_floor(raw.origin, floors.pop(offset))
        if start < count:
            yield raw.part(start, count)

    def _raise_floor(self, origin: Partition, floor_bin: int) -> None:
        clock = self.pipeline.fold.partitions.get(origin)
        if clock is not None:
            clock.floor_bin = max(clock.floor_bin, floor_bin)

    def _plain(self, logs: Mapping[Partition, Log], stack: ExitStack) -> Iterator[RawBatch]:
        fold = self.pipeline.fold
        reading: dict[Partition, Iterator[RawBatch]] = {}
        for origin, log in logs.items():
            batches = log.batches(record_bytes_max=self._record_bytes_max)
            stack.callback(batches.close)  # type: ignore[attr-defined] # a generator
            reading[origin] = batches
        while reading:
            origin = min(reading, key=lambda p: (fold.partitions[p].clock_ns, p.partition))
            raw = next(reading[origin], None)
            if raw is None:
                del reading[origin]
                fold.partitions[origin].done = True
                continue
            yield RawBatch(origin, raw.values, raw.offsets, None)
