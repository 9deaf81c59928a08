"""Whether the page budget is held, as the monitor says it: figures by hand, and over a restart."""

from dataclasses import replace

import msgspec
import pytest

from monitor.config import Incidents
from monitor.detection import WEEK_NS, Budget, Detection
from monitor.pipeline import Pipeline
from tests import market


def fresh(budget_per_week: float = 1.0, bin_ms: int = 250) -> Detection:
    incidents = Incidents(page_budget_per_week=budget_per_week)
    return Pipeline(market.config(incidents=incidents, bin_ms=bin_ms)).detection


@pytest.mark.parametrize("bin_ms", [250, 1000])
@pytest.mark.parametrize("per_week", [0.5, 1.0, 7.0])
def test_what_is_promised_is_what_was_configured(per_week: float, bin_ms: int) -> None:
    assert fresh(per_week, bin_ms).budget().promised_per_week == pytest.approx(per_week)


def test_before_anything_was_seen_nothing_is_achieved_and_the_promise_is_believed() -> None:
    assert replace(fresh().budget(), promised_per_week=0.0) == Budget()


def test_what_is_achieved_is_pages_over_the_time_watched() -> None:
    detection = fresh()
    detection.bins = 3 * WEEK_NS // detection.bin_ns
    detection.desk.pages = 6
    assert detection.budget().achieved_per_week == pytest.approx(2.0)


def test_what_the_promise_rests_on_is_told() -> None:
    detection = fresh()
    detection.test.venue.seen[:] = 450.0  # maxima of four minutes
    detection.test.check.promised, detection.test.check.passed = 8.0, 28.0
    budget = detection.budget()
    assert budget.quiet_hours == pytest.approx(30.0)
    assert budget.null_check_ratio == pytest.approx(30.0 / 10.0)
    said: list[str] = [detection.calibrated]
    detection.test.check.passed = 8.0
    said.append(detection.calibrated)
    detection.test.venue.seen[:] = 359.0  # not quite a day
    said.append(detection.calibrated)
    assert said == ["lost", "measured", "prior"]


def test_a_venue_that_had_an_incident_achieved_its_pages_and_a_restart_keeps_them() -> None:
    seed = 1
    often = Incidents(hold_s=4.0, update_s=2.0, page_budget_per_week=100.0)
    traffic = replace(market.market(seed), config=market.config(incidents=often))
    found = market.run(traffic)
    detection = found.pipeline.detection
    pages = {i.id for i in found.incidents if i.severity == "page"}
    assert pages, f"seed {seed}"
    weeks = detection.bins * detection.bin_ns / WEEK_NS
    assert detection.budget().achieved_per_week == pytest.approx(len(pages) / weeks)
    resumed = Pipeline(traffic.config)
    resumed.restore(found.pipeline.state(), {})
    assert resumed.detection.budget() == detection.budget()


def test_what_an_incident_says_of_trust_is_what_the_budget_says() -> None:
    found = market.run(market.market(1))
    (close,) = (i for i in found.incidents if i.change == "close")
    unheard = {"liquidation_burst", "reject_storm", "liquidation_band", "index_lag"}
    cold = {"thin_book", "leverage_shift", "feed_gap"}
    told = set(close.trust["blind"])  # type: ignore[arg-type]
    assert unheard | cold < told
    assert "cancel_burst" not in told
    assert close.trust | {"blind": []} == {
        "blind": [],
        "blind_for": [],
        "late": [],
        "calibration": "prior",
        "quiet_hours": 0.0,  # of a minute and a half
        "null_check": 1.0,
    }
    assert msgspec.json.decode(found.lines[-1])["trust"] == close.trust
