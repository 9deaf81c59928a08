"""Panels as the JSON that Grafana stores: numbers, lines, tables.

Colours are Grafana's own names, which it draws differently in its dark and its light theme.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from grafana.queries import Query

Json = dict[str, object]
DATASOURCE: Final[Json] = {"type": "prometheus", "uid": "${datasource}"}
CALM: Final = "green"
NOTE: Final = "blue"
WARN: Final = "orange"
ALARM: Final = "red"
PLAIN: Final = "text"


@dataclass(frozen=True, slots=True)
class Limits:
    """Colours by value: `base` below the first limit, each colour from its limit on."""

    base: str = PLAIN
    steps: tuple[tuple[float, str], ...] = ()

    def json(self) -> Json:
        first: Json = {"color": self.base, "value": None}
        rest: list[Json] = [{"color": colour, "value": value} for value, colour in self.steps]
        return {"mode": "absolute", "steps": [first, *rest]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel. width is in 24ths of a wide screen, height in Grafana's rows of 30 px; on a phone
    every panel has the full width, one below the other.

    defaults, options: what Grafana keeps in fieldConfig.defaults and options.
    overrides: by name of the field, what differs for it.
    """

    kind: str
    title: str
    description: str
    queries: Sequence[Query]
    unit: str
    limits: Limits = field(default_factory=Limits)
    width: int = 12
    height: int = 8
    defaults: Mapping[str, object] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    overrides: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    transformations: Sequence[Json] = ()

    def json(self, number: int, x: int, y: int) -> Json:
        """As Grafana stores it; number: its id within the dashboard."""
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "targets": [
                _target(q, i, table=self.kind == "table") for i, q in enumerate(self.queries)
            ],
            "fieldConfig": {
                "defaults": {"unit": self.unit, "thresholds": self.limits.json(), **self.defaults},
                "overrides": [_override(name, p) for name, p in self.overrides.items()],
            },
            "options": dict(self.options),
            "transformations": list(self.transformations),
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


def stat(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    limits: Limits | None = None,
    width: int = 4,
    height: int = 4,
    decimals: int | None = None,
    words: Mapping[float, tuple[str, str]] | None = None,
    nothing: str = "no data",
    names: bool = False,
    named: bool = False,
    background: bool = False,
    overrides: Mapping[str, Mapping[str, object]] | None = None,
) -> Panel:
    """A number that is read across the room.

    words: values that are shown as a word in a colour. nothing: the word where there is no data.
    names: show the series' name alone. named: name each number, where there are several.
    background: colour the whole tile.
    """
    defaults: Json = {"color": {"mode": "thresholds"}, "noValue": nothing}
    if decimals is not None:
        defaults["decimals"] = decimals
    if words:
        options = {
            f"{value:g}": {"text": text, "color": colour, "index": i}
            for i, (value, (text, colour)) in enumerate(words.items())
        }
        defaults["mappings"] = [{"type": "value", "options": options}]
    return Panel(
        kind="stat",
        title=title,
        description=description,
        queries=queries,
        unit=unit,
        limits=limits or Limits(),
        width=width,
        height=height,
        defaults=defaults,
        options={
            "colorMode": "background" if background else "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "textMode": "name" if names else "value_and_name" if named else "value",
            "wideLayout": True,
        },
        overrides=overrides or {},
    )


def lines(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    limits: Limits | None = None,
    width: int = 12,
    height: int = 8,
    least: float | None = 0.0,
    stacked: bool = False,
    log: bool = False,
    decimals: int | None = None,
    overrides: Mapping[str, Mapping[str, object]] | None = None,
) -> Panel:
    """Lines over time. limits: also drawn as dashed lines; least: where the axis starts."""
    custom: Json = {
        "drawStyle": "line",
        "lineWidth": 2 if not stacked else 1,
        "fillOpacity": 40 if stacked else 0,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if limits else "off"},
    }
    if log:
        custom["scaleDistribution"] = {"type": "log", "log": 10}
    defaults: Json = {"color": {"mode": "palette-classic"}, "custom": custom}
    if least is not None and not log:
        defaults["min"] = least
    if decimals is not None:
        defaults["decimals"] = decimals
    return Panel(
        kind="timeseries",
        title=title,
        description=description,
        queries=queries,
        unit=unit,
        limits=limits or Limits(),
        width=width,
        height=height,
        defaults=defaults,
        options={
            "legend": {
                "displayMode": "list",
                "placement": "bottom",
                "showLegend": True,
                "calcs": ["lastNotNull"],
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        overrides=overrides or {},
    )


def table(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    limits: Limits | None = None,
    width: int = 24,
    height: int = 8,
    decimals: int | None = None,
    coloured: bool = False,
    nothing: str = "no data",
    overrides: Mapping[str, Mapping[str, object]] | None = None,
    transformations: Sequence[Json] = (),
) -> Panel:
    """Rows and columns of the newest values. coloured: cells take the colour of their limits."""
    cell: Json = {"type": "color-background", "mode": "basic"} if coloured else {"type": "auto"}
    defaults: Json = {
        "color": {"mode": "thresholds"},
        "noValue": nothing,
        "custom": {"align": "auto", "cellOptions": cell, "filterable": False, "minWidth": 90},
    }
    if decimals is not None:
        defaults["decimals"] = decimals
    return Panel(
        kind="table",
        title=title,
        description=description,
        queries=queries,
        unit=unit,
        limits=limits or Limits(),
        width=width,
        height=height,
        defaults=defaults,
        options={"showHeader": True, "cellHeight": "sm"},
        overrides=overrides or {},
        transformations=transformations,
    )


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


def sorted_by(column: str) -> Json:
    """Transformation: the greatest first."""
    return {"id": "sortBy", "options": {"sort": [{"field": column, "desc": True}]}}
