"""A scorecard as text of 80 columns."""

from typing import Final

from monitor.pretty import grid
from monitor.scoring.intervals import Spread
from monitor.scoring.scorecard import Cell, Scorecard, System

NONE: Final = "–"
ALARMS_NOTE: Final = """\
monitor: from this severity on; price, random: as many alarms on large price
moves, at random times (expected); any: incidents of any severity.
right: it found an event; again: one more of an event already found. Then the
wrong ones by reason; misplaced: elsewhere than the event that was on.
wrong: their share of all. a week: those in quiet, over quiet time, with the
interval of the rate."""
RECALL_NOTE: Final = """\
found: by the monitor, of all, with the interval of the share in percent; any,
price, random: found by those. 10, 50, 90 %: percentiles of the monitor's delay
in seconds from onset, of those found."""
LEAD_NOTE: Final = """\
before: told before the first forced wave, of all with one. 10, 50, 90 %:
percentiles of the lead in seconds from alarm to first wave, of the n found;
negative is too late. a week, wrong: the false alarms it costs, as above."""
DECOYS_NOTE: Final = "fooled: decoys that were told as if they were events."


def table(card: Scorecard) -> str:
    """All tables of a scorecard, each with what its columns mean."""
    parts = [_head(card), _alarms(card), _recall(card), _lead(card), _decoys(card)]
    return "\n\n".join(part for part in parts if part)


def _head(card: Scorecard) -> str:
    tuned = "TUNING, these logs were tuned on: " if card.purpose == "tuning" else ""
    return (
        f"{tuned}scores at severity {card.severity}\n"
        f"{len(card.seeds):,} logs, {card.events:,} events; {card.venue_hours:.1f} h of venue "
        f"time, {card.quiet_hours:.1f} h quiet; coverage {card.coverage:.1%}"
    )


def _systems(card: Scorecard) -> list[tuple[str, System]]:
    return [
        ("monitor", card.monitor),
        ("price", card.price_only),
        ("random", card.at_random),
        ("any", card.any),
    ]


def _alarms(card: Scorecard) -> str:
    rows = [
        [
            name,
            _count(system.alarms),
            _count(system.right),
            _count(system.repeats),
            *(_count(n) for n in system.wrong.values()),
            _share(system.wrong_share),
            *_rate(system),
        ]
        for name, system in _systems(card)
    ]
    heads = ["", "all", "right", "again", *card.monitor.wrong, "wrong", "a week", "95 %"]
    return f"{grid(heads, rows)}\n{ALARMS_NOTE}"


def _recall(card: Scorecard) -> str:
    cells = [cell for cell in card.monitor.cells if not cell.decoy]
    rows = [
        [
            cell.scenario,
            cell.size,
            *_found(cell),
            *(_count(other.found) for other in _others(card, cell)),
            *_percentiles(cell.delay_s),
        ]
        for cell in cells
    ]
    heads = ["event", "size", "found", "95 %", "any", "price", "random", "10 %", "50 %", "90 %"]
    if not rows:
        return ""
    return f"{grid(heads, rows, left=2)}\n{RECALL_NOTE}"


def _lead(card: Scorecard) -> str:
    rows = [
        [
            cell.scenario if name == "monitor" else "",
            cell.size if name == "monitor" else "",
            name,
            f"{_count(of.before_wave)}/{of.waves}",
            *_percentiles(of.lead_s),
            NONE if of.lead_s is None else _count(of.lead_s.n),
            _number(system.wrong_per_week),
            _share(system.wrong_share),
        ]
        for cell in card.monitor.cells
        if cell.waves and not cell.decoy
        for name, system in _systems(card)[:3]
        for of in [_cell(system, cell)]
    ]
    heads = ["event", "size", "", "before", "10 %", "50 %", "90 %", "n", "a week", "wrong"]
    if not rows:
        return ""
    return f"{grid(heads, rows, left=3)}\n{LEAD_NOTE}"


def _decoys(card: Scorecard) -> str:
    rows = [
        [
            cell.scenario,
            cell.size,
            *_found(cell),
            *(_count(other.found) for other in _others(card, cell)),
        ]
        for cell in card.monitor.cells
        if cell.decoy
    ]
    heads = ["decoy", "size", "fooled", "95 %", "any", "price", "random"]
    if not rows:
        return ""
    return f"{grid(heads, rows, left=2)}\n{DECOYS_NOTE}"


def _found(cell: Cell) -> list[str]:
    low, high = cell.found_low or 0.0, cell.found_high or 0.0
    return [f"{_count(cell.found)}/{cell.events}", f"{100 * low:.0f}–{100 * high:.0f}"]


def _others(card: Scorecard, cell: Cell) -> list[Cell]:
    """The same events under any severity, and under the baselines."""
    return [_cell(system, cell) for system in (card.any, card.price_only, card.at_random)]


def _cell(system: System, like: Cell) -> Cell:
    return next(cell for cell in system.cells if cell.key == like.key)


def _percentiles(seconds: Spread | None) -> list[str]:
    if seconds is None:
        return [NONE] * 3
    return [_number(value) for value in (seconds.p10, seconds.p50, seconds.p90)]


def _rate(system: System) -> list[str]:
    low, high = system.wrong_per_week_low, system.wrong_per_week_high
    between = NONE if low is None else f"{_number(low)}–{_number(high)}"
    return [_number(system.wrong_per_week), between]


def _share(share: float | None) -> str:
    return NONE if share is None else f"{share:.0%}"


def _count(count: float) -> str:
    """A count; an expected one has a decimal."""
    return f"{count:.0f}" if count == round(count) or count >= 99.95 else f"{count:.1f}"


def _number(value: float | None) -> str:
    """Three digits that matter."""
    if value is None:
        return NONE
    return f"{value:.0f}" if abs(value) >= 99.95 or value == 0 else f"{value:.1f}"
