"""Metrics: bounded labels, gauges that follow the last step, counters that only grow."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from detectors.base import Detail, Verdict
from monitor.detection import Step
from monitor.exporter import Exporter
from monitor.incidents import Change, Incident, Severity
from monitor.intake import Taken
from monitor.records import BadRecord, Partition

SIGNALS = ("cancel_burst", "market_wide")
SYMBOLS = ("A", "B", "C", "D")
ORIGIN = Partition("orders", 0)


def exporter(scores_max: int = 2) -> Exporter:
    return Exporter(["orders"], SIGNALS, scores_max=scores_max)


def samples(exporter: Exporter, name: str) -> dict[tuple[str, ...], float]:
    text = generate_latest(exporter.registry).decode()
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def step(scores: Sequence[float], incidents: Sequence[Incident] = ()) -> Step:
    """The second of two bins that were judged together; the first was deafening."""
    score = np.array([[99.0] * len(scores), scores])
    verdict = Verdict("cancel_burst", ("cancel",), score, nothing)
    return Step(1, 500_000_000, 1, [verdict], 0.0, incidents)


def nothing(_: int, streams: NDArray[np.intp]) -> Detail:
    return Detail(np.zeros(streams.size, np.int64), np.zeros(streams.size), np.zeros(streams.size))


def incident(change: Change, severity: Severity) -> Incident:
    return Incident(1, "x", change, 2, 1, severity, ["cancel_burst"], [], [], 5.0, "", {})


def test_only_the_loudest_symbols_have_a_series_and_the_rest_disappear() -> None:
    metrics = exporter(scores_max=2)
    metrics.stepped(step([5.0, 1.5, 4.0, np.nan]), SYMBOLS, 0.001)
    name = "foreshock_signal_score"
    assert samples(metrics, name) == {("cancel_burst", "A"): 5.0, ("cancel_burst", "C"): 4.0}
    metrics.stepped(step([0.1, 3.0, 0.2, np.nan]), SYMBOLS, 0.001)
    assert samples(metrics, name) == {("cancel_burst", "B"): 3.0}


def test_an_incident_counts_once_a_severity_and_its_gauge_follows_it() -> None:
    metrics = exporter()
    changes: list[tuple[Change, Severity]] = [
        ("open", "info"),
        ("update", "info"),
        ("update", "page"),
    ]
    for change, severity in changes:
        metrics.stepped(step([1.0], [incident(change, severity)]), SYMBOLS, 0.001)
    total, now = "foreshock_incidents_total", "foreshock_incidents_open"
    assert samples(metrics, total)["info", "cancel_burst"] == 1
    assert samples(metrics, total)["page", "cancel_burst"] == 1
    assert samples(metrics, now)["page", "cancel_burst"] == 1
    assert samples(metrics, now)["info", "cancel_burst"] == 0
    metrics.stepped(step([1.0], [incident("close", "page")]), SYMBOLS, 0.001)
    assert samples(metrics, now)["page", "cancel_burst"] == 0
    assert samples(metrics, total)["page", "cancel_burst"] == 1


def test_series_are_there_at_zero_before_anything_happened() -> None:
    metrics = exporter()
    assert samples(metrics, "foreshock_bad_records_total")["not_json", "orders"] == 0
    assert samples(metrics, "foreshock_incidents_open")["page", "market_wide"] == 0
    assert samples(metrics, "foreshock_blind")["stalled", "cancel_burst"] == 0


def test_symbols_without_an_opinion_are_counted_by_signal() -> None:
    metrics = exporter()
    name = "foreshock_blind_symbols"
    assert samples(metrics, name) == {("cancel_burst",): 0.0, ("market_wide",): 0.0}
    metrics.stepped(step([5.0, np.nan, 4.0, np.nan]), SYMBOLS, 0.001)
    assert samples(metrics, name)[("cancel_burst",)] == 2.0


def test_every_reason_to_be_blind_has_its_series() -> None:
    metrics = exporter()
    metrics.blind = {"cancel_burst": "late"}
    found = samples(metrics, "foreshock_blind")
    reasons = {"no_input", "warming_up", "stale", "silent", "late", "stalled"}
    assert {reason for reason, _ in found} == reasons
    assert [labels for labels, value in found.items() if value] == [("late", "cancel_burst")]


def test_when_event_time_and_wall_time_stood_last_are_told_apart() -> None:
    metrics = exporter()
    assert samples(metrics, "foreshock_judged_timestamp_seconds")[()] == 0.0
    metrics.judged_s = 12.5
    metrics.stepped(step([0.0]), SYMBOLS, 0.001)
    assert samples(metrics, "foreshock_judged_timestamp_seconds")[()] == 12.5
    assert samples(metrics, "foreshock_watermark_timestamp_seconds")[()] == 0.5


def test_delays_fall_into_cumulative_buckets() -> None:
    metrics = exporter()
    ts = np.array([9_900_000_000, 9_000_000_000, 1_000_000_000])  # 0.1, 1 and 9 s ago
    counts = np.array([2, 1, 0, 0, 0, 0, 0, 0])
    metrics.took(Taken(ORIGIN, 3, counts, ts), 10.0)
    buckets = samples(metrics, "foreshock_event_delay_seconds_bucket")
    assert buckets["2.0",] == 2
    assert buckets["+Inf",] == 3
    assert samples(metrics, "foreshock_event_delay_seconds_count")[()] == 3
    assert samples(metrics, "foreshock_events_total")["orders", "order"] == 2


def test_bad_records_count_by_reason() -> None:
    metrics = exporter()
    bad = [BadRecord(ORIGIN, 1, None, "negative", b"")] * 3
    counts = np.zeros(8, np.int64)
    metrics.took(Taken(ORIGIN, 3, counts, np.empty(0, np.int64), late=2, bad=bad), 1.0)
    assert samples(metrics, "foreshock_bad_records_total")["negative", "orders"] == 3
    assert samples(metrics, "foreshock_late_events_total")["orders",] == 2


def test_how_far_books_can_be_trusted_is_said_of_the_median_and_the_worst() -> None:
    metrics = Exporter(["orders"], ["thin_book"], scores_max=3)
    assert "foreshock_book_mended_ratio{" not in metrics.exposition()[0].decode()
    metrics.mended = np.array([0.0, np.nan, 0.1, 0.4])
    text = metrics.exposition()[0].decode()
    assert 'foreshock_book_mended_ratio{of="median"} 0.1' in text
    assert 'foreshock_book_mended_ratio{of="worst"} 0.4' in text
