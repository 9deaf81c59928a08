"""`foreshock score`."""

import sys
from contextlib import ExitStack
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import Progress

from monitor.config import Config
from monitor.errors import UserError
from monitor.incidents import Severity
from monitor.scoring.folder import stored_logs
from monitor.scoring.plan import planned_logs
from monitor.scoring.purpose import calibrated_seeds
from monitor.scoring.score import score
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
    with ExitStack() as stack:
        bar = Progress(console=Console(stderr=True), transient=True)
        if sys.stderr.isatty():
            stack.enter_context(bar)
        task = bar.add_task("score", total=len(logs))
        card = score(
            logs,
            config,
            severity=severity,
            tuning=tuning,
            calibrated=calibrated_seeds(_calibration(config)),
            jobs=jobs,
            on_log=lambda _: bar.advance(task),
        )
    if json_path is not None:
        try:
            json_path.write_bytes(msgspec.json.format(msgspec.json.encode(card)) + b"\n")
        except OSError as error:
            raise UserError(f"{json_path}: cannot be written: {error.strerror}") from error
    click.echo(table(card))


def _calibration(config: Config) -> Path | None:
    path = getattr(config, "calibration", None)
    return None if path is None else Path(path)
