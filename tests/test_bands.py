"""What positions come to: liquidation bands against depth, leverage by side, crowding, notes."""

from dataclasses import replace

import numpy as np

from detectors.base import Floats, Ints
from detectors.comovement import nothing_follows
from detectors.liquidation_price import Positions, after_funding, liquidation_price, pooled
from monitor.market.bands import (
    DISTANCES,
    FALL,
    RISE,
    depth_by_distance,
    forced_by_distance,
    log_away,
    margins,
    pressure,
)
from monitor.market.depth import CELLS, MIDDLE, Depth
from monitor.market.exposure import Exposure
from monitor.market.findings import find, nothing
from monitor.market.notes import note
from monitor.market.survey import crowd, survey
from monitor.rows import QUOTE_UNITS
from tests.test_exposure import NONE, Book, geared


def prices(book: Book, x: float, y: float) -> Floats:
    return np.array([x if symbol == "X" else y for symbol in book.roster.symbols])


def in_pools(held: Exposure, mark: Floats) -> tuple[Positions, Ints]:
    """Every position with what its pool lends it, and the numbers of the pools."""
    codes = np.unique(held.group, return_inverse=True)[1]
    collateral = np.bincount(codes, held.collateral).astype(np.float64)
    each = Positions(
        position=held.position,
        entry_price=held.entry,
        collateral=held.collateral,
        maintenance_rate=held.rate,
    )
    return pooled(each, mark=mark, pool=codes, collateral=collateral), codes


def test_the_way_to_liquidation_leads_to_the_liquidation_price() -> None:
    book = Book().take(
        geared(5.0, account="a", leverage=12.0),
        geared(-5.0, account="b", leverage=8.0),
        geared(0.0, account="c"),
        geared(7.0, account="d", leverage=15.0, collateral_pool="p"),
        geared(-6.0, account="d", leverage=9.0, collateral_pool="p", symbol="Y"),
        geared(2.0, account="e", leverage=11.0, collateral_pool="p"),
    )
    held, marks = book.exposure, prices(book, 99.0, 101.5)
    found = margins(held, marks, NONE)
    mark = marks[held.row]
    each, _ = in_pools(held, mark)
    expected = liquidation_price(each)
    sign = np.sign(held.position)
    open_now = held.position != 0.0
    reached = mark * (1.0 - sign * found.away)
    np.testing.assert_allclose(reached[open_now], expected[open_now])
    np.testing.assert_allclose(
        mark[open_now] * np.exp(-sign * log_away(found))[open_now], expected[open_now]
    )
    assert np.isnan(found.away[~open_now]).all()


def test_who_falls_by_the_next_funding_is_forced_at_any_distance() -> None:
    book = Book().take(
        geared(5.0, account="a", leverage=12.0),
        geared(-5.0, account="b", leverage=12.0),
        geared(7.0, account="d", leverage=12.0, collateral_pool="p"),
        geared(-3.0, account="d", leverage=12.0, collateral_pool="p", symbol="Y"),
    )
    held, marks = book.exposure, prices(book, 93.0, 104.0)
    rate = np.where(marks == 93.0, 0.01, -0.02)
    found = margins(held, marks, rate)
    mark = marks[held.row]
    each, codes = in_pools(held, mark)
    _, falls = after_funding(each, mark=mark, rate=rate[held.row], pool=codes)
    assert found.due.tolist() == falls.tolist()
    assert found.due.sum() == 3
    assert found.away[found.due].max() == 0.0
    forced = forced_by_distance(held, found, 2)
    x = book.roster.symbols.index("X")
    assert forced[x, FALL, 0] == 12.0 * 93.0
    seen = survey(held, forced + 1.0, marks, rate, nothing_follows())
    note_of = find(held, seen, marks, nothing(2), 1.0)
    assert note_of.due[x] == 12.0 * 93.0
    words = note(note_of, "band_pressure", x, ["X", "Y"])
    assert words == (
        "forced notional of 1.1 k within 0.1% below mark against 1.1 k of bids (1.0x), "
        "1.1 k of it by the next funding alone"
    )


def test_a_pool_with_an_unknown_mark_is_not_known_and_who_is_below_counts_for_nothing() -> None:
    book = Book().take(
        geared(7.0, collateral_pool="p"),
        geared(-6.0, collateral_pool="p", symbol="Y"),
        geared(7.0, account="b"),
    )
    found = margins(book.exposure, prices(book, 99.0, np.nan), NONE)
    alone = book.exposure.account == book.names.accounts["b"]
    assert np.isfinite(found.away).tolist() == alone.tolist()
    below = margins(Book().take(geared(7.0)).exposure, np.full(2, 90.5), NONE)
    assert np.isnan(below.away).all()


def test_forced_notional_adds_up_by_side_and_distance() -> None:
    book = Book().take(
        geared(50.0, account="a", leverage=25.0),  # falls by 1 - (1 - 0.04) / 0.99 = 3.03 %
        geared(20.0, account="b", leverage=12.0),  # 7.4 %
        geared(-10.0, account="c", leverage=50.0),  # rises by 1.02 / 1.01 - 1 = 0.99 %
    )
    found = margins(book.exposure, np.full(2, 100.0), NONE)
    forced = forced_by_distance(book.exposure, found, 1)
    away = np.exp(DISTANCES) - 1.0
    fall = np.where(-np.log(1 - 0.030303) <= DISTANCES, 5000.0, 0.0)
    fall += np.where(-np.log(1 - 0.074075) <= DISTANCES, 2000.0, 0.0)
    np.testing.assert_allclose(forced[0, FALL], fall)
    np.testing.assert_allclose(forced[0, RISE], np.where(away >= 0.0099, 1000.0, 0.0))


