"""A status with incidents in it, and its pages over HTTP: the live service without a broker."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from monitor.config import Config, Http
from monitor.detection import Step
from monitor.exporter import Exporter
from monitor.http import serve
from monitor.incidents import Incident
from monitor.replay import Replay
from monitor.status import Status
from tests.live import minutes_of_trouble

GRAFANA = "https://grafana.example/d/foreshock-incident?var-symbol={symbol}&from={from_ms}"
RUNBOOK = "https://runbooks.example/{signal}.md"


class Watched:
    """A status as a service keeps it, over logs, and what it was told."""

    def __init__(self, config: Config, logs: list[Path]) -> None:
        self.replay = Replay(config, logs, on_step=self._take)
        self.detection = self.replay.pipeline.detection
        self.exporter = Exporter(config.input_topics, self.detection.signals, scores_max=5)
        self.exporter.know([])
        self.status = Status(self.exporter, config)
        self.incidents: list[Incident] = []
        self._until_ns: int | None = None

    def play(self, *, until_ns: int | None = None) -> None:
        """Judge everything, or what lies before a time."""
        self._until_ns = until_ns
        for _ in self.replay.incidents():
            pass
        self.status.assigned = True

    def _take(self, step: Step) -> None:
        if self._until_ns is None or step.end_ns <= self._until_ns:
            self.incidents.extend(step.incidents)
            self.exporter.stepped(step, self.detection.roster.symbols, 0.001)
            self.status.stepped(step, self.detection)
            self.exporter.blind = self.detection.blind()
            self.exporter.budget = self.detection.budget()


def watch(folder: Path, *, seconds: float, until_s: float | None = None, seed: int = 3) -> Watched:
    """Traffic that ends now through the whole core; incidents that are open at its end stay open.

    until_s: judge no bin after so many seconds, as if the rest was still to come.
    """
    config = Config(venue="test", http=Http(port=0, grafana_url=GRAFANA, runbook_url=RUNBOOK))
    path = folder / "events.jsonl"
    start_ns = time.time_ns() - round((until_s or seconds) * 1e9)
    values = [v for _, _, v in minutes_of_trouble(seed, seconds=seconds, start_ns=start_ns)]
    path.write_bytes(b"\n".join(values) + b"\n")
    watched = Watched(config, [path])
    watched.play(until_ns=None if until_s is None else time.time_ns())
    return watched


@asynccontextmanager
async def served(status: Status) -> AsyncIterator[str]:
    """The address of a status's pages."""
    async with serve(status.config.http, status):
        yield f"http://127.0.0.1:{status.port}"
