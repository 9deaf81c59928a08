"""`foreshock score`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import Progress

from monitor import calibration
from monitor.config import Config
from monitor.errors import UserError
from monitor.incidents import Severity
from monitor.scoring.folder import stored_logs
from monitor.scoring.plan import planned_logs
from monitor.scoring.score import score
from monitor.scoring.scorecard import Scorecard
from monitor.scoring.table import table
from monitor.scoring.watch import LabelledLog


def score_logs(
    config: Config,
    folder: Path | None,
    *,
    plan: Path | None,
    json_path: Path | None,
    jobs: int,
    severity: Severity,
    tuning: bool,
) -> None:
    """The table to stdout, the figures to a file, progress to stderr."""
    if (folder is None) == (plan is None):
        raise UserError("score: give a FOLDER of logs and labels, or --simulate PLAN")
    logs: list[LabelledLog] = []
    logs += stored_logs(folder) if folder is not None else ()
    logs += planned_logs(plan) if plan is not None else ()
    with progress(len(logs)) as advance:
        card = score(
            logs,
            config,
            severity=severity,
            tuning=tuning,
            calibrated=calibration.seeds(config),
            jobs=jobs,
            on_log=lambda _: advance(),
        )
    if json_path is not None:
        _write(card, json_path)
    click.echo(table(card))


@contextmanager
def progress(logs: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr, if that is a terminal, to be advanced a log at a time."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("score", total=logs)
        yield lambda: bar.advance(task)


def _write(card: Scorecard, path: Path) -> None:
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(card)) + b"\n")
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
