"""A simulated venue that is played to a real broker faster than it happens."""

import asyncio
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final
from zlib import crc32

from aiokafka import AIOKafkaProducer

from monitor.broker import create_topics
from monitor.demo.exchange import EVERY_TOPIC, encode
from monitor.events import NS_PER_S, Event, Mark
from monitor.labels import Labels
from monitor.simulator import Options, Simulation
from monitor.simulator.slices import SLICE_NS, SLICE_S

PARTITIONS: Final = 3
TOPICS: Final = sorted(set(EVERY_TOPIC.values()))
CHUNK_S: Final = 1.0  # of venue time, published at once
ALIGN_S: Final = 4_096  # bins, blocks and windows begin at multiples of less


class Play:
    """One simulation on topics of its own; its times are moved to just before now.

    The simulation's own clock stays: moments of funding and hours of the day are part of a seed.
    speed: seconds of the venue a second, at most. labels: what truly happened, once `run` has
    returned, in the simulation's times; what was published is `shift_ns` later.
    """

    def __init__(self, bootstrap: str, prefix: str, options: Options, *, speed: float) -> None:
        self.bootstrap, self.prefix = bootstrap, prefix
        self.labels: Labels | None = None
        self._options, self._speed = options, speed
        self._published_ns: list[int] = []
        self._published_s: list[float] = []
        end_s = options.start_ns // NS_PER_S + options.duration_s
        self.shift_ns = int((time.time() - end_s) // ALIGN_S) * ALIGN_S * NS_PER_S

    @property
    def topics(self) -> list[str]:
        return [self.prefix + topic for topic in TOPICS]

    @property
    def events_total(self) -> int:
        return self._simulation.events_total

    def at_s(self, venue_ns: int) -> float:
        """The monotonic time at which the broker had everything up to a moment of the venue."""
        return self._published_s[bisect_left(self._published_ns, venue_ns)]

    async def create(self) -> None:
        """Create the topics."""
        await create_topics(
            self.bootstrap, dict.fromkeys(self.topics, PARTITIONS), {"retention.ms": "-1"}
        )

    async def run(self, going: Callable[[], bool] = lambda: True) -> None:
        """Publish everything, or as long as it is `going`; labels are known at the true end."""
        self._simulation = simulation = Simulation(self._options)
        began_s = time.monotonic()
        size = 1_000_000
        async with AIOKafkaProducer(
            bootstrap_servers=self.bootstrap, max_batch_size=size, max_request_size=4 * size
        ) as producer:
            for number, events in enumerate(_chunks(simulation), 1):
                if not going():
                    return
                due_s = began_s + number * CHUNK_S / self._speed
                await asyncio.sleep(max(0.0, due_s - time.monotonic()))
                await self._publish(producer, events)
                slices = simulation.slices_done
                end_ns = self._options.start_ns + slices * SLICE_NS
                self._published_ns.append(end_ns + self.shift_ns)
                self._published_s.append(time.monotonic())
        self.labels = simulation.labels()

    async def _publish(self, producer: AIOKafkaProducer, events: list[Event]) -> None:
        """One batch a partition: an hour has millions of events."""
        values: dict[tuple[str, int], list[tuple[bytes, bytes]]] = defaultdict(list)
        for event in events:
            event.ts += self.shift_ns
            if isinstance(event, Mark) and event.index_ts is not None:
                event.index_ts += self.shift_ns
            key = event.symbol.encode()
            topic = self.prefix + EVERY_TOPIC[type(event).__name__]
            values[topic, crc32(key) % PARTITIONS].append((key, encode(event)))
        sent = []
        for (topic, partition), pairs in values.items():
            batch = producer.create_batch()
            for key, value in pairs:
                taken = batch.append(key=key, value=value, timestamp=None)
                assert taken is not None, "a chunk fits into a batch"
            sent.append(await producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*sent)


def _chunks(simulation: Simulation) -> Iterator[list[Event]]:
    """Events of a second each, in order of arrival."""
    slices = simulation.events()
    while some := [*islice(slices, round(CHUNK_S / SLICE_S))]:
        yield [event for events in some for event in events]
