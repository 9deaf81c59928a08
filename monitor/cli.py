"""The command line: reads arguments, wires, and turns failures into one clear line."""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

import click

from monitor import __version__
from monitor.duration import Duration
from monitor.errors import UserError
from monitor.incidents import Severity
from monitor.settings import load

P = ParamSpec("P")
R = TypeVar("R")
EXIT_UNUSABLE = 2

config_option = click.option(
    "-c",
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="FORESHOCK_CONFIG",
    help="TOML file; without it every setting has its default. Any setting can also come from "
    "the environment, e.g. FORESHOCK_KAFKA__BOOTSTRAP_SERVERS.",
)


def one_line_errors(command: Callable[P, R]) -> Callable[P, R]:
    """What the user can mend ends in one line and exit status 2, never in a traceback."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except UserError as error:
            click.echo(f"foreshock: {' '.join(str(error).split())}", err=True)
            sys.exit(EXIT_UNUSABLE)

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(__version__, message="foreshock %(version)s")
def main() -> None:
    """Early warning for perpetual-futures venues.

    Reads the venue's own order, cancel and leverage-change events, and says
    when they stop looking normal: which symbols, which accounts, since when,
    and how rare that is on a quiet day.

    \b
    Try it:           foreshock demo
    Watch a venue:    foreshock run -c foreshock.toml
    Look back:        foreshock replay incident.jsonl.zst
    """


@main.command()
@config_option
@one_line_errors
def run(config_path: Path | None) -> None:
    """Watch a venue: Kafka in, incidents and metrics out.

    Joins the consumer group, reads all topics, and serves /metrics, /healthz,
    /readyz and /incidents. Several processes in one group are hot standbys of
    each other; with scale.role = "shard" they share the work, and those with
    "detection" judge what the shards publish. SIGTERM or Ctrl-C writes a
    checkpoint and exits 0; the next start continues from it.
    """
    from monitor.commands.run import run_until_signal

    run_until_signal(load(config_path))


@main.command()
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path))
@config_option
@click.option("--json", "as_json", is_flag=True, help="JSON lines even on a terminal.")
@click.option("--strict", is_flag=True, help="End with exit status 2 at the first bad record.")
@click.option(
    "--dead-letters",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write bad records to this file, with origin and reason.",
)
@click.option(
    "--decisions",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The audit log of the run that is replayed: repeats when it stopped waiting for "
    "partitions that had nothing to say.",
)
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
    logs are read side by side, by their own clocks. The same logs and settings
    give the same incidents, byte for byte.

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


@main.command()
@config_option
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The incident log to write: .jsonl, .jsonl.zst or .jsonl.gz.",
)
@click.option("--duration", type=Duration(), help="Stop after this long, e.g. 10m.")
@click.option(
    "--from",
    "start",
    type=click.Choice(["recent", "earliest", "latest"]),
    default="recent",
    show_default=True,
    help="Where to begin: kafka.rewarm_s before now, the oldest record, or the next.",
)
@one_line_errors
def record(
    config_path: Path | None,
    output: Path,
    duration: float | None,
    start: Literal["recent", "earliest", "latest"],
) -> None:
    """Write what the topics say to an incident log, for `replay`.

    Reads all configured topics beside the consumer group and disturbs nobody:
    it joins no group and commits nothing. Every record is kept with its own
    bytes, topic, partition, offset and broker timestamp. What is read is in
    the file a second later. Ctrl-C or SIGTERM finishes the file and exits 0.
    """
    from monitor.commands.record import record_topics

    record_topics(load(config_path), output, start=start, duration_s=duration)


@main.command()
@click.option("--seconds", default=120.0, show_default=True, help="Stop after this long.")
@click.option("--keep-running", is_flag=True, help="Do not stop; Ctrl-C ends it.")
@click.option("--seed", default=7, show_default=True, help="Seed of the exchange.")
@click.option("--port", default=9108, show_default=True, help="Port of /metrics; 0 picks one.")
@one_line_errors
def demo(seconds: float, keep_running: bool, seed: int, port: int) -> None:
    """See it work: a broker, a small exchange, and the monitor, for two minutes.

    Starts an embedded Kafka-compatible broker and a seeded exchange of twelve
    symbols that publishes to it in real time. About a minute in, makers pull
    their quotes on five symbols at once. The monitor reads it over the wire.
    """
    from monitor.demo.show import show

    show(seconds=None if keep_running else seconds, seed=seed, port=port)


@main.command()
@config_option
@click.option("--connect", is_flag=True, help="Also ask the brokers for the topics.")
@one_line_errors
def check(config_path: Path | None, connect: bool) -> None:
    """Say whether the configuration is sound, and what it comes to.

    Prints every setting with its value. With --connect it also asks the
    brokers whether the topics exist and are partitioned alike. Exit status 2
    when something must be mended.
    """
    from monitor.commands.check import check_brokers, describe

    config = load(config_path)
    click.echo(describe(config))
    if connect:
        click.echo(check_brokers(config))
    click.echo("configuration is sound")


@main.command()
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path))
@config_option
@click.option(
    "--labels",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="What `simulate` wrote beside a log; a scoring seed is refused. May be repeated.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
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


@main.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@config_option
@click.option(
    "--simulate",
    "plan",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Score logs straight from the simulator, as this plan (TOML) lists them.",
)
@click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write every figure to this file.",
)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option(
    "--severity",
    type=click.Choice(["info", "warning", "page"]),
    default="page",
    show_default=True,
    help="An incident counts from its first change of this severity.",
)
@click.option("--tuning", is_flag=True, help="Score seeds that were tuned on; the table says so.")
@one_line_errors
def score(
    folder: Path | None,
    config_path: Path | None,
    plan: Path | None,
    json_path: Path | None,
    jobs: int,
    severity: Severity,
    tuning: bool,
) -> None:
    """Say how well labelled logs are judged, beside two baselines.

    FOLDER holds logs with labels beside them, as `simulate` writes them:
    X.jsonl.zst (or .jsonl, .jsonl.gz, .parquet) and X.labels.json. Recall by
    scenario and size, delay, lead time before the first forced wave, wrong
    alarms a week with their interval, coverage; the same for alarms at random
    times and for large price moves, as many as the monitor told. Which alarm
    is right is written down in monitor/scoring/matching.py.

    Tuning seeds (below 1,000,000) and scoring seeds are never scored together.
    """
    from monitor.commands.score import score_logs

    score_logs(
        load(config_path),
        folder,
        plan=plan,
        json_path=json_path,
        jobs=jobs,
        severity=severity,
        tuning=tuning,
    )


@main.command()
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
    type=click.Path(path_type=Path, dir_okay=False),
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


@main.command()
@click.option("--seed", type=int, help="Below 1,000,000 for tuning, from there on for scoring.")
@click.option("--scenario", default="quiet", show_default=True, help="See --list.")
@click.option("--size", default="medium", show_default=True, help="small, medium or large.")
@click.option("--duration", default="30m", show_default=True, help="Such as 90s, 30m, 6h, 2d.")
@click.option("--onset", help="When the scenario begins; default: a third of the duration.")
@click.option("--symbols", default="12", show_default=True, help="A count, or names with commas.")
@click.option("--rate", type=float, help="Events/s of the whole venue; default: the profile's.")
@click.option("--profile", default="perp", show_default=True, help="How quiet flow behaves.")
@click.option("--start", help="Venue time of the first event, ISO 8601; default: a fixed day.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The incident log to write: .jsonl, .jsonl.zst or .jsonl.gz.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write here, as JSON, what truly happened and when.",
)
@click.option("--list", "listing", is_flag=True, help="Name all scenarios and profiles.")
@one_line_errors
def simulate(listing: bool, **asked: Any) -> None:
    """Make a log of a venue where something happens, and say what it was.

    A seeded venue: order books, makers that cancel and replace, takers,
    leveraged accounts, a liquidation engine. Normal flow is hard: bursts,
    news, funding, restarts. A scenario disturbs it at its onset; what follows
    is the venue's own mechanics. The same options give the same bytes.

    \b
    foreshock simulate --list
    foreshock simulate --seed 1 -o quiet.jsonl.zst
    foreshock simulate --seed 1 --scenario cascade -o c.jsonl --labels c.json
    foreshock replay c.jsonl
    """
    from monitor.commands.simulate import list_scenarios, simulate_log

    if listing:
        list_scenarios()
    else:
        simulate_log(**asked)


if __name__ == "__main__":
    main()
