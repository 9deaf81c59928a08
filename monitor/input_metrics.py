"""What was read, as Prometheus metrics: events, bad and late records, and their delay."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import HistogramMetricFamily, Metric

from monitor.codec import REASONS
from monitor.events import KINDS
from monitor.intake import Taken

DELAY_BUCKETS: Final = np.array([0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600.0])


class InputMetrics:
    """Counts of batches. events_total: good events read since the start."""

    def __init__(self, topics: Sequence[str], registry: CollectorRegistry) -> None:
        self.events_total = 0
        self._events = Counter(
            "foreshock_events", "Good events read.", ["topic", "type"], registry=registry
        )
        self._bad = Counter(
            "foreshock_bad_records", "Records passed over.", ["topic", "reason"], registry=registry
        )
        self._late = Counter(
            "foreshock_late_events",
            "Events whose bin had closed for their partition.",
            ["topic"],
            registry=registry,
        )
        self._delays = np.zeros(DELAY_BUCKETS.size + 1, np.int64)
        self._delay_sum_s = 0.0
        for topic in topics:  # their series are there from the start
            self._late.labels(topic)
            for reason in REASONS:
                self._bad.labels(topic, reason)
            for kind in KINDS[:4]:
                self._events.labels(topic, kind)

    def took(self, taken: Taken, now_s: float) -> None:
        """Count one batch that arrived at `now_s`, wall time in seconds."""
        topic = taken.origin.topic
        self.events_total += int(taken.counts.sum())
        for code in np.flatnonzero(taken.counts).tolist():
            self._events.labels(topic, KINDS[code]).inc(int(taken.counts[code]))
        if taken.late:
            self._late.labels(topic).inc(taken.late)
        for bad in taken.bad:
            self._bad.labels(topic, bad.reason).inc()
        if taken.ts.size:
            delays = now_s - taken.ts / 1e9
            self._delays += np.bincount(
                np.searchsorted(DELAY_BUCKETS, delays), minlength=self._delays.size
            )
            self._delay_sum_s += float(delays.sum())

    def delays(self) -> Metric:
        """The histogram of delays as it stands."""
        family = HistogramMetricFamily(
            "foreshock_event_delay_seconds", "Wall time less venue time as events are read."
        )
        cumulative = np.cumsum(self._delays).tolist()
        bounds = [*map(str, DELAY_BUCKETS.tolist()), "+Inf"]
        family.add_metric([], list(zip(bounds, cumulative, strict=True)), self._delay_sum_s)
        return family
