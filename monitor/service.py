"""`foreshock run`: Kafka in, incidents and metrics out, until told to stop."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

import structlog

from monitor.calibration import configured
from monitor.checkpoint import CheckpointStore
from monitor.config import Config
from monitor.exporter import Exporter
from monitor.frames import Decision
from monitor.http import serve
from monitor.incidents import Incident
from monitor.live import Holdings, persist
from monitor.outputs import FLUSH_S, Outputs
from monitor.pipeline import Pipeline
from monitor.records import Partition, RawBatch
from monitor.sources.assignor import OneActive
from monitor.sources.kafka import KafkaSource
from monitor.sources.topics import existing
from monitor.status import Status
from monitor.streams import market_factors

TICK_S: Final = 0.5
BRIEFLY_S: Final = 0.05  # enough for a sink that delivers
PATIENCE_S: Final = 60.0  # that offsets wait for a sink; then its queue alone holds what it owes
_log = structlog.get_logger(__name__)


class Service:
    """One monitor. `run` returns after `stop` was called and everything was put away."""

    def __init__(
        self, config: Config, *, on_incident: Callable[[Incident], None] = lambda _: None
    ) -> None:
        self.config = config
        calibration = configured(config)
        self.pipeline = Pipeline(config, calibration=calibration)
        directory = config.checkpoint.directory
        store = CheckpointStore(Path(directory), config, calibration) if directory else None
        self.holdings = Holdings(config, self.pipeline, store)
        self.outputs = Outputs(config, on_incident)
        signals = self.pipeline.detection.signals
        self.exporter = Exporter(
            [*config.input_topics, *config.optional_topics],
            signals,
            scores_max=config.http.scores_per_signal_max,
            venue=config.venue,
        )
        self.status = Status(self.exporter, config)
        self._stopping = asyncio.Event()
        self._busy = asyncio.Lock()  # held while state is between two consistent points
        self._heard_s: dict[Partition, float] = {}
        self._saved_s = time.monotonic()
        self._owed_s: float | None = None  # since when a sink has not delivered
        self._ticked_s = 0.0
        self._source: KafkaSource | None = None

    def stop(self) -> None:
        """Ask `run` to drain and return."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until stopped. Brokers that vanish are waited for."""
        self.outputs.start()
        async with serve(self.config.http, self.status):
            try:
                await persist(self._consume, self._stopping)
            finally:
                await self.outputs.stop()

    async def _consume(self) -> None:
        """Join the group and read until stopped or until the client gives up."""
        self.status.turned(connected=False)
        optional = await existing(self.config.kafka, self.config.optional_topics)
        source = KafkaSource(
            self.config.group,
            [*self.config.input_topics, *optional],
            assignor=OneActive(lambda: self.pipeline.fold.next_bin or 0),
            on_revoked=self._revoked,
            on_assigned=self._assigned,
        )
        self._source = source
        try:
            await source.start()
            self.status.turned(connected=True)
            while not self._stopping.is_set():
                seeks = source.seeks
                batches = await source.poll(self.config.kafka.poll_records_max)
                async with self._busy:
                    if source.seeks == seeks:
                        await self._take(batches)
                    else:  # aiokafka reads from committed offsets while partitions are assigned
                        self.holdings.seek(source)
                    await self._tick()
                await asyncio.sleep(0)
            async with self._busy:
                await self._save(FLUSH_S)
                if not self.pipeline.merges:
                    for partition, clock in self.pipeline.fold.partitions.items():
                        if clock.idle:
                            self._decided(partition, clock.position, "idle")
        finally:
            self._source = None
            self.status.assigned = False
            await source.stop()

    async def _take(self, batches: Sequence[RawBatch]) -> None:
        """Count batches and judge the bins that closed."""
        now_s = time.time()
        fold = self.pipeline.fold
        for raw in batches:
            clock = fold.partitions.get(raw.origin)
            if clock is None:
                continue  # taken away while the batch was on its way
            idle, position = clock.idle, clock.position
            taken = self.pipeline.take(raw)
            if taken.ts.size:  # it spoke: it is waited for, and the idle time it had is on record
                self._heard_s[raw.origin] = time.monotonic()
                if idle and not self.pipeline.merges:
                    self._decided(raw.origin, position, "awake")
            self.exporter.took(taken, now_s)
            if taken.bad:
                self.outputs.bury(taken.bad)
            for decision in taken.decisions:
                self._note(decision)
        started = time.perf_counter()
        rewarmed = self.holdings.rewarming
        for judged in self.pipeline.steps():
            step = self.holdings.news_of(judged)
            ended = time.perf_counter()
            self.exporter.stepped(step, self.pipeline.detection.roster.symbols, ended - started)
            if step.incidents:
                self.outputs.tell(step.incidents)
            self.status.stepped(step, self.pipeline.detection)
            self.exporter.judged_s = time.time()
            started = time.perf_counter()
        self.exporter.streams.explain()  # here, since state that was put away cannot tell
        if rewarmed and not self.holdings.rewarming:
            self.status.tell_open(self.pipeline.detection)
            _log.info("what is usual is learned again")

    def _decided(self, partition: Partition, position: int, decision: str) -> None:
        self._note(Decision(decision, *partition, position, self.pipeline.fold.next_bin))

    def _note(self, decision: Decision) -> None:
        """Put what wall time decided on record."""
        if self.outputs.audit is not None:
            self.outputs.audit.note(decision)

    async def _tick(self) -> None:
        """What is done now and then: idle partitions, pauses, gauges, checkpoints."""
        now_s = time.monotonic()
        if now_s - self._ticked_s < TICK_S or self._source is None:
            return
        self._ticked_s = now_s
        clocks = self.pipeline.fold.partitions
        if not self.pipeline.merges:  # where it does, shards say what is idle
            self.holdings.mark_idle(
                self._source,
                now_s,
                self._heard_s,
                lambda p, c: self._decided(p, c.position, "idle"),
            )
        self.holdings.hold_back(self._source)
        lags = {p: self._source.lag(p, clock.position) for p, clock in clocks.items()}
        self.exporter.lag = {p: lag for p, lag in lags.items() if lag is not None}
        self.exporter.blind = self.pipeline.detection.blind()
        self.exporter.budget = self.pipeline.detection.budget()
        self.exporter.streams.market = market_factors(self.pipeline.detection)
        self.exporter.mended = self.pipeline.detection.market.depth.drift()
        self._look_at_books()
        self.exporter.refused_total = self.pipeline.detection.frames.refused_total
        exposure = self.pipeline.detection.market.risk.exposure
        self.exporter.refused_positions_total = exposure.refused_total
        self.exporter.dropped_total = self.outputs.dropped_total
        self.status.assigned = bool(clocks)
        self.status.turned()
        if now_s - self._saved_s >= self.config.checkpoint.every_s:
            await self._save()

    def _look_at_books(self) -> None:
        """Depth and bands of the symbols that somebody may look at."""
        detection, step = self.pipeline.detection, self.exporter.streams.step
        if step is not None:
            rows = {name: detection.roster.row(name) for name in self.exporter.watched()}
            watched = {name: row for name, row in rows.items() if row >= 0}
            self.exporter.books.look(detection.market, step.bin, watched)

    async def _save(self, wait_s: float = BRIEFLY_S) -> None:
        """Everything told, then state on disk, then offsets: in this order nothing is lost. For a
        sink that cannot deliver this waits a minute, and detection does not: then what is owed is
        held by the sink's queue alone."""
        now_s = time.monotonic()
        fold = self.pipeline.fold
        if fold.next_bin is None or not fold.partitions or self.holdings.rewarming:
            self._saved_s = now_s
            return  # nothing is known yet that is worth more than what was committed
        if not await self.outputs.flush(wait_s):
            self._owed_s = self._owed_s or now_s
            if now_s - self._owed_s < PATIENCE_S:
                return
        self._saved_s, self._owed_s = now_s, None
        resumes = self.pipeline.resumes()
        if self.holdings.store is not None:
            await asyncio.to_thread(self.holdings.store.save, self.pipeline.state(), resumes)
        if self._source is not None:
            await self._source.commit({p: (r, fold.next_bin) for p, r in resumes.items()})

    async def _revoked(self) -> None:
        async with self._busy:
            await self._save(FLUSH_S)

    async def _assigned(self, assigned: Collection[Partition]) -> None:
        async with self._busy:
            if self._source is None:
                return
            await self.holdings.take_over(self._source, assigned)
            self._heard_s = dict.fromkeys(assigned, time.monotonic())
            known = bool(assigned) and not self.holdings.rewarming
            self.status.tell_open(self.pipeline.detection, known=known)
            _log.info("partitions assigned", partitions=len(assigned))
