"""`foreshock compare`."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import click
import msgspec

from monitor.commands.progress import Bar
from monitor.errors import UserError
from monitor.hindsight.comparison import LETTERS, Setting, compare
from monitor.hindsight.side_by_side import comparison_text
from monitor.labels import read_labels
from monitor.replay import ReplayTotals
from monitor.seeds import SCORING_FROM
from monitor.settings import load


def compare_logs(
    logs: Sequence[Path],
    *,
    configs: Sequence[Path],
    variants: Sequence[str],
    labels: Path | None,
    decisions: Path | None,
    as_json: bool,
) -> None:
    """The comparison to stdout, progress and what must be known of it to stderr."""
    settings = named_settings(configs, variants)
    truth = None if labels is None else read_labels(labels)
    total_bytes = sum(path.stat().st_size for path in logs if path.is_file())
    with ExitStack() as stack:

        def on_setting(setting: Setting) -> Callable[[ReplayTotals], None]:
            stack.pop_all().close()
            bar = stack.enter_context(Bar(f"{setting.letter} of {len(settings)}"))
            bar.total_bytes = total_bytes
            return bar.show

        found = compare(settings, logs, labels=truth, decisions=decisions, on_setting=on_setting)
    click.echo(msgspec.json.encode(found).decode() if as_json else comparison_text(found))
    if truth is not None and truth.seed >= SCORING_FROM:
        click.echo(
            f"seed {truth.seed} is for scoring: what is chosen by this must not be scored on it",
            err=True,
        )


def named_settings(configs: Sequence[Path], variants: Sequence[str]) -> list[Setting]:
    """Each configuration, and the first of them (or the defaults) with each variant.

    variants: one or more KEY=VALUE each, with spaces between. Raises ConfigError, UserError.
    """
    base = configs[0] if configs else None
    found = [(str(path), load(path)) for path in configs] or [("defaults", load(None))]
    found += [(f"A with {v}", load(base, overrides=v.split())) for v in variants]
    if not 2 <= len(found) <= len(LETTERS):
        raise UserError(
            f"compare: give 2 to {len(LETTERS)} settings, were {len(found)}: "
            "--config FILE more than once, or --set KEY=VALUE"
        )
    return [Setting(letter, *each) for letter, each in zip(LETTERS, found, strict=False)]
