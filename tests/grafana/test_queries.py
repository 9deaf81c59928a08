"""Every query parses, keeps the linter's rules, and finds data in a real Prometheus."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import promql_parser as promql
import pytest
from prometheus_client.parser import text_string_to_metric_families

from detectors.base import Detail, Verdict
from monitor.detection import Step
from monitor.exporter import Exporter
from tests.grafana.prometheus import Prometheus, until
from tests.grafana.stored import (
    NAMES,
    Asked,
    asked,
    filled,
    loudest_incident,
    values,
    variables,
)

ASKED = tuple(asked())
FOUND_S = 10.0  # some look at every fifth second only
COUNTER_ENDS = ("_total", "_bucket", "_count", "_sum")
every = pytest.mark.parametrize("query", ASKED, ids=map(str, ASKED))


def nodes(expr: str) -> Iterator[tuple[Any, list[Any]]]:
    """Every node of an expression, with those above it."""
    found: list[tuple[Any, list[Any]]] = []
    above: list[Any] = []

    def enter(node: Any) -> bool:
        found.append((node, list(above)))
        above.append(node)
        return True

    def leave(_: Any) -> bool:
        above.pop()
        return True

    promql.walk(promql.parse(expr), enter, leave)
    yield from found


def selectors(expr: str) -> Iterator[tuple[promql.VectorSelector, list[Any]]]:
    for node, above in nodes(expr):
        if isinstance(node, promql.VectorSelector):
            yield node, above
        elif isinstance(node, promql.MatrixSelector):
            yield node.vector_selector, [*above, node]


@every
def test_a_query_parses_and_follows_the_chosen_monitors(query: Asked) -> None:
    found = list(selectors(filled(query.expr, job="JOB", instance="INSTANCE")))
    assert found
    for selector, _ in found:
        matchers = {(m.name, str(m.op), m.value) for m in selector.matchers.matchers}
        assert {name for name, _, value in matchers if value == "JOB"} == {"job"}
        assert {name for name, _, value in matchers if value == "INSTANCE"} == {"instance"}


@every
def test_counters_are_rates_over_an_interval_that_fits_the_scrapes(query: Asked) -> None:
    for selector, above in selectors(filled(query.expr)):
        if (selector.name or "").endswith(COUNTER_ENDS):
            assert isinstance(above[-1], promql.MatrixSelector), selector.name
            assert above[-2].func.name in ("rate", "increase"), selector.name
    for part in query.expr.split("rate(")[1:]:
        assert part.partition("[")[2].startswith("$__rate_interval]")


@every
def test_a_query_finds_data_of_a_real_run(query: Asked, scraped: Prometheus) -> None:
    def found() -> bool:
        expr = filled(query.expr, incident=loudest_incident(scraped))
        return bool(scraped.now(expr) if query.instant else scraped.over(expr, 20.0))

    until(found, query.expr, FOUND_S)


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_parses(name: str) -> None:
    for variable in variables(name).values():
        if variable["type"] == "query":
            expr = filled(variable["definition"]).partition("(")[2].removesuffix(")")
            if variable["definition"].startswith("label_values"):
                expr = expr.rpartition(",")[0]
            assert list(selectors(expr))


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_finds_values(name: str, scraped: Prometheus) -> None:
    for variable in variables(name).values():
        if variable["type"] == "query":
            assert values(scraped, filled(variable["definition"])), variable["name"]


def test_the_loudest_incident_comes_first(scraped: Prometheus) -> None:
    listed = variables("foreshock-incident")["incident"]
    assert listed["sort"] == 0
    assert listed["regex"] == '/id="([^"]+)"/'
    assert loudest_incident(scraped) == values(scraped, filled(listed["definition"]))[0]


def test_nothing_is_green_where_no_monitor_is_scraped(scraped: Prometheus) -> None:
    for query in ASKED:
        if "or 0 *" in query.expr and query.dashboard == "foreshock-venue":
            assert not scraped.now(filled(query.expr, job="none-such"))


def test_every_metric_asked_for_is_one_the_monitor_has(scraped: Prometheus) -> None:
    known = set(scraped.ask("label/__name__/values"))
    for query in ASKED:
        for selector, _ in selectors(filled(query.expr)):
            assert selector.name in known, query


def test_variables_stay_short_with_two_thousand_symbols() -> None:
    for name in NAMES:
        for variable in variables(name).values():
            if "symbol" in variable["name"]:
                assert "foreshock_signal_score" in variable["definition"]
    exporter = Exporter(["orders"], ["cancel_burst"], scores_max=20)
    loud_step(exporter, symbols=2_000)
    text = exporter.exposition()[0].decode()
    shown = {
        sample.labels["symbol"]
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "symbol" in sample.labels
    }
    assert len(shown) == 20


def loud_step(exporter: Exporter, *, symbols: int) -> None:
    """A step in which every symbol is loud."""

    def why(_: int, streams: Any) -> Detail:
        one = np.ones(streams.size)
        return Detail(np.zeros(streams.size, np.int64), one, one)

    score = np.full((1, symbols), 5.0)
    step = Step(1, 250_000_000, 0, [Verdict("cancel_burst", ("cancel",), score, why)], 5.0, ())
    exporter.stepped(step, [f"S{i}" for i in range(symbols)], 0.001)
    exporter.streams.explain()
