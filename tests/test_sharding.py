"""Shards and detection as processes over a real Kafka: the incidents of one process, byte for byte.

What restarts is tried on Apache Kafka only: the embedded broker does not keep what is committed
with an offset, which is what tells a shard where to go on.
"""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from aiokafka.errors import KafkaTimeoutError
from msgspec.structs import replace

from monitor.broker import create_topics
from monitor.clocks import NEVER, Resume
from monitor.config import Config, Scale
from monitor.errors import UserError
from monitor.incidents import encode
from monitor.records import Partition
from monitor.replay import Replay
from monitor.sharding import ShardService
from tests.apache_kafka import ApacheKafka
from tests.live import (
    Venue,
    audit_decisions,
    audit_lines,
    minutes_of_trouble,
    replayed,
    running,
    until,
)
from tests.test_service import to_toml

pytestmark = pytest.mark.kafka


@asynccontextmanager
async def shard_process(
    config: Config, folder: Path, name: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`foreshock run` as a shard; what it says goes to `name`.log."""
    file = folder / f"{name}.toml"
    file.write_text(to_toml(config))
    with (folder / f"{name}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "monitor.cli", "run", "-c", str(file), stderr=log
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), 30)


def share(folder: Path, name: str) -> list[int]:
    """The partition numbers that a shard was given last."""
    said = (folder / f"{name}.log").read_text().splitlines()
    given = [json.loads(line) for line in said if "partitions assigned" in line]
    return list(given[-1]["numbers"]) if given else []


async def test_a_shard_killed_midway_changes_no_incident(
    apache_kafka: ApacheKafka, tmp_path: Path
) -> None:
    apache_kafka.start()
    venue = Venue(apache_kafka.bootstrap)
    await venue.create()
    frames_topic = f"{venue.prefix}frames"
    await create_topics(venue.bootstrap, {frames_topic: 3}, {"retention.ms": "-1"})
    messages = minutes_of_trouble(31)
    cuts = [0, len(messages) // 3, len(messages) * 2 // 5, len(messages)]  # trouble from a half on
    parts = [messages[a:b] for a, b in pairwise(cuts)]
    alone = venue.config(tmp_path)
    shard = replace(alone, scale=Scale(role="shard", frames_topic=frames_topic))
    detection = replace(alone, scale=Scale(role="detection", frames_topic=frames_topic))
    async with (
        shard_process(shard, tmp_path, "one") as first,
        shard_process(shard, tmp_path, "two"),
        running(detection) as service,
    ):
        await until(lambda: share(tmp_path, "one") and share(tmp_path, "two"))
        await until(lambda: len(share(tmp_path, "one") + share(tmp_path, "two")) == 3)
        await venue.publish(parts[0])
        await until(lambda: service.pipeline.fold.next_bin is not None)
        await venue.publish(parts[1])
        first.send_signal(signal.SIGKILL)
        before = len(audit_lines(detection))
        await venue.publish(parts[2])
        await first.wait()
        await venue.record(tmp_path / "log.jsonl")
        expected = replayed(alone, tmp_path / "log.jsonl")
        await until(lambda: len(audit_lines(detection)) >= len(expected) - 1)
        await until(lambda: share(tmp_path, "two") == [0, 1, 2])
    assert before == 0, "the trouble comes after the kill, its background before"
    told = audit_lines(detection)
    assert told == expected[: len(told)]


async def test_silent_numbers_hold_nothing_up_and_the_decisions_are_in_detections_audit_log(
    any_broker: str, tmp_path: Path
) -> None:
    venue = Venue(any_broker, partitions=16)  # more than symbols: some numbers never hear anything
    await venue.create()
    frames_topic = f"{venue.prefix}frames"
    await create_topics(venue.bootstrap, {frames_topic: 16}, {"retention.ms": "-1"})
    messages = minutes_of_trouble(32)
    await venue.publish(messages)
    alone = venue.config(tmp_path)
    alone = replace(alone, kafka=replace(alone.kafka, idle_after_s=3.0))
    shard = ShardService(replace(alone, scale=Scale(role="shard", frames_topic=frames_topic)))
    detection = replace(alone, scale=Scale(role="detection", frames_topic=frames_topic))
    sharding = asyncio.create_task(shard.run())
    async with running(detection) as service:
        await until(lambda: audit_lines(detection))
        await until(lambda: all(c.idle for c in service.pipeline.fold.partitions.values()))
        shard.stop()
        await sharding
    assert shard.exporter.events_total() == len(messages)
    assert {decision["decision"] for decision in audit_decisions(detection)} >= {"idle"}
    await venue.record(tmp_path / "log.jsonl")
    audit = Path(detection.output.audit_log or "")
    repeated = Replay(alone, [tmp_path / "log.jsonl"], decisions=audit)
    told = audit_lines(detection)
    assert told == [encode(incident) for incident in repeated.incidents()][: len(told)]


class Broken:
    """A publisher whose broker is gone."""

    async def publish(self, messages: object) -> None:
        raise KafkaTimeoutError(f"not taken: {messages}")


class Committing:
    """A source that remembers what was committed."""

    def __init__(self) -> None:
        self.commits: list[object] = []

    async def commit(self, resumes: object) -> bool:
        self.commits.append(resumes)
        return True


async def test_nothing_is_committed_after_frames_that_were_not_taken() -> None:
    service, source = ShardService(Config()), Committing()
    service._publisher, service._source = Broken(), source  # type: ignore[assignment] # stand-ins
    orders = Partition("orders", 0)
    service.shard.assign(orders, Resume(0, NEVER, 0), None)
    await service._commit()
    assert len(source.commits) == 1
    service.shard.folds[0].partitions[orders].idle = True
    with pytest.raises(KafkaTimeoutError):
        await service._publish()
    await service._commit()
    assert len(source.commits) == 1


async def test_a_frames_topic_that_does_not_fit_is_refused_in_words(
    apache_kafka: ApacheKafka, tmp_path: Path
) -> None:
    apache_kafka.start()
    venue = Venue(apache_kafka.bootstrap)
    await venue.create()
    topic = f"{venue.prefix}frames"
    await create_topics(venue.bootstrap, {topic: 2})
    config = replace(venue.config(tmp_path), scale=Scale(role="shard", frames_topic=topic))
    with pytest.raises(UserError, match=f"frames_topic = '{topic}': must have 3 partitions"):
        await ShardService(config).run()
