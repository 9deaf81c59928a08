"""Input that is missing, late or off the clock is told, and its signals are blind, never calm."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest

from detectors.base import Frame, Levels
from monitor.blindness import unheard
from monitor.incidents import Incident
from monitor.records import Partition
from tests import market
from tests.market import Run, Sent, Traffic

Fault = Callable[[Partition, dict[str, Any], int], bool | None]
NS = 1_000_000_000
FROM_S, UNTIL_S = 100.0, 120.0


def s_of(event: dict[str, Any]) -> float:
    return float(event["ts"] / NS - market.START_S)


def silent_symbol(_: Partition, event: dict[str, Any], __: int) -> bool:
    return event["symbol"] == "S01-PERP" and FROM_S <= s_of(event) < UNTIL_S


def silent_cancels(_: Partition, event: dict[str, Any], __: int) -> bool:
    return event["type"] == "cancel" and FROM_S <= s_of(event) < UNTIL_S


def late_partition(origin: Partition, event: dict[str, Any], number: int) -> None:
    if origin == Partition("orders", 0) and s_of(event) >= FROM_S and number % 4:
        event["ts"] -= 20 * NS


def clock_ahead(origin: Partition, event: dict[str, Any], _: int) -> None:
    if origin == Partition("orders", 0) and s_of(event) >= FROM_S:
        event["ts"] += 10 * NS


def with_fault(fault: Fault) -> Traffic:
    """Quiet traffic; what the fault is true for is missing, and it may change what is left."""
    quiet = market.market(3, seconds=150.0, hit=0, faults=False)
    return Traffic(
        {origin: list(_changed(origin, log, fault)) for origin, log in quiet.logs.items()},
        quiet.config,
    )


def _changed(origin: Partition, log: list[Sent], fault: Fault) -> Iterator[Sent]:
    for number, sent in enumerate(log):
        event = msgspec.json.decode(sent.value or b"")
        if not fault(origin, event, number):
            yield sent._replace(value=msgspec.json.encode(event))


FAULTS: dict[str, Fault] = {
    "silent_symbol": silent_symbol,
    "silent_cancels": silent_cancels,
    "late_partition": late_partition,
    "clock_ahead": clock_ahead,
}


@cache
def traffic_of(name: str) -> Traffic:
    return with_fault(FAULTS[name])


@cache
def run_of(name: str) -> Run:
    return market.run(traffic_of(name))


def told(name: str, signal: str) -> list[Incident]:
    return [i for i in run_of(name).incidents if signal in i.signals]


def test_a_symbol_that_falls_silent_is_told_and_its_signals_are_blind_for_it() -> None:
    changes = told("silent_symbol", "feed_gap")
    opened, closed = changes[0], changes[-1]
    assert (opened.change, opened.severity, closed.change) == ("open", "warning", "close")
    assert 0.0 <= opened.onset_ns / NS - market.START_S - FROM_S < 2.0
    assert {seen.symbol for seen in opened.symbols} == {"S01-PERP"}
    assert "No events of S01-PERP" in opened.summary
    named = opened.trust["blind_for"]
    assert isinstance(named, list)
    assert {"order_burst on S01-PERP", "cancel_burst on S01-PERP"} <= set(named)
    assert closed.at_ns / NS - market.START_S < UNTIL_S + 6.0
    assert closed.trust["blind_for"] == []


def test_a_kind_of_event_that_is_silent_everywhere_is_told_of_the_venue() -> None:
    (opened, *_) = told("silent_cancels", "feed_gap")
    assert [seen.symbol for seen in opened.symbols] == ["*"]
    assert "No cancels of the whole venue" in opened.summary
    blind = opened.trust["blind"]
    assert isinstance(blind, list)
    assert "cancel_burst" in blind
    assert "order_burst" not in blind


def test_a_gap_alone_never_pages() -> None:
    for name in FAULTS:
        assert all(i.severity != "page" for i in run_of(name).incidents), name


def test_a_partition_whose_events_mostly_come_late_makes_signals_blind() -> None:
    run = run_of("late_partition")
    detection = run.pipeline.detection
    assert detection.feeds.late() == ["orders/0"]
    blind = detection.blind()
    assert blind["order_burst"] == blind["market_wide"] == "late"
    assert "feed_gap" not in blind


def test_a_clock_that_runs_ahead_is_told_with_its_partition() -> None:
    (opened, *_) = told("clock_ahead", "clock_skew")
    seen = opened.symbols[0]
    assert (seen.symbol, seen.signal, opened.severity) == ("orders/0", "clock_skew", "warning")
    assert seen.observed - seen.expected == pytest.approx(-10.0, abs=0.2)
    assert "s ahead of where they used to be" in opened.summary


def test_input_without_broker_timestamps_leaves_clock_skew_blind() -> None:
    traffic = traffic_of("silent_symbol")
    run = market.start(traffic)
    for part in market.by_arrival(traffic):
        run.pipeline.take(replace(traffic.batch(part), timestamps_ms=None))
        run.tell()
    assert run.pipeline.detection.blind()["clock_skew"] == "no_input"


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("seed", range(2))
def test_batching_and_restarts_change_nothing_in_what_is_blind(name: str, seed: int) -> None:
    traffic = traffic_of(name)
    expected = run_of(name).lines
    batched = market.run(traffic, market.shuffled(traffic, seed, 30.0))
    assert batched.lines == expected, f"seed {seed}"
    stops = np.random.default_rng(seed).integers(0, traffic.records // 2, 3).tolist()
    assert market.restarted(traffic, stops, seed, 200.0).lines == expected, f"seed {seed}"


def test_what_is_silent_is_not_observed_by_the_others_nor_are_gauges_that_need_it() -> None:
    levels = Levels(("near_depth", "index_age"), np.array([1]), np.ones((1, 2, 2)))
    frame = Frame(0, np.ones((2, 2, 2)), ("cancel", "mark"), levels=levels)
    silent = np.zeros((2, 2, 2), np.bool_)
    silent[1, 0, 0] = True
    seen = unheard(frame, silent)
    assert np.isnan(seen.values).tolist() == silent.tolist()
    assert np.isnan(seen.levels.values).tolist() == [[[True, False], [False, False]]]
    assert not np.isnan(frame.levels.values).any()
