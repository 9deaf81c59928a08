"""Lots and money: conserved over everything the venue does, and right in cases done by hand."""

from collections.abc import Iterator

import numpy as np
import pytest

from monitor.simulator import Options
from monitor.simulator.book import NOTHING, SLOTS, Book
from monitor.simulator.instruments import Instruments, instruments
from monitor.simulator.ledger import Ledger
from monitor.simulator.liquidation import ADL, FULL, PACE_NS, PARTIAL, Engine
from monitor.simulator.market import Market
from monitor.simulator.matching import MarketOrders, match, overlay
from monitor.simulator.profiles import Profile
from monitor.simulator.wave import first_forced_wave_ns

SEED = 3
S = 1_000_000_000


@pytest.fixture
def traded() -> Instruments:
    return instruments(np.random.default_rng(SEED), ("A-PERP", "B-PERP"), Profile())


@pytest.fixture
def ledger(traded: Instruments) -> Ledger:
    return Ledger(np.random.default_rng(SEED), traded)


def markets() -> Iterator[Market]:
    for scenario in ("quiet", "adl_wave"):
        options = Options(
            seed=SEED, scenario=scenario, symbols=4, rate=500.0, duration_s=500.0, onset_s=0.0
        )
        market = Market(options)
        # The shock comes minutes after the onset: only the end of the lead is of interest here.
        for _ in range(100 if scenario == "quiet" else 2_200):
            market.step()
        yield market


def test_positions_and_cash_sum_to_what_they_began_with() -> None:
    for market in markets():
        ledger = market.ledger
        for symbol in range(4):
            of_symbol = ledger.symbol == symbol
            assert ledger.position[of_symbol].sum() == 0, SEED
            assert ledger.cash[of_symbol].sum() == 0, SEED
        assert (market.engine.forced >= 0).all(), SEED
        assert (market.engine.forced <= np.abs(ledger.position)).all(), SEED
        book = market.book
        assert ((book.lots > 0) == (book.rank != NOTHING)).all(), SEED
        assert (ledger.entry > 0.0).all(), SEED


def test_equity_over_all_pools_changes_by_what_the_marks_do_to_positions(ledger: Ledger) -> None:
    marks = ledger.entry[-2:].copy()
    before = ledger.equity_usd(marks).sum() - ledger.deposit.sum()
    trader, maker = ledger.traders_of(0)[:1], np.array([0])
    ticks = np.array([int(marks[0])])
    ledger.trade(trader, maker, np.array([10]), ticks)
    assert ledger.equity_usd(marks).sum() - ledger.deposit.sum() == pytest.approx(before, abs=1e-6)
    dearer = marks * np.array([1.01, 1.0])
    held = ledger.position[ledger.traders_of(0)].sum()
    won = held * marks[0] * 0.01 * ledger.tick_usd[trader[0]]
    after = ledger.equity_usd(dearer).sum() - ledger.deposit.sum()
    assert after - before == pytest.approx(won)


def test_funding_moves_money_between_holders_only(ledger: Ledger) -> None:
    before = ledger.cash.copy()
    ledger.settle_funding(np.array([1e-4, -2e-4]), np.array([50_000, 20_000]))
    for symbol in (0, 1):
        of_symbol = ledger.symbol == symbol
        assert ledger.cash[of_symbol].sum() == before[of_symbol].sum()
    longs = (ledger.position > 10_000) & (ledger.symbol == 0)
    assert (ledger.cash[longs] < before[longs]).all()


def test_entry_prices_average_what_adds_and_keep_what_reduces(ledger: Ledger) -> None:
    trader, maker = ledger.traders_of(0)[:1], np.array([0])

    def buy(lots: int, ticks: int) -> None:
        buyer, seller = (trader, maker) if lots > 0 else (maker, trader)
        ledger.trade(buyer, seller, np.array([abs(lots)]), np.array([ticks]))

    buy(-int(ledger.position[trader[0]]), 100)  # flat
    buy(10, 100)
    buy(30, 120)
    assert ledger.entry[trader[0]] == pytest.approx(115.0)
    buy(-20, 200)
    assert ledger.entry[trader[0]] == pytest.approx(115.0)
    buy(-50, 90)
    assert ledger.position[trader[0]] == -30
    assert ledger.entry[trader[0]] == pytest.approx(90.0)


