"""What is known of positions depends on the records alone, and is told when it matters."""

from dataclasses import replace
from functools import cache
from itertools import chain

import numpy as np
import pytest

from monitor.columns import NAMES_SLACK
from monitor.config import Config, Input
from monitor.incidents import Incident
from monitor.market.findings import GAUGES
from monitor.pipeline import Pipeline
from monitor.records import Partition, RawBatch
from monitor.replay import Replay
from monitor.scoring.simulated import SimulatedLog
from monitor.simulator.options import Options
from monitor.simulator.simulation import Simulation
from tests import market
from tests.market import Sent, Slice, Traffic
from tests.test_pipeline import npz

SIGNALS = ("leverage_shift", "liquidation_band", "cascade", "crowding")


@cache
def venue(scenario: str = "cascade", *, seconds: float = 150.0, onset_s: float = 75.0) -> Traffic:
    """A small simulated venue as one partition; a cascade is well on its way as it ends."""
    options = Options(
        seed=3,
        scenario=scenario,
        duration_s=seconds,
        symbols=4,
        rate=800.0,
        onset_s=onset_s,
        size="large",
    )
    lines = b"".join(Simulation(options).chunks()).splitlines()
    start_ms = options.start_ns // 1_000_000
    log = [Sent(line, start_ms + i) for i, line in enumerate(lines)]
    return Traffic({Partition("events", 0): log}, market.config())


def levels(pipeline: Pipeline) -> dict[str, bytes]:
    """The state of the market and of what judges it, but for codes, which are our own."""
    state = pipeline.detection.state()
    names = ("market.", "levels.")
    codes = (
        *("market.risk.exposure.key", "market.risk.found.who", "market.apart.found.who"),
        *("market.risk.related.who", "market.risk.related.told_who"),
    )
    return {
        name: array.tobytes()
        for name, array in state.items()
        if name.startswith(names) and name not in codes
    }


def whole(traffic: Traffic) -> market.Run:
    return market.run(traffic, iter([Slice(Partition("events", 0), 0, traffic.records)]))


def test_the_venue_of_these_tests_moves_every_gauge() -> None:
    risk = whole(venue()).pipeline.detection.market.risk
    assert len(risk.exposure) > 200
    assert np.isfinite(risk.seen.pressure.weighed).sum() >= 3
    assert np.isfinite(risk.seen.cascades.times).sum() >= 3
    assert np.isfinite(risk.crowd).sum() >= 3
    found = risk.found(2**62)
    assert {GAUGES[gauge] for gauge in found.holders.who[:, 0].tolist()} >= {
        "long_leverage",
        "band_pressure",
    }


def test_how_bins_are_handed_over_changes_nothing() -> None:
    traffic = venue()
    expected = whole(traffic)
    found = market.start(traffic)
    for part in market.shuffled(traffic, 5, 100.0):
        found.taken.append(found.pipeline.take(traffic.batch(part)))
        found.tell()
    found.finish()
    assert found.lines == expected.lines
    assert levels(found.pipeline) == levels(expected.pipeline)


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_restart_changes_nothing(share: float) -> None:
    traffic = venue()
    expected = whole(traffic)
    found = market.restarted(traffic, [int(share * traffic.records)], 7, 500.0, npz)
    assert found.lines == expected.lines
    assert levels(found.pipeline) == levels(expected.pipeline)


def test_names_seen_in_another_order_change_nothing() -> None:
    traffic = venue()
    expected = whole(traffic)
    found = market.start(traffic)
    accounts = expected.pipeline.names.accounts.names[::-1]
    for name in accounts:
        assert found.pipeline.names.accounts[name] >= 0
    found.feed(traffic, market.shuffled(traffic, 1, 3_000.0))
    found.finish()
    assert found.lines == expected.lines
    ours, theirs = (run.pipeline.detection.market.risk for run in (found, expected))
    assert ours.exposure.position.tolist() == theirs.exposure.position.tolist()
    assert ours.seen.pressure.weighed.tobytes() == theirs.seen.pressure.weighed.tobytes()
    assert ours.seen.cascades.times.tobytes() == theirs.seen.cascades.times.tobytes()


