"""`foreshock demo`: broker, exchange and monitor in one process, over a real wire."""

import asyncio
import contextlib
import signal
import socket
import time
from pathlib import Path
from typing import Final

import click

from monitor.broker import create_topics, embedded_broker
from monitor.config import Checkpoint, Config, Detectors, Http, Kafka
from monitor.demo.exchange import HIT, SYMBOLS, Exchange, Script
from monitor.demo.publish import PARTITIONS, publish
from monitor.incidents import Incident
from monitor.logs import configure
from monitor.pretty import incident_text
from monitor.service import Service

QUIET: Final = Path(__file__).parent / "quiet.json"  # five quiet hours, calibrated on seed 101
STATUS_EVERY_S: Final = 15.0


def show(*, seconds: float | None, seed: int, port: int) -> None:
    """Run the demo for some seconds, or until interrupted."""
    configure(quiet=True)
    asyncio.run(_show(seconds, seed, _free_port(port)))


def _free_port(wanted: int) -> int:
    """The wanted port, or 0 for any when it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            click.echo(f"port {wanted} is taken; using another")
            return 0
    return wanted


async def _show(seconds: float | None, seed: int, port: int) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    click.echo("starting an embedded broker ...")
    async with embedded_broker() as broker:
        config = _config(broker.bootstrap, port)
        await create_topics(broker.bootstrap, dict.fromkeys(config.all_topics, PARTITIONS))
        told: list[Incident] = []

        def tell(incident: Incident) -> None:
            told.append(incident)
            click.echo(incident_text(incident) + "\n")

        service = Service(config, on_incident=tell)
        watching = asyncio.create_task(service.run())
        exchange = asyncio.create_task(
            publish(broker.bootstrap, Exchange(seed=seed, start_ns=time.time_ns()))
        )
        try:
            await _narrate(service, exchange, watching, stopping, seconds)
        finally:
            exchange.cancel()
            service.stop()
            await asyncio.gather(exchange, watching, return_exceptions=True)
    _close(service, told)


def _config(bootstrap: str, port: int) -> Config:
    return Config(
        venue="demo",
        kafka=Kafka(bootstrap_servers=bootstrap, start="earliest", session_timeout_s=10.0),
        checkpoint=Checkpoint(directory=None),
        http=Http(port=port),
        detectors=Detectors(calibration=str(QUIET)),
    )


async def _narrate(
    service: Service,
    exchange: asyncio.Task[None],
    watching: asyncio.Task[None],
    stopping: asyncio.Event,
    seconds: float | None,
) -> None:
    """Say what goes on until it is over; what fails comes out here."""
    started_s, said_s = time.monotonic(), time.monotonic()
    serving = asyncio.create_task(service.status.serving.wait())
    await asyncio.wait([serving, watching], return_when=asyncio.FIRST_COMPLETED)
    serving.cancel()
    _welcome(service, seconds)
    while seconds is None or time.monotonic() - started_s < seconds:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), 0.5)
        if stopping.is_set():
            return
        for task in (exchange, watching):
            if task.done():
                await task
        if time.monotonic() - said_s >= STATUS_EVERY_S:
            said_s = time.monotonic()
            click.echo(f"{said_s - started_s:4.0f} s  {_status(service)}")


def _welcome(service: Service, seconds: float | None) -> None:
    script, port = Script(), service.status.port
    click.echo(
        f"{len(SYMBOLS)} symbols trade; the monitor reads them from "
        f"{service.config.kafka.bootstrap_servers}.\n"
        f"About {script.leverage_from_s:.0f} s in, leverage piles up on {HIT} symbols; "
        f"at {script.pull_from_s:.0f} s makers pull their quotes.\n\n"
        f"  metrics    http://127.0.0.1:{port}/metrics\n"
        f"  incidents  http://127.0.0.1:{port}/incidents\n"
        f"  ready?     http://127.0.0.1:{port}/readyz\n\n"
        + ("Ctrl-C ends it.\n" if seconds is None else f"Ends by itself after {seconds:.0f} s.\n")
    )


def _status(service: Service) -> str:
    totals = service.exporter.events_total()
    reasons = service.status.not_ready()
    state = f"not ready: {', '.join(reasons)}" if reasons else "watching"
    return f"{totals:,} events read, {len(service.exporter.open)} open incidents, {state}"


def _close(service: Service, told: list[Incident]) -> None:
    opened = sum(incident.change == "open" for incident in told)
    pages = len({incident.id for incident in told if incident.severity == "page"})
    click.echo(
        f"done: {service.exporter.events_total():,} events read over Kafka, "
        f"{opened} incident{'s' * (opened != 1)}, {pages} of them a page.\n"
        "Next: `foreshock run --help` to watch a venue, `foreshock replay --help` to look back."
    )