def alone(ledger: Ledger, *, lots: int, deposit: float) -> int:
    """A ledger where one account holds lots of symbol 0, at 100 ticks, and no one else anything."""
    first, maker = int(ledger.traders_of(0)[0]), 0
    ledger.position[:], ledger.cash[:], ledger.deposit[:] = 0, 0, 1.0
    ledger.tick_usd[:] = 1.0
    ledger.margin_rate[:] = 0.01
    ledger.trade(np.array([first]), np.array([maker]), np.array([lots]), np.array([100]))
    ledger.deposit[ledger.pool[first]] = deposit
    return first


def test_a_margin_call_by_hand(ledger: Ledger) -> None:
    """100 lots at 100, collateral 500: at 96 equity is 100 and maintenance 96; at 95 it is 0."""
    holder = alone(ledger, lots=100, deposit=500.0)
    engine = Engine(np.random.default_rng(SEED), ledger)
    pool = ledger.pool[holder]

    def check(mark: float, at_s: float) -> list[tuple[int, int, int]]:
        marks = np.array([mark, 1.0])
        ticks = np.round(marks).astype(np.int64)
        taken = engine.check(marks, ticks, round(at_s * S), 1.0)
        return list(
            zip(taken.holder.tolist(), taken.lots.tolist(), taken.kind.tolist(), strict=True)
        )

    assert ledger.equity_usd(np.array([96.0, 1.0]))[pool] == pytest.approx(100.0)
    assert ledger.maintenance_usd(np.array([96.0, 1.0]))[pool] == pytest.approx(96.0)
    assert check(96.0, 1.0) == []
    assert check(95.5, 2.0) == [(holder, 25, PARTIAL)]  # equity 50, maintenance 95.5
    assert check(95.5, 2.5) == [], "the engine waits a second between its steps"
    # A quarter is sold at 95: equity 37.5 at 95.5, maintenance 71.6.
    ledger.trade(np.array([0]), np.array([holder]), np.array([25]), np.array([95]))
    engine.filled(np.array([holder]), np.array([25]))
    assert ledger.equity_usd(np.array([95.5, 1.0]))[pool] == pytest.approx(37.5)
    assert check(95.5, 3.5) == [(holder, 19, PARTIAL)]
    ledger.trade(np.array([0]), np.array([holder]), np.array([19]), np.array([95]))
    engine.filled(np.array([holder]), np.array([19]))
    assert check(95.5, 5.0) == [(holder, 14, PARTIAL)]
    ledger.trade(np.array([0]), np.array([holder]), np.array([14]), np.array([95]))
    engine.filled(np.array([holder]), np.array([14]))
    assert check(95.3, 6.5) == [(holder, 42, FULL)]
    assert PACE_NS == S


def test_who_has_margin_is_left_alone(ledger: Ledger) -> None:
    alone(ledger, lots=100, deposit=500.0)
    engine = Engine(np.random.default_rng(SEED), ledger)
    for step in range(20):
        taken = engine.check(np.array([97.0, 1.0]), np.array([97, 1]), step * S, 1.0)
        assert taken.holder.size == 0


def test_without_a_fund_positions_close_against_the_winners(ledger: Ledger) -> None:
    """The fund covers nothing (times 0): what is under water is closed with the one short."""
    holder = alone(ledger, lots=100, deposit=300.0)
    winner = int(ledger.traders_of(0)[7])
    ledger.trade(np.array([0]), np.array([winner]), np.array([60]), np.array([100]))
    ledger.deposit[ledger.pool[winner]] = 10_000.0
    engine = Engine(np.random.default_rng(SEED), ledger)
    taken = engine.check(np.array([90.0, 1.0]), np.array([90, 1]), S, 0.0)
    assert taken.kind.tolist() == [PARTIAL, ADL]
    assert taken.holder.tolist() == [holder, winner]
    assert taken.lots.tolist() == [25, 25]
    assert ledger.position[[holder, winner]].tolist() == [75, -35]
    assert engine.forced[holder] == 0


def rest(book: Book, slot: int, rank: int, lots: int) -> None:
    book.rank[slot], book.lots[slot], book.number[slot] = rank, lots, slot


