"""How old an index is, and how far a mark is from where the market trades, by hand."""

import numpy as np
import pytest

from detectors.base import Floats, Frame
from monitor.columns import Names
from monitor.config import Config
from monitor.events import KINDS, Kind
from monitor.features import Built
from monitor.market.gauges import GAUGES
from monitor.market.state import Market
from monitor.replay import Replay
from monitor.scoring.simulated import SimulatedLog
from monitor.settled import NO_CHANGES, Facts, Settled
from monitor.simulator import Options

BIN_NS = 1_000_000_000
START = 1_700_000_000


def facts(at_ns: int, *values: float) -> Facts:
    """What one event of the only symbol said."""
    row = np.full((1, 6), np.nan)
    row[0, : len(values)] = values
    return Facts(np.array([0]), np.array([0]), np.array([at_ns]), row)


class Seconds:
    """A market of one symbol that is told one second after the other."""

    def __init__(self) -> None:
        names = Names()
        assert names.accounts["a"] == 1
        self.market = Market(names, bin_ns=BIN_NS, positions_max=10)
        self.now = START

    def told(
        self,
        *,
        mark: float | None = None,
        index: float = 100.0,
        index_age_s: float = np.nan,
        trade: float | None = None,
        also: dict[Kind, Facts] | None = None,
    ) -> dict[str, float]:
        """What the gauges say at the end of the next second."""
        at_ns = self.now * BIN_NS + BIN_NS // 2
        said: dict[Kind, Facts] = dict(also or {})
        if mark is not None:
            said[Kind.MARK] = facts(at_ns, mark, index, at_ns / 1e9 - index_age_s)
        if trade is not None:
            said[Kind.FILL] = facts(at_ns, trade, 1.0)
        settled = Settled(np.empty(0, np.int64), NO_CHANGES, None, None, said)
        frame = Frame(self.now, np.zeros((1, 1, len(KINDS))), KINDS)
        self.now += 1
        values: Floats = self.market.update(Built(frame, [settled])).values
        return dict(zip(GAUGES, np.exp(values[0, 0]).tolist(), strict=True))


def test_an_index_is_as_old_as_its_own_time_says() -> None:
    told = Seconds().told(mark=100.0, index_age_s=7.0, trade=100.0)
    assert told["index_age"] == pytest.approx(7.0, abs=1e-3)


def test_an_index_without_a_time_is_old_once_trades_have_left_it() -> None:
    venue = Seconds()
    venue.told(mark=100.0, trade=100.0)
    venue.told(mark=100.0, trade=100.0)
    assert venue.told(mark=100.0, trade=100.05)["index_age"] == pytest.approx(0.1)
    assert venue.told(mark=100.2, trade=100.2)["index_age"] == pytest.approx(3.0)
    assert venue.told(mark=100.2, index=100.2)["index_age"] == pytest.approx(0.1)


def test_without_a_mark_for_half_a_minute_nothing_is_known() -> None:
    venue = Seconds()
    venue.told(mark=100.0, index_age_s=1.0, trade=100.0)
    for _ in range(29):
        told = venue.told(trade=100.0)
    assert told["index_age"] == pytest.approx(1.0, abs=1e-3)
    told = venue.told(trade=100.0)
    assert np.isnan([told["index_age"], told["mark_distance"]]).all()


def test_a_mark_is_as_far_as_moves_of_ten_seconds_do_not_explain() -> None:
    venue = Seconds()
    venue.told(mark=100.0, trade=100.0)
    move = np.log(101.0 / 100.0)
    variance = (1.0 - np.exp(-1.0 / 60.0)) * move**2
    expected = 1e4 * (move - 2.0 * np.sqrt(10.0 * variance))
    assert venue.told(mark=100.0, trade=101.0)["mark_distance"] == pytest.approx(expected)


def test_a_mark_that_follows_is_not_away() -> None:
    venue = Seconds()
    for second in range(30):
        price = 100.0 * 1.001**second
        assert venue.told(mark=price, trade=price)["mark_distance"] == pytest.approx(0.1)


def test_a_trade_of_long_ago_is_not_where_the_market_is() -> None:
    venue = Seconds()
    venue.told(mark=100.0, trade=100.0)
    for _ in range(9):
        assert venue.told(mark=102.0)["mark_distance"] > 100.0
    for _ in range(2):
        told = venue.told(mark=102.0)
    assert np.isnan(told["mark_distance"])


def test_an_index_that_lags_is_told_with_who_would_be_liquidated_by_it() -> None:
    # Long 10 at 100, 10x: 100 of collateral. At the index, 90, nothing of it is left.
    venue = Seconds()
    geared = np.array([[10.0, 10.0, 100.0, 0.01, np.nan, np.nan]])
    at_ns = venue.now * BIN_NS
    changed = Facts(np.array([0]), np.array([1]), np.array([at_ns]), geared)
    venue.told(mark=100.0, trade=100.0, also={Kind.LEVERAGE: changed})
    venue.told(mark=100.0, index=90.0, index_age_s=2.0)
    assert venue.market.apart.found(2**62).note("index_age", 0) is None  # not old enough
    venue.told(mark=100.0, index=90.0, index_age_s=4.0)
    found = venue.market.apart.found(2**62)
    assert found.note("index_age", 0) == (
        "1 account with 1.0 k under maintenance at the index and not at the mark"
    )
    codes, amounts = found.accounts("index_age", 0)
    assert (codes.tolist(), amounts.tolist()) == ([1], [[1000.0, 1000.0]])


def test_an_index_that_stands_still_in_a_simulated_venue_becomes_an_incident() -> None:
    options = Options(
        seed=7, scenario="index_lag", duration_s=640.0, onset_s=600.0, symbols=6, rate=150.0
    )
    log, labels = SimulatedLog(options).open()
    changes = list(Replay(Config(), [log]).incidents())
    (event,) = (e for e in labels().events if e.scenario == "index_lag")
    found = [i for i in changes if "index_lag" in i.signals]
    assert found[0].change == "open"
    assert 0.0 < (found[0].at_ns - event.onset_ns) / 1e9 < 20.0
    named = {seen.symbol for i in found for seen in i.symbols if seen.signal == "index_lag"}
    assert named == set(event.symbols)
    assert "behind its mark" in found[0].summary
    told = " ".join(incident.summary for incident in found)
    assert "at the index and not at the mark" in told or "nobody is liquidated" in told
