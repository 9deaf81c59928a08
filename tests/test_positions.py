"""Where to begin is right on every broker: recent, earliest, latest, empty, deleted, old times."""

import time
import uuid

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from monitor.broker import create_topics
from monitor.records import Partition
from monitor.sources.positions import Start, start_offsets
from tests.apache_kafka import ApacheKafka

pytestmark = pytest.mark.kafka
RECORDS = 3_000


async def topic_with(bootstrap: str, newest_ms: dict[int, int]) -> str:
    """A topic of four partitions; those named have a record a second up to their newest."""
    topic = f"p{uuid.uuid4().hex[:8]}"
    await create_topics(bootstrap, {topic: 4}, {"retention.ms": "-1"})
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5) as producer:
        for partition, last_ms in newest_ms.items():
            for i in range(RECORDS):
                at_ms = last_ms - (RECORDS - 1 - i) * 1000
                await producer.send(topic, b"x", partition=partition, timestamp_ms=at_ms)
        await producer.flush()
    return topic


async def starts(
    bootstrap: str, topic: str, start: Start, before: dict[int, int] | None = None
) -> list[int]:
    partitions = [Partition(topic, p) for p in range(4)]
    found = await start_offsets(
        {"bootstrap_servers": bootstrap},
        partitions,
        start=start,
        back_s=600.0,
        before={Partition(topic, p): offset for p, offset in (before or {}).items()},
    )
    return [found[partition] for partition in partitions]


@pytest.mark.parametrize("age_s", [0, 86_400 * 400], ids=["now", "long-ago"])
async def test_recent_counts_back_from_the_newest_record_of_all(
    any_broker: str, age_s: int
) -> None:
    newest_ms = round(time.time() - age_s) * 1000
    # The third partition fell silent 2,000 s before the others; the fourth holds nothing.
    topic = await topic_with(
        any_broker, {0: newest_ms, 1: newest_ms - 100_000, 2: newest_ms - 2_000_000}
    )
    found = await starts(any_broker, topic, "recent")
    # Of now, some seconds may have passed while the records were published.
    expected = [RECORDS - 601, RECORDS - 501, RECORDS, 0]
    assert found == (expected if age_s else pytest.approx(expected, abs=30))
    assert await starts(any_broker, topic, "earliest") == [0, 0, 0, 0]
    assert await starts(any_broker, topic, "latest") == [RECORDS, RECORDS, RECORDS, 0]


async def test_recent_before_an_offset_counts_back_from_what_was_read(any_broker: str) -> None:
    newest_ms = 1_700_000_000_000
    topic = await topic_with(any_broker, {0: newest_ms, 1: newest_ms, 2: newest_ms})
    found = await starts(any_broker, topic, "recent", {0: 1000, 1: 900, 2: 300, 3: 0})
    assert found == [399, 399, 300, 0]


async def test_what_was_deleted_is_no_place_to_begin(apache_kafka: ApacheKafka) -> None:
    newest_ms = 1_700_000_000_000
    topic = await topic_with(apache_kafka.bootstrap, {0: newest_ms, 1: newest_ms})
    admin = AIOKafkaAdminClient(bootstrap_servers=apache_kafka.bootstrap)
    await admin.start()
    try:
        await admin.delete_records(
            {
                TopicPartition(topic, 0): RecordsToDelete(before_offset=RECORDS - 50),
                TopicPartition(topic, 1): RecordsToDelete(before_offset=RECORDS),
            }
        )
    finally:
        await admin.close()
    before = {0: 1000, 1: 900, 2: 0, 3: 0}
    assert await starts(apache_kafka.bootstrap, topic, "recent") == [RECORDS - 50, RECORDS, 0, 0]
    assert await starts(apache_kafka.bootstrap, topic, "recent", before) == [
        RECORDS - 50,
        RECORDS,
        0,
        0,
    ]