def test_market_orders_take_the_best_price_first_and_in_time() -> None:
    book = Book(2)
    asks = SLOTS  # symbol 0, side 1
    rest(book, asks + 5, -101, 10)
    rest(book, asks + 9, -100, 4)
    rest(book, 2 * SLOTS, 50, 3)  # a bid of symbol 1
    orders = MarketOrders(
        symbol=np.array([0, 0, 1]),
        side=np.array([0, 0, 1]),
        holder=np.array([7, 8, 9]),
        lots=np.array([6, 3, 5]),
        at_ns=np.array([20, 10, 5]),
    )
    fills = match(book, orders)
    told = zip(fills.order.tolist(), fills.ticks.tolist(), fills.lots.tolist(), strict=True)
    # The second came first: 3 at 100. Then the first: the last one at 100, five at 101.
    assert list(told) == [(1, 100, 3), (0, 100, 1), (0, 101, 5), (2, 50, 3)]
    assert book.lots[[asks + 5, asks + 9, 2 * SLOTS]].tolist() == [5, 0, 0]
    assert book.rank[asks + 9] == book.rank[2 * SLOTS] == NOTHING


@pytest.mark.parametrize("seed", range(20))
def test_matching_agrees_with_a_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    book = Book(3)
    slots = rng.choice(book.rank.size, 60, replace=False)
    for slot in slots:
        side = slot // SLOTS & 1
        rest(book, int(slot), int(rng.integers(90, 100)) * (1 - 2 * side), int(rng.integers(1, 9)))
    count = 25
    orders = MarketOrders(
        symbol=rng.integers(0, 3, count),
        side=rng.integers(0, 2, count),
        holder=np.arange(count),
        lots=rng.integers(1, 30, count),
        at_ns=rng.permutation(count),
    )
    lots, rank = book.lots.copy(), book.rank.copy()
    got = match(book, orders)
    expected: dict[tuple[int, int], int] = {}
    for order in np.argsort(orders.at_ns).tolist():
        row = int(orders.symbol[order] * 2 + 1 - orders.side[order])
        left = int(orders.lots[order])
        here = np.arange(row * SLOTS, (row + 1) * SLOTS)
        for slot in here[np.argsort(-rank[here], kind="stable")].tolist():
            taken = min(left, int(lots[slot]))
            if taken:
                expected[slot, order] = taken
                lots[slot] -= taken
                left -= taken
    found = zip(got.slot.tolist(), got.order.tolist(), got.lots.tolist(), strict=True)
    assert {(slot, order): taken for slot, order, taken in found} == expected, seed
    assert (book.lots == lots).all(), seed


def test_two_queues_meet_to_the_shorter_end() -> None:
    left, right, lots = overlay(np.array([5, 3]), np.array([2, 2, 2]))
    assert list(zip(left.tolist(), right.tolist(), lots.tolist(), strict=True)) == [
        (0, 0, 2),
        (0, 1, 2),
        (0, 2, 1),
        (1, 2, 1),
    ]
    assert overlay(np.array([1]), np.array([], dtype=np.int64))[2].size == 0


def wave(
    ts_s: list[float], usd: float, *, onset_s: float = 100.0, accounts: int = 20
) -> int | None:
    ts = np.array([round(t * S) for t in ts_s], dtype=np.int64)
    account = np.arange(ts.size) % accounts
    return first_forced_wave_ns(
        ts,
        account,
        np.full(ts.size, usd),
        onset_ns=round(onset_s * S),
        start_ns=0,
        interest_usd=1e6,
    )


def test_a_wave_is_many_liquidations_of_many_accounts_within_five_seconds() -> None:
    burst = [200.0 + 0.2 * number for number in range(15)]
    assert wave(burst, 1_000.0) == 200 * S
    assert wave(burst[:14], 1_000.0) is None, "too few"
    assert wave(burst, 1_000.0, accounts=9) is None, "too few accounts"
    assert wave(burst, 600.0) is None, "less than 1 % of open interest"
    assert wave(burst, 1_000.0, onset_s=201.0) is None, "before the onset"
    assert wave([150.0, *burst], 1_000.0) == 200 * S
    slow = [200.0 + number for number in range(15)]
    assert wave(slow, 10_000.0) is None, "not within five seconds"
    usual = [float(t) for t in range(100)]
    assert wave(usual + burst, 1_000.0) is None, "not ten times what was usual before"
