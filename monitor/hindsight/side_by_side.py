"""A comparison as text of 80 columns."""

from collections.abc import Sequence
from typing import Final

from monitor.hindsight.comparison import Comparison, Met, Outcome, Right, sooner
from monitor.incidents import VENUE
from monitor.pretty import clock, grid
from monitor.scoring.intervals import Spread

NONE: Final = "–"
INCIDENTS_SHOWN: Final = 40
WHERE_WIDTH: Final = 12
WORDS_MAX: Final = 2  # settings, with words over their columns
BOTH_MAX: Final = 4  # settings, with both times in 80 columns
BOTH_NOTE: Final = """\
onset: UTC, the earliest that anyone stated. A cell: seconds from there until
seen and until paged; with "2: " before them, where it was told as two."""
SEEN_NOTE: Final = "onset: UTC, the earliest stated. A cell: seconds from there until seen."
LABELS: Final = """\
found: of real events; fooled: of decoys; wrong: alarms that fit no event.
delay: median seconds from onset; lead: median seconds before the first wave."""


def comparison_text(told: Comparison) -> str:
    """What the letters stand for, what each came to, and every incident."""
    names = "\n".join(f"{outcome.letter}  {outcome.name}" for outcome in told.outcomes)
    parts = [names, _outcomes(told.outcomes), _right(told.outcomes), _incidents(told)]
    return "\n\n".join(part for part in parts if part)


def _outcomes(outcomes: Sequence[Outcome]) -> str:
    rows = [
        [
            outcome.letter,
            *(f"{n:,}" for n in (outcome.incidents, outcome.pages)),
            *(f"{n:,}" for n in (outcome.seen_first, outcome.paged_first)),
            f"{outcome.events:,}",
            f"{outcome.events_per_s:,.0f}",
        ]
        for outcome in outcomes
    ]
    heads = ["", "incidents", "pages", "seen first", "paged first", "events", "events/s"]
    return grid(heads, rows)


def _right(outcomes: Sequence[Outcome]) -> str:
    rows = [
        [outcome.letter, severity if severity == "page" else "any", *_figures(right)]
        for outcome in outcomes
        for severity, right in outcome.right.items()
    ]
    heads = ["", "severity", "found", "fooled", "wrong", "delay", "lead"]
    return f"{grid(heads, rows, left=2)}\n{LABELS}" if rows else ""


def _figures(right: Right) -> list[str]:
    return [
        f"{right.found}/{right.events}",
        f"{right.fooled}/{right.decoys}",
        f"{right.wrong}",
        _median(right.delay_s),
        _median(right.lead_s),
    ]


def _median(seconds: Spread | None) -> str:
    return NONE if seconds is None else f"{seconds.p50:.1f}"


def _incidents(told: Comparison) -> str:
    letters = [outcome.letter for outcome in told.outcomes]
    if not told.incidents:
        return "No setting told of any incident."
    both = len(letters) <= BOTH_MAX
    rows = [_row(met, letters, both=both) for met in told.incidents[:INCIDENTS_SHOWN]]
    columns = [
        f"{letter} seen/paged" if len(letters) <= WORDS_MAX else letter for letter in letters
    ]
    text = grid(["onset", "where", *columns, "sooner"], rows, left=2)
    more = len(told.incidents) - INCIDENTS_SHOWN
    note = BOTH_NOTE if both else SEEN_NOTE
    return f"{text}\n{note}" + (f"\nand {more} more: --json has all" if more > 0 else "")


def _row(met: Met, letters: Sequence[str], *, both: bool) -> list[str]:
    named = [symbol for symbol in met.symbols if symbol != VENUE] or ["whole venue"]
    where = named[0][:WHERE_WIDTH] + (f" +{len(named) - 1}" if len(named) > 1 else "")
    cells = [_cell(met, letter, both=both) for letter in letters]
    return [clock(met.onset_ns)[:8], where, *cells, _sooner(met)]


def _cell(met: Met, letter: str, *, both: bool) -> str:
    parts = len(met.parts[letter])
    if not parts:
        return NONE
    seen, paged = _after(met.seen_ns[letter], met), _after(met.paged_ns[letter], met)
    return (f"{parts}: " if parts > 1 else "") + (f"{seen}/{paged}" if both else seen)


def _after(ns: int | None, met: Met) -> str:
    return NONE if ns is None else _seconds((ns - met.onset_ns) / 1e9)


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds < 99.95 else f"{seconds:.0f}"


def _sooner(met: Met) -> str:
    """Who paged first, or where that tells nothing, who saw it first."""
    for what, times_ns in (("page", met.paged_ns), ("seen", met.seen_ns)):
        first = sooner(times_ns)
        if first is not None:
            letter, by_s = first
            return f"{what} {letter} " + ("alone" if by_s is None else f"{_seconds(by_s)} s")
    return "same"
