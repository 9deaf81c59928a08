"""An explanation as text of 80 columns."""

import textwrap
from collections.abc import Sequence
from typing import Final

import click

from monitor.explain import EVENTS
from monitor.hindsight.explanation import Explanation
from monitor.hindsight.second_look import Second, StreamStory
from monitor.hindsight.without import Without
from monitor.incidents import VENUE
from monitor.pretty import WIDTH, clock, count, duration, grid, incident_text

STREAMS_SHOWN: Final = 4
FIRST_SHOWN: Final = 8
NONE: Final = "–"
# Seconds since the onset that have a line of their own, where there is so much.
AT_S: Final = (
    *(-10, -5, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 45, 60),
    *(90, 120, 180, 300, 450, 600, 899),
)


def explanation_text(told: Explanation) -> str:
    """Everything, each part with a heading."""
    parts = [
        ("", incident_text(told.changes[-1])),
        ("How rare", _rarity(told)),
        ("What moved first", _first(told)),
        ("Expected and observed, a second a line", _seconds(told)),
        ("How its rate rose", _risen(told)),
        ("What the whole market did", _market(told)),
        ("Who", _accounts(told)),
        ("Without them", _without(told)),
        ("How far to trust it", _trust(told)),
        ("What was told", _changes(told)),
    ]
    return "\n\n".join(
        f"{click.style(head, bold=True)}\n{text}" if head else text for head, text in parts if text
    )


def _wrap(*sentences: str) -> str:
    return textwrap.fill(" ".join(sentences), WIDTH, initial_indent="  ", subsequent_indent="  ")


def _rarity(told: Explanation) -> str:
    incident = told.incident
    text = f"A quiet venue shows a score of {incident.score:.1f} {told.rarity}."
    calibration = incident.trust.get("calibration")
    if calibration == "prior":
        return _wrap(text, "Not yet measured: scores are held down, so if anything it is rarer.")
    if calibration == "lost":
        return _wrap(text, "But calibration was lost: this may be no rarity at all.")
    return _wrap(text, f"Measured on {incident.trust.get('quiet_hours')} h of quiet flow.")


def _first(told: Explanation) -> str:
    if not told.first:
        return ""
    start_ns = told.first[0].onset_ns
    rows = [
        [
            f"  {clock(seen.onset_ns)}",
            f"+{(seen.onset_ns - start_ns) / 1e9:.2f} s",
            EVENTS.get(seen.feature, seen.feature),
            seen.symbol,
            seen.signal,
        ]
        for seen in told.first[:FIRST_SHOWN]
    ]
    text = grid(["  began (UTC)", "later by", "events", "symbol", "signal"], rows, left=5)
    more = len(told.first) - FIRST_SHOWN
    return f"{text}\n  and {more} more" if more > 0 else text


def _seconds(told: Explanation) -> str:
    """Observed over expected of the loudest streams."""
    shown = [story for story in told.streams if story.seconds][:STREAMS_SHOWN]
    if not shown:
        return ""
    by_second = [{second.at_s: second for second in story.seconds} for story in shown]
    times = sorted({at_s for cells in by_second for at_s in cells})
    picked = [at_s for at_s in AT_S if at_s in times]
    rows = [[f"  {at_s:+d} s", *(_cell(cells.get(at_s)) for cells in by_second)] for at_s in picked]
    names = [_name(story)[:15] for story in shown]
    signals = ["  came/expected", *(story.signal[:15] for story in shown)]
    before = ["  before, mean", *(_before(story) for story in shown)]
    peak = ["  loudest second", *(_peak(story) for story in shown)]
    return grid(["  since onset", *names], [signals, before, *rows, peak])


def _name(story: StreamStory) -> str:
    return f"venue {story.feature}" if story.symbol == VENUE else story.symbol


def _cell(second: Second | None) -> str:
    return NONE if second is None else f"{second.observed:,.0f}/{count(second.expected)}"


def _before(story: StreamStory) -> str:
    before = [second for second in story.seconds if second.at_s < 0]
    if not before:
        return NONE
    observed = sum(second.observed for second in before) / len(before)
    return f"{count(observed)}/{count(sum(s.expected for s in before) / len(before))}"


