"""`foreshock simulate`."""

import re
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from monitor.events import NS_PER_S
from monitor.labels import Labels, write_labels
from monitor.logfile import log_writer, unusable_output
from monitor.paths import check_writable
from monitor.pretty import WIDTH
from monitor.pretty import duration as length
from monitor.simulator import PROFILES, SCENARIOS, Options, Simulation
from monitor.simulator.options import START_NS, SimulationError

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)")
INDENT: Final = 26  # of the sentences in the list
_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


def list_scenarios() -> None:
    """Scenarios and profiles, a line each, on stdout."""
    for title, decoy in (("Scenarios", False), ("Decoys, which must not page", True)):
        click.echo(f"{title}:")
        for name, scenario in SCENARIOS.items():
            if scenario.decoy == decoy:
                sentence = textwrap.wrap(scenario.sentence, WIDTH - INDENT)
                click.echo(f"  {name:{INDENT - 2}}" + f"\n{' ' * INDENT}".join(sentence))
    click.echo(f"Profiles: {', '.join(PROFILES)}")


def simulate_log(
    *,
    seed: int | None,
    duration: str,
    onset: str | None,
    symbols: str,
    start: str | None,
    output: Path | None,
    labels: Path | None,
    **plain: Any,
) -> None:
    """Write the log and its labels; progress and the closing line go to stderr."""
    if seed is None:
        raise SimulationError("--seed is needed: a number, the same for the same log")
    if output is None:
        raise SimulationError("-o is needed: the log to write")
    reason = unusable_output(output)
    if reason is not None:
        raise SimulationError(reason)
    if labels is not None:
        if labels == output:
            raise SimulationError(f"--labels {labels}: is the log itself")
        check_writable("--labels", labels)
    options = Options(
        seed=seed,
        duration_s=seconds("duration", duration),
        onset_s=None if onset is None else seconds("onset", onset),
        symbols=_symbols(symbols),
        start_ns=START_NS if start is None else _start_ns(start),
        **plain,
    )
    started = time.perf_counter()
    simulation = Simulation(options)
    _write(simulation, output)
    truth = simulation.labels()
    if labels is not None:
        write_labels(truth, labels)
    click.echo(_closing(simulation, truth, output, time.perf_counter() - started), err=True)


def seconds(name: str, text: str) -> float:
    """A length of time such as 90s, 30m, 6h or 2d; raises SimulationError."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise SimulationError(f"{name} {text!r} must be like 90s, 30m, 6h or 2d")
    return float(found[1]) * _SECONDS[found[2]]


def _symbols(text: str) -> int | tuple[str, ...]:
    text = text.strip()
    return int(text) if text.isdecimal() else tuple(name.strip() for name in text.split(","))


def _start_ns(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SimulationError(f"start {text!r} must be like 2026-06-01T09:00:00Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000) * (NS_PER_S // 1_000)


def _write(simulation: Simulation, output: Path) -> None:
    try:
        with log_writer(output) as stream:
            for chunk in _shown(simulation):
                stream.write(chunk)
    except OSError as error:
        raise SimulationError(f"{output}: cannot be written: {error.strerror or error}") from error


def _shown(simulation: Simulation) -> Iterator[bytes]:
    """The log's chunks, with a bar on stderr where that is a terminal."""
    progress = Progress(
        TextColumn("simulate"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%"),
        TextColumn("{task.fields[events]:,} events"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = progress.add_task("simulate", total=simulation.slices, events=0)
    with progress if sys.stderr.isatty() else nullcontext():
        for chunk in simulation.chunks():
            progress.update(task, completed=simulation.slices_done, events=simulation.events_total)
            yield chunk


def _closing(simulation: Simulation, truth: Labels, output: Path, elapsed_s: float) -> str:
    events = simulation.events_total
    waves = [e.first_forced_wave_ns for e in truth.events if e.first_forced_wave_ns is not None]
    told = f"{sum(not e.decoy for e in truth.events)} scenario"
    told += f", {sum(e.decoy for e in truth.events)} decoys"
    if waves:
        told += f", forced wave at {length((min(waves) - truth.start_ns) / NS_PER_S)}"
    return (
        f"{output}: {events:,} events, {len(truth.symbols)} symbols, "
        f"span {length((truth.end_ns - truth.start_ns) / NS_PER_S)}, {told}, "
        f"{events / elapsed_s:,.0f} events/s"
    )
