"""The brokers that other tests stand on do what those tests take for granted."""

import asyncio
import contextlib
import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from monitor.broker import create_topics, embedded_broker
from monitor.config import Kafka
from monitor.sources.kafka import client_options
from tests.apache_kafka import ApacheKafka

pytestmark = pytest.mark.kafka

VALUES = [b"%d " % number * 50 for number in range(200)]


async def new_topic(bootstrap: str) -> str:
    """A topic with one partition that no other test uses."""
    topic = f"brokers-{uuid.uuid4().hex[:8]}"
    await create_topics(bootstrap, {topic: 1}, {"retention.ms": "-1"})
    return topic


async def produce(topic: str, values: list[bytes], **options: Any) -> None:
    """Send values and wait until the broker has them all."""
    async with AIOKafkaProducer(**options) as producer:
        for value in values:
            await producer.send(topic, value)
        await producer.flush()


async def read(topic: str, count: int, **options: Any) -> list[bytes]:
    """The first values of a topic."""
    consumer = AIOKafkaConsumer(auto_offset_reset="earliest", **options)
    consumer.assign([TopicPartition(topic, 0)])
    await consumer.start()
    try:
        async with asyncio.timeout(30):
            return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


def secured(kafka: ApacheKafka, **changes: Any) -> Kafka:
    """The settings of a client of the SASL_SSL listener."""
    settings = Kafka(
        bootstrap_servers=kafka.sasl_bootstrap,
        security_protocol="SASL_SSL",
        sasl_username=kafka.username,
        sasl_password=kafka.password,
        ssl_cafile=str(kafka.ca_file),
    )
    return msgspec.structs.replace(settings, **changes)


def runs(pid: int) -> bool:
    """Whether a process exists and has not ended."""
    with contextlib.suppress(FileNotFoundError):
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks for processes in /proc")
async def test_the_embedded_broker_ends_with_its_block() -> None:
    async with embedded_broker() as broker:
        assert runs(broker.pid)
        topic = await new_topic(broker.bootstrap)
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
        await admin.start()
        try:
            assert topic in await admin.list_topics()
        finally:
            await admin.close()
    assert not runs(broker.pid)


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
async def test_records_come_back_as_they_went(any_broker: str, codec: str | None) -> None:
    topic = await new_topic(any_broker)
    client = {"bootstrap_servers": any_broker}
    await produce(topic, VALUES, compression_type=codec, **client)
    assert await read(topic, len(VALUES), **client) == VALUES


async def test_records_pass_through_sasl_ssl(apache_kafka: ApacheKafka) -> None:
    topic = await new_topic(apache_kafka.bootstrap)
    options = client_options(secured(apache_kafka))
    await produce(topic, VALUES, **options)
    assert await read(topic, len(VALUES), **options) == VALUES


@pytest.mark.parametrize(
    "wrong", [{"sasl_password": "guess"}, {"ssl_cafile": None}], ids=["password", "authority"]
)
async def test_a_wrong_client_is_refused(apache_kafka: ApacheKafka, wrong: dict[str, Any]) -> None:
    producer = AIOKafkaProducer(**client_options(secured(apache_kafka, **wrong)))
    try:
        with pytest.raises(KafkaError):
            await producer.start()
    finally:
        await producer.stop()


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
async def test_apache_kafka_comes_back_with_its_log(apache_kafka: ApacheKafka, kill: bool) -> None:
    topic = await new_topic(apache_kafka.bootstrap)
    client = {"bootstrap_servers": apache_kafka.bootstrap}
    await produce(topic, VALUES, acks="all", **client)
    before = apache_kafka.pid
    try:
        await asyncio.to_thread(apache_kafka.stop, kill=kill)
        assert apache_kafka.pid is None
    finally:
        await asyncio.to_thread(apache_kafka.start)
    assert apache_kafka.pid != before
    await produce(topic, [b"after"], **client)
    assert await read(topic, len(VALUES) + 1, **client) == [*VALUES, b"after"]
