"""`foreshock convert`."""

import time
from collections.abc import Sequence
from pathlib import Path

import click

from monitor.convert import convert
from monitor.pretty import duration


def convert_logs(source: str, paths: Sequence[Path], output: Path) -> None:
    """Write the log; the closing line on stderr says what is in it."""
    started = time.perf_counter()
    report = convert(source, paths, output)
    events = sum(report.events.values())
    by_type = ", ".join(f"{name} {count:,}" for name, count in sorted(report.events.items()))
    skipped = ", ".join(f"{name} {count:,}" for name, count in sorted(report.skipped.items()))
    span_s = ((report.last_ts or 0) - (report.first_ts or 0)) / 1e9
    click.echo(
        f"{output}: {events:,} events ({by_type}), skipped {skipped or 'none'}, "
        f"span {duration(span_s)}, in {duration(time.perf_counter() - started)}",
        err=True,
    )
