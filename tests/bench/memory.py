"""Memory as events go by; a module of its own, since a spawned process can't look into __main__."""

import resource
from pathlib import Path
from typing import Final

import click

from monitor.config import Config
from monitor.pipeline import Pipeline
from monitor.records import Partition, RawBatch
from tests.bench import traffic

EVENTS: Final = 20_000_000


def show() -> None:
    """Resident memory as events go by; in a process of its own, since what was measured stays."""
    pipeline = Pipeline(Config())
    shown = []
    for first in range(0, EVENTS, 10_000):
        values = [value for _, _, value in traffic.events(10_000, seed=3, start=first)]
        raw = RawBatch(Partition("log", 0), values, range(first, first + len(values)))
        pipeline.take(raw)
        for _ in pipeline.steps():
            pass
        if (first + 10_000) % 1_000_000 == 0:
            shown.append(_resident_mb())
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    marks = ", ".join(f"{i + 1} M {shown[i]:.0f}" for i in (0, 4, 9, 14, 19))
    click.echo(f"\nresident MB after events: {marks}; peak {peak_mb:.0f}")


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
