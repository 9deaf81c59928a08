"""Helpers for tests that run the whole monitor over a broker."""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer

from monitor.broker import create_topics
from monitor.config import Checkpoint, Config, Http, Kafka, Output
from monitor.demo.exchange import Exchange, Script
from monitor.incidents import encode
from monitor.recorder import Recorder
from monitor.replay import Replay
from monitor.service import Service
from monitor.simulator.slices import SLICE_S

BASE_TOPICS = ("orders", "cancels", "leverage-changes")


@dataclass(slots=True)
class Venue:
    """Topics of its own on a shared broker, and what was published to them."""

    bootstrap: str
    partitions: int = 3
    prefix: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:8]}-")

    @property
    def topics(self) -> list[str]:
        return [self.prefix + topic for topic in BASE_TOPICS]

    async def create(self) -> None:
        """Create the topics; nothing on them is ever deleted by age."""
        await create_topics(
            self.bootstrap, dict.fromkeys(self.topics, self.partitions), {"retention.ms": "-1"}
        )

    def config(self, folder: Path, *, idle_after_s: float = 60.0, **changes: Any) -> Config:
        """A configuration for these topics that keeps its files in a folder."""
        return msgspec.structs.replace(
            Config(
                venue="test",
                kafka=Kafka(
                    bootstrap_servers=self.bootstrap,
                    group_id=self.prefix + "group",
                    topics=self.topics,
                    optional_topics=[],  # others share the broker
                    start="earliest",
                    session_timeout_s=6.0,
                    idle_after_s=idle_after_s,
                ),
                checkpoint=Checkpoint(directory=str(folder / "state"), every_s=0.5),
                http=Http(port=0),
                output=Output(audit_log=str(folder / "audit.jsonl")),
            ),
            **changes,
        )

    async def publish(self, messages: list[tuple[str, str, bytes]], **options: Any) -> None:
        """Send messages of an exchange, keyed by symbol."""
        async with AIOKafkaProducer(
            bootstrap_servers=self.bootstrap, linger_ms=5, **options
        ) as producer:
            for topic, key, value in messages:
                await producer.send(self.prefix + topic, value, key=key.encode())
            await producer.flush()

    async def record(self, path: Path) -> None:
        """Write everything on the topics as an enveloped log."""
        recorder = Recorder(self.config(path.parent), path, start="earliest")
        recording = asyncio.create_task(recorder.run())
        quiet, seen = 0, -1
        while quiet < 4:
            await asyncio.sleep(0.25)
            quiet = quiet + 1 if seen == recorder.totals.records.total() > 0 else 0
            seen = recorder.totals.records.total()
        recorder.stop()
        await recording


def minutes_of_trouble(
    seed: int, *, seconds: float = 120.0, start_ns: int | None = None
) -> list[tuple[str, str, bytes]]:
    """Traffic that ends now, with leverage piling up after 66 s, and makers pulling their quotes
    from 70 to 82 s: an incident that opens at about 70 s and closes by 115 s.

    It has to be past the first minute and loud. Until then the mixtures have no opinion, and of
    single streams so little is known that no burst counts for more than two or three decades.
    """
    start = start_ns or time.time_ns() - int(seconds * 1e9)
    script = Script(
        leverage_from_s=66.0, pull_from_s=70.0, pull_until_s=82.0, leverage_per_s=60.0, haste=40.0
    )
    exchange = Exchange(seed=seed, start_ns=start, script=script)
    return [message for _ in range(round(seconds / SLICE_S)) for message in exchange.slice()]


def replayed(config: Config, *logs: Path) -> list[bytes]:
    """Every incident of some logs, encoded."""
    return [encode(incident) for incident in Replay(config, logs).incidents()]


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[Service]:
    """A service that runs for the length of the block, then drains."""
    service = Service(config)
    task = asyncio.create_task(service.run())
    try:
        yield service
    finally:
        service.stop()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], object], *, seconds: float = 60.0) -> None:
    """Wait for something to become true; fails loudly when it does not."""
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            raise AssertionError(f"not within {seconds} s: {condition}")
        await asyncio.sleep(0.05)


def audit_decisions(config: Config) -> list[dict[str, Any]]:
    """What a configuration's audit log says was decided by wall time."""
    lines = Path(config.output.audit_log or "").read_bytes().splitlines()
    return [json.loads(line) for line in lines if b'"decision"' in line]


def audit_lines(config: Config) -> list[bytes]:
    """The incidents in a configuration's audit log, without the decisions."""
    path = Path(config.output.audit_log or "")
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [line for line in lines if b'"decision"' not in line]
