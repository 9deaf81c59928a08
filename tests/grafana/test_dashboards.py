"""Committed dashboards are what the code builds, and keep the rules of dashboard-linter."""

from collections import Counter
from itertools import combinations
from typing import Any

import pytest

from grafana.build import FOLDER, check
from grafana.dashboard import COLUMNS
from tests.grafana.stored import NAMES, dashboard, panels, variables

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
UNITS = {
    *("none", "short", "percentunit", "s", "bytes", "cps"),
    *("dtdurations", "dateTimeAsIso", "dateTimeAsIsoNoDateIfToday"),
}
every = pytest.mark.parametrize("name", NAMES)


def test_the_committed_files_are_what_is_built() -> None:
    assert not check(), "run make dashboards"


def test_no_dashboard_is_left_out_of_these_tests() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(NAMES)


@every
def test_a_dashboard_has_the_identity_that_links_point_to(name: str) -> None:
    stored = dashboard(name)
    assert stored["uid"] == name
    assert stored["tags"] == ["foreshock"]
    assert stored["editable"] is False
    assert stored["title"].startswith("Foreshock: ")


@every
def test_the_data_source_is_one_variable(name: str) -> None:
    sources = [v for v in variables(name).values() if v["type"] == "datasource"]
    assert [(v["name"], v["label"], v["query"]) for v in sources] == [
        ("datasource", "Data source", "prometheus")
    ]


@every
@pytest.mark.parametrize("variable", ["job", "instance"])
def test_monitors_can_be_chosen(name: str, variable: str) -> None:
    found = variables(name)[variable]
    assert found["label"] == variable.title()
    assert found["type"] == "query"
    assert found["multi"] is True
    assert found["allValue"] == ".+"


@every
def test_variables_follow_the_time_and_say_what_they_are(name: str) -> None:
    for variable in variables(name).values():
        assert variable["description"].endswith(".")
        if variable["type"] == "query":
            assert variable["datasource"] == SOURCE
            assert variable["refresh"] == 2


@every
def test_every_panel_says_what_it_shows(name: str) -> None:
    titles = Counter(panel["title"] for panel in panels(name))
    assert set(titles.values()) == {1}
    for panel in panels(name):
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert len(panel["description"]) > 15, panel["title"]


@every
def test_every_panel_has_a_unit_limits_and_queries_with_legends(name: str) -> None:
    for panel in panels(name):
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["datasource"] == SOURCE
        assert defaults["unit"] in UNITS, panel["title"]
        assert defaults["thresholds"]["steps"][0]["value"] is None
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            assert target["datasource"] == SOURCE
            assert target["refId"]
            if panel["type"] != "table":
                assert target["legendFormat"] != "__auto", panel["title"]


@every
def test_tables_and_numbers_ask_for_the_newest_value_only(name: str) -> None:
    for panel in panels(name):
        for target in panel["targets"]:
            assert target["instant"] is (panel["type"] != "timeseries"), panel["title"]
            assert target["range"] is not target["instant"]


@every
def test_identities_of_panels_are_unique(name: str) -> None:
    numbers = [panel["id"] for panel in dashboard(name)["panels"]]
    assert len(set(numbers)) == len(numbers)


@every
def test_panels_fill_rows_and_do_not_overlap(name: str) -> None:
    placed = [panel["gridPos"] for panel in dashboard(name)["panels"]]
    assert all(at["x"] >= 0 and at["x"] + at["w"] <= COLUMNS for at in placed)
    for one, other in combinations(placed, 2):
        assert not (
            one["x"] < other["x"] + other["w"]
            and other["x"] < one["x"] + one["w"]
            and one["y"] < other["y"] + other["h"]
            and other["y"] < one["y"] + one["h"]
        ), (one, other)


@every
def test_a_phone_stacks_panels_in_the_order_in_which_they_are_read(name: str) -> None:
    placed = [panel["gridPos"] for panel in dashboard(name)["panels"]]
    assert placed == sorted(placed, key=lambda at: (at["y"], at["x"]))


@every
def test_every_dashboard_links_to_the_others(name: str) -> None:
    links = dashboard(name)["links"]
    assert [(link["type"], link["tags"], link["includeVars"]) for link in links] == [
        ("dashboards", ["foreshock"], True)
    ]


def test_links_of_cells_point_to_dashboards_and_variables_that_exist() -> None:
    found = 0
    for name in NAMES:
        for url in _urls(panels(name)):
            found += 1
            path, _, query = url.partition("?")
            target = path.split("/")[2]
            assert target in NAMES
            for part in query.split("&"):
                if part.startswith("var-"):
                    assert part[4:].partition("=")[0] in variables(target), url
                elif part.endswith(":queryparam}"):
                    assert part[2:].partition(":")[0] in variables(name), url
    assert found >= 2


def _urls(node: Any) -> list[str]:
    """Every link under a node of JSON."""
    if isinstance(node, dict):
        own = [node["url"]] if "url" in node else []
        return own + [url for value in node.values() for url in _urls(value)]
    if isinstance(node, list):
        return [url for value in node for url in _urls(value)]
    return []


@every
def test_colours_are_names_which_both_themes_know(name: str) -> None:
    known = {"green", "blue", "orange", "red", "text", "transparent"}
    for panel in panels(name):
        for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]:
            assert step["color"] in known


@every
def test_incidents_are_marked_on_every_time_line(name: str) -> None:
    marks = dashboard(name)["annotations"]["list"]
    assert any("foreshock_incident_open" in mark["expr"] for mark in marks)
    assert all(mark["datasource"] == SOURCE and mark["enable"] for mark in marks)
