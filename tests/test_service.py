"""The monitor over a real wire: the same incidents as a replay, whatever happens on the way."""

import asyncio
import json
import os
import signal
import sys
import time
import urllib.request
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from monitor.broker import create_topics
from monitor.config import Output
from monitor.incidents import encode
from monitor.replay import Replay
from monitor.service import Service
from monitor.sources.topics import existing
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

pytestmark = pytest.mark.kafka


def caught_up(service: Service, events: int) -> bool:
    return service.exporter.events_total() >= events and not sum(service.exporter.lag.values())


def read_to(service: Service, records: int) -> bool:
    """Whether every record that was published has been read."""
    clocks = service.pipeline.fold.partitions.values()
    return sum(clock.position for clock in clocks) == records


async def venue_with_traffic(bootstrap: str, seed: int = 3) -> tuple[Venue, int]:
    venue = Venue(bootstrap)
    await venue.create()
    messages = minutes_of_trouble(seed)
    await venue.publish(messages)
    return venue, len(messages)


async def test_live_and_replay_tell_the_same_incidents(any_broker: str, tmp_path: Path) -> None:
    venue, events = await venue_with_traffic(any_broker)
    config = venue.config(tmp_path)
    async with running(config) as service:
        await until(lambda: caught_up(service, events))
    await venue.record(tmp_path / "log.jsonl")
    expected = replayed(config, tmp_path / "log.jsonl")
    told = audit_lines(config)
    assert told, "an incident was planted"
    assert told == expected[: len(told)]
    assert json.loads(told[0])["at_ns"] < json.loads(told[-1])["at_ns"]


async def test_a_killed_monitor_continues_where_it_was(embedded: str, tmp_path: Path) -> None:
    venue = Venue(embedded)
    await venue.create()
    messages = minutes_of_trouble(4)
    config = venue.config(tmp_path)
    file = tmp_path / "foreshock.toml"
    file.write_text(to_toml(config))
    half = len(messages) * 2 // 3
    await venue.publish(messages[:half])
    state = tmp_path / "state" / "checkpoint.npz"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "monitor.cli", "run", "-c", str(file),
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await until(state.exists)
        await until(lambda: len(audit_lines(config)) > 0)
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()
    await venue.publish(messages[half:])
    async with running(config) as service:
        await until(lambda: read_to(service, len(messages)))
    await venue.record(tmp_path / "log.jsonl")
    expected = replayed(config, tmp_path / "log.jsonl")
    told = audit_lines(config)
    assert told == expected[: len(told)]
    assert len(told) >= len(expected) - 1


async def test_sigterm_drains_and_exits_0(embedded: str, tmp_path: Path) -> None:
    venue, _ = await venue_with_traffic(embedded)
    file = tmp_path / "foreshock.toml"
    file.write_text(to_toml(venue.config(tmp_path)))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "monitor.cli", "run", "-c", str(file),
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    await until((tmp_path / "state" / "checkpoint.npz").exists)
    process.terminate()
    _, said = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, said.decode()
    assert b"drained" in said


async def test_a_standby_takes_over_without_loss_or_repeat(any_broker: str, tmp_path: Path) -> None:
    venue = Venue(any_broker)
    await venue.create()
    messages = minutes_of_trouble(5)
    half = len(messages) * 3 // 4
    await venue.publish(messages[:half])
    config = venue.config(tmp_path)
    async with running(config) as first:
        await until(lambda: caught_up(first, half))
        async with running(config) as second:
            await until(lambda: second._source is not None and len(first.holdings.partitions))
            await asyncio.sleep(8)  # the group settles: the newcomer must not take over
            assert len(first.holdings.partitions) == 9
            assert not second.holdings.partitions
            first.stop()
            await until(lambda: len(second.holdings.partitions) == 9)
            await venue.publish(messages[half:])
            await until(lambda: read_to(second, len(messages)))
    await venue.record(tmp_path / "log.jsonl")
    expected = replayed(config, tmp_path / "log.jsonl")
    told = audit_lines(config)
    assert told == expected[: len(told)]
    assert len(told) >= len(expected) - 1


