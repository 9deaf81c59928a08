"""An alarm: the moment at which something told a person, whatever told it."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from monitor.incidents import SEVERITIES, VENUE, Incident, Severity

WHOLE_VENUE: Final = frozenset({VENUE})


class Alarm(Struct, frozen=True, kw_only=True):
    """What was told. symbols: those it named; `*` is the whole venue.

    at_ns: when it was told. opened_ns: when its incident opened, at whatever severity.
    onset_ns: when it said that the trouble began.
    """

    at_ns: int
    opened_ns: int
    onset_ns: int
    symbols: frozenset[str]


def alarms(incidents: Iterable[Incident], severity: Severity) -> list[Alarm]:
    """For every incident its first change at this severity or a worse one, in order of time."""
    least = SEVERITIES.index(severity)
    opened: dict[str, int] = {}
    raised: dict[str, Alarm] = {}
    for incident in incidents:
        opened.setdefault(incident.id, incident.at_ns)
        if incident.id not in raised and SEVERITIES.index(incident.severity) >= least:
            raised[incident.id] = Alarm(
                at_ns=incident.at_ns,
                opened_ns=opened[incident.id],
                onset_ns=incident.onset_ns,
                symbols=frozenset(seen.symbol for seen in incident.symbols),
            )
    return sorted(raised.values(), key=lambda alarm: alarm.at_ns)
