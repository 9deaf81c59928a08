"""The loudest streams as Prometheus metrics: score, and what was counted against expected.

A symbol that leaves the top of its signal leaves the exposition too, so that there are never more
series than `scores_max` a signal, however many symbols trade.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from prometheus_client.core import GaugeMetricFamily, Metric

from detectors.base import Verdict
from detectors.windows import LENGTHS
from monitor.detection import Detection, Step
from monitor.incidents import VENUE

SCORE_MIN: Final = 1.0  # decades; below, a stream is not worth a series
MARKET_BINS: Final = 64  # of the windows by which the market's factor is shown: 16 s
Stream = tuple[str, str]  # signal, symbol


class StreamMetrics:
    """What single streams say at the last step.

    why: counts since the onset of each stream and what was expected, as `explain` found them.
    market: by signal, see `market_factors`.
    """

    def __init__(self, scores_max: int) -> None:
        self._scores_max = scores_max
        self._last: tuple[Step, Sequence[str]] | None = None
        self._asked = True
        self.why: Mapping[Stream, tuple[float, float]] = {}
        self.market: Mapping[str, float] = {}

    @property
    def step(self) -> Step | None:
        """The last bin that was judged."""
        return None if self._last is None else self._last[0]

    def stepped(self, step: Step, symbols: Sequence[str]) -> None:
        """Take in one closed bin; symbols names the rows of its verdicts."""
        self._last = step, symbols
        self._asked = False

    def explain(self) -> None:
        """Ask why the loudest streams of a new step are loud. To be called right after it, before
        the detectors update or put their state away: only then can they tell.
        """
        if self._asked or self._last is None:
            return
        self._asked = True
        why: dict[Stream, tuple[float, float]] = {}
        best: dict[Stream, float] = {}
        step, symbols = self._last
        for verdict, rows, scores in self._loudest(step):
            found = verdict.detail(step.at, np.array(rows, np.intp))
            for i, (row, score) in enumerate(zip(rows, scores, strict=True)):
                stream = _stream(verdict, row, symbols)
                if score > best.get(stream, -np.inf):
                    best[stream] = score
                    why[stream] = float(found.observed[i]), float(found.expected[i])
        self.why = why

    def symbols(self) -> list[str]:
        """Symbols of the streams that are shown, the loudest first."""
        if self._last is None:
            return []
        known = set(self._last[1])
        ranked = sorted((-score, symbol) for (_, symbol), score in self._scores().items())
        return list(dict.fromkeys(symbol for _, symbol in ranked if symbol in known))

    def collect(self) -> Iterable[Metric]:
        """Gauges as they stand at this scrape."""
        labels = ["signal", "symbol"]
        scores = GaugeMetricFamily(
            "foreshock_signal_score",
            "Decades of surprise of a stream: k is once in 10^k quiet bins.",
            labels=labels,
        )
        observed = GaugeMetricFamily(
            "foreshock_signal_observed",
            "Events of a loud stream since its estimated onset.",
            labels=labels,
        )
        expected = GaugeMetricFamily(
            "foreshock_signal_expected",
            "Events that a loud stream should have had since its estimated onset.",
            labels=labels,
        )
        why = self.why  # one look: it may be replaced meanwhile
        for stream, score in self._scores().items():
            scores.add_metric(stream, score)
            if stream in why:
                observed.add_metric(stream, why[stream][0])
                expected.add_metric(stream, why[stream][1])
        yield from (scores, observed, expected)
        market = GaugeMetricFamily(
            "foreshock_market_factor",
            "What the whole market does at once over about 16 s, over its usual rate.",
            labels=["signal"],
        )
        for signal, factor in self.market.items():
            market.add_metric([signal], factor)
        yield market
        yield GaugeMetricFamily(
            "foreshock_venue_score",
            "Decades of surprise of the whole venue in the last bin.",
            value=self._last[0].score if self._last is not None else 0.0,
        )

    def _scores(self) -> dict[Stream, float]:
        """The best score of each stream that is shown."""
        best: dict[Stream, float] = {}
        if self._last is not None:
            step, symbols = self._last
            for verdict, rows, scores in self._loudest(step):
                for row, score in zip(rows, scores, strict=True):
                    stream = _stream(verdict, row, symbols)
                    best[stream] = max(best.get(stream, 0.0), score)
        return best

    def _loudest(self, step: Step) -> Iterator[tuple[Verdict, list[int], list[float]]]:
        """Of each verdict the rows of its loudest streams, if they are loud at all, and scores."""
        for verdict in step.verdicts:
            score = np.nan_to_num(verdict.score[step.at], nan=-np.inf)
            rows = np.argsort(-score, kind="stable")[: self._scores_max]
            rows = rows[score[rows] >= SCORE_MIN]
            if rows.size:
                yield verdict, rows.tolist(), score[rows].tolist()


def _stream(verdict: Verdict, row: int, symbols: Sequence[str]) -> Stream:
    return verdict.signal, VENUE if verdict.venue else (verdict.names or symbols)[row]


def market_factors(detection: Detection) -> dict[str, float]:
    """Of every signal that divides out what the whole market does: how much that is now."""
    scale = LENGTHS.index(MARKET_BINS)
    common = detection.bursts.bank.common[scale].tolist()
    return dict(zip(detection.bursts.features, common, strict=True))