def depth_of(*, bids: dict[int, float], asks: dict[int, float]) -> Depth:
    """One symbol with quote currency by cells from the touch, 0 the nearest."""
    depth = Depth()
    depth.resize(1)
    depth.base[0] = 1_000
    for away, usd in bids.items():
        depth.grid[0, 0, MIDDLE - away] = round(usd * QUOTE_UNITS)
    for away, usd in asks.items():
        depth.grid[0, 1, MIDDLE - 1 + away] = round(usd * QUOTE_UNITS)
    return depth


def test_depth_adds_up_from_the_touch_outwards() -> None:
    depth = depth_of(bids={0: 100.0, 4: 50.0, 5: 7.0, 499: 3.0, 501: 9.0}, asks={60: 40.0})
    found = depth_by_distance(depth, np.array([0]))[0]
    assert found[0, 0] == 150.0
    assert found[0, 1] == 157.0
    assert found[0, -1] == 160.0
    assert found[1, 5:8].tolist() == [0.0, 40.0, 40.0]
    depth.touch[0] = 3  # at the edge of the grid nothing is counted from elsewhere
    assert depth_by_distance(depth, np.array([0]))[0, 0].max() == 0.0
    depth.base[0] = -1
    assert np.isnan(depth_by_distance(depth, np.array([0]))).all()
    assert CELLS > 2 * 500


def test_pressure_is_the_worst_distance_and_far_ones_weigh_less() -> None:
    forced, resting = np.zeros((3, 2, DISTANCES.size)), np.full((3, 2, DISTANCES.size), 100.0)
    forced[0, RISE, 8:] = 130.0  # 1.3 times what rests within 3 %
    forced[1, FALL, 12:] = 900.0  # nine times within 10 %: weighs 0.09 of that
    resting[2] = np.nan
    found = pressure(forced, resting)
    assert found.side[:2].tolist() == [RISE, FALL]
    assert found.step[:2].tolist() == [8, 12]
    np.testing.assert_allclose(found.times, [1.3, 9.0, np.nan])
    np.testing.assert_allclose(found.weighed, [1.3, 0.81, np.nan])
    assert found.forced[:2].tolist() == [130.0, 900.0]


def test_a_survey_tells_leverage_by_side_weighted_by_worth() -> None:
    book = Book().take(
        geared(30.0, account="a", leverage=20.0),
        geared(10.0, account="b", leverage=4.0),
        geared(-10.0, account="c", leverage=6.0),
        geared(None, account="a", leverage=7.0, symbol="Y"),
        geared(None, account="b", leverage=9.0, symbol="Y"),
    )
    resting = np.full((2, 2, DISTANCES.size), 1e6)
    found = survey(book.exposure, resting, np.full(2, 100.0), NONE, nothing_follows())
    x, y = (book.roster.symbols.index(symbol) for symbol in "XY")
    assert found.worth[x].tolist() == [4000.0, 1000.0]
    np.testing.assert_allclose(found.leverage[x], [16.0, 6.0])
    assert np.isnan(found.leverage[y]).all()
    assert np.isnan(found.set_leverage[x])
    assert found.set_leverage[y] == 8.0
    assert np.isnan(found.pressure.weighed[y])
    assert found.cascades.times[x] == 1.0
    assert np.isnan(found.cascades.times[y])


def test_crowding_is_funding_over_volatility_where_the_geared_side_pays() -> None:
    worth = np.array([[300.0, 100.0], [300.0, 100.0], [0.0, 0.0]])
    leverage = np.array([[10.0, 10.0], [10.0, 10.0], [np.nan, np.nan]])
    found = crowd(worth, leverage, np.array([0.02, -0.02, 0.02]))
    np.testing.assert_allclose(found, [0.01, 0.0, np.nan])


def test_notes_say_where_a_cascade_would_go_and_how_geared_a_side_is() -> None:
    found = replace(
        nothing(3),
        times=np.array([2.44, 1.0, np.nan]),
        path=np.array([[0, 2, 1, -1], [-1] * 4, [-1] * 4]),
        after_s=np.array([[0.0, 0.0, 4.0, 0.0], [0.0] * 4, [0.0] * 4]),
        leverage=np.array([[12.34, np.nan, 1.0], [3.0, 4.0, 5.0]]),
    )
    names = ["BTC", "ETH", "SOL"]
    assert note(found, "amplification", 0, names) == (
        "forced orders would spread BTC → SOL → ETH (4 s later), 2.4x the first forced notional"
    )
    assert note(found, "amplification", 1, names) is None
    assert note(found, "long_leverage", 0, names) == "longs at 12.3x"
    assert note(found, "long_leverage", 1, names) is None
    assert note(found, "short_leverage", 2, names) == "shorts at 5.0x"
    assert note(found, "near_depth", 0, names) is None
    assert note(found, "band_pressure", 7, names) is None
