"""A topic of frames as a sink: in order for each partition number, and known to be there."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

from aiokafka import AIOKafkaProducer

REQUEST_BYTES_MAX: Final = 16 << 20  # a bin is in one message, however much it holds


class Publisher:
    """Number p goes to partition p. A message is sent once the one before it was taken, so that
    no retry can change their order."""

    def __init__(self, options: dict[str, Any], topic: str) -> None:
        self.topic = topic
        self._producer = AIOKafkaProducer(
            acks="all", max_request_size=REQUEST_BYTES_MAX, linger_ms=0, **options
        )

    async def start(self) -> None:
        """Connect; raises KafkaError when no broker answers."""
        await self._producer.start()

    async def stop(self) -> None:
        """Close the connections."""
        await self._producer.stop()

    async def publish(self, messages: Iterable[tuple[int, bytes]]) -> None:
        """Send messages of numbers, and wait until all were taken; raises KafkaError."""
        by_number: defaultdict[int, list[bytes]] = defaultdict(list)
        for number, value in messages:
            by_number[number].append(value)
        await asyncio.gather(*(self._send(number, of) for number, of in by_number.items()))

    async def _send(self, number: int, values: Iterable[bytes]) -> None:
        key = str(number).encode()
        for value in values:
            await self._producer.send_and_wait(self.topic, value, key=key, partition=number)
