"""`foreshock replay`."""

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from monitor.config import Config
from monitor.incidents import encode
from monitor.pretty import incident_text, totals_text
from monitor.replay import Replay, ReplayTotals
from monitor.sinks.files import DeadLetterFile


def replay_logs(
    config: Config,
    logs: Sequence[Path],
    *,
    as_json: bool,
    strict: bool,
    dead_letters: Path | None,
    decisions: Path | None,
) -> None:
    """Incidents to stdout, progress and the closing line to stderr."""
    started = time.perf_counter()
    with ExitStack() as stack:
        letters = None if dead_letters is None else DeadLetterFile(dead_letters)
        if letters is not None:
            stack.callback(letters.close)
        bar = stack.enter_context(_Bar()) if sys.stderr.isatty() else None
        run = Replay(
            config,
            logs,
            strict=strict,
            decisions=decisions,
            on_batch=bar.show if bar is not None else lambda _: None,
            on_bad=letters.write if letters is not None else lambda _: None,
        )
        if bar is not None:
            bar.total_bytes = run.total_bytes
        for incident in run.incidents():
            text = encode(incident).decode() if as_json else incident_text(incident)
            if bar is not None:
                bar.make_way()
            click.echo(text)
    click.echo(totals_text(run.totals, time.perf_counter() - started), err=True)


class _Bar:
    """A progress bar on stderr, gone when the replay ends."""

    def __init__(self) -> None:
        self.total_bytes = 0
        self._progress = Progress(
            TextColumn("replay"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f}%"),
            TextColumn("{task.fields[events]:,} events"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("replay", total=1, events=0)

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def make_way(self) -> None:
        """Vanish for a line of output; the next `show` brings the bar back."""
        self._progress.stop()

    def show(self, totals: ReplayTotals) -> None:
        """Move the bar to where the logs have been read."""
        self._progress.start()
        self._progress.update(
            self._task,
            completed=totals.read_bytes,
            total=max(self.total_bytes, 1),
            events=totals.events,
        )
