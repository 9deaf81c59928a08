"""`make stack` and `make stack-down`: python -m deploy.local up | down."""

from pathlib import Path

import click

from deploy.local.errors import StackError
from deploy.local.programs import ROOT, Place
from deploy.local.stack import down, up
from monitor.demo.exchange import Script
from monitor.demo.publish import TROUBLE_EVERY_S

_folder = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=ROOT / ".cache" / "stack",
    help="Where it keeps its data and its logs.",
)


@click.group()
def main() -> None:
    """A whole installation on loopback, without Docker."""


@main.command("up")
@_folder
@click.option("--shift", default=0, show_default=True, help="Added to every port.")
def start(folder: Path, shift: int) -> None:
    """Start Kafka, Prometheus, Alertmanager, a simulated venue and the monitor."""
    place = Place(folder.resolve(), shift)
    try:
        began = up(place, click.echo)
    except StackError as error:
        raise click.ClickException(str(error)) from error
    click.echo(("It runs.\n" if began else "It runs already.\n") + _addresses(place))


@main.command("down")
@_folder
def stop(folder: Path) -> None:
    """End what `up` started, and nothing else. Data and logs stay."""
    try:
        ended = down(folder.resolve(), click.echo)
    except StackError as error:
        raise click.ClickException(str(error)) from error
    click.echo("It has ended." if ended else "Nothing runs.")


def _addresses(place: Place) -> str:
    first_s = Script().pull_from_s
    rows = {
        f"{place.url('monitor')}/incidents": "what is open, and why",
        f"{place.url('monitor')}/metrics": "what Prometheus reads",
        f"{place.url('prometheus')}/alerts": "which alerts fire",
        f"{place.url('alertmanager')}": "who is told; silence one here",
        f"{place.url('inbox')}": "what would have been sent, the latest first",
        f"{place.address('kafka')}": "Kafka: orders, cancels, leverage-changes, market",
        f"{place.folder}": "logs, audit.jsonl, messages.jsonl",
    }
    width = max(map(len, rows))
    table = "\n".join(f"  {where:{width}}  {what}" for where, what in rows.items())
    return (
        f"\n{table}\n\n"
        f"A minute after the exchange's start ({first_s:.0f} s), and every "
        f"{TROUBLE_EVERY_S / 60:.0f} minutes, makers pull their\nquotes on five symbols: watch the "
        "incident open, the alert fire, the message come.\nDashboards are in grafana/; "
        "deploy/compose.yaml runs them. `make stack-down` ends it."
    )


if __name__ == "__main__":
    main()
