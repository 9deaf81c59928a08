"""A monitor that watches a simulated venue in trouble, with a Prometheus that scrapes it.

The venue's first minutes are read at once, the rest as it happens, so that an incident is open
from the start and everything that a dashboard asks for has moved.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaProducer

from monitor.config import Detectors
from monitor.demo.exchange import Exchange, Script
from monitor.demo.show import QUIET
from monitor.service import Service
from monitor.simulator.slices import SLICE_S
from tests.grafana.prometheus import Prometheus, prometheus, until
from tests.live import Venue

PAST_S: Final = 100.0
TROUBLE: Final = Script(
    leverage_from_s=80.0, pull_from_s=90.0, pull_until_s=1_000.0, leverage_per_s=40.0, haste=40.0
)
SEED: Final = 7
OPEN_S: Final = 60.0
NEEDED: Final = (  # what must have been scraped before anybody looks
    "foreshock_incidents_open > 0",
    'foreshock_signal_observed{signal="cancel_burst"}',
    "rate(foreshock_late_events_total[2s]) > 0",
    "rate(foreshock_bad_records_total[2s]) > 0",
    "rate(process_cpu_seconds_total[2s]) > 0",
    "foreshock_consumer_lag_records",
)


class _Watching(threading.Thread):
    """The monitor and what it watches, in a loop of its own."""

    def __init__(self, bootstrap: str, folder: Path, script: Script, past_s: float) -> None:
        super().__init__(name="watched-venue", daemon=True)
        self.serving = threading.Event()
        self.failure: BaseException | None = None
        self.port = 0
        self._of = bootstrap, folder, script, past_s
        self._loop = asyncio.new_event_loop()
        self._main: asyncio.Task[None] | None = None

    def run(self) -> None:
        try:
            self._main = self._loop.create_task(self._watch(*self._of))
            self._loop.run_until_complete(self._main)
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - told to whoever waits for this thread
            self.failure = error
        finally:
            self._loop.close()
            self.serving.set()

    def end(self) -> None:
        """Stop everything and wait for it; raises what went wrong."""
        with contextlib.suppress(RuntimeError):  # its loop has closed already
            if self._main is not None:
                self._loop.call_soon_threadsafe(self._main.cancel)
        self.join(60.0)
        if self.failure is not None:
            raise self.failure

    async def _watch(self, bootstrap: str, folder: Path, script: Script, past_s: float) -> None:
        venue = Venue(bootstrap)
        await venue.create()
        config = venue.config(folder, detectors=Detectors(calibration=str(QUIET)))
        service = Service(config)
        serving = asyncio.create_task(service.run())
        publishing = asyncio.create_task(_publish(venue, script, past_s))
        try:
            await service.status.serving.wait()
            self.port = service.status.port
            self.serving.set()
            await asyncio.wait([serving, publishing], return_when=asyncio.FIRST_COMPLETED)
        finally:
            publishing.cancel()
            service.stop()
            await asyncio.gather(serving, publishing, return_exceptions=True)
        for task in (serving, publishing):
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error


async def _publish(venue: Venue, script: Script, past_s: float) -> None:
    """The exchange: its past at once, then slice by slice, with a torn and a late record each."""
    exchange = Exchange(seed=SEED, start_ns=time.time_ns() - round(past_s * 1e9), script=script)
    due_s = time.monotonic() - past_s
    late: bytes | None = None
    async with AIOKafkaProducer(bootstrap_servers=venue.bootstrap, linger_ms=5) as producer:
        while True:
            due_s += SLICE_S
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            slice_ = exchange.slice()
            for topic, key, value in slice_:
                await producer.send(venue.prefix + topic, value, key=key.encode())
                late = late or value
            if late is not None:
                await producer.send(venue.topics[0], late)
            await producer.send(venue.topics[1], b'{"type": "cancel", "ts": ')


def _answers(server: Prometheus, expr: str) -> bool:
    return bool(server.now(expr))


@contextmanager
def watched(
    bootstrap: str,
    folder: Path,
    *,
    script: Script = TROUBLE,
    past_s: float = PAST_S,
    within_s: float = OPEN_S,
) -> Iterator[Prometheus]:
    """The Prometheus, once everything has been seen that dashboards ask for."""
    watching = _Watching(bootstrap, folder, script, past_s)
    watching.start()
    try:
        watching.serving.wait(OPEN_S)
        with prometheus(folder, {"foreshock": f"127.0.0.1:{watching.port}"}) as server:
            for expr in NEEDED:
                until(partial(_answers, server, expr), expr, within_s)
            yield server
    finally:
        watching.end()
