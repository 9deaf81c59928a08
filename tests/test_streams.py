"""Metrics of single streams: what is counted against expected, only of what is loud."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.base import Detail, Verdict
from detectors.registry import BURSTS
from monitor.config import Config
from monitor.detection import Step
from monitor.exporter import Exporter
from monitor.pipeline import Pipeline
from monitor.replay import Replay
from monitor.streams import StreamMetrics, market_factors
from tests.test_exporter import samples

SYMBOLS = ("A", "B", "C")
MARKET = Path(__file__).parent / "golden" / "market.jsonl.zst"


def verdict(signal: str, scores: Sequence[float], *, venue: bool = False) -> Verdict:
    def detail(t: int, streams: NDArray[np.intp]) -> Detail:
        return Detail(
            np.zeros(streams.size, np.int64),
            np.asarray(10.0 + streams, np.float64),
            np.full(streams.size, 2.0 + t),
        )

    return Verdict(signal, ("x",), np.array([scores]), detail, venue=venue)


def exporter(*verdicts: Verdict) -> Exporter:
    metrics = Exporter(["orders"], ["cancel_burst", "market_wide"], scores_max=2)
    metrics.stepped(Step(1, 500_000_000, 0, verdicts, 4.5, ()), SYMBOLS, 0.001)
    return metrics


def test_a_loud_stream_says_what_was_counted_and_what_was_expected() -> None:
    metrics = exporter(verdict("cancel_burst", [0.5, 3.0, np.nan]))
    metrics.streams.explain()
    assert samples(metrics, "foreshock_signal_observed") == {("cancel_burst", "B"): 11.0}
    assert samples(metrics, "foreshock_signal_expected") == {("cancel_burst", "B"): 2.0}
    assert samples(metrics, "foreshock_venue_score") == {(): 4.5}


def test_of_streams_that_share_a_name_the_loudest_speaks() -> None:
    metrics = exporter(verdict("market_wide", [2.0, 5.0, 3.0], venue=True))
    metrics.streams.explain()
    assert samples(metrics, "foreshock_signal_score") == {("market_wide", "*"): 5.0}
    assert samples(metrics, "foreshock_signal_observed") == {("market_wide", "*"): 11.0}


def test_a_stream_that_is_no_longer_shown_keeps_no_count() -> None:
    metrics = exporter(verdict("cancel_burst", [4.0, 3.0, 0.0]))
    metrics.streams.explain()
    quiet = Step(2, 750_000_000, 0, [verdict("cancel_burst", [0.0, 3.0, 0.0])], 0.0, ())
    metrics.stepped(quiet, SYMBOLS, 0.001)
    assert samples(metrics, "foreshock_signal_observed") == {("cancel_burst", "B"): 11.0}


def test_a_step_is_asked_once_since_detectors_forget() -> None:
    def gone(_: int, streams: NDArray[np.intp]) -> Detail:
        raise AssertionError(streams)

    metrics = StreamMetrics(2)
    metrics.stepped(Step(1, 1, 0, [verdict("cancel_burst", [4.0, 0.0, 0.0])], 0.0, ()), SYMBOLS)
    metrics.explain()
    first = metrics._last
    assert first is not None
    object.__setattr__(first[0].verdicts[0], "detail", gone)
    metrics.explain()
    assert metrics.why == {("cancel_burst", "A"): (10.0, 2.0)}


def test_every_burst_has_a_market_factor_and_the_market_itself_has_none() -> None:
    factors = market_factors(Pipeline(Config()).detection)
    assert factors == dict.fromkeys(BURSTS, 1.0)


def test_counts_shown_are_those_of_real_detectors() -> None:
    metrics, shown = StreamMetrics(20), 0

    def look(step: Step) -> None:
        nonlocal shown
        metrics.stepped(step, replay.pipeline.detection.roster.symbols)
        metrics.explain()
        shown += sum(seen > due > 0 for seen, due in metrics.why.values())

    replay = Replay(Config(), [MARKET], on_step=look)
    list(replay.incidents())
    assert shown > 100
