"""What one setting told of some logs, and which of it several settings told alike."""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from monitor.incidents import SEVERITIES, VENUE, Incident

SYMBOLS_KEPT: Final = 50


class Episode(Struct, frozen=True):
    """One incident, whole. seen_ns: when it was first told; paged_ns: as a page, None if never.

    severity, score: at their worst. symbols: all that it ever named, the loudest at its end first.
    """

    id: str
    onset_ns: int
    seen_ns: int
    paged_ns: int | None
    end_ns: int
    severity: str
    score: float
    signals: list[str]
    symbols: list[str]

    def meets(self, other: "Episode") -> bool:
        """Whether two tell of the same: they overlap in time, and name a symbol in common, or one
        of them the whole venue alone."""
        if self.onset_ns > other.end_ns or other.onset_ns > self.end_ns:
            return False
        mine, others = set(self.symbols), set(other.symbols)
        return not mine.isdisjoint(others) or {VENUE} in (mine, others)


def episodes(incidents: Iterable[Incident]) -> list[Episode]:
    """Changes of incidents, in order, to one episode each, by when they were first told."""
    by_id: dict[str, list[Incident]] = {}
    for incident in incidents:
        by_id.setdefault(incident.id, []).append(incident)
    return [_episode(changes) for changes in by_id.values()]


def _episode(changes: Sequence[Incident]) -> Episode:
    last = changes[-1]
    symbols = dict.fromkeys(seen.symbol for c in reversed(changes) for seen in c.symbols)
    return Episode(
        id=last.id,
        onset_ns=min(change.onset_ns for change in changes),
        seen_ns=changes[0].at_ns,
        paged_ns=next((c.at_ns for c in changes if c.severity == "page"), None),
        end_ns=last.at_ns,
        severity=max((c.severity for c in changes), key=SEVERITIES.index),
        score=max(change.score for change in changes),
        signals=last.signals,
        symbols=list(symbols)[:SYMBOLS_KEPT],
    )


def alike(told: Sequence[Sequence[Episode]]) -> list[list[list[Episode]]]:
    """Episodes of several settings, in groups that tell of the same; in each, those of each
    setting. A group grows by whatever meets any of it, so an incident that one setting tells in
    two parts is one group. By when anyone first told of it."""
    groups: list[list[list[Episode]]] = []
    every = [(episode, n) for n, some in enumerate(told) for episode in some]
    for episode, setting in sorted(every, key=lambda item: (item[0].seen_ns, item[1])):
        met = [g for g in groups if any(episode.meets(e) for part in g for e in part)]
        joined: list[list[Episode]] = [[] for _ in told]
        joined[setting].append(episode)
        for group in met:
            groups.remove(group)
            for part, more in zip(joined, group, strict=True):
                part[:0] = more
        groups.append(joined)
    return sorted(groups, key=lambda g: min(e.seen_ns for part in g for e in part))
