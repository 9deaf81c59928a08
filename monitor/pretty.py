"""Incidents and numbers for people: 80 columns, plain text, colour only on a terminal."""

import io
import textwrap
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.table import Table

from monitor.events import NS_PER_S
from monitor.incidents import Incident
from monitor.replay import ReplayTotals

WIDTH = 80
_COLOURS = {"page": "red", "warning": "yellow", "info": "cyan"}
SYMBOLS_SHOWN = 6


def incident_text(incident: Incident) -> str:
    """One change of an incident: headline, summary and, as it opens or worsens, the evidence."""
    colour = _COLOURS[incident.severity]
    lead = (incident.at_ns - incident.onset_ns) / NS_PER_S
    head = click.style(f"{incident.severity.upper():7}", fg=colour, bold=True)
    score = f"score {incident.score:.1f}, {lead:.1f} s after onset"
    lines = [
        f"{clock(incident.at_ns)}  {head} {incident.change:6} {incident.id}  {score}",
        *textwrap.wrap(incident.summary, WIDTH, initial_indent="  ", subsequent_indent="  "),
    ]
    if incident.change != "close":
        lines += _evidence(incident)
    return "\n".join(lines)


def _evidence(incident: Incident) -> Iterable[str]:
    yield f"    {'symbol':14} {'signal':20}  observed  expected  ratio  score"
    for seen in incident.symbols[:SYMBOLS_SHOWN]:
        yield (
            f"    {seen.symbol:14.14} {seen.signal:20} {count(seen.observed):>9} "
            f"{count(seen.expected):>9} {seen.ratio:5.1f}x {seen.score:6.1f}"
        )
    more = len(incident.symbols) - SYMBOLS_SHOWN
    if more > 0:
        yield f"    and {more} more"
    accounts = [f"{a.account} {a.share:.0%}" for a in incident.accounts if a.share >= 0.05]
    if accounts:
        yield f"    accounts: {', '.join(accounts[:4])}"


def count(value: float) -> str:
    """A number of events, or a level; a small one that is not whole with a decimal."""
    return f"{value:,.0f}" if value >= 9.95 or value == round(value) else f"{value:.1f}"


def clock(ns: int) -> str:
    """Time of day, UTC, to the millisecond."""
    moment = datetime.fromtimestamp(ns // NS_PER_S, UTC)
    return f"{moment:%H:%M:%S}.{ns % NS_PER_S // 1_000_000:03d}"


def duration(seconds: float) -> str:
    """A length of time in the two units that matter."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    return f"{hours // 24} d {hours % 24:02d} h"


def totals_text(totals: ReplayTotals, elapsed_s: float) -> str:
    """The closing line of a replay."""
    bad = sum(totals.bad.values())
    reasons = ", ".join(f"{reason} {n:,}" for reason, n in totals.bad.most_common())
    rate = totals.events / elapsed_s if elapsed_s > 0 else 0.0
    return (
        f"{totals.events:,} events, {bad:,} bad{f' ({reasons})' if bad else ''}, "
        f"{totals.late:,} late, span {duration(totals.span_s)}, "
        f"{totals.incidents:,} incident{'s' * (totals.incidents != 1)}, "
        f"{rate:,.0f} events/s"
    )


def grid(heads: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Aligned columns, the first few to the left."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="")
    for number, head in enumerate(heads):
        table.add_column(head, justify="left" if number < left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    text = io.StringIO()
    Console(file=text, width=WIDTH, color_system=None, highlight=False, markup=False).print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())
