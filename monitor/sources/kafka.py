"""Records from Kafka: one consumer group over all topics, positions decided by the caller."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.helpers import create_ssl_context
from aiokafka.structs import OffsetAndMetadata
from msgspec import Struct

from monitor.clocks import NEVER, Resume
from monitor.config import Kafka
from monitor.records import Partition, RawBatch
from monitor.sources.consumer import BatchConsumer, Record
from monitor.sources.positions import start_offsets

POLL_MS: Final = 200
_log = structlog.get_logger(__name__)


class Committed(Struct):
    """What goes with a committed offset, so that another member can rebuild what was open.

    clock_ns, counted: as in Resume. next_bin: the first bin that was not closed.
    """

    clock_ns: int
    counted: int
    next_bin: int | None = None


class _Offsets(Sequence[int]):
    """Offsets of a fetched batch, read from its records when asked."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: Any) -> Any:
        return self._records[index].offset


def client_options(kafka: Kafka) -> dict[str, Any]:
    """What every client of the cluster needs: addresses and security, as configured."""
    options: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap_servers,
        "client_id": kafka.client_id,
        "security_protocol": kafka.security_protocol,
    }
    if kafka.security_protocol.endswith("SSL"):
        context = create_ssl_context(
            cafile=kafka.ssl_cafile,
            certfile=kafka.ssl_certfile,
            keyfile=kafka.ssl_keyfile,
            password=kafka.ssl_password,
        )
        context.check_hostname = kafka.ssl_check_hostname
        options["ssl_context"] = context
    if kafka.security_protocol.startswith("SASL"):
        options |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.sasl_username,
            "sasl_plain_password": kafka.sasl_password,
        }
    return options


def raw_batches(fetched: Mapping[TopicPartition, Sequence[Record]]) -> list[RawBatch]:
    """What a client fetched, as records without its types."""
    return [
        RawBatch(
            Partition(tp.topic, tp.partition),
            [record.value for record in records],
            _Offsets(records),
            [record.timestamp for record in records],
        )
        for tp, records in fetched.items()
        if records
    ]


async def skip_lost(consumer: AIOKafkaConsumer, lost: Iterable[TopicPartition]) -> None:
    """Records were deleted before they were read: go on from the oldest, and say so."""
    for tp in lost:
        first = (await consumer.beginning_offsets([tp]))[tp]
        _log.error("records were deleted before they were read", partition=str(tp), to=first)
        consumer.seek(tp, first)


