"""What the monitor knows, as Prometheus metrics; label sets are bounded.

Counters count what happened. Gauges are read from the last step at scrape time, so a symbol that
leaves the top of its signal leaves the exposition too.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, get_args

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from detectors.base import Floats
from monitor import __version__
from monitor.blindness import Reason
from monitor.codec import REASONS
from monitor.detection import Budget, Step
from monitor.events import KINDS
from monitor.incident_metrics import incident_metrics
from monitor.incidents import SEVERITIES, Incident
from monitor.intake import Taken
from monitor.records import Partition
from monitor.streams import StreamMetrics

BLIND_REASONS: Final = get_args(Reason)
STEP_BUCKETS: Final = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0)
DELAY_BUCKETS: Final = np.array([0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600.0])


class Exporter(Collector):
    """Collects from one process; `registry` is what /metrics shows."""

    def __init__(
        self,
        topics: Sequence[str],
        signals: Sequence[str],
        *,
        scores_max: int,
        venue: str = "venue",
    ) -> None:
        self.registry = CollectorRegistry()
        self.venue = venue
        self.signals = list(dict.fromkeys(signals))
        registry = self.registry
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
        self._incidents = Counter(
            "foreshock_incidents",
            "Incidents opened, by their lead signal; one counts again where it turns worse.",
            ["severity", "signal"],
            registry=registry,
        )
        self._bins = Counter("foreshock_bins", "Bins closed.", registry=registry)
        self._steps = Histogram(
            "foreshock_step_seconds",
            "Time to judge one closed bin.",
            buckets=STEP_BUCKETS,
            registry=registry,
        )
        for topic in topics:
            self._late.labels(topic)
            for reason in REASONS:
                self._bad.labels(topic, reason)
            for kind in KINDS[:4]:
                self._events.labels(topic, kind)
        for severity in SEVERITIES:
            for signal in self.signals:
                self._incidents.labels(severity, signal)
        self.delays = np.zeros(DELAY_BUCKETS.size + 1, np.int64)
        self.delay_sum_s = 0.0
        self._read_total = 0
        self.open: dict[str, Incident] = {}
        self.known = False  # whether `open` is all there is
        self._leads: dict[str, str] = {}
        self.lag: dict[Partition, int] = {}
        self.blind: Mapping[str, str] = {}
        self.watermark_ns: int | None = None
        self.judged_s = 0.0  # wall time at which the last bin was judged
        self.budget = Budget()
        self.refused_total = 0
        self.mended: Floats = np.empty(0)  # share of each book that had to be mended
        self.refused_positions_total = 0
        self.dropped_total = 0
        self._told: set[tuple[str, str]] = set()
        self.symbols = 0
        self.streams = StreamMetrics(scores_max)
        registry.register(self)
        ProcessCollector(registry=registry)  # memory, CPU and open files, where the system tells

    def took(self, taken: Taken, now_s: float) -> None:
        """Count one batch that arrived at `now_s`, wall time in seconds."""
        topic = taken.origin.topic
        self._read_total += int(taken.counts.sum())
        for code in np.flatnonzero(taken.counts).tolist():
            self._events.labels(topic, KINDS[code]).inc(int(taken.counts[code]))
        if taken.late:
            self._late.labels(topic).inc(taken.late)
        for bad in taken.bad:
            self._bad.labels(topic, bad.reason).inc()
        if taken.ts.size:
            delays = now_s - taken.ts / 1e9
            self.delays += np.bincount(
                np.searchsorted(DELAY_BUCKETS, delays), minlength=self.delays.size
            )
            self.delay_sum_s += float(delays.sum())

    def exposition(self) -> tuple[bytes, str]:
        """What /metrics answers, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def events_total(self) -> int:
        """Good events read since the start."""
        return self._read_total

    def know(self, incidents: Sequence[Incident] | None) -> None:
        """After a start: all that is open, told before; None while nobody can say."""
        self.known = incidents is not None
        self.open = {incident.id: incident for incident in incidents or ()}
        self._leads = {i.id: self._leads.get(i.id, i.signals[0]) for i in self.open.values()}
        self._told = {(i.id, i.severity) for i in self.open.values()}

    def stepped(self, step: Step, symbols: Sequence[str], seconds: float) -> None:
        """Take in one closed bin that took `seconds` to judge."""
        self._steps.observe(seconds)
        self._bins.inc()
        self.symbols = len(symbols)
        self.streams.stepped(step, symbols)
        self.watermark_ns = step.end_ns
        for incident in step.incidents:
            if incident.change == "close":
                self.open.pop(incident.id, None)
                self._leads.pop(incident.id, None)
            else:
                self.open[incident.id] = incident
                self._leads.setdefault(incident.id, incident.signals[0])
            if (incident.id, incident.severity) not in self._told:
                self._told.add((incident.id, incident.severity))
                self._incidents.labels(incident.severity, incident.signals[0]).inc()
            if incident.change == "close":
                self._told -= {(incident.id, severity) for severity in SEVERITIES}

    def collect(self) -> Iterable[Metric]:
        """Gauges as they stand at this scrape."""
        build = GaugeMetricFamily(
            "foreshock_build_info", "The running version; always 1.", labels=["version"]
        )
        build.add_metric([__version__], 1)
        yield build
        yield GaugeMetricFamily(
            "foreshock_watermark_timestamp_seconds",
            "Event time up to which everything was judged; 0 before the first bin.",
            value=(self.watermark_ns or 0) / 1e9,
        )
        yield GaugeMetricFamily(
            "foreshock_judged_timestamp_seconds",
            "Wall time at which the last bin was judged; 0 before the first.",
            value=self.judged_s,
        )
        yield GaugeMetricFamily("foreshock_symbols", "Symbols watched.", value=self.symbols)
        yield from self._counters()
        yield from self._promises()
        yield self._lags()
        yield from self.streams.collect()
        yield self._open_incidents()
        yield from incident_metrics(
            list(self.open.values()), venue=self.venue, leads=dict(self._leads), known=self.known
        )
        yield self._blindness()
        yield self._unheard()
        yield self._books()
        yield self._delays()

    def _books(self) -> Metric:
        family = GaugeMetricFamily(
            "foreshock_book_mended_ratio",
            "Depth that had to be mended over what was added, of books kept from events.",
            labels=["of"],
        )
        known = self.mended[np.isfinite(self.mended)]
        if known.size:
            family.add_metric(["median"], float(np.median(known)))
            family.add_metric(["worst"], float(known.max()))
        return family

    def _counters(self) -> Iterable[Metric]:
        yield CounterMetricFamily(
            "foreshock_refused_events",
            "Events of symbols beyond symbols_max.",
            value=self.refused_total,
        )
        yield CounterMetricFamily(
            "foreshock_refused_positions",
            "Changes of positions beyond positions_max.",
            value=self.refused_positions_total,
        )
        yield CounterMetricFamily(
            "foreshock_dropped_messages",
            "Messages that a sink's full queue dropped.",
            value=self.dropped_total,
        )

    def _promises(self) -> Iterable[Metric]:
        """Whether the page budget is held, and what that rests on."""
        family = GaugeMetricFamily(
            "foreshock_pages_per_week",
            "Pages a week: what is promised of wrong ones, and all that there were.",
            labels=["rate"],
        )
        family.add_metric(["promised"], self.budget.promised_per_week)
        family.add_metric(["achieved"], self.budget.achieved_per_week)
        yield family
        yield GaugeMetricFamily(
            "foreshock_null_check_ratio",
            "Passes of the once-an-hour mark over their promise; 1 is right, above 3 is lost.",
            value=self.budget.null_check_ratio,
        )
        yield GaugeMetricFamily(
            "foreshock_calibration_quiet_seconds",
            "Quiet flow that scores are calibrated on; below a day they are held down.",
            value=self.budget.quiet_hours * 3_600.0,
        )

    def _lags(self) -> Metric:
        family = GaugeMetricFamily(
            "foreshock_consumer_lag_records",
            "Records between what was read and the end.",
            labels=["topic", "partition"],
        )
        for (topic, partition), lag in sorted(self.lag.items()):
            family.add_metric([topic, str(partition)], lag)
        return family

    def _open_incidents(self) -> Metric:
        family = GaugeMetricFamily(
            "foreshock_incidents_open",
            "Open incidents by severity and every signal that is part of them.",
            labels=["severity", "signal"],
        )
        counts = {(severity, signal): 0 for severity in SEVERITIES for signal in self.signals}
        for incident in self.open.values():
            for signal in incident.signals:
                counts[incident.severity, signal] = counts.get((incident.severity, signal), 0) + 1
        for (severity, signal), count in counts.items():
            family.add_metric([severity, signal], count)
        return family

    def _blindness(self) -> Metric:
        family = GaugeMetricFamily(
            "foreshock_blind",
            "1 where a signal cannot speak, by reason; 0 where it can.",
            labels=["signal", "reason"],
        )
        for signal in self.signals:
            for reason in BLIND_REASONS:
                family.add_metric([signal, reason], float(self.blind.get(signal) == reason))
        return family

    def _unheard(self) -> Metric:
        family = GaugeMetricFamily(
            "foreshock_blind_symbols",
            "Watched symbols that a signal has no opinion on.",
            labels=["signal"],
        )
        blind = dict.fromkeys(self.signals, 0)
        step = self.streams.step
        if step is not None:
            for verdict in step.verdicts:
                if not (verdict.venue or verdict.names or verdict.signal == "drift"):
                    blind[verdict.signal] = int(np.isnan(verdict.score[step.at]).sum())
        for signal, symbols in blind.items():
            family.add_metric([signal], symbols)
        return family

    def _delays(self) -> Metric:
        family = HistogramMetricFamily(
            "foreshock_event_delay_seconds", "Wall time less venue time as events are read."
        )
        cumulative = np.cumsum(self.delays).tolist()
        bounds = [*map(str, DELAY_BUCKETS.tolist()), "+Inf"]
        family.add_metric([], list(zip(bounds, cumulative, strict=True)), self.delay_sum_s)
        return family
