"""Panels as the JSON that Grafana stores, and what their tables are made of.

Colours are Grafana's own names, which it draws differently in its dark and its light theme.
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Final

from grafana.queries import Query
from grafana.visualizations import Json, Limits, Visualization

DATASOURCE: Final[Json] = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. width is in 24ths of a wide screen, height in Grafana's rows of 30 px; on a phone
    every panel has the full width, one below the other.

    overrides: by name of the field, what differs for it.
    """

    title: str
    description: str
    queries: Sequence[Query]
    shown_as: Visualization
    _: KW_ONLY
    unit: str
    limits: Limits | None = None
    decimals: int | None = None
    width: int | None = None
    height: int | None = None
    overrides: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    transformations: Sequence[Json] = ()

    @property
    def columns(self) -> int:
        """Its width."""
        return self.shown_as.width if self.width is None else self.width

    @property
    def rows(self) -> int:
        """Its height."""
        return self.shown_as.height if self.height is None else self.height

    def json(self, number: int, x: int, y: int) -> Json:
        """As Grafana stores it; number: its id within the dashboard."""
        table = self.shown_as.kind == "table"
        return {
            "id": number,
            "type": self.shown_as.kind,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": {"h": self.rows, "w": self.columns, "x": x, "y": y},
            "targets": [_target(q, i, table=table) for i, q in enumerate(self.queries)],
            "fieldConfig": {
                "defaults": self._defaults(),
                "overrides": [_override(name, p) for name, p in self.overrides.items()],
            },
            "options": self.shown_as.options(),
            "transformations": list(self.transformations),
        }

    def _defaults(self) -> Json:
        return {
            "unit": self.unit,
            "thresholds": (self.limits or Limits()).json(),
            **self.shown_as.defaults(limited=self.limits is not None),
            **({} if self.decimals is None else {"decimals": self.decimals}),
        }


def _target(query: Query, number: int, *, table: bool) -> Json:
    return {
        "refId": chr(ord("A") + number),
        "datasource": DATASOURCE,
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "instant": query.instant,
        "range": not query.instant,
        "format": "table" if table else "time_series",
    }


def _override(name: str, properties: Mapping[str, object]) -> Json:
    """A name between slashes is a regular expression."""
    matcher = "byRegexp" if name.startswith("/") else "byName"
    return {
        "matcher": {"id": matcher, "options": name},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }


def wrapped(*, width: int | None = None, least: int = 90) -> Json:
    """Override of a column of sentences: lines are broken, in the ways of Grafana 11 and 12.
    width, least: of the column, in pixels; without a width it takes what is left."""
    return {
        "custom.cellOptions": {"type": "auto", "wrapText": True},
        "custom.wrapText": True,
        **({"custom.minWidth": least} if width is None else {"custom.width": width}),
    }


def joined_by(field_name: str) -> Json:
    """Transformation: several tables to one, by a column that they share."""
    return {"id": "joinByField", "options": {"byField": field_name, "mode": "outer"}}


def columns(names: Mapping[str, str], *, hidden: Sequence[str] = ()) -> Json:
    """Transformation: columns in this order, under new names, without the hidden."""
    return {
        "id": "organize",
        "options": {
            "indexByName": {name: i for i, name in enumerate(names)},
            "renameByName": {old: new for old, new in names.items() if new},
            "excludeByName": dict.fromkeys(hidden, True),
        },
    }


def sorted_by(column: str, *, least_first: bool = False) -> Json:
    """Transformation: the greatest first, or the least."""
    return {"id": "sortBy", "options": {"sort": [{"field": column, "desc": not least_first}]}}


def matrix(*, column: str, row: str) -> Json:
    """Transformation: one table to a matrix over two labels; its first column is row\\column."""
    return {
        "id": "groupingToMatrix",
        "options": {
            "columnField": column,
            "rowField": row,
            "valueField": "Value",
            "emptyValue": "null",
        },
    }
