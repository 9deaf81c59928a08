"""Which incident is meant: the changes that a log gives, or that an audit log has kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from monitor.errors import UserError
from monitor.frames import Decision
from monitor.incidents import Case, Incident, Sighting
from monitor.replay import Replay
from monitor.sources.files import LogError

LISTED_MAX: Final = 5


@dataclass(slots=True)
class Told:
    """One incident. changes: from first to last. streams: as they were known at the last change
    that was not its close; empty where only an audit log knows it."""

    changes: list[Incident] = field(default_factory=list)
    streams: list[Sighting] = field(default_factory=list)

    @property
    def incident(self) -> Incident:
        """Its last change."""
        return self.changes[-1]

    @property
    def over(self) -> bool:
        """Whether it has closed."""
        return self.incident.change == "close"


class UnknownIncidentError(UserError):
    """No incident has this id, or several begin with it; the message is one line for the user."""


def replayed(run: Replay, id_: str | None) -> Told:
    """One incident of a replay: of this id, read no further than needed, else the loudest."""
    found: dict[str, Told] = {}
    for incident in run.incidents():
        told = found.setdefault(incident.id, Told())
        told.changes.append(incident)
        case = _case(run.pipeline.detection.desk.open, incident.id)
        if case is not None:
            told.streams = list(case.streams)
        if incident.id == id_ and told.over:
            return told
    return chosen(found, id_)


def _case(cases: Iterable[Case], id_: str) -> Case | None:
    return next((case for case in cases if case.id == id_), None)


def audited(path: Path) -> dict[str, Told] | None:
    """All incidents of an audit log; None where the file is none. Raises LogError."""
    found: dict[str, Told] = {}
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines):
                incident = _incident(line)
                if incident is not None:
                    found.setdefault(incident.id, Told()).changes.append(incident)
                elif number == 0 and not _is_decision(line):
                    return None
    except OSError as error:
        raise LogError(f"{path}: {error.strerror}") from error
    return found or None


def _incident(line: bytes) -> Incident | None:
    try:
        return msgspec.json.decode(line, type=Incident)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _is_decision(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=Decision)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def chosen(found: dict[str, Told], id_: str | None) -> Told:
    """The incident whose id this is or begins with, or the loudest. Raises UnknownIncidentError."""
    by_score = sorted(found.values(), key=lambda t: (-t.incident.score, t.changes[0].at_ns))
    if not by_score:
        raise UnknownIncidentError("there is no incident in these logs")
    if id_ is None:
        return by_score[0]
    matching = [told for told in by_score if told.incident.id.startswith(id_)]
    if len(matching) == 1:
        return matching[0]
    there = _listed([told.incident for told in matching or by_score])
    if matching:
        raise UnknownIncidentError(f"--incident {id_}: several begin so: {there}")
    raise UnknownIncidentError(f"--incident {id_}: is not in these logs; there are {there}")


def _listed(incidents: Sequence[Incident]) -> str:
    shown = ", ".join(f"{i.id} ({i.severity}, {i.score:.1f})" for i in incidents[:LISTED_MAX])
    more = len(incidents) - LISTED_MAX
    return f"{shown} and {more} more" if more > 0 else shown
