"""`foreshock record`."""

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import click
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.status import Status

from monitor.config import Config
from monitor.logs import configure
from monitor.pretty import duration
from monitor.recorder import Recorder, RecordTotals
from monitor.sources.positions import Start
from monitor.sources.topics import unanswered


def record_topics(config: Config, output: Path, *, start: Start, duration_s: float | None) -> None:
    """Progress on a terminal while it records; the closing line on stderr says what it wrote."""
    configure(quiet=True)
    with ExitStack() as stack:
        line: Status | None = None
        if sys.stderr.isatty():
            line = stack.enter_context(Console(stderr=True).status(f"recording to {output}"))

        def show(totals: RecordTotals) -> None:
            if line is not None:
                line.update(f"{record_text(totals)}, {totals.behind:,} behind; Ctrl-C ends it")

        try:
            recorder = asyncio.run(_record(config, output, start, duration_s, show))
        except KafkaError as error:
            raise unanswered(config.kafka, error) from error
    by_topic = ", ".join(f"{topic} {n:,}" for topic, n in sorted(recorder.totals.records.items()))
    topics = f" ({by_topic})" if by_topic else ""
    click.echo(f"{output}: {record_text(recorder.totals)}{topics}", err=True)


def record_text(totals: RecordTotals) -> str:
    """What was recorded so far."""
    span_s = ((totals.last_ms or 0) - (totals.first_ms or 0)) / 1000
    size = totals.written_bytes / 1e6
    return f"{totals.records.total():,} records, span {duration(span_s)}, {size:,.1f} MB"


async def _record(
    config: Config,
    output: Path,
    start: Start,
    duration_s: float | None,
    show: Callable[[RecordTotals], None],
) -> Recorder:
    recorder = Recorder(config, output, start=start, duration_s=duration_s, on_progress=show)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, recorder.stop)
    await recorder.run()
    return recorder
