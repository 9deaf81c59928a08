"""`make bench`: every figure of the README's speed table, in one run."""

import asyncio
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import zstandard
from aiokafka import AIOKafkaProducer

from monitor.broker import create_topics, embedded_broker
from monitor.config import Config
from monitor.events import NS_PER_S
from monitor.garbage import collect_rarely
from monitor.pipeline import Pipeline
from monitor.replay import Replay
from monitor.scoring.simulated import SimulatedLog
from monitor.simulator import Options
from tests.bench import memory, traffic

EVENTS = 2_000_000
ROUNDS = 3
WARM_S = 200.0  # levels are judged after three minutes
MEASURED_S = 60.0


def main() -> None:
    """Print the tables."""
    click.echo(
        f"{traffic.SYMBOLS:,} symbols, {traffic.ACCOUNTS:,} accounts, "
        f"{traffic.EVENTS_PER_S:,} events a second of venue time, seed 1\n"
    )
    asyncio.run(wire())
    replay()
    for symbols in (100, 1_000):
        closed_bin(symbols)
    closed_bin(10_000, warm_s=30.0, measured_s=15.0)  # before levels are judged
    alone = multiprocessing.get_context("spawn").Process(target=memory.show)
    alone.start()
    alone.join()


async def wire() -> None:
    """The three readers in turn, over the same topics, a few rounds."""
    found: dict[str, list[dict[str, float]]] = {"bare": [], "foreshock": [], "river": []}
    async with embedded_broker() as broker:
        await create_topics(broker.bootstrap, {"orders": 2, "cancels": 2, "leverage-changes": 2})
        async with AIOKafkaProducer(
            bootstrap_servers=broker.bootstrap, linger_ms=20, max_batch_size=1 << 18
        ) as producer:
            for topic, key, value in traffic.events(EVENTS, seed=1):
                await producer.send(topic, value, key=key)
        for _ in range(ROUNDS):
            for name, figures in found.items():
                figures.append(await _reader(name, broker.bootstrap))
    click.echo(
        f"{'reader over Kafka':34} {'events/s wall':>14} {'events/s CPU':>14} {'ratio CPU':>10}"
    )
    for name, figures in found.items():
        wall = statistics.median(1e6 / f["wall_us"] for f in figures)
        cpu = statistics.median(1e6 / f["cpu_us"] for f in figures)
        ratios = [b["cpu_us"] / f["cpu_us"] for b, f in zip(found["bare"], figures, strict=True)]
        click.echo(f"{name:34} {wall:14,.0f} {cpu:14,.0f} {statistics.median(ratios):10.2f}")


async def _reader(name: str, bootstrap: str) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.readers", name, bootstrap, str(EVENTS),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    figures: dict[str, float] = json.loads(out.splitlines()[-1])
    return figures


def replay() -> None:
    """Events a second of CPU from a compressed log."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.jsonl.zst"
        with zstandard.open(log, "wb") as file:
            for _, _, value in traffic.events(EVENTS, seed=1):
                file.write(value + b"\n")
        run = Replay(Config(), [log])
        started, cpu = time.perf_counter(), time.process_time()
        incidents = sum(1 for _ in run.incidents())
        wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    click.echo(
        f"\nreplay of {run.totals.events:,} events from .jsonl.zst: "
        f"{run.totals.events / wall_s:,.0f} events/s wall, "
        f"{run.totals.events / cpu_s:,.0f} events/s CPU, {incidents} incident lines\n"
    )


def closed_bin(symbols: int, *, warm_s: float = WARM_S, measured_s: float = MEASURED_S) -> None:
    """CPU time to judge one closed bin of a simulated venue, every detector on."""
    options = Options(
        seed=11,
        symbols=symbols,
        rate=5.0 * symbols,
        duration_s=warm_s + measured_s,
    )
    log, _ = SimulatedLog(options).open()
    pipeline = Pipeline(Config())
    collect_rarely()  # as a process that reads does
    took_ms = []
    for raw in log.batches(record_bytes_max=1 << 20):
        pipeline.take(raw)
        for partial in pipeline.fold.close():
            started = time.process_time()
            for _ in pipeline.detection.steps([partial]):
                pass
            took_ms.append((time.process_time() - started) * 1e3)
    warm = took_ms[round(warm_s * NS_PER_S / pipeline.config.bin_ns) :]
    click.echo(
        f"closed bin, {symbols:6,} symbols: median {statistics.median(warm):6.2f} ms, "
        f"99th percentile {np.percentile(warm, 99):6.2f} ms of CPU"
    )


if __name__ == "__main__":
    main()
