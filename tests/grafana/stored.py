"""The dashboards as they are committed, and their queries as Prometheus is asked them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from grafana.build import FOLDER
from tests.grafana.prometheus import Prometheus

NAMES: Final = ("foreshock-incident", "foreshock-monitor", "foreshock-venue")
INTERVALS: Final = {"$__rate_interval": "4s", "$__range": "60s", "$__interval": "1s"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of a dashboard. where: for a human; expr: with Grafana's variables in it."""

    dashboard: str
    where: str
    expr: str
    instant: bool

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.where}"


def dashboard(name: str) -> dict[str, Any]:
    """A committed dashboard."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def panels(name: str) -> list[dict[str, Any]]:
    """Its panels, without headings."""
    return [panel for panel in dashboard(name)["panels"] if panel["type"] != "row"]


def asked() -> Iterator[Asked]:
    """Every query of every dashboard's panels and annotations."""
    for name in NAMES:
        for panel in panels(name):
            for target in panel["targets"]:
                where = f"{panel['title']} {target['refId']}"
                yield Asked(name, where, target["expr"], target["instant"])
        for mark in dashboard(name)["annotations"]["list"]:
            yield Asked(name, f"annotation {mark['name']}", mark["expr"], False)


def variables(name: str) -> dict[str, dict[str, Any]]:
    """Its variables, by name."""
    return {each["name"]: each for each in dashboard(name)["templating"]["list"]}


def filled(expr: str, **chosen: str) -> str:
    """An expression with every variable replaced; those that are not chosen are All."""
    given = {f"${name}": value for name, value in chosen.items()}
    names = ("job", "instance", "venue", "signal", "symbol")
    for name, value in (INTERVALS | {f"${n}": ".+" for n in names} | given).items():
        expr = expr.replace(name, value)
    return expr


def values(server: Prometheus, definition: str) -> list[str]:
    """The values of a variable, as Grafana finds them."""
    function, _, rest = definition.removesuffix(")").partition("(")
    if function == "query_result":
        return [series["metric"]["id"] for series in server.now(rest)]
    assert function == "label_values"
    selector, _, label = rest.rpartition(",")
    found: list[str] = server.ask(f"label/{label.strip()}/values", **{"match[]": selector})
    return found


def loudest_incident(server: Prometheus, within: str = INTERVALS["$__range"]) -> str:
    """The identity of the most surprising incident of those seen within some time."""
    listed = variables("foreshock-incident")["incident"]["definition"]
    found = values(server, filled(listed, __range=within))
    return found[0] if found else "none"
