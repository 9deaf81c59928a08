"""From an incident to the venue's own pages: its dashboard, its runbook."""

from typing import Final
from urllib.parse import quote

from monitor.events import NS_PER_S
from monitor.incidents import VENUE, Incident
from monitor.links import GAP

BEFORE_S: Final = 300  # of what a dashboard shows before the onset
AFTER_S: Final = 120


def filled(url: str, incident: Incident) -> str:
    """The address for one incident."""
    named = [seen.symbol for seen in incident.symbols if seen.symbol != VENUE]
    values = {
        "id": incident.id,
        "signal": incident.signals[0],
        "symbol": named[0] if named else VENUE,
        "from_ms": str((incident.onset_ns - BEFORE_S * NS_PER_S) // 1_000_000),
        "to_ms": str((incident.at_ns + AFTER_S * NS_PER_S) // 1_000_000),
    }
    return GAP.sub(lambda gap: quote(values[gap[1]], safe=""), url)
