"""Commands around a live venue."""

from pathlib import Path
from typing import Literal

import click

from monitor.cli.options import A_FILE, config_option, one_line_errors
from monitor.duration import Duration
from monitor.settings import load


@click.command()
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


@click.command()
@config_option
@click.option(
    "-o",
    "--output",
    required=True,
    type=A_FILE,
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


@click.command()
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.0, min_open=True),
    default=120.0,
    show_default=True,
    help="Stop after this long.",
)
@click.option("--keep-running", is_flag=True, help="Do not stop; Ctrl-C ends it.")
@click.option("--seed", default=7, show_default=True, help="Seed of the exchange.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=9108,
    show_default=True,
    help="Port of /metrics; 0 picks one.",
)
@one_line_errors
def demo(seconds: float, keep_running: bool, seed: int, port: int) -> None:
    """See it work: a broker, a small exchange, the monitor.

    Starts an embedded Kafka-compatible broker and a seeded exchange of twelve
    symbols that publishes to it in real time. About 50 seconds in, leverage
    piles up on five symbols; then makers pull their quotes there. The monitor
    reads it over the wire. Ends by itself after two minutes.
    """
    from monitor.demo.show import show

    show(seconds=None if keep_running else seconds, seed=seed, port=port)


@click.command()
@config_option
@click.option("--connect", is_flag=True, help="Also ask the brokers for the topics.")
@one_line_errors
def check(config_path: Path | None, connect: bool) -> None:
    """Say whether the configuration is sound, and what it comes to.

    Prints every setting with its value, and looks at the files and folders
    that are named. With --connect it also asks the brokers whether the topics
    exist and are partitioned alike. Exit status 2 when something must be
    mended.
    """
    from monitor.commands.check import check_brokers, check_files, describe

    config = load(config_path)
    click.echo(describe(config))
    check_files(config)
    if connect:
        click.echo(check_brokers(config))
    click.echo("configuration is sound")
