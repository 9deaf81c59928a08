"""Severities as limits and colours, and the way from an incident to its dashboard."""

from typing import Final

from grafana.visualizations import ALARM, NOTE, WARN, Json

# Decades from where on a score is an info, a warning, a page: the default budgets, bins of 250 ms.
DECADES: Final = ((4.2, NOTE), (5.5, WARN), (6.4, ALARM))
SEVERITY_COLOURS: Final = {"info": NOTE, "warning": WARN, "page": ALARM}
TO_INCIDENT: Final = "/d/foreshock-incident/incident"


def severity_cell() -> Json:
    """Override of a column of severities: its own words on their own colours."""
    options = {
        severity: {"text": severity, "color": colour, "index": i}
        for i, (severity, colour) in enumerate(SEVERITY_COLOURS.items())
    }
    return {
        "mappings": [{"type": "value", "options": options}],
        "custom.cellOptions": {"type": "color-background", "mode": "basic"},
        "custom.width": 90,
    }


def drill_down(**chosen: str) -> Json:
    """A link to the incident dashboard, for the same monitor and time."""
    picked = "&".join(f"var-{name}={value}" for name, value in chosen.items())
    kept = "${datasource:queryparam}&${job:queryparam}&${instance:queryparam}&${__url_time_range}"
    return {"title": "Show this incident", "url": f"{TO_INCIDENT}?{picked}&{kept}"}
