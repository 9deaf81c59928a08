"""`foreshock explain`."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import click
import msgspec

from monitor.commands.progress import Bar
from monitor.config import Config
from monitor.hindsight.explanation import Asked, explain
from monitor.hindsight.prose import explanation_text
from monitor.replay import ReplayTotals

ONLY_AUDIT = (
    "from the audit log alone: for counts over time, and what it would have been without "
    "accounts, name the recorded log, and this file as --decisions"
)


def explain_logs(
    config: Config,
    logs: Sequence[Path],
    *,
    incident: str | None,
    decisions: Path | None,
    quick: bool,
    as_json: bool,
) -> None:
    """The explanation to stdout, progress to stderr."""
    total_bytes = sum(path.stat().st_size for path in logs if path.is_file())
    with ExitStack() as stack:

        def on_pass(what: str) -> Callable[[ReplayTotals], None]:
            stack.pop_all().close()
            bar = stack.enter_context(Bar(what))
            bar.total_bytes = total_bytes
            return bar.show

        asked = Asked(
            config=config,
            logs=logs,
            id=incident,
            decisions=decisions,
            quick=quick,
            on_pass=on_pass,
        )
        found = explain(asked)
    click.echo(msgspec.json.encode(found).decode() if as_json else explanation_text(found))
    if not found.streams:
        click.echo(ONLY_AUDIT, err=True)
