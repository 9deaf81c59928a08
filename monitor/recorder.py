"""Writes what some topics say into an incident log, until told to stop."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from monitor.config import Config
from monitor.records import RawBatch
from monitor.sinks.envelopes import EnvelopeLog
from monitor.sources.positions import Start
from monitor.sources.tap import Tap
from monitor.sources.topics import existing

FLUSH_S: Final = 1.0


@dataclass(slots=True)
class RecordTotals:
    """What was recorded so far. records: by topic. first_ms, last_ms: broker timestamps.

    behind: records that were on the topics and not read yet.
    """

    records: Counter[str] = field(default_factory=Counter)
    first_ms: int | None = None
    last_ms: int | None = None
    written_bytes: int = 0
    behind: int = 0

    def count(self, raw: RawBatch) -> None:
        """Take in one batch."""
        self.records[raw.origin.topic] += len(raw.values)
        times_ms = [at_ms for at_ms in raw.timestamps_ms or () if at_ms >= 0]
        if times_ms:
            self.first_ms = min(times_ms if self.first_ms is None else [self.first_ms, *times_ms])
            self.last_ms = max(times_ms if self.last_ms is None else [self.last_ms, *times_ms])


class Recorder:
    """One recording. `run` returns after `stop`, or when the duration is over."""

    def __init__(
        self,
        config: Config,
        path: Path,
        *,
        start: Start,
        duration_s: float | None = None,
        on_progress: Callable[[RecordTotals], None] = lambda _: None,
    ) -> None:
        self.totals = RecordTotals()
        self._config = config
        self._path = path
        self._start = start
        self._duration_s = duration_s
        self._on_progress = on_progress
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ask `run` to finish the file and return."""
        self._stopping.set()

    async def run(self) -> None:
        """Record. Raises UserError for an unusable file or topic, KafkaError."""
        config = self._config
        optional = await existing(config.kafka, config.optional_topics)
        tap = Tap(config.kafka, [*config.all_topics, *optional])
        try:
            await tap.start(self._start)
            log = EnvelopeLog(self._path)
            try:
                await self._copy(tap, log)
            finally:
                log.close()
                self.totals.written_bytes = log.written_bytes
        finally:
            await tap.stop()

    async def _copy(self, tap: Tap, log: EnvelopeLog) -> None:
        started_s = flushed_s = time.monotonic()
        while not self._stopping.is_set():
            for raw in await tap.poll(self._config.kafka.poll_records_max):
                log.write(raw)
                self.totals.count(raw)
            now_s = time.monotonic()
            if now_s - flushed_s >= FLUSH_S:
                log.flush()
                self.totals.written_bytes = log.written_bytes
                self.totals.behind = tap.behind()
                self._on_progress(self.totals)
                flushed_s = now_s
            if self._duration_s is not None and now_s - started_s >= self._duration_s:
                return
            await asyncio.sleep(0)
