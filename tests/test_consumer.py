"""The consumer that leaves records in their batches reads what any consumer reads."""

import asyncio
import uuid

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from monitor.broker import create_topics
from monitor.sources.consumer import BatchConsumer

pytestmark = pytest.mark.kafka

VALUES = [b'{"n":%d}' % n if n % 7 else None for n in range(300)]  # some are tombstones


async def written(bootstrap: str, codec: str | None) -> str:
    """A new topic with one partition that holds the values."""
    topic = f"consumer-{uuid.uuid4().hex[:8]}"
    await create_topics(bootstrap, {topic: 1}, {"retention.ms": "-1"})
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type=codec) as producer:
        for n, value in enumerate(VALUES):
            await producer.send(topic, value, key=b"k", timestamp_ms=1_000_000 + n)
        await producer.flush()
    return topic


async def read(consumer: AIOKafkaConsumer, topic: str, start: int) -> list[ConsumerRecord]:
    """Everything from an offset on, in polls of at most 70 records."""
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        consumer.seek(TopicPartition(topic, 0), start)
        found: list[ConsumerRecord] = []
        async with asyncio.timeout(30):
            while len(found) < len(VALUES) - start:
                fetched = await consumer.getmany(timeout_ms=200, max_records=70)
                found += [record for records in fetched.values() for record in records]
        return found
    finally:
        await consumer.stop()


@pytest.mark.parametrize("codec", [None, "zstd"])
async def test_it_reads_what_any_consumer_reads(any_broker: str, codec: str | None) -> None:
    topic = await written(any_broker, codec)
    start = 123  # in the midst of a batch
    plain = await read(AIOKafkaConsumer(bootstrap_servers=any_broker), topic, start)
    light = await read(BatchConsumer(bootstrap_servers=any_broker), topic, start)
    assert [r.value for r in light] == VALUES[start:]
    assert [(r.offset, r.timestamp, r.value) for r in light] == [
        (r.offset, r.timestamp, r.value) for r in plain
    ]


async def test_records_stay_in_their_batches(any_broker: str) -> None:
    """Where this fails aiokafka has moved what `BatchConsumer` reaches for: slower, not wrong."""
    topic = await written(any_broker, None)
    found = await read(BatchConsumer(bootstrap_servers=any_broker), topic, 0)
    assert not any(isinstance(record, ConsumerRecord) for record in found)