def test_forgetting_names_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    traffic = venue()
    expected = whole(traffic)
    strangers = [
        Sent(
            sent.value.replace(b'"account":"', b'"account":"passer-by-%d-' % i),
            sent.timestamp_ms,
        )
        for i, sent in enumerate(traffic.logs[Partition("events", 0)])
        if sent.value and b'"reject"' in sent.value
    ]
    assert NAMES_SLACK > 1_000 >= len(strangers)
    monkeypatch.setattr("monitor.columns.NAMES_SLACK", 10)
    found = market.run(traffic, market.shuffled(traffic, 2, 400.0))
    assert found.lines == expected.lines
    ours, theirs = (run.pipeline.detection.market.risk.found(2**62) for run in (found, expected))
    assert ours.holders.amount.tobytes() == theirs.holders.amount.tobytes()


def test_positions_beyond_the_maximum_are_counted() -> None:
    traffic = venue()
    few = replace(traffic, config=market.config(input=Input(positions_max=50)))
    exposure = whole(few).pipeline.detection.market.risk.exposure
    assert len(exposure) == 50
    assert exposure.refused_total > 50


def test_a_venue_that_tells_no_positions_is_blind_to_them_and_hears_leverage() -> None:
    traffic = venue()
    log = traffic.logs[Partition("events", 0)]
    told = (b'"position"', b'"entry_price"', b'"collateral_pool"')
    bare = [sent._replace(value=_without(sent.value, told)) if sent.value else sent for sent in log]
    found = whole(Traffic({Partition("events", 0): bare}, traffic.config)).pipeline.detection
    blind = found.blind()
    for signal in ("liquidation_band", "cascade", "crowding"):
        assert blind[signal] == "no_input", signal
    assert np.isfinite(found.market.risk.seen.set_leverage).any()


def _without(line: bytes, names: tuple[bytes, ...]) -> bytes:
    """A line of JSON with some keys renamed to what nobody reads."""
    for name in names:
        line = line.replace(name + b":", b'"x' + name[1:] + b":")
    return line


@cache
def cascade() -> list[Incident]:
    """Incidents of a simulated cascade, minutes before its forced orders begin."""
    options = Options(seed=11, scenario="cascade", duration_s=720.0, symbols=6, rate=500.0)
    pipeline = Pipeline(Config())
    found: list[Incident] = []
    chunks = Simulation(options).chunks()
    first = 0
    pipeline.fold.assign(Partition("events", 0))
    for chunk in chunks:
        lines = chunk.splitlines()
        records = range(first, first + len(lines))
        pipeline.take(RawBatch(Partition("events", 0), lines, records))
        first += len(lines)
        found += chain.from_iterable(step.incidents for step in pipeline.steps())
    return found


def test_a_cascade_is_told_with_its_signals_its_accounts_and_what_they_mean() -> None:
    told = cascade()
    signals = set(chain.from_iterable(incident.signals for incident in told))
    assert {"liquidation_band", "cascade"} <= signals
    named = {who.signal for incident in told for who in incident.accounts}
    assert "liquidation_band" in named
    words = " ".join(incident.summary for incident in told)
    assert "forced notional of " in words
    assert "the first forced notional" in words


def test_accounts_that_raise_their_leverage_together_are_a_shift_with_names() -> None:
    options = Options(
        seed=13,
        scenario="leverage_ramp",
        size="large",
        symbols=6,
        rate=400.0,
        duration_s=700.0,
        onset_s=500.0,
    )
    log, _ = SimulatedLog(options).open()
    told = list(Replay(Config(), [log]).incidents())
    shifted = [incident for incident in told if "leverage_shift" in incident.signals]
    assert shifted
    assert any(who.signal == "leverage_shift" for i in shifted for who in i.accounts)