async def test_a_broker_that_vanishes_and_comes_back_is_waited_for(
    apache_kafka: ApacheKafka, tmp_path: Path
) -> None:
    venue = Venue(apache_kafka.bootstrap)
    await venue.create()
    messages = minutes_of_trouble(6)
    half = len(messages) // 2
    await venue.publish(messages[:half])
    config = venue.config(tmp_path)
    async with running(config) as service:
        await until(lambda: caught_up(service, half))
        await asyncio.to_thread(apache_kafka.stop, kill=True)
        await asyncio.sleep(3)
        await asyncio.to_thread(apache_kafka.start)
        await venue.publish(messages[half:])
        await until(lambda: read_to(service, len(messages)), seconds=120)
    await venue.record(tmp_path / "log.jsonl")
    told = audit_lines(config)
    assert told
    assert told == replayed(config, tmp_path / "log.jsonl")[: len(told)]


async def test_bad_records_are_counted_and_buried_and_stop_nothing(
    any_broker: str, tmp_path: Path
) -> None:
    venue = Venue(any_broker)
    await venue.create()
    messages = minutes_of_trouble(7, seconds=20)
    bad = [
        ("orders", "X", b"not json"),
        ("cancels", "X", b'{"type":"cancel","ts":1}'),
        ("leverage-changes", "X", b'{"type":"surprise","ts":1}'),
        ("orders", "X", b""),
    ]
    await venue.publish([*messages[:100], *bad, *messages[100:]])
    out = Output(
        dead_letter_file=str(tmp_path / "dead.jsonl"), dead_letter_topic=venue.topics[0] + "-dead"
    )
    await create_dead_letters(venue)
    async with running(venue.config(tmp_path, output=out)) as service:
        await until(lambda: caught_up(service, len(messages)))
        page = await asyncio.to_thread(fetch, service, "/metrics")
    counted = {
        (s.labels["topic"].removeprefix(venue.prefix), s.labels["reason"])
        for family in text_string_to_metric_families(page)
        for s in family.samples
        if s.name == "foreshock_bad_records_total" and s.value
    }
    assert counted == {
        ("orders", "not_json"),
        ("orders", "empty"),
        ("cancels", "missing_field"),
        ("leverage-changes", "unknown_type"),
    }
    letters = [json.loads(line) for line in (tmp_path / "dead.jsonl").read_text().splitlines()]
    assert {letter["reason"] for letter in letters} == {reason for _, reason in counted}
    consumer = AIOKafkaConsumer(
        out.dead_letter_topic, bootstrap_servers=venue.bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        sent = [json.loads((await asyncio.wait_for(consumer.getone(), 20)).value) for _ in bad]
    finally:
        await consumer.stop()
    assert sorted(x["reason"] for x in sent) == sorted(x["reason"] for x in letters)


async def test_a_topic_of_which_nothing_is_good_holds_nothing_up(
    embedded: str, tmp_path: Path
) -> None:
    """A producer that changed its schema: its records come and come, and never an event."""
    venue = Venue(embedded)
    await venue.create()
    messages = minutes_of_trouble(8, seconds=20)
    await venue.publish([m for m in messages if m[0] != "leverage-changes"])
    config = venue.config(tmp_path, idle_after_s=1.0)
    async with running(config) as service:
        for n in range(100):
            await venue.publish([("leverage-changes", f"{n % 7}", b'{"type":"leverage"}')])
            if service.pipeline.detection.bins > 60:
                break
            await asyncio.sleep(0.1)
        assert service.pipeline.detection.bins > 60, "bins close without it"


async def test_silent_partitions_hold_nothing_up_and_the_decision_is_on_record(
    embedded: str, tmp_path: Path
) -> None:
    venue = Venue(embedded, partitions=16)  # more than symbols: some never hear anything
    await venue.create()
    messages = minutes_of_trouble(8)
    await venue.publish(messages)
    config = venue.config(tmp_path, idle_after_s=1.0)
    async with running(config) as service:
        await until(lambda: read_to(service, len(messages)))
        await until(lambda: audit_lines(config))
        await until(lambda: all(c.idle for c in service.pipeline.fold.partitions.values()))
        # What the idle partitions say now of bins that closed without them is late.
        more = minutes_of_trouble(9, seconds=20)
        await venue.publish(more)
        await until(lambda: read_to(service, len(messages) + len(more)))
        late = sum(sample.value for sample in late_samples(service))
    assert late > 0
    assert {decision["decision"] for decision in audit_decisions(config)} >= {"idle"}
    await venue.record(tmp_path / "log.jsonl")
    told = audit_lines(config)
    audit = Path(config.output.audit_log or "")
    repeated = Replay(config, [tmp_path / "log.jsonl"], decisions=audit)
    assert told == [encode(incident) for incident in repeated.incidents()][: len(told)]
    assert repeated.totals.late == late


def late_samples(service: Service) -> list[Sample]:
    text = generate_latest(service.exporter.registry).decode()
    return [
        sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "foreshock_late_events_total"
    ]


async def create_dead_letters(venue: Venue) -> None:
    from monitor.broker import create_topics

    await create_topics(venue.bootstrap, {venue.topics[0] + "-dead": 1})


async def test_metrics_and_health_say_what_the_contract_names(
    embedded: str, tmp_path: Path
) -> None:
    venue, events = await venue_with_traffic(embedded)
    async with running(venue.config(tmp_path)) as service:
        await until(lambda: caught_up(service, events))
        page = await asyncio.to_thread(fetch, service, "/metrics")
        health = await asyncio.to_thread(fetch, service, "/healthz")
        incidents = json.loads(await asyncio.to_thread(fetch, service, "/incidents"))
    families = {f.name: f for f in text_string_to_metric_families(page)}
    for name in (
        "foreshock_events", "foreshock_bad_records", "foreshock_late_events",
        "foreshock_watermark_timestamp_seconds", "foreshock_consumer_lag_records",
        "foreshock_step_seconds", "foreshock_event_delay_seconds", "foreshock_signal_score",
        "foreshock_incidents_open", "foreshock_incidents", "foreshock_blind",
        "foreshock_build_info",
    ):  # fmt: skip
        assert name in families, name
    labels = {label for f in families.values() for s in f.samples for label in s.labels}
    assert labels <= {
        "topic", "type", "reason", "partition", "le", "signal", "symbol", "severity", "version",
        "rate", "venue", "id", "scope",
        "summary", "symbols", "first", "accounts_share", "signals", "onset", "of",
        "side", "within_bps",  # of books, once there was a look
    }  # fmt: skip
    assert (
        sum(s.value for s in families["foreshock_events"].samples if "_total" in s.name) == events
    )
    assert json.loads(health) == {"alive": True}
    named = {a["account"] for i in incidents["recent"] for a in i["accounts"]}
    values = {value for f in families.values() for s in f.samples for value in s.labels.values()}
    assert named
    assert not [(name, value) for name in named for value in values if name in value]


def fetch(service: Service, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{service.status.port}{path}", timeout=5) as r:
        return str(r.read().decode())


def to_toml(config: object) -> str:
    """A configuration as the file that gives it."""
    lines: list[str] = []
    for section, table in msgspec.to_builtins(config).items():
        if isinstance(table, dict):
            lines.append(f"[{section}]")
            lines += [f"{k} = {json.dumps(v)}" for k, v in table.items() if v is not None]
        else:
            lines.insert(0, f"{section} = {json.dumps(table)}")
    return os.linesep.join(lines) + "\n"


async def test_a_topic_that_may_be_there_is_read_where_it_is_and_never_made(
    any_broker: str, tmp_path: Path
) -> None:
    venue, events = await venue_with_traffic(any_broker)
    there, absent = f"{venue.prefix}market", f"{venue.prefix}nowhere"
    await create_topics(any_broker, {there: 1}, {"retention.ms": "-1"})
    ts = time.time_ns()
    mark = {"type": "mark", "ts": ts, "symbol": "BTC-PERP", "mark": 1.0, "index": 1.0}
    await venue.publish([("market", "BTC-PERP", json.dumps(mark).encode())])
    config = venue.config(tmp_path)
    kafka = msgspec.structs.replace(config.kafka, optional_topics=[there, absent])
    config = msgspec.structs.replace(config, kafka=kafka)
    async with running(config) as service:
        await until(lambda: caught_up(service, events + 1))
        text = generate_latest(service.exporter.registry).decode()
    assert f'foreshock_events_total{{topic="{there}",type="mark"}} 1.0' in text
    assert await existing(config.kafka, [there, absent]) == [there]
