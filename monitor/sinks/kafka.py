"""A Kafka topic as a sink: bounded, in order, at least once."""

import asyncio
import contextlib
from collections import deque
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

RETRY_S = 1.0
_log = structlog.get_logger(__name__)


class KafkaSink:
    """Sends keyed messages in the order given. When the queue is full the oldest is dropped
    and counted: a sink that cannot keep up must not stop detection."""

    def __init__(self, options: dict[str, Any], topic: str, *, queue_max: int) -> None:
        self.topic = topic
        self.dropped_total = 0
        self._options = options
        self._queue: deque[tuple[bytes, bytes]] = deque()
        self._queue_max = queue_max
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin sending in the background."""
        self._task = asyncio.create_task(self._run(), name=f"sink {self.topic}")

    def send(self, key: bytes, value: bytes) -> None:
        """Queue a message."""
        if len(self._queue) >= self._queue_max:
            self._queue.popleft()
            self.dropped_total += 1
        self._queue.append((key, value))
        self._idle.clear()
        self._wake.set()

    async def flush(self, timeout_s: float) -> bool:
        """Wait until everything was taken by the broker; False when time ran out."""
        if timeout_s > 0.0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), timeout_s)
        return self._idle.is_set()

    async def stop(self, timeout_s: float = 5.0) -> None:
        """Flush, then end."""
        await self.flush(timeout_s)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            producer = AIOKafkaProducer(acks="all", linger_ms=5, **self._options)
            try:
                await producer.start()
                await self._drain(producer)
            except KafkaError as error:
                _log.warning("sink waits for its broker", topic=self.topic, error=repr(error))
                await asyncio.sleep(RETRY_S)
            except Exception:  # noqa: BLE001 - a task that ended would leave its queue for ever
                _log.exception("sink failed; trying again", topic=self.topic)
                await asyncio.sleep(RETRY_S)
            finally:
                await producer.stop()

    async def _drain(self, producer: AIOKafkaProducer) -> None:
        """Send from the head of the queue; a message leaves it only once it is taken."""
        while True:
            while self._queue:
                head = self._queue[0]
                try:
                    await producer.send_and_wait(self.topic, key=head[0], value=head[1])
                except MessageSizeTooLargeError:  # now and for ever
                    self.dropped_total += 1
                    _log.error("message dropped: too large", topic=self.topic, bytes=len(head[1]))
                if self._queue and self._queue[0] is head:
                    self._queue.popleft()
            self._idle.set()
            self._wake.clear()
            await self._wake.wait()
