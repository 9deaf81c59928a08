"""Recent incidents by id: every change that is worth keeping, and their scores over time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from monitor.detection import Step
from monitor.events import NS_PER_S
from monitor.incidents import VENUE, Incident
from monitor.scoreline import Line, Point

INCIDENTS_MAX: Final = 200
CHANGES_MAX: Final = 50  # of one incident: its first, and its last ones
STREAMS_MAX: Final = 6  # of one incident, that are followed over time

Stream = tuple[str, str]
"""Signal and symbol."""


class Entry:
    """One incident. line: the venue-wide score, from before its onset until it closed.

    streams: the score of its loudest streams, each by itself, since they were known to be part.
    onsets_ns: when each stream began, as far as that was told.
    """

    def __init__(self, incident: Incident, before: Sequence[Point]) -> None:
        self.changes = [incident]
        self.line = Line(list(before))
        self.streams: dict[Stream, Line] = {}
        self.onsets_ns: dict[Stream, int] = {}
        self._rows: dict[Stream, int] = {}
        self._follow(incident)

    @property
    def incident(self) -> Incident:
        """Its last change."""
        return self.changes[-1]

    def note(self, incident: Incident) -> None:
        """Take in a change."""
        self.changes.append(incident)
        if len(self.changes) > CHANGES_MAX:
            del self.changes[1]
        self._follow(incident)

    def _follow(self, incident: Incident) -> None:
        for seen in incident.symbols:
            if len(self.streams) >= STREAMS_MAX:
                return
            self.streams.setdefault((seen.signal, seen.symbol), Line())

    def step(self, step: Step, symbols: Sequence[str]) -> None:
        """Take in what one bin came to."""
        at_s = step.end_ns // NS_PER_S
        self.line.add(at_s, step.score)
        for stream, line in self.streams.items():
            score = self._score(step, stream, symbols)
            if np.isfinite(score):
                line.add(at_s, score)

    def _score(self, step: Step, stream: Stream, symbols: Sequence[str]) -> float:
        """The loudest of what is said of a stream; NaN where nothing is."""
        signal, symbol = stream
        best = np.nan
        for verdict in step.verdicts:
            if verdict.signal != signal:
                continue
            scores = verdict.score[step.at]
            if symbol == VENUE:
                best = np.fmax(best, np.fmax.reduce(scores, initial=np.nan))
            elif (row := self._row(stream, symbols)) < scores.size:
                best = np.fmax(best, scores[row])
        return float(best)

    def _row(self, stream: Stream, symbols: Sequence[str]) -> int:
        """The row of a stream's symbol; rows only move when a monitor begins anew."""
        row = self._rows.get(stream, -1)
        if not 0 <= row < len(symbols) or symbols[row] != stream[1]:
            row = symbols.index(stream[1]) if stream[1] in symbols else len(symbols)
            self._rows[stream] = row
        return row


class Casebook:
    """The last incidents, in the order of their last change; those that are open stay longest."""

    def __init__(self, *, incidents_max: int = INCIDENTS_MAX) -> None:
        self._max = incidents_max
        self._entries: dict[str, Entry] = {}

    def note(self, incident: Incident, before: Sequence[Point] = ()) -> None:
        """Take in a change. before: the venue's score before its onset, for one that is new."""
        entry = self._entries.pop(incident.id, None)
        if entry is None:
            entry = Entry(incident, before)
        elif entry.incident != incident:
            entry.note(incident)
        self._entries[incident.id] = entry
        if len(self._entries) > self._max:
            closed = (i for i, e in self._entries.items() if e.incident.change == "close")
            del self._entries[next(closed, next(iter(self._entries)))]

    def step(self, step: Step, symbols: Sequence[str], still_open: Mapping[str, Incident]) -> None:
        """Let the lines of open incidents go on, and of those that this bin closed."""
        for id_ in {*still_open, *(incident.id for incident in step.incidents)}:
            entry = self._entries.get(id_)
            if entry is not None:
                entry.step(step, symbols)

    def get(self, id_: str) -> Entry | None:
        """An incident by its id; None where it is not, or no longer, known."""
        return self._entries.get(id_)

    def __iter__(self) -> Iterator[Entry]:
        """Newest change first."""
        return reversed(list(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)
