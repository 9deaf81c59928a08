"""`foreshock calibrate`."""

import time
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from detectors.alone import RISES
from detectors.cusum import QUICK
from detectors.tail import LN10
from monitor import calibration
from monitor.commands.progress import Bar
from monitor.config import WEEK_S, Config
from monitor.errors import UserError
from monitor.labels import read_labels
from monitor.paths import check_writable
from monitor.pretty import duration
from monitor.replay import Replay


def calibrate_logs(
    config: Config, logs: Sequence[Path], labels: Sequence[Path], output: Path
) -> None:
    """Learn from quiet logs, read side by side as `replay` does, and write what was learned."""
    seeds = [_tuning_seed(path) for path in labels]
    check_writable("-o", output)
    started = time.perf_counter()
    fresh = msgspec.structs.replace(
        config, detectors=msgspec.structs.replace(config.detectors, calibration=None)
    )
    with Bar("calibrate") as bar:
        run = Replay(fresh, logs, on_batch=bar.show)
        bar.total_bytes = run.total_bytes
        loud = [i for i in run.incidents() if i.change == "open" and i.severity != "info"]
    found = calibration.of_detection(run.pipeline.detection, config, seeds)
    if not found.quiet_hours:
        raise UserError("the logs hold no four minutes of quiet flow past the warm-up")
    calibration.write(found, output)
    click.echo(_table(found))
    for incident in loud:
        click.echo(f"not quiet: {incident.severity} {incident.id}: {incident.summary}", err=True)
    click.echo(_verdict(config, found), err=True)
    click.echo(
        f"{output}: {found.quiet_hours:.1f} quiet hours from {run.totals.events:,} events, "
        f"in {duration(time.perf_counter() - started)}",
        err=True,
    )


def _tuning_seed(path: Path) -> int:
    found = read_labels(path)
    if found.purpose == "scoring":
        raise UserError(f"{path}: seed {found.seed} is for scoring; calibrate on a tuning seed")
    if any(not event.decoy for event in found.events):
        raise UserError(f"{path}: holds anomalies; calibrate on a quiet log")
    return found.seed


def _table(found: calibration.Calibration) -> str:
    """Per signal: by how much its rates wander over two seconds. Per way to rise: how many
    maxima of four minutes were seen, how many of them lie in the tail, and how many nats a decade
    takes there."""
    lines = ["signal          wander  rise            maxima  in tail  nats a decade"]
    signals = [name.removesuffix(".wander2") for name in found.taught if ".wander2" in name]
    for signal in signals:
        seen, exceeding, excess = (found.taught[f"{signal}.{key}"] for key in _COLUMNS)
        wander = f"{found.taught[f'{signal}.wander2'][QUICK] ** 0.5:.1%}"
        for number, rise in enumerate(RISES):
            over = exceeding[number]
            nats = f"{excess[number] / over * LN10:13.2f}" if over >= 1 else f"{'–':>13}"
            counted = f"{seen[number]:>12,.0f} {over:8,.0f}"
            lines.append(f"{signal:15} {wander:>6}  {rise:9} {counted}  {nats}")
    return "\n".join(lines)


_COLUMNS = ("seen", "exceeding", "excess")


def _verdict(config: Config, found: calibration.Calibration) -> str:
    """What this much flow can and cannot promise."""
    budget = config.incidents.page_budget_per_week
    wanted = WEEK_S / 3_600.0 / budget
    promise = f"a budget of {budget:g} wrong page{'s' * (budget != 1)} a week"
    if found.quiet_hours >= wanted:
        return f"{promise} rests on flow that long"
    return (
        f"{promise} is one in {duration(wanted * 3600)}; that "
        f"reaches {wanted / found.quiet_hours:.0f} times beyond the flow seen, along its tail"
    )
