"""`foreshock run` as a shard: Kafka in, counted bins of its partition numbers out to Kafka.

Offsets are committed once the frames that they stand for were taken by the broker. So what a crash
or a rebalance leaves in doubt is read and published again, and detection takes each bin once. A
failure of any kind ends in the same way: everything is dropped and begun from what was committed.
"""

import asyncio
import time
from collections.abc import Collection, Sequence
from typing import Final

import structlog

from monitor.clocks import NEVER, Resume
from monitor.config import Config
from monitor.errors import UserError
from monitor.exporter import Exporter
from monitor.http import serve
from monitor.live import ahead, persist, silent
from monitor.outputs import Outputs
from monitor.records import Partition, RawBatch
from monitor.shard import Shard
from monitor.sinks.publisher import Publisher
from monitor.sources.kafka import KafkaSource, client_options
from monitor.sources.spread import Spread
from monitor.sources.topics import existing, partition_counts
from monitor.status import Status

TICK_S: Final = 0.5
HEARTBEAT_S: Final = 2.0  # whoever starts to read the frames learns this soon who is idle
_log = structlog.get_logger(__name__)


class ShardService:
    """One shard. `run` returns after `stop` was called and everything was put away."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.shard = Shard(config)
        self.outputs = Outputs(config, lambda _: None)
        self.exporter = Exporter(config.all_topics, [], scores_max=0, venue=config.venue)
        self.status = Status(self.exporter, config)
        self._stopping = asyncio.Event()
        self._busy = asyncio.Lock()  # held while state is between two consistent points
        self._in_doubt = False  # whether something was taken from the shard and not published
        self._heard_s: dict[Partition, float] = {}
        self._saved_s = self._ticked_s = self._told_s = 0.0
        self._source: KafkaSource | None = None
        self._publisher: Publisher | None = None

    def stop(self) -> None:
        """Ask `run` to drain and return."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until stopped. Brokers that vanish are waited for; raises UserError for topics
        that cannot be shared out."""
        self.outputs.start()
        async with serve(self.config.http, self.status):
            try:
                await persist(self._consume, self._stopping)
            finally:
                await self.outputs.stop()

    async def _consume(self) -> None:
        """Join the group, read and publish until stopped or until the client gives up."""
        self.shard, self._in_doubt = Shard(self.config), False
        self.status.turned(connected=False)
        await self._check_topics()
        options = client_options(self.config.kafka)
        optional = await existing(self.config.kafka, self.config.optional_topics)
        publisher = self._publisher = Publisher(options, self.config.scale.frames_topic)
        source = self._source = KafkaSource(
            self.config.group,
            [*self.config.input_topics, *optional],
            assignor=Spread(lambda: list(self.shard.folds)),
            on_revoked=self._revoked,
            on_assigned=self._assigned,
        )
        try:
            await publisher.start()
            await source.start()
            self.status.turned(connected=True)
            while not self._stopping.is_set():
                seeks = source.seeks
                batches = await source.poll(self.config.kafka.poll_records_max)
                async with self._busy:
                    if source.seeks == seeks:
                        await self._take(batches)
                    else:  # aiokafka reads from committed offsets while partitions are assigned
                        self._seek(source)
                    await self._tick(source)
                await asyncio.sleep(0)
            async with self._busy:
                await self._publish()
                await self._commit()
        finally:
            self._source = self._publisher = None
            self.status.assigned = False
            await source.stop()
            await publisher.stop()

    async def _check_topics(self) -> None:
        topics = self.config.all_topics
        frames_topic = self.config.scale.frames_topic
        counts = await partition_counts(self.config.kafka, [*topics, frames_topic])
        most = max(counts[topic] for topic in topics)
        if counts[frames_topic] != most:
            found = counts[frames_topic]
            raise UserError(
                f"scale.frames_topic = {frames_topic!r}: must have {most} partitions, as the "
                f"topics of events have, has {found}"
            )

    async def _take(self, batches: Sequence[RawBatch]) -> None:
        """Count batches, and publish the bins that closed."""
        now_s = time.time()
        for raw in batches:
            fold = self.shard.folds.get(raw.origin.partition)
            if fold is None or raw.origin not in fold.partitions:
                continue  # taken away while the batch was on its way
            clock = fold.partitions[raw.origin]
            idle, position = clock.idle, clock.position
            taken = self.shard.take(raw)
            if taken.ts.size:
                self._heard_s[raw.origin] = time.monotonic()
                if idle:
                    self.shard.decide(raw.origin, position, "awake")
            self.exporter.took(taken, now_s)
            if taken.bad:
                self.outputs.bury(taken.bad)
        await self._publish()

    async def _publish(self, *, all_numbers: bool = False) -> None:
        assert self._publisher is not None
        messages = list(self.shard.messages(all_numbers=all_numbers))
        if messages:
            self._in_doubt = True
            await self._publisher.publish(messages)
            self._in_doubt = False
            self.status.stepped_s = time.monotonic()
            self.exporter.judged_s = time.time()
            ends = [held.end_bin for held in self.shard.numbers.values() if held.end_bin != NEVER]
            self.exporter.watermark_ns = min(ends) * self.config.bin_ns

    async def _tick(self, source: KafkaSource) -> None:
        """What is done now and then: idle partitions, pauses, gauges, heartbeats, commits."""
        now_s = time.monotonic()
        if now_s - self._ticked_s < TICK_S:
            return
        self._ticked_s = now_s
        self.status.turned()
        clocks = {p: c for fold in self.shard.folds.values() for p, c in fold.partitions.items()}
        idle_after_s = self.config.kafka.idle_after_s
        for partition, clock in silent(source, clocks, now_s, self._heard_s, idle_after_s):
            clock.idle = True
            self.shard.decide(partition, clock.position, "idle")
        source.hold(ahead(clocks, self.config.kafka.run_ahead_s))
        lags = {p: source.lag(p, clock.position) for p, clock in clocks.items()}
        self.exporter.lag = {p: lag for p, lag in lags.items() if lag is not None}
        self.exporter.dropped_total = self.outputs.dropped_total
        self.status.assigned = bool(clocks)
        if now_s - self._told_s >= HEARTBEAT_S:
            self._told_s = now_s
            await self._publish(all_numbers=True)
        if now_s - self._saved_s >= self.config.checkpoint.every_s:
            await self._commit()

    async def _commit(self) -> None:
        """Commit where to go on after what was published; nothing after a failure to publish."""
        self._saved_s = time.monotonic()
        if self._source is not None and self.shard.numbers and not self._in_doubt:
            await self._source.commit(self.shard.resumes())

    async def _revoked(self) -> None:
        async with self._busy:
            if self._publisher is not None:
                await self._publish()
                await self._commit()

    async def _assigned(self, assigned: Collection[Partition]) -> None:
        async with self._busy:
            source = self._source
            if source is None:
                return
            for lost in set(self.shard.partitions) - set(assigned):
                self.shard.revoke(lost)
            await self._begin(source, set(assigned) - set(self.shard.partitions))
            self._seek(source)
            self._heard_s = dict.fromkeys(assigned, time.monotonic())
            _log.info("partitions assigned", numbers=sorted(self.shard.folds))

    async def _begin(self, source: KafkaSource, fresh: Collection[Partition]) -> None:
        """Go on from what was committed; what nobody has read, from where it is configured. That
        place is committed at once, so that whoever comes next begins there too."""
        if not fresh:
            return
        committed = await source.committed(fresh)
        unread = [p for p in fresh if p not in committed]
        start = await source.start_offsets(unread) if unread else {}
        for partition in sorted(fresh):
            if partition in committed:
                self.shard.assign(partition, *committed[partition])
            else:
                offset = start[partition]
                self.shard.assign(partition, Resume(offset, NEVER, offset), None)
        await self._commit()

    def _seek(self, source: KafkaSource) -> None:
        for fold in self.shard.folds.values():
            for partition, clock in fold.partitions.items():
                source.seek(partition, clock.position)
