"""The command that audits a deployment, and the fairness of what a venue did."""

import sys
from pathlib import Path

import click

from monitor.cli.options import config_option, one_line_errors
from monitor.duration import Duration
from monitor.settings import load

NEITHER = "say what to audit: -c FILE, this deployment, or --fairness LOG, the forced orders in it"


@click.command()
@click.argument("logs", nargs=-1, type=click.Path(path_type=Path))
@config_option
@click.option("--connect", is_flag=True, help="Also ask the brokers; nothing is changed there.")
@click.option("--fairness", is_flag=True, help="Audit the forced orders in LOGS instead.")
@click.option(
    "--fee-bps",
    type=click.FloatRange(0.0, 10_000.0, max_open=True),
    default=0.0,
    show_default=True,
    help="The venue's liquidation fee, in hundredths of a percent of what is cut.",
)
@click.option(
    "--wave-gap",
    type=Duration(),
    default="10s",
    show_default=True,
    help="Forced orders with shorter pauses between them are one wave.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
@one_line_errors
def audit(
    logs: tuple[Path, ...],
    config_path: Path | None,
    connect: bool,
    fairness: bool,
    fee_bps: float,
    wave_gap: float,
    as_json: bool,
) -> None:
    """Audit a deployment, or the fairness of forced orders in LOGS.

    With -c: inputs, controls, outputs and single points of failure of this
    deployment, each with why it matters and the line that changes it. Exit
    status 1 when something is critical, 0 otherwise.

    With --fairness: what liquidations and auto-deleveraging took beyond what
    restored margin, whom they took first, how concentrated they were, what was
    paid against the mark, and the share of the fee; by wave, symbol and
    account, and what cannot be judged for want of fields. -c names the file
    with the mappings, where events are not in the contract's form.

    \b
    foreshock audit -c foreshock.toml --connect
    foreshock audit --fairness --fee-bps 50 incident.jsonl.zst
    """
    if not fairness and (config_path is None or logs):
        raise click.UsageError(NEITHER if not logs else f"logs need --fairness: {NEITHER}")
    if fairness and not logs:
        raise click.UsageError(f"--fairness needs a log; {NEITHER}")
    if fairness and connect:
        raise click.UsageError(f"--connect is for a deployment, not for logs; {NEITHER}")
    if fairness:
        _fairness(logs, config_path, fee_bps, wave_gap, as_json=as_json)
        return
    from monitor.commands.audit import audit_deployment

    text, critical = audit_deployment(load(config_path), connect=connect, as_json=as_json)
    click.echo(text)
    sys.exit(1 if critical else 0)


def _fairness(
    logs: tuple[Path, ...],
    config_path: Path | None,
    fee_bps: float,
    wave_gap_s: float,
    *,
    as_json: bool,
) -> None:
    from monitor.commands.audit import audit_fairness
    from monitor.fairness import FairnessOptions

    options = FairnessOptions(fee_bps=fee_bps, wave_gap_s=wave_gap_s)
    click.echo(audit_fairness(load(config_path), logs, options, as_json=as_json))
