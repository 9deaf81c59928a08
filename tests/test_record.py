"""What a topic held, `record` wrote and `replay` read is the same, byte for byte."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from monitor.errors import UserError
from monitor.recorder import Recorder
from monitor.records import Partition, RawBatch
from monitor.sinks.envelopes import EnvelopeLog
from monitor.sources.files import open_log
from tests.apache_kafka import ApacheKafka
from tests.live import Venue, audit_lines, minutes_of_trouble, replayed, running, until
from tests.test_service import caught_up, to_toml

VALUES = [b'{"type":"order"}', None, b"", b"\xff\xfe\x00", 'käse " \\ \n'.encode(), b"null", b"0"]
ENDINGS = (".jsonl", ".jsonl.zst", ".jsonl.gz")


def batch(values: list[bytes | None], first: int = 0) -> RawBatch:
    stop = first + len(values)
    return RawBatch(Partition("orders", 1), values, range(first, stop), [99] * len(values))


def read(path: Path) -> list[bytes | None]:
    if not path.stat().st_size:
        return []
    log = open_log(path)
    assert log.enveloped
    return [v for raw in log.batches(record_bytes_max=1 << 20) for v in raw.values]


@pytest.mark.parametrize("ending", ENDINGS)
def test_any_bytes_come_back_as_they_were(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"log{ending}"
    log = EnvelopeLog(path)
    log.write(batch(VALUES))
    log.close()
    assert read(path) == VALUES


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_was_flushed_is_whole_though_the_log_was_never_closed(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"log{ending}"
    log = EnvelopeLog(path)
    for number in range(3):
        log.write(batch(VALUES, number * len(VALUES)))
        log.flush()
        assert read(path) == VALUES * (number + 1)
    log.write(batch(VALUES))  # not flushed: lost with a kill
    assert read(path) == VALUES * 3
    log.close()


def test_a_log_that_exists_or_has_another_ending_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(b"precious")
    with pytest.raises(UserError, match="File exists"):
        EnvelopeLog(tmp_path / "log.jsonl")
    with pytest.raises(UserError, match=r"ends in \.jsonl"):
        EnvelopeLog(tmp_path / "log.txt")
    assert (tmp_path / "log.jsonl").read_bytes() == b"precious"


@asynccontextmanager
async def recording(
    venue: Venue, folder: Path, log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`foreshock record` as a process, ended by whoever uses it."""
    file = folder / "foreshock.toml"
    file.write_text(to_toml(venue.config(folder)))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "monitor.cli", "record", "-c", str(file), "-o", str(log),
        "--from", "earliest", stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.kafka
async def test_a_recording_replays_to_the_incidents_that_were_told_live(
    any_broker: str, tmp_path: Path
) -> None:
    venue = Venue(any_broker)
    await venue.create()
    messages = minutes_of_trouble(21)
    log = tmp_path / "log.jsonl.zst"
    config = venue.config(tmp_path)
    async with recording(venue, tmp_path, log) as process:
        await venue.publish(messages)
        async with AIOKafkaProducer(bootstrap_servers=any_broker) as producer:
            for value in (b"\xff\xfe", None):
                await producer.send_and_wait(venue.topics[0], value, partition=0, key=b"x")
        async with running(config) as service:
            await until(lambda: caught_up(service, len(messages)))
        await until(lambda: log.exists() and len(read(log)) == len(messages) + 2)
        process.send_signal(signal.SIGTERM)
        _, said = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, said.decode()
    assert f"log.jsonl.zst: {len(messages) + 2:,} records, span ".encode() in said
    assert len(said.splitlines()) == 1
    assert {b"\xff\xfe", None} < set(read(log))
    told = audit_lines(config)
    assert told
    assert told == replayed(config, log)[: len(told)]


@pytest.mark.kafka
async def test_a_killed_recording_is_a_log(embedded: str, tmp_path: Path) -> None:
    venue = Venue(embedded)
    await venue.create()
    messages = minutes_of_trouble(22, seconds=10)
    await venue.publish(messages)
    log = tmp_path / "log.jsonl.gz"
    async with recording(venue, tmp_path, log) as process:
        await until(lambda: log.exists() and len(read(log)) > 0)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    assert set(read(log)) <= {value for _, _, value in messages}


@pytest.mark.kafka
async def test_a_recording_ends_after_its_duration_and_commits_nothing(
    any_broker: str, tmp_path: Path
) -> None:
    venue = Venue(any_broker)
    await venue.create()
    messages = minutes_of_trouble(23, seconds=5)
    await venue.publish(messages)
    config = venue.config(tmp_path)
    recorder = Recorder(config, tmp_path / "log.jsonl", start="recent", duration_s=2.0)
    await asyncio.wait_for(recorder.run(), 30)
    assert recorder.totals.records.total() == len(messages) == len(read(tmp_path / "log.jsonl"))
    admin = AIOKafkaAdminClient(bootstrap_servers=any_broker)
    await admin.start()
    try:
        groups = await admin.list_consumer_groups()
    finally:
        await admin.close()
    assert config.kafka.group_id not in {group[0] for group in groups}


@pytest.mark.kafka
async def test_a_topic_that_is_missing_is_named_and_no_file_is_left(
    apache_kafka: ApacheKafka, tmp_path: Path
) -> None:
    apache_kafka.start()
    venue = Venue(apache_kafka.bootstrap)  # its topics are never created
    recorder = Recorder(venue.config(tmp_path), tmp_path / "log.jsonl", start="latest")
    with pytest.raises(UserError, match=f"no such topic on the brokers: {venue.topics[0]}"):
        await recorder.run()
    assert not (tmp_path / "log.jsonl").exists()
