"""What the monitor knows, as Prometheus metrics; label sets are bounded.

Counters count what happened. Gauges are read from the last step at scrape time, so a symbol that
leaves the top of its signal leaves the exposition too.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, get_args

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from detectors.base import Floats
from monitor import __version__
from monitor.blindness import Reason
from monitor.book_metrics import BookMetrics
from monitor.detection import Budget, Step
from monitor.incident_metrics import IncidentMetrics
from monitor.incidents import Incident
from monitor.input_metrics import InputMetrics
from monitor.intake import Taken
from monitor.records import Partition
from monitor.streams import StreamMetrics

BLIND_REASONS: Final = get_args(Reason)
STEP_BUCKETS: Final = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0)


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
        self.registry = registry = CollectorRegistry()
        self.signals = list(dict.fromkeys(signals))
        self.input = InputMetrics(topics, registry)
        self.incidents = IncidentMetrics(self.signals, registry, venue=venue)
        self.streams = StreamMetrics(scores_max)
        self.books = BookMetrics()
        self._scores_max = scores_max
        self._bins = Counter("foreshock_bins", "Bins closed.", registry=registry)
        self._steps = Histogram(
            "foreshock_step_seconds",
            "Time to judge one closed bin.",
            buckets=STEP_BUCKETS,
            registry=registry,
        )
        self.lag: dict[Partition, int] = {}
        self.blind: Mapping[str, str] = {}
        self.watermark_ns: int | None = None
        self.judged_s = 0.0  # wall time at which the last bin was judged
        self.budget = Budget()
        self.refused_total = 0
        self.mended: Floats = np.empty(0)  # share of each book that had to be mended
        self.refused_positions_total = 0
        self.dropped_total = 0
        self.symbols = 0
        registry.register(self)
        ProcessCollector(registry=registry)  # memory, CPU and open files, where the system tells

    @property
    def open(self) -> Mapping[str, Incident]:
        """Open incidents by id."""
        return self.incidents.open

    def took(self, taken: Taken, now_s: float) -> None:
        """Count one batch that arrived at `now_s`, wall time in seconds."""
        self.input.took(taken, now_s)

    def exposition(self) -> tuple[bytes, str]:
        """What /metrics answers, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def events_total(self) -> int:
        """Good events read since the start."""
        return self.input.events_total

    def know(self, incidents: Sequence[Incident] | None) -> None:
        """After a start: all that is open, told before; None while nobody can say."""
        self.incidents.know(incidents)

    def stepped(self, step: Step, symbols: Sequence[str], seconds: float) -> None:
        """Take in one closed bin that took `seconds` to judge."""
        self._steps.observe(seconds)
        self._bins.inc()
        self.symbols = len(symbols)
        self.streams.stepped(step, symbols)
        self.watermark_ns = step.end_ns
        for incident in step.incidents:
            self.incidents.tell(incident)

    def watched(self) -> list[str]:
        """Symbols of which more is told than a score: those of open incidents, then the loudest;
        as many as a signal may have."""
        both = dict.fromkeys([*self.incidents.symbols(), *self.streams.symbols()])
        return list(both)[: self._scores_max]

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
        yield from self.incidents.collect()
        yield self._blindness()
        yield self._unheard()
        yield self._mended()
        yield from self.books.collect()
        yield self.input.delays()

    def _mended(self) -> Metric:
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
            "Messages and dead letters that could not be delivered.",
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
