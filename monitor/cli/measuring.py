"""Commands that make markets to be wrong about, and say how wrong."""

from pathlib import Path
from typing import Any

import click

from monitor.cli.options import A_FILE, config_option, one_line_errors
from monitor.incidents import Severity
from monitor.settings import load


@click.command()
@click.option("--seed", type=int, help="Needed: below 1,000,000 for tuning, else for scoring.")
@click.option("--scenario", default="quiet", show_default=True, help="See --list.")
@click.option("--size", default="medium", show_default=True, help="small, medium or large.")
@click.option(
    "--duration",
    metavar="DURATION",
    default="30m",
    show_default=True,
    help="Such as 90s, 30m, 6h, 2d.",
)
@click.option(
    "--onset",
    metavar="DURATION",
    help="When the scenario begins; default: a third of the duration.",
)
@click.option("--symbols", default="12", show_default=True, help="A count, or names with commas.")
@click.option("--rate", type=float, help="Events/s of the whole venue; default: the profile's.")
@click.option(
    "--profile", default="perp", show_default=True, help="How quiet flow behaves; see --list."
)
@click.option("--start", help="Venue time of the first event, ISO 8601; default: a fixed day.")
@click.option(
    "-o",
    "--output",
    type=A_FILE,
    help="The incident log to write: .jsonl, .jsonl.zst or .jsonl.gz.",
)
@click.option(
    "--labels",
    type=A_FILE,
    help="Write here, as JSON, what truly happened and when.",
)
@click.option("--list", "listing", is_flag=True, help="Name all scenarios and profiles.")
@one_line_errors
def simulate(listing: bool, **asked: Any) -> None:
    """Make a log of a venue where something happens, and its labels.

    A seeded venue: order books, makers that cancel and replace, takers,
    leveraged accounts, a liquidation engine. Normal flow is hard: bursts,
    news, funding, restarts. A scenario disturbs it at its onset; what follows
    is the venue's own mechanics. The same options give the same bytes.

    \b
    foreshock simulate --list
    foreshock simulate --seed 1 -o quiet.jsonl.zst
    foreshock simulate --seed 1 --scenario cascade \\
        -o c.jsonl --labels c.labels.json
    foreshock replay c.jsonl
    """
    from monitor.commands.simulate import list_scenarios, simulate_log

    if listing:
        list_scenarios()
    else:
        simulate_log(**asked)


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@config_option
@click.option(
    "--simulate",
    "plan",
    type=A_FILE,
    help="Score logs straight from the simulator, as this plan (TOML) lists them.",
)
@click.option(
    "--json",
    "json_path",
    type=A_FILE,
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
