"""`foreshock replay`."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from monitor.commands.progress import Bar
from monitor.config import Config
from monitor.incidents import encode
from monitor.pretty import incident_text, totals_text
from monitor.replay import Replay
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
        bar = stack.enter_context(Bar("replay"))
        run = Replay(
            config,
            logs,
            strict=strict,
            decisions=decisions,
            on_batch=bar.show,
            on_bad=letters.write if letters is not None else lambda _: None,
        )
        bar.total_bytes = run.total_bytes
        for incident in run.incidents():
            text = encode(incident).decode() if as_json else incident_text(incident)
            bar.make_way()
            click.echo(text)
    click.echo(totals_text(run.totals, time.perf_counter() - started), err=True)
