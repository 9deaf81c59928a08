"""One reader of the same topics, in a process of its own: bare, foreshock, or river.

Run as `python -m tests.bench.readers NAME BOOTSTRAP EVENTS`; prints events, wall and CPU seconds.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable

import msgspec
from aiokafka import AIOKafkaConsumer
from river.drift import ADWIN

from monitor.config import Checkpoint, Config, Http, Kafka
from monitor.garbage import collect_rarely
from monitor.logs import configure
from monitor.service import Service
from tests.live import until

TOPICS = ("orders", "cancels", "leverage-changes")
POLL_RECORDS = 20_000


async def bare(bootstrap: str, events: int) -> tuple[float, float]:
    """An aiokafka consumer that only counts."""
    consumer = _consumer(bootstrap)
    await consumer.start()
    try:
        return await _timed(consumer, events, lambda _: None)
    finally:
        await consumer.stop()


async def river(bootstrap: str, events: int) -> tuple[float, float]:
    """A loop over events as one would write it first: ADWIN per symbol and kind."""
    windows: dict[tuple[str, str], ADWIN] = {}
    last: dict[tuple[str, str], int] = {}

    def take(value: bytes) -> None:
        event = msgspec.json.decode(value)
        key = event["symbol"], event["type"]
        if key in last:
            windows[key].update((event["ts"] - last[key]) / 1e9)
        else:
            windows[key] = ADWIN()
        last[key] = event["ts"]

    consumer = _consumer(bootstrap)
    await consumer.start()
    try:
        return await _timed(consumer, events, take)
    finally:
        await consumer.stop()


async def foreshock(bootstrap: str, events: int) -> tuple[float, float]:
    """The service as `foreshock run` starts it, every detector on."""
    config = Config(
        kafka=Kafka(
            bootstrap_servers=bootstrap,
            group_id=f"bench-{time.time_ns()}",
            start="earliest",
            poll_records_max=POLL_RECORDS,
        ),
        checkpoint=Checkpoint(directory=None),
        http=Http(port=0),
    )
    service = Service(config)
    collect_rarely()
    running = asyncio.create_task(service.run())
    await until(service.exporter.events_total)
    # The first polls are not counted, by any of the readers: connections and joins are no work.
    seen, wall, cpu = service.exporter.events_total(), time.perf_counter(), time.process_time()
    await until(lambda: service.exporter.events_total() >= events, seconds=600)
    spent = time.perf_counter() - wall, time.process_time() - cpu
    service.stop()
    await running
    return _per_event(spent, events - seen)


def _consumer(bootstrap: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        *TOPICS,
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )


async def _timed(
    consumer: AIOKafkaConsumer, events: int, take: Callable[[bytes], None]
) -> tuple[float, float]:
    seen, first = 0, 0
    wall = cpu = 0.0
    while seen < events:
        fetched = await consumer.getmany(timeout_ms=200, max_records=POLL_RECORDS)
        for records in fetched.values():
            for record in records:
                take(record.value)
            seen += len(records)
        if not first and seen:
            first, wall, cpu = seen, time.perf_counter(), time.process_time()
    return _per_event((time.perf_counter() - wall, time.process_time() - cpu), seen - first)


def _per_event(spent: tuple[float, float], events: int) -> tuple[float, float]:
    return spent[0] / events, spent[1] / events


def main() -> None:
    """Run one reader and print what it took."""
    name, bootstrap, events = sys.argv[1:4]
    configure(quiet=True)
    readers = {"bare": bare, "foreshock": foreshock, "river": river}
    wall, cpu = asyncio.run(readers[name](bootstrap, int(events)))
    print(json.dumps({"wall_us": wall * 1e6, "cpu_us": cpu * 1e6}))  # noqa: T201 - its output


if __name__ == "__main__":
    main()
