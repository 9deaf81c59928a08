"""Commands over incident logs."""

import sys
from pathlib import Path

import click

from monitor.cli.options import (
    A_FILE,
    config_option,
    decisions_option,
    logs_argument,
    one_line_errors,
)
from monitor.settings import load


@click.command()
@logs_argument
@config_option
@click.option("--json", "as_json", is_flag=True, help="JSON lines even on a terminal.")
@click.option("--strict", is_flag=True, help="End with exit status 2 at the first bad record.")
@click.option(
    "--dead-letters",
    type=A_FILE,
    help="Write bad records to this file, with origin and reason.",
)
@decisions_option
@one_line_errors
def replay(
    logs: tuple[Path, ...],
    config_path: Path | None,
    as_json: bool,
    strict: bool,
    dead_letters: Path | None,
    decisions: Path | None,
) -> None:
    """Run incident LOGS through the same code as a live venue.

    A log is JSON lines (.jsonl, .jsonl.zst, .jsonl.gz), events or the
    envelopes that `record` writes, or .parquet with a column a field. Several
    logs of events are read side by side, by their own clocks; recordings one
    after the other, as they are named, while bins wait for the partitions of
    all. The same logs and settings give the same incidents, byte for byte.

    Incidents go to stdout: as JSON lines, or readable on a terminal. The
    closing line on stderr counts events, bad and late ones.
    """
    from monitor.commands.replay import replay_logs

    replay_logs(
        load(config_path),
        logs,
        as_json=as_json or not sys.stdout.isatty(),
        strict=strict,
        dead_letters=dead_letters,
        decisions=decisions,
    )


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--from",
    "source",
    required=True,
    type=click.Choice(["lobster", "bitstamp", "binance"]),
    help="The form of the files.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=A_FILE,
    help="The incident log to write: .jsonl, .jsonl.zst or .jsonl.gz.",
)
@one_line_errors
def convert(paths: tuple[Path, ...], source: str, output: Path) -> None:
    """Turn real order logs into an incident log.

    \b
    lobster   NASDAQ messages: the .zip as LOBSTER delivers it
    bitstamp  order events in CSV, plain or .xz
    binance   USD-M futures stream captures, "local_ns json" a line, .gz

    Several files become one log, in the order of time.
    """
    from monitor.commands.convert import convert_logs

    convert_logs(source, paths, output)


@click.command()
@logs_argument
@config_option
@click.option(
    "--labels",
    multiple=True,
    type=A_FILE,
    help="What `simulate` wrote beside a log; a scoring seed is refused. May be repeated.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=A_FILE,
    help="The calibration to write, JSON; name it in detectors.calibration.",
)
@one_line_errors
def calibrate(
    logs: tuple[Path, ...], config_path: Path | None, labels: tuple[Path, ...], output: Path
) -> None:
    """Learn from quiet LOGS how often quiet flow looks unusual.

    A running monitor learns this too, but for its first day it can only be
    stricter than it need be. Give it a calibration and it starts where the
    logs ended: a day of quiet flow of the same venue is good, a week better.
    Bursts in the logs are learned as normal, so look at what is said of them.
    """
    from monitor.commands.calibrate import calibrate_logs

    calibrate_logs(load(config_path), logs, labels, output)


@click.command()
@logs_argument
@config_option
@click.option(
    "--incident", metavar="ID", help="Its id, or the first of its characters; default: the loudest."
)
@decisions_option
@click.option("--quick", is_flag=True, help="Do not replay without the accounts' events.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with every second.")
@one_line_errors
def explain(
    logs: tuple[Path, ...],
    config_path: Path | None,
    incident: str | None,
    decisions: Path | None,
    quick: bool,
    as_json: bool,
) -> None:
    """Explain one incident of LOGS at length.

    Replays the logs, and says: what moved first and in which order; second by
    second, what came and what was expected; how rates seemed to have risen;
    what the whole market did; who did it; and what would have been told
    without them, which is found by replaying without their events. Use the
    settings of the run that told the incident, or its id may not be there.

    LOGS may also be the audit log of a live run: then it says what that knows.

    \b
    foreshock explain incident.jsonl.zst
    foreshock explain incident.jsonl.zst --incident c3f82f74
    foreshock explain audit.jsonl --incident c3f82f74
    """
    from monitor.commands.explain import explain_logs

    explain_logs(
        load(config_path),
        logs,
        incident=incident,
        decisions=decisions,
        quick=quick,
        as_json=as_json,
    )


@click.command()
@logs_argument
@click.option(
    "-c",
    "--config",
    "configs",
    multiple=True,
    type=A_FILE,
    help="A TOML file; one setting each. May be repeated.",
)
@click.option(
    "--set",
    "variants",
    metavar="KEY=VALUE",
    multiple=True,
    help="One more setting: the first --config, or the defaults, with this changed. Several "
    "changes stand in quotes, with spaces between. May be repeated.",
)
@click.option(
    "--labels",
    type=A_FILE,
    help="What `simulate` wrote beside the log: says who was right too.",
)
@decisions_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@one_line_errors
def compare(
    logs: tuple[Path, ...],
    configs: tuple[Path, ...],
    variants: tuple[str, ...],
    labels: Path | None,
    decisions: Path | None,
    as_json: bool,
) -> None:
    """Replay LOGS under several settings, and set them side by side.

    Compared are incidents, pages, and for every incident when each setting
    first saw it and first paged, who was sooner, and by how much. Incidents are
    the same where they overlap in time and name a symbol in common. With labels
    also recall, delay and lead, by the rules of `score`.

    \b
    foreshock compare day.jsonl.zst -c now.toml -c new.toml
    foreshock compare day.jsonl.zst -c now.toml --set incidents.join_s=30
    foreshock compare c.jsonl --labels c.labels.json --set detectors.delay_s=5
    """
    from monitor.commands.compare import compare_logs

    compare_logs(
        logs,
        configs=configs,
        variants=variants,
        labels=labels,
        decisions=decisions,
        as_json=as_json,
    )
