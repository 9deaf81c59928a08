"""Without state to go on from, what is usual is learned from the log, and nothing is told twice."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from monitor.config import Checkpoint, Config, Input
from tests.apache_kafka import ApacheKafka
from tests.live import Venue, audit_lines, minutes_of_trouble, replayed, running, until
from tests.test_service import caught_up, read_to

pytestmark = pytest.mark.kafka


def beginning(config: Config, start: str) -> Config:
    kafka = msgspec.structs.replace(config.kafka, start=start)
    return msgspec.structs.replace(config, kafka=kafka)


async def test_a_first_start_reads_what_was_published_recently(
    any_broker: str, tmp_path: Path
) -> None:
    venue = Venue(any_broker)
    await venue.create()
    messages = minutes_of_trouble(11)
    await venue.publish(messages)
    config = beginning(venue.config(tmp_path), "recent")
    async with running(config) as service:
        await until(lambda: caught_up(service, len(messages)))
    await venue.record(tmp_path / "log.jsonl")
    told = audit_lines(config)
    assert told
    assert told == replayed(config, tmp_path / "log.jsonl")[: len(told)]


async def test_a_start_at_the_end_reads_only_what_follows(any_broker: str, tmp_path: Path) -> None:
    venue = Venue(any_broker)
    await venue.create()
    messages = minutes_of_trouble(12, seconds=10)
    await venue.publish(messages[:-50])
    async with running(beginning(venue.config(tmp_path), "latest")) as service:
        await until(lambda: len(service.holdings.partitions) == 9)
        await venue.publish(messages[-50:])
        await until(lambda: read_to(service, len(messages)))
        assert service.exporter.events_total() == 50


@pytest.mark.parametrize(
    "changes",
    [{"input": Input(lateness_s=1.9)}, {"checkpoint": Checkpoint(directory=None, every_s=0.5)}],
    ids=["refused", "absent"],
)
async def test_without_usable_state_baselines_are_learned_again_and_nothing_is_told_twice(
    apache_kafka: ApacheKafka, tmp_path: Path, changes: dict[str, Any]
) -> None:
    apache_kafka.start()
    venue = Venue(apache_kafka.bootstrap)
    await venue.create()
    messages = minutes_of_trouble(13)
    half = len(messages) * 3 // 4  # in the middle of the trouble
    first = venue.config(tmp_path)
    next_bin = await judge_first(venue, first, messages[:half])
    before = audit_lines(first)
    second = msgspec.structs.replace(first, **changes)
    async with running(second) as service:
        await until(lambda: read_to(service, half) and not service.holdings.rewarming)
        assert service.exporter.open, "what is open across the restart is shown"
        assert service.exporter.incidents.known, "and from now on nothing is missing in it"
        assert "cancel_burst" not in service.pipeline.detection.blind(), "it was learned again"
        assert audit_lines(first) == before
        await venue.publish(messages[half:])
        await until(lambda: read_to(service, len(messages)))
    await venue.record(tmp_path / "log.jsonl")
    of_all = replayed(second, tmp_path / "log.jsonl")
    expected = [line for line in of_all if json.loads(line)["at_ns"] > next_bin * first.bin_ns]
    told = audit_lines(first)[len(before) :]
    assert expected
    assert told == expected[: len(told)]
    assert len(told) >= len(expected) - 1


async def test_a_broker_that_forgets_how_far_bins_were_judged_costs_no_repeat_in_the_audit_log(
    embedded: str, tmp_path: Path
) -> None:
    """The embedded broker keeps committed offsets, but not what was committed with them."""
    venue = Venue(embedded)
    await venue.create()
    messages = minutes_of_trouble(13)
    half = len(messages) * 3 // 4
    first = venue.config(tmp_path)
    await judge_first(venue, first, messages[:half])
    stateless = msgspec.structs.replace(first, checkpoint=Checkpoint(directory=None, every_s=0.5))
    async with running(stateless) as service:
        await until(lambda: read_to(service, half))
        await venue.publish(messages[half:])
        await until(lambda: read_to(service, len(messages)))
    await venue.record(tmp_path / "log.jsonl")
    expected = replayed(first, tmp_path / "log.jsonl")
    told = audit_lines(first)
    assert told == expected[: len(told)]
    assert len(told) >= len(expected) - 1


async def judge_first(venue: Venue, config: Config, messages: list[Any]) -> int:
    """Run until an incident is open; returns the first bin that was not judged."""
    await venue.publish(messages)
    async with running(config) as service:
        await until(lambda: caught_up(service, len(messages)))
        await until(lambda: service.pipeline.detection.desk.open)
    next_bin = service.pipeline.fold.next_bin
    assert next_bin is not None
    return next_bin