class KafkaSource(ConsumerRebalanceListener):
    """Polls batches; tells the caller of partitions given and taken away.

    on_assigned must seek every partition. What the callbacks raise comes out of the next `poll`.
    """

    def __init__(
        self,
        kafka: Kafka,
        topics: Sequence[str],
        *,
        assignor: AbstractPartitionAssignor,
        on_revoked: Callable[[], Awaitable[None]],
        on_assigned: Callable[[Collection[Partition]], Awaitable[None]],
    ) -> None:
        self._kafka = kafka
        self._topics = list(topics)
        self._on_revoked = on_revoked
        self._on_assigned = on_assigned
        self._failure: BaseException | None = None
        self.seeks = 0
        self.consumer = BatchConsumer(
            group_id=kafka.group_id,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level=kafka.isolation_level,
            session_timeout_ms=round(kafka.session_timeout_s * 1000),
            heartbeat_interval_ms=max(100, round(kafka.session_timeout_s * 1000 / 10)),
            partition_assignment_strategy=(assignor,),
            max_partition_fetch_bytes=4 * 1024 * 1024,
            metadata_max_age_ms=30_000,
            **client_options(kafka),
        )

    async def start(self) -> None:
        """Connect and join the group; raises KafkaError when no broker answers."""
        self.consumer.subscribe(self._topics, listener=self)
        await self.consumer.start()

    async def stop(self) -> None:
        """Leave the group."""
        await self.consumer.stop()

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Called by aiokafka, which would swallow what this raises."""
        if revoked:
            await self._guarded(self._on_revoked())

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Called by aiokafka before it fetches."""
        partitions = sorted(Partition(tp.topic, tp.partition) for tp in assigned)
        await self._guarded(self._on_assigned(partitions))

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - comes out of the next poll
            self._failure = error

    async def poll(self, records_max: int) -> list[RawBatch]:
        """The next batches, empty after a short wait without any."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        try:
            fetched = await self.consumer.getmany(timeout_ms=POLL_MS, max_records=records_max)
        except OffsetOutOfRangeError as error:
            await skip_lost(self.consumer, error.args[0])
            return []
        except NoOffsetForPartitionError:
            return []  # aiokafka looked for a committed offset before on_assigned had sought one
        assigned = self.consumer.assignment()
        return raw_batches({tp: records for tp, records in fetched.items() if tp in assigned})

    def seek(self, partition: Partition, offset: int) -> None:
        """Read a partition from an offset next. What a poll gives that was under way may still be
        of before: whoever polls compares `seeks`, and seeks again where it changed."""
        self.seeks += 1
        if TopicPartition(*partition) in self.consumer.assignment():
            self.consumer.seek(TopicPartition(*partition), offset)

    async def start_offsets(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Where to read partitions that nobody has read before, as configured."""
        kafka = self._kafka
        options = client_options(kafka)
        return await start_offsets(options, partitions, start=kafka.start, back_s=kafka.rewarm_s)

    async def rewarm_offsets(self, committed: Mapping[Partition, int]) -> dict[Partition, int]:
        """Where to read again what the group has read, to learn what is usual."""
        back_s = self._kafka.rewarm_s
        if not committed or not back_s:
            return {}
        options = client_options(self._kafka)
        return await start_offsets(
            options, committed, start="recent", back_s=back_s, before=committed
        )

    async def committed(
        self, partitions: Collection[Partition]
    ) -> dict[Partition, tuple[Resume, int | None]]:
        """Where the group left off, with the first bin that was open then."""
        admin = AIOKafkaAdminClient(**client_options(self._kafka))
        await admin.start()
        try:
            found = await admin.list_consumer_group_offsets(
                self._kafka.group_id,
                partitions=[TopicPartition(*partition) for partition in partitions],
            )
        finally:
            await admin.close()
        return {
            Partition(tp.topic, tp.partition): _resume(offset)
            for tp, offset in found.items()
            if offset.offset >= 0
        }

    async def commit(self, resumes: Mapping[Partition, tuple[Resume, int | None]]) -> bool:
        """Commit offsets with what they stand for; False where the group has moved on.

        resumes: partition -> where to read it again, and the first bin that was not closed.
        """
        offsets = {
            TopicPartition(*partition): OffsetAndMetadata(
                resume.offset,
                msgspec.json.encode(Committed(resume.clock_ns, resume.counted, next_bin)).decode(),
            )
            for partition, (resume, next_bin) in resumes.items()
            if TopicPartition(*partition) in self.consumer.assignment()
        }
        if not offsets:
            return False
        try:
            await self.consumer.commit(offsets)
        except KafkaError as error:
            _log.warning("offsets not committed; the checkpoint stands", error=repr(error))
            return False
        return True

    def lag(self, partition: Partition, position: int) -> int | None:
        """Records between a position and the end, None before a fetch has shown the end."""
        return self.consumer.left(TopicPartition(*partition), position)

    def hold(self, paused: Collection[Partition]) -> None:
        """Pause exactly these partitions."""
        wanted = {TopicPartition(*partition) for partition in paused}
        now = self.consumer.paused()
        assigned = self.consumer.assignment()
        self.consumer.resume(*(now - wanted))
        self.consumer.pause(*((wanted - now) & assigned))


def _resume(found: OffsetAndMetadata) -> tuple[Resume, int | None]:
    try:
        said = msgspec.json.decode(found.metadata or "", type=Committed)
    except msgspec.DecodeError:
        return Resume(found.offset, NEVER, found.offset), None
    return Resume(found.offset, said.clock_ns, said.counted), said.next_bin
