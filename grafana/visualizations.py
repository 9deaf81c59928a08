"""How a panel draws what its queries find: a number, lines, a table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, Protocol

Json = dict[str, object]
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


class Visualization(Protocol):
    """kind: Grafana's name. width, height: of a panel that does not say; see Panel."""

    kind: ClassVar[str]
    width: ClassVar[int]
    height: ClassVar[int]

    def defaults(self, *, limited: bool) -> Json:
        """What Grafana keeps in fieldConfig.defaults. limited: whether the panel has limits."""

    def options(self) -> Json:
        """What Grafana keeps in options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """A number that is read across the room.

    words: values that are shown as a word in a colour. nothing: the word where there is no data.
    names: show the series' name alone. named: name each number, where there are several.
    background: colour the whole tile.
    """

    kind: ClassVar[str] = "stat"
    width: ClassVar[int] = 4
    height: ClassVar[int] = 4

    words: Mapping[float, tuple[str, str]] = field(default_factory=dict)
    nothing: str = "no data"
    names: bool = False
    named: bool = False
    background: bool = False

    def defaults(self, *, limited: bool) -> Json:  # noqa: ARG002 - limits always colour it
        found: Json = {"color": {"mode": "thresholds"}, "noValue": self.nothing}
        if self.words:
            options = {
                f"{value:g}": {"text": text, "color": colour, "index": i}
                for i, (value, (text, colour)) in enumerate(self.words.items())
            }
            found["mappings"] = [{"type": "value", "options": options}]
        return found

    def options(self) -> Json:
        return {
            "colorMode": "background" if self.background else "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "textMode": "name" if self.names else "value_and_name" if self.named else "value",
            "wideLayout": True,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Lines over time; limits are dashed lines. least: where the axis starts."""

    kind: ClassVar[str] = "timeseries"
    width: ClassVar[int] = 12
    height: ClassVar[int] = 8

    least: float | None = 0.0
    stacked: bool = False
    log: bool = False

    def defaults(self, *, limited: bool) -> Json:
        custom: Json = {
            "drawStyle": "line",
            "lineWidth": 2 if not self.stacked else 1,
            "fillOpacity": 40 if self.stacked else 0,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if self.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "dashed" if limited else "off"},
        }
        if self.log:
            custom["scaleDistribution"] = {"type": "log", "log": 10}
        found: Json = {"color": {"mode": "palette-classic"}, "custom": custom}
        if self.least is not None and not self.log:
            found["min"] = self.least
        return found

    def options(self) -> Json:
        return {
            "legend": {
                "displayMode": "list",
                "placement": "bottom",
                "showLegend": True,
                "calcs": ["lastNotNull"],
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows and columns of the newest values. coloured: cells take the colour of their limits."""

    kind: ClassVar[str] = "table"
    width: ClassVar[int] = 24
    height: ClassVar[int] = 8

    coloured: bool = False
    nothing: str = "no data"

    def defaults(self, *, limited: bool) -> Json:  # noqa: ARG002 - only `coloured` cells show them
        cell: Json = {"type": "auto"}
        if self.coloured:
            cell = {"type": "color-background", "mode": "basic"}
        return {
            "color": {"mode": "thresholds"},
            "noValue": self.nothing,
            "custom": {"align": "auto", "cellOptions": cell, "filterable": False, "minWidth": 90},
        }

    def options(self) -> Json:
        return {"showHeader": True, "cellHeight": "sm"}
