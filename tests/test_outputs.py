"""What cannot be delivered is counted, and holds nothing else up."""

import asyncio
import json
import time
import uuid
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from monitor.broker import create_topics
from monitor.config import Config, Kafka, Output
from monitor.outputs import VALUE_BYTES_MAX, Outputs
from monitor.records import BadRecord, Partition
from monitor.sinks.files import DeadLetterFile
from monitor.sinks.kafka import KafkaSink
from monitor.sinks.letters import letter
from tests.processes import free_ports

ORIGIN = Partition("orders", 0)


def bad(value: bytes) -> BadRecord:
    return BadRecord(ORIGIN, 5, 1_000, "not_json", value)


def test_a_letter_holds_the_begin_of_a_value_that_is_too_long() -> None:
    told = json.loads(letter(bad(b"\x00" * (VALUE_BYTES_MAX + 1)), VALUE_BYTES_MAX))
    assert told["value_bytes"] == VALUE_BYTES_MAX + 1
    assert len(told["value"]) == VALUE_BYTES_MAX
    whole = json.loads(letter(bad(b"\xff\x00"), VALUE_BYTES_MAX))
    assert "value_bytes" not in whole
    assert whole["value_base64"] == "/wA="


async def test_dead_letters_without_room_are_counted(tmp_path: Path) -> None:
    full = Output(dead_letter_file="/dev/full")
    outputs = Outputs(Config(output=full), lambda _: None)
    outputs.bury([bad(b"x"), bad(b"y")])
    outputs.bury([bad(b"z")])
    await outputs.stop()
    assert outputs.dropped_total == 3
    outputs = Outputs(Config(output=Output(dead_letter_file=str(tmp_path / "d"))), lambda _: None)
    outputs.bury([bad(b"x"), bad(b"y")])
    await outputs.stop()
    assert outputs.dropped_total == 0
    assert len((tmp_path / "d").read_bytes().splitlines()) == 2


def test_a_dead_letter_that_was_cut_short_spoils_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = DeadLetterFile(tmp_path / "dead")
    whole = letters._file

    class Full:
        def write(self, line: bytes) -> int:
            return whole.write(line[:10])

    monkeypatch.setattr(letters, "_file", Full())
    with pytest.raises(OSError, match="No space left"):
        letters.write(bad(b"x"))
    monkeypatch.setattr(letters, "_file", whole)
    letters.write(bad(b"y"))
    letters.close()
    torn, good = (tmp_path / "dead").read_bytes().splitlines()
    assert len(torn) == 10
    assert json.loads(good)["value"] == "y"


async def test_a_sink_that_cannot_deliver_is_not_waited_for() -> None:
    kafka = Kafka(bootstrap_servers=f"127.0.0.1:{free_ports(1)[0]}")
    outputs = Outputs(Config(kafka=kafka, output=Output(dead_letter_topic="dead")), lambda _: None)
    outputs.start()
    assert await outputs.flush(0.0), "nothing is owed"
    outputs.bury([bad(b"x")])
    started = time.monotonic()
    assert not await outputs.flush(0.0)
    assert time.monotonic() - started < 1.0
    for sink in outputs.sinks.values():
        await sink.stop(0.1)


@pytest.mark.kafka
async def test_a_message_that_no_broker_takes_is_dropped_and_the_next_one_sent(
    any_broker: str,
) -> None:
    topic = f"sink-{uuid.uuid4().hex[:8]}"
    await create_topics(any_broker, {topic: 1})
    sink = KafkaSink({"bootstrap_servers": any_broker}, topic, queue_max=10)
    sink.start()
    sink.send(b"k", b"x" * (2 << 20))
    sink.send(b"k", b"small")
    assert await sink.flush(20.0)
    await sink.stop()
    assert sink.dropped_total == 1
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=any_broker, auto_offset_reset="earliest")
    await consumer.start()
    try:
        assert (await asyncio.wait_for(consumer.getone(), 20)).value == b"small"
    finally:
        await consumer.stop()
