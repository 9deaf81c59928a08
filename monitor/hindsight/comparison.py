"""The same logs under several settings: what each told, who was sooner, and who was right."""

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Final

from msgspec import Struct

from monitor.config import Config
from monitor.hindsight.episodes import Episode, alike, episodes
from monitor.incidents import Incident, Severity
from monitor.labels import Labels
from monitor.replay import Replay
from monitor.scoring.alarm import alarms
from monitor.scoring.intervals import Spread, spread
from monitor.scoring.matching import Rules, match

SCHEMA: Final = 1
LETTERS: Final = "ABCDEFGH"


class Setting(Struct, frozen=True):
    """A configuration under comparison, and how the user named it."""

    letter: str
    name: str
    config: Config


class Right(Struct, frozen=True):
    """Against labels, as monitor/scoring/matching.py rules. found: of `events` that were real.

    fooled: of `decoys`. wrong: alarms that were neither right nor a repeat. lead_s: before the
    first forced wave, of those found with one.
    """

    events: int
    found: int
    decoys: int
    fooled: int
    wrong: int
    delay_s: Spread | None
    lead_s: Spread | None


class Outcome(Struct, frozen=True):
    """What one setting came to. seen_first, paged_first: incidents that it told of before all
    others that told of them too, or alone. right: by severity, where there are labels."""

    letter: str
    name: str
    incidents: int
    pages: int
    seen_first: int
    paged_first: int
    events: int
    events_per_s: float
    right: dict[Severity, Right]


class Met(Struct, frozen=True):
    """One incident, as each setting told of it: its part, and when first; None where it did not."""

    onset_ns: int
    symbols: list[str]
    parts: dict[str, list[Episode]]
    seen_ns: dict[str, int | None]
    paged_ns: dict[str, int | None]


class Comparison(Struct, frozen=True):
    """Outcomes by setting, and incidents by time."""

    schema: int
    outcomes: list[Outcome]
    incidents: list[Met]


def compare(
    settings: Sequence[Setting],
    logs: Sequence[Path],
    *,
    labels: Labels | None = None,
    decisions: Path | None = None,
    on_setting: Callable[[Setting], Callable[..., None]],
) -> Comparison:
    """Replay the logs under each setting. on_setting: gives what is called as a replay goes on.

    Raises LogError.
    """
    runs = []
    for setting in settings:
        started_s = perf_counter()
        on_batch = on_setting(setting)
        run = Replay(setting.config, logs, decisions=decisions, on_batch=on_batch)
        told = list(run.incidents())
        runs.append((told, run.totals.events, perf_counter() - started_s))
    groups = alike([episodes(told) for told, _, _ in runs])
    met = [_met(group, settings) for group in groups]
    return Comparison(
        schema=SCHEMA,
        outcomes=[
            _outcome(setting, *run, met, labels)
            for setting, run in zip(settings, runs, strict=True)
        ],
        incidents=met,
    )


def _met(group: Sequence[Sequence[Episode]], settings: Sequence[Setting]) -> Met:
    parts = {setting.letter: list(part) for setting, part in zip(settings, group, strict=True)}
    every = [episode for part in group for episode in part]
    loudest = max(every, key=lambda episode: (episode.score, -episode.seen_ns))
    return Met(
        onset_ns=min(episode.onset_ns for episode in every),
        symbols=loudest.symbols,
        parts=parts,
        seen_ns={
            letter: min((episode.seen_ns for episode in part), default=None)
            for letter, part in parts.items()
        },
        paged_ns={
            letter: min((e.paged_ns for e in part if e.paged_ns is not None), default=None)
            for letter, part in parts.items()
        },
    )


def sooner(times_ns: dict[str, int | None]) -> tuple[str, float | None] | None:
    """Who was first, and by how many seconds before the next; None seconds where it was alone.

    None where nobody told, or where the first ones told at the same time.
    """
    ranked = sorted((ns, letter) for letter, ns in times_ns.items() if ns is not None)
    if not ranked:
        return None
    if len(ranked) == 1:
        return ranked[0][1], None
    lead_ns = ranked[1][0] - ranked[0][0]
    return (ranked[0][1], lead_ns / 1e9) if lead_ns else None


def _first_in(letter: str, times: Sequence[dict[str, int | None]]) -> int:
    firsts = [sooner(times_ns) for times_ns in times]
    return sum(first is not None and first[0] == letter for first in firsts)


def _outcome(
    setting: Setting,
    told: Sequence[Incident],
    events: int,
    seconds: float,
    met: Sequence[Met],
    labels: Labels | None,
) -> Outcome:
    own = [episode for group in met for episode in group.parts[setting.letter]]
    severities: tuple[Severity, ...] = ("page", "info")
    return Outcome(
        letter=setting.letter,
        name=setting.name,
        incidents=len(own),
        pages=sum(episode.paged_ns is not None for episode in own),
        seen_first=_first_in(setting.letter, [group.seen_ns for group in met]),
        paged_first=_first_in(setting.letter, [group.paged_ns for group in met]),
        events=events,
        events_per_s=round(events / seconds, 1) if seconds > 0 else 0.0,
        right={}
        if labels is None
        else {severity: _right(told, severity, labels) for severity in severities},
    )


def _right(told: Sequence[Incident], severity: Severity, labels: Labels) -> Right:
    rules = Rules()
    raised = alarms(told, severity)
    matched = match(raised, labels, rules)
    pairs = list(zip(labels.events, matched.found, strict=True))
    real = [(event, alarm) for event, alarm in pairs if not event.decoy]
    found = [(event, alarm.at_ns) for event, alarm in real if alarm is not None]
    waves = [(rules.wave_ns(event), at_ns) for event, at_ns in found]
    return Right(
        events=len(real),
        found=len(found),
        decoys=len(pairs) - len(real),
        fooled=sum(event.decoy and alarm is not None for event, alarm in pairs),
        wrong=sum(ruling not in ("right", "repeat") for ruling in matched.rulings),
        delay_s=spread([(at_ns - event.onset_ns) / 1e9 for event, at_ns in found]),
        lead_s=spread([(wave - at_ns) / 1e9 for wave, at_ns in waves if wave is not None]),
    )