def _peak(story: StreamStory) -> str:
    loudest = max(story.seconds, key=lambda s: (s.observed - s.expected, -s.at_s))
    return f"{_cell(loudest)} {loudest.at_s:+d}"


def _risen(told: Explanation) -> str:
    rows = [
        [f"  {_name(story)}", story.signal, *_rises(story)]
        for story in told.streams[: 2 * STREAMS_SHOWN]
        if story.risen
    ]
    heads = ["  stream", "signal", "likeliest", "decades", "also"]
    return grid(heads, rows, left=2) if rows else ""


def _rises(story: StreamStory) -> tuple[str, str, str]:
    first, *others = story.risen
    return first.rise, f"{first.decades:.1f}", ", ".join(risen.rise for risen in others)


def _market(told: Explanation) -> str:
    """The common factor by signal: before, at the onset, and at its greatest."""
    by_signal = {story.signal: story for story in reversed(told.streams) if story.seconds}
    rows = []
    for signal, story in sorted(by_signal.items()):
        before = [s.factor for s in story.seconds if -10 <= s.at_s < 0]
        after = [s.factor for s in story.seconds if s.at_s >= 0]
        if signal != "market_wide" and before and after:
            values = (sum(before) / len(before), after[0], max(after))
            rows.append([f"  {signal}", *(f"{value:.2f}x" for value in values)])
    if not rows:
        return ""
    note = "Of what is usual; it is divided out, so that it is no symbol's to answer for."
    return f"{grid(['  factor of', 'before', 'at onset', 'at most'], rows)}\n{_wrap(note)}"


def _accounts(told: Explanation) -> str:
    if not told.accounts:
        known = [
            [f"  {a.account}", a.signal, f"{a.count:,}", f"{a.share:.0%}"]
            for a in told.incident.accounts
        ]
        return grid(["  account", "signal", "events", "share"], known, left=2) if known else ""
    features = list(told.accounts[0].counts)
    rows = [
        [
            f"  {account.account}"[:26],
            *(f"{account.counts[f]:,} ({account.shares[f]:.0%})" for f in features),
        ]
        for account in told.accounts
    ]
    text = grid(["  account", *(EVENTS.get(f, f) for f in features)], rows)
    shared = [
        f"{lap.accounts} of the {lap.of} busiest by {EVENTS.get(lap.feature, lap.feature)} are "
        f"among the busiest by {EVENTS.get(lap.other, lap.other)}."
        for lap in told.overlaps
        if lap.accounts
    ]
    return f"{text}\n{_wrap(*shared)}" if shared else text


def _without(told: Explanation) -> str:
    return "\n".join(_wrap(_had_not(told, other)) for other in told.without)


def _had_not(told: Explanation, other: Without) -> str:
    """What a replay without some accounts came to."""
    number = len(other.accounts)
    who = other.accounts[0] if number == 1 else f"these {number} ({', '.join(other.accounts)})"
    venue = f"The venue's score is then {other.score:.1f} at most, not {told.incident.score:.1f}."
    if other.severity is None:
        return f"Without {who}: no alert. {venue}"
    late_s = other.delay_s or 0.0
    when = "at the same time"
    if late_s:
        when = f"{duration(abs(late_s))} {'later' if late_s > 0 else 'sooner'}"
    return f"Without {who}: still told, {when}, as {other.severity}. {venue}"


def _trust(told: Explanation) -> str:
    trust = told.incident.trust
    blind = trust.get("blind")
    names = ", ".join(blind) if isinstance(blind, list) and blind else "none"
    return _wrap(
        f"Blind signals: {names}. Calibration: {trust.get('calibration')}, on "
        f"{trust.get('quiet_hours')} h of quiet flow. The once-an-hour mark is passed "
        f"{trust.get('null_check')} times as often as promised; 1 is right."
    )


def _changes(told: Explanation) -> str:
    rows: Sequence[list[str]] = [
        [f"  {clock(change.at_ns)}", change.change, change.severity, f"{change.score:.1f}"]
        for change in told.changes
    ]
    return grid(["  at (UTC)", "change", "severity", "score"], rows, left=3)
