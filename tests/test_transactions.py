"""Producers that write in transactions: what was aborted never was, and markers are no records."""

import time
import uuid
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from structlog.testing import capture_logs

from monitor.broker import create_topics
from monitor.config import Config, Kafka
from monitor.records import Partition
from monitor.replay import Replay
from monitor.sources.positions import start_offsets
from monitor.sources.tap import Tap
from tests.apache_kafka import ApacheKafka
from tests.live import Venue, minutes_of_trouble, running, until

pytestmark = pytest.mark.kafka


async def written(bootstrap: str) -> str:
    """A topic with ten records that were committed between ten and five that were aborted."""
    topic = f"tx-{uuid.uuid4().hex[:8]}"
    await create_topics(bootstrap, {topic: 1})
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, transactional_id=topic, linger_ms=0
    ) as producer:
        for records, commits in ((10, False), (10, True), (5, False)):
            await producer.begin_transaction()
            for n in range(records):
                await producer.send_and_wait(topic, b"%d %d" % (commits, n))
            await (producer.commit_transaction() if commits else producer.abort_transaction())
    return topic


@pytest.mark.parametrize(("level", "records"), [("read_committed", 10), ("read_uncommitted", 25)])
async def test_a_log_that_ends_in_markers_is_read_to_its_end(
    apache_kafka: ApacheKafka, level: str, records: int
) -> None:
    topic = await written(apache_kafka.bootstrap)
    kafka = msgspec.convert(
        {"bootstrap_servers": apache_kafka.bootstrap, "isolation_level": level}, Kafka
    )
    tap = Tap(kafka, [topic])
    await tap.start("earliest")
    try:
        found: list[bytes | None] = []
        give_up = time.monotonic() + 30
        while len(found) < records or tap.behind():
            for raw in await tap.poll(7):
                found += raw.values
            assert time.monotonic() < give_up, f"{len(found)} read, {tap.behind()} left"
    finally:
        await tap.stop()
    assert len(found) == records
    assert level == "read_uncommitted" or all(value[:1] == b"1" for value in found if value)


async def test_where_to_begin_is_found_as_soon_in_a_log_that_ends_in_a_marker(
    apache_kafka: ApacheKafka,
) -> None:
    topic = await written(apache_kafka.bootstrap)
    options = {"bootstrap_servers": apache_kafka.bootstrap}
    with capture_logs() as told:
        found = await start_offsets(options, [Partition(topic, 0)], start="recent", back_s=600.0)
    assert found == {Partition(topic, 0): 0}
    assert not told, "it would say that it waited for a record that never comes"


async def test_a_partition_that_ends_in_a_marker_is_idle_once_it_is_silent(
    apache_kafka: ApacheKafka, tmp_path: Path
) -> None:
    venue = Venue(apache_kafka.bootstrap, partitions=2)
    await venue.create()
    messages = minutes_of_trouble(8, seconds=20)
    async with AIOKafkaProducer(
        bootstrap_servers=venue.bootstrap, transactional_id=venue.prefix
    ) as producer:
        await producer.begin_transaction()
        for topic, key, value in messages:
            await producer.send(venue.prefix + topic, value, key=key.encode())
        await producer.commit_transaction()
    config = venue.config(tmp_path, idle_after_s=1.0)
    async with running(config) as service:
        await until(lambda: service.exporter.events_total() == len(messages))
        await until(lambda: all(c.idle for c in service.pipeline.fold.partitions.values()))
        assert not sum(service.exporter.lag.values())


@pytest.mark.parametrize("marker", [False, True])
def test_a_decision_at_a_marker_is_repeated_where_no_record_is(
    tmp_path: Path, marker: bool
) -> None:
    start_ns, bin_ns = 1_760_000_000_000_000_000, 250_000_000

    def line(partition: int, offset: int, bin_in_log: int) -> bytes:
        ts = start_ns + bin_in_log * bin_ns
        order = {"type": "order", "ts": ts, "symbol": "S", "account": "a", "order_id": 1}
        value = order | {"side": "buy", "price": 1.0, "qty": 1.0}
        where = {"topic": "orders", "partition": partition, "offset": offset}
        return msgspec.json.encode(where | {"timestamp_ms": ts // 1_000_000, "value": value})

    spoken = [line(1, offset, offset) for offset in range(5)]
    others = [line(0, offset, offset) for offset in range(200)]
    late = [line(1, 5 + marker + n, 8 + n) for n in range(5)]
    ends = [line(1, 10 + marker, 250), line(0, 200, 250)]
    log, audit = tmp_path / "log.jsonl", tmp_path / "audit.jsonl"
    log.write_bytes(b"\n".join([*spoken, *others, *late, *ends]))
    awake = {"decision": "awake", "topic": "orders", "partition": 1, "offset": 5}
    audit.write_bytes(msgspec.json.encode(awake | {"bin": start_ns // bin_ns + 150}))
    replay = Replay(Config(), [log], decisions=audit)
    assert not list(replay.incidents())
    assert replay.totals.late == 5
