"""Everything on some topics, read beside the consumer group: nothing is joined or committed."""

from collections.abc import Sequence
from typing import Final

from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from monitor.config import Kafka
from monitor.records import Partition, RawBatch
from monitor.sources.consumer import BatchConsumer
from monitor.sources.kafka import client_options, raw_batches, skip_lost
from monitor.sources.positions import Start, start_offsets
from monitor.sources.topics import partition_counts

POLL_MS: Final = 200


class Tap:
    """Polls the partitions that the topics have as it starts."""

    def __init__(self, kafka: Kafka, topics: Sequence[str]) -> None:
        self._kafka = kafka
        self._topics = topics
        self.consumer = BatchConsumer(
            enable_auto_commit=False,
            auto_offset_reset="earliest",  # until a position is sought
            isolation_level=kafka.isolation_level,
            max_partition_fetch_bytes=4 * 1024 * 1024,
            **client_options(kafka),
        )

    async def start(self, start: Start) -> None:
        """Connect and find where to begin. Raises UserError for a missing topic, KafkaError."""
        counts = await partition_counts(self._kafka, self._topics)
        partitions = [Partition(topic, p) for topic, count in counts.items() for p in range(count)]
        offsets = await start_offsets(
            client_options(self._kafka), partitions, start=start, back_s=self._kafka.rewarm_s
        )
        await self.consumer.start()
        self.consumer.assign([TopicPartition(*partition) for partition in partitions])
        for partition, offset in offsets.items():
            self.consumer.seek(TopicPartition(*partition), offset)

    async def poll(self, records_max: int) -> list[RawBatch]:
        """The next batches, empty after a short wait without any."""
        try:
            fetched = await self.consumer.getmany(timeout_ms=POLL_MS, max_records=records_max)
        except OffsetOutOfRangeError as error:
            await skip_lost(self.consumer, error.args[0])
            return []
        return raw_batches(fetched)

    def behind(self) -> int:
        """Records between what was polled and the ends, as far as fetches have shown these."""
        return sum(self.consumer.left(tp) or 0 for tp in self.consumer.assignment())

    async def stop(self) -> None:
        """Close the connections."""
        await self.consumer.stop()
