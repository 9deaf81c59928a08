"""The command that audits a deployment, and the fairness of what a venue did."""

import sys
from pathlib import Path

import click

from monitor.cli.options import config_option, one_line_errors
from monitor.settings import load


@click.command()
@config_option
@click.option("--connect", is_flag=True, help="Also ask the brokers; nothing is changed there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
@one_line_errors
def audit(config_path: Path | None, connect: bool, as_json: bool) -> None:
    """Audit a deployment."""
    from monitor.commands.audit import audit_deployment

    text, critical = audit_deployment(load(config_path), connect=connect, as_json=as_json)
    click.echo(text)
    sys.exit(1 if critical else 0)
