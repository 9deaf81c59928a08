"""A dashboard: variables, links, annotations, and panels laid out from left to right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from grafana.panels import DATASOURCE, Panel
from grafana.queries import of
from grafana.visualizations import Json

COLUMNS: Final = 24
TAG: Final = "foreshock"
SCHEMA: Final = 39  # Grafana 11; later ones read it


@dataclass(frozen=True, slots=True)
class Section:
    """Panels under a heading; they fill rows of 24 columns one after the other."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A variable that Prometheus fills.

    query: label_values(…) or query_result(…). regex: what of each result is the value.
    every: the regular expression that "All" stands for; without it one value is chosen.
    """

    name: str
    label: str
    description: str
    query: str
    regex: str = ""
    every: str | None = None
    sort: int = 1  # by name

    def json(self) -> Json:
        many = self.every is not None
        return {
            "name": self.name,
            "label": self.label,
            "description": self.description,
            "type": "query",
            "datasource": DATASOURCE,
            "query": {"qryType": 5, "query": self.query, "refId": "variable"},
            "definition": self.query,
            "regex": self.regex,
            "refresh": 2,  # whenever the time range changes
            "sort": self.sort,
            "multi": many,
            "includeAll": many,
            "allValue": self.every,
            "current": {"text": ["All"], "value": ["$__all"]} if many else {},
            "options": [],
            "hide": 0,
            "skipUrlSync": False,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """Marks over time. at_value: the series' value says when, in milliseconds; otherwise the mark
    spans the time for which the series is not zero."""

    name: str
    expr: str
    colour: str
    title: str
    text: str
    at_value: bool = False

    def json(self) -> Json:
        return {
            "name": self.name,
            "datasource": DATASOURCE,
            "enable": True,
            "hide": False,
            "iconColor": self.colour,
            "expr": self.expr,
            "step": "15s",
            "titleFormat": self.title,
            "textFormat": self.text,
            "tagKeys": "severity,signal",
            "useValueForTime": self.at_value,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """Everything of one dashboard; `json` is what Grafana reads. uid never changes: links and
    runbooks point to it."""

    uid: str
    title: str
    description: str
    sections: Sequence[Section]
    variables: Sequence[Variable] = ()
    annotations: Sequence[Annotation] = ()
    since: str = "now-30m"

    def json(self) -> Json:
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "editable": False,
            "graphTooltip": 1,  # one crosshair over all panels
            "schemaVersion": SCHEMA,
            "timezone": "browser",
            "time": {"from": self.since, "to": "now"},
            "refresh": "5s",
            "liveNow": False,
            "links": [_siblings()],
            "templating": {
                "list": [_datasource(), *(v.json() for v in (*MONITORS, *self.variables))]
            },
            "annotations": {"list": [a.json() for a in self.annotations]},
            "panels": _laid_out(self.sections),
        }


def _laid_out(sections: Sequence[Section]) -> list[Json]:
    placed: list[Json] = []
    y = 0
    for section in sections:
        grid = {"h": 1, "w": COLUMNS, "x": 0, "y": y}
        placed.append(
            {
                "id": len(placed) + 1,
                "type": "row",
                "title": section.title,
                "gridPos": grid,
                "collapsed": False,
                "panels": [],
            }
        )
        x, y, tallest = 0, y + 1, 0
        for panel in section.panels:
            if x + panel.columns > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            placed.append(panel.json(len(placed) + 1, x, y))
            x, tallest = x + panel.columns, max(tallest, panel.rows)
        y += tallest
    return placed


def _datasource() -> Json:
    return {
        "name": "datasource",
        "label": "Data source",
        "description": "The Prometheus that scrapes Foreshock.",
        "type": "datasource",
        "query": "prometheus",
        "regex": "",
        "refresh": 1,
        "current": {},
        "options": [],
        "hide": 0,
        "multi": False,
        "includeAll": False,
        "skipUrlSync": False,
    }


def _siblings() -> Json:
    """Foreshock's other dashboards, for the same monitor and time."""
    return {
        "type": "dashboards",
        "title": "Foreshock",
        "tags": [TAG],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
    }


MONITORS: Final = (
    Variable(
        name="job",
        label="Job",
        description="The scrape job of the monitors; one a venue, where there are several.",
        query="label_values(foreshock_build_info, job)",
        every=".+",
    ),
    Variable(
        name="instance",
        label="Instance",
        description="One process of the monitor, its standbys and shards.",
        query='label_values(foreshock_build_info{job=~"$job"}, instance)',
        every=".+",
    ),
)


def incidents_over_time() -> Annotation:
    """A region for as long as an incident is open."""
    opened = of("foreshock_incident_open", 'severity=~"warning|page"')
    return Annotation(
        name="Incidents",
        expr=f"max by (venue, id, severity, signal) ({opened})",
        colour="red",
        title="{{severity}}: {{signal}}",
        text="incident {{id}} on {{venue}}",
    )
