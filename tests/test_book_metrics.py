"""Depth and bands as metrics: what the market knows, of few symbols, and only while it is known."""

from functools import cache
from typing import Final

import numpy as np
import pytest

from monitor.exporter import Exporter
from monitor.incidents import Change, Severity
from monitor.market.bands import DISTANCES
from monitor.market.gauges import TRUSTED_DRIFT
from monitor.market.state import Market
from tests.test_exporter import samples, step
from tests.test_incident_metrics import incident, stream
from tests.test_risk import venue, whole

END: Final = 2**62
NAMES: Final = ("A", "B")


@cache
def known() -> Market:
    """Books and positions of four symbols while a cascade builds up."""
    return whole(venue()).pipeline.detection.market


def shown(market: Market, rows: dict[str, int]) -> Exporter:
    exporter = Exporter(["orders"], ["thin_book"], scores_max=4)
    exporter.books.look(market, END, rows)
    return exporter


def test_depth_is_what_the_book_holds_by_side_and_distance() -> None:
    market = known()
    depth = samples(shown(market, {"A": 0, "B": 1}), "foreshock_depth_quote")
    assert len(depth) == 2 * 2 * 4
    for name, row in (("A", 0), ("B", 1)):
        for place, side in enumerate(("bids", "asks")):
            for band, bps in enumerate(("10", "20", "50", "100")):
                assert depth[side, name, bps] == pytest.approx(market.bands[row, place, band])
    assert depth["bids", "A", "10"] <= depth["bids", "A", "100"]


def test_the_usual_depth_adds_up_what_each_shell_held_as_a_mean_of_logarithms() -> None:
    market = known()
    usual = samples(shown(market, {"A": 0}), "foreshock_depth_usual_quote")
    clustering = market.clustering
    shells = np.exp(clustering.usual[1, :, 0] / clustering.weight[0])
    assert usual["asks", "A", "10"] == pytest.approx(shells[0])
    assert usual["asks", "A", "50"] == pytest.approx(shells[:3].sum())


def test_the_worst_band_tells_what_it_forces_what_takes_it_and_how_far_it_is() -> None:
    market = known()
    found = market.risk.found(END)
    row = int(np.nanargmax(found.weighed))
    distance = int(market.risk.seen.pressure.step[row])
    exporter = shown(market, {"A": row})
    labels = (("bids", "asks")[found.side[row]], "A")
    assert samples(exporter, "foreshock_band_forced_quote") == {
        labels: pytest.approx(found.forced[row])
    }
    assert samples(exporter, "foreshock_band_resting_quote") == {
        labels: pytest.approx(found.resting[row])
    }
    (pressure,) = samples(exporter, "foreshock_band_pressure_ratio").values()
    times = found.forced[row] / found.resting[row]
    assert pressure == pytest.approx(min(1.0, (0.03 / DISTANCES[distance]) ** 2) * times)
    (away,) = samples(exporter, "foreshock_band_distance_ratio").values()
    assert away == pytest.approx(np.expm1(DISTANCES[distance]))


def test_a_book_that_cannot_be_trusted_and_a_symbol_that_is_new_have_no_series() -> None:
    market = whole(venue(seconds=30.0, onset_s=20.0)).pipeline.detection.market
    drifted = market.depth
    drifted.mended[0] = (TRUSTED_DRIFT + 0.01) * drifted.added[0]
    exporter = shown(market, {"A": 0, "NEW": len(market.bands)})
    for name in ("foreshock_depth_quote", "foreshock_band_forced_quote"):
        assert samples(exporter, name) == {}


def test_a_symbol_that_nobody_looks_at_any_more_leaves() -> None:
    exporter = shown(known(), {"A": 0})
    assert samples(exporter, "foreshock_depth_quote")
    exporter.books.look(known(), END, {})
    assert samples(exporter, "foreshock_depth_quote") == {}


def test_symbols_of_open_incidents_come_before_the_loudest_and_both_are_bounded() -> None:
    symbols = [f"S{i}" for i in range(9)]
    exporter = Exporter(["orders"], ["cancel_burst"], scores_max=5)
    loud = [float(i) for i in range(9)]

    def told(change: Change, severity: Severity, name: str, *of: str) -> None:
        news = incident(name, change, severity, symbols=map(stream, of))
        exporter.stepped(step(loud, [news]), symbols, 0.001)

    told("open", "warning", "first", "S1", "S2", "*")
    told("open", "page", "worse", "S3", "S1")
    assert exporter.watched() == ["S3", "S1", "S2", "S8", "S7"]
    told("close", "page", "worse")
    told("close", "warning", "first")
    assert exporter.watched() == ["S8", "S7", "S6", "S5", "S4"]
