"""The live half of the shell: which partitions are held, from where, and who is waited for."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from typing import Final

import structlog
from aiokafka.errors import KafkaConnectionError, KafkaError

from monitor.checkpoint import CheckpointError, CheckpointStore
from monitor.clocks import NEVER, PartitionClock, Resume
from monitor.config import Config
from monitor.detection import Step
from monitor.pipeline import Pipeline
from monitor.records import Partition
from monitor.sources.kafka import KafkaSource

RETRY_S: Final = 2.0
_log = structlog.get_logger(__name__)


class Holdings:
    """The partitions that this process reads, kept in step with the pipeline's fold."""

    def __init__(self, config: Config, pipeline: Pipeline, store: CheckpointStore | None) -> None:
        self.config = config
        self.pipeline = pipeline
        self.store = store
        self.told_before_bin = NEVER

    @property
    def partitions(self) -> Collection[Partition]:
        return self.pipeline.fold.partitions.keys()

    async def take_over(self, source: KafkaSource, assigned: Collection[Partition]) -> bool:
        """Seek every assigned partition to where it must be read; True if state was restored.

        What this process still holds goes on where it was. A process that holds nothing starts
        from the checkpoint; partitions it does not know, from the group's committed offsets; what
        nobody has read before, from where the configuration says. Where there are committed
        offsets but no state that can be used, what was read last is read again to learn what is
        usual: quietly, since incidents of those bins were told. (Of a broker that keeps no metadata
        with offsets nothing says which bins; then the audit log alone knows what was told.)
        """
        fold = self.pipeline.fold
        for lost in set(self.partitions) - set(assigned):
            fold.revoke(lost)
        if not fold.partitions:
            self.pipeline.reset()  # another member has gone on from what was held here
            fold = self.pipeline.fold
            self.told_before_bin = NEVER
        restored = bool(assigned) and not fold.partitions and self._restore(assigned)
        fresh = [p for p in assigned if p not in fold.partitions]
        if fresh:
            cold = not restored and not fold.partitions
            await self._begin(source, fresh, cold=cold)
        self.seek(source)
        return restored

    def seek(self, source: KafkaSource) -> None:
        """Read every partition from where its clock stands."""
        for partition, clock in self.pipeline.fold.partitions.items():
            source.seek(partition, clock.position)

    def _restore(self, assigned: Collection[Partition]) -> bool:
        try:
            checkpoint = self.store.load() if self.store is not None else None
        except CheckpointError as error:
            _log.warning("checkpoint refused; baselines are learned anew", reason=str(error))
            return False
        if checkpoint is None:
            return False
        resumes = {p: r for p, r in checkpoint.resumes.items() if p in assigned}
        self.pipeline.restore(checkpoint.state, resumes)
        _log.info("continuing from checkpoint", partitions=len(resumes))
        return True

    async def _begin(
        self, source: KafkaSource, fresh: Collection[Partition], *, cold: bool
    ) -> None:
        fold = self.pipeline.fold
        committed = await source.committed(fresh)
        unread = [p for p in fresh if p not in committed]
        start = await source.start_offsets(unread) if unread else {}
        read = {p: resume.offset for p, (resume, _) in committed.items()}
        again = await source.rewarm_offsets(read) if cold else {}
        next_bin = max((b for _, b in committed.values() if b is not None), default=None)
        if again and next_bin is not None:
            self.told_before_bin = next_bin
            records = sum(read[p] - offset for p, offset in again.items())
            _log.info("reading again to learn what is usual", records=records)
        elif fold.next_bin is None:
            fold.next_bin = next_bin
        for partition in fresh:
            if partition in again:
                counted = committed[partition][0].counted
                resume = Resume(again[partition], NEVER, counted)
            elif partition in committed:
                resume = committed[partition][0]
            else:
                resume = Resume(start[partition], NEVER, start[partition])
            fold.assign(partition, resume)

    @property
    def rewarming(self) -> bool:
        """Whether bins are still judged that were told before."""
        next_bin = self.pipeline.fold.next_bin
        return (NEVER if next_bin is None else next_bin) < self.told_before_bin

    def news_of(self, step: Step) -> Step:
        """The step without what was told before."""
        return step if step.bin >= self.told_before_bin else replace(step, incidents=())

    def mark_idle(
        self,
        source: KafkaSource,
        now_s: float,
        heard_s: dict[Partition, float],
        on_idle: Callable[[Partition, PartitionClock], None],
    ) -> None:
        """Stop waiting for partitions that are read to their end and have been silent."""
        idle_after_s = self.config.kafka.idle_after_s
        for partition, clock in silent(
            source, self.pipeline.fold.partitions, now_s, heard_s, idle_after_s
        ):
            clock.idle = True
            on_idle(partition, clock)

    def hold_back(self, source: KafkaSource) -> None:
        """Pause partitions that run ahead of the slowest one that is waited for."""
        source.hold(ahead(self.pipeline.fold.partitions, self.config.kafka.run_ahead_s))


async def persist(consume: Callable[[], Awaitable[None]], stopping: asyncio.Event) -> None:
    """Consume until stopped, anew after every failure: brokers that vanish are waited for."""
    while not stopping.is_set():
        try:
            await consume()
        except KafkaConnectionError as error:
            _log.warning("no broker answers", error=str(error))
        except KafkaError as error:
            _log.warning("reading failed; trying again", error=repr(error))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), RETRY_S)


def silent(
    source: KafkaSource,
    clocks: Mapping[Partition, PartitionClock],
    now_s: float,
    heard_s: dict[Partition, float],
    idle_after_s: float,
) -> list[tuple[Partition, PartitionClock]]:
    """Partitions that are waited for, read to their end, and silent for so long."""
    found = []
    for partition, clock in clocks.items():
        silent_s = now_s - heard_s.setdefault(partition, now_s)
        if not clock.idle and silent_s >= idle_after_s:
            lag = source.lag(partition, clock.position)
            if lag == 0 or (lag is None and clock.clock_ns == NEVER):
                found.append((partition, clock))
    return found


def ahead(clocks: Mapping[Partition, PartitionClock], run_ahead_s: float) -> list[Partition]:
    """Partitions this far ahead of the slowest one that is waited for."""
    waited = [c.clock_ns for c in clocks.values() if c.waited_for and c.clock_ns != NEVER]
    limit = min(waited, default=0) + round(run_ahead_s * 1e9)
    return [p for p, clock in clocks.items() if waited and clock.clock_ns > limit]
