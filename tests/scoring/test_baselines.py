"""The baselines on constructed prices and in closed form."""

from pathlib import Path

import numpy as np
import pytest

from monitor.config import Config
from monitor.events import NS_PER_S
from monitor.scoring import at_random, price_only
from monitor.scoring.alarm import WHOLE_VENUE
from monitor.scoring.matching import Rules, match
from monitor.scoring.prices import PriceReader, Prices
from monitor.scoring.spans import Span
from monitor.sources.files import open_log
from tests.scoring.made import START_NS, at, event, labels

FIRST_S = START_NS // NS_PER_S
ALL: list[Span] = [(at(0), at(10_000))]


def walk(seed: int, seconds: int, *jumps: tuple[int, float]) -> Prices:
    """Two symbols; the second jumps at some seconds by some log returns."""
    steps = np.random.default_rng(seed).normal(0.0, 1e-4, (seconds, 2))
    for second, size in jumps:
        steps[second, 1] += size
    return Prices(FIRST_S, ("calm", "wild"), 100.0 * np.exp(np.cumsum(steps, axis=0)))


def test_a_jump_is_an_alarm_at_the_end_of_its_second_and_names_its_symbol() -> None:
    found = price_only.moves(walk(1, 600, (400, -0.02)), ALL)
    (told,) = price_only.alarms(found, 10.0)
    assert told.at_ns == at(401)
    assert told.symbols == {"wild"}


def test_a_move_is_not_its_own_yardstick() -> None:
    once = price_only.moves(walk(2, 600, (400, 0.02)), ALL).loudest.max()
    twice = price_only.moves(walk(2, 600, (400, 0.04)), ALL).loudest.max()
    assert twice / once == pytest.approx(2.0, rel=0.05)


def test_quiet_moves_have_the_size_of_their_own_volatility() -> None:
    size = price_only.moves(walk(3, 10_000), ALL).size[1_000:]
    assert np.sqrt(np.mean(size**2)) == pytest.approx(1.0, abs=0.1)


def test_there_is_no_opinion_before_enough_was_seen_or_outside_of_covered_time() -> None:
    found = price_only.moves(walk(4, 600), [(at(300), at(350))])
    spoken = np.flatnonzero(found.loudest)
    assert (spoken.min(), spoken.max()) == (300, 349)
    assert np.flatnonzero(price_only.moves(walk(4, 600), ALL).loudest).min() == 179
    assert price_only.moves(walk(4, 50), ALL).loudest.tolist() == [0.0] * 50


def test_alarms_near_each_other_are_one() -> None:
    far = price_only.moves(walk(5, 900, (300, 0.02), (500, -0.1)), ALL)
    near = price_only.moves(walk(5, 900, (300, 0.02), (330, 0.1)), ALL)
    assert len(price_only.alarms(far, 5.0)) == 2
    assert len(price_only.alarms(near, 5.0)) == 1


def test_the_threshold_gives_about_as_many_alarms_as_asked_for() -> None:
    logs = [price_only.moves(walk(seed, 3_600), ALL) for seed in range(4)]

    def given(count: int) -> int:
        threshold = price_only.threshold_for(count, logs)
        return sum(len(price_only.alarms(log, threshold)) for log in logs)

    for count in (1, 2, 5, 20, 60):
        assert abs(given(count) - count) <= 1, count
    assert given(10_000) > 60
    assert price_only.threshold_for(0, logs) == np.inf
    assert price_only.threshold_for(3, []) == np.inf


def test_the_threshold_keeps_away_from_where_alarms_appear_and_where_they_merge() -> None:
    log = price_only.moves(walk(6, 900, (400, 0.1)), ALL)
    quiet, jump = log.loudest[:400].max(), log.loudest.max()
    assert 1.3 * quiet < price_only.threshold_for(1, [log]) < jump / 1.05


def read(path: Path, lines: list[str], seconds: int) -> Prices:
    path.write_text("\n".join(lines) + "\n")
    reader = PriceReader(open_log(path), Config())
    for _ in reader.batches(record_bytes_max=10_000):
        pass
    return reader.between(at(0), at(seconds))


def mark(second: float, symbol: str, price: float) -> str:
    return f'{{"type":"mark","ts":{at(second)},"symbol":"{symbol}","mark":{price},"index":{price}}}'


def fill(second: float, symbol: str, price: float) -> str:
    head = f'"type":"fill","ts":{at(second)},"symbol":"{symbol}"'
    return f'{{{head},"order_id":1,"side":"buy","price":{price},"qty":1}}'


def test_prices_are_the_last_mark_of_each_second_held_until_the_next(tmp_path: Path) -> None:
    lines = [mark(2.5, "A", 12.0), mark(0.5, "A", 10.0), mark(0.7, "A", 11.0)]
    lines += [mark(1.0, "B", 5.0), fill(1.0, "A", 99.0), "no event", mark(900.0, "A", 1.0)]
    prices = read(tmp_path / "x.jsonl", lines, 4)
    assert prices.symbols == ("A", "B")
    expected = [[11.0, np.nan], [11.0, 5.0], [12.0, 5.0], [12.0, 5.0]]
    np.testing.assert_array_equal(prices.price, expected)


def test_where_there_are_no_marks_fills_are_the_prices(tmp_path: Path) -> None:
    prices = read(tmp_path / "x.jsonl", [fill(0.5, "A", 10.0), fill(1.5, "A", 0.0)], 2)
    assert prices.price.tolist() == [[10.0], [10.0]]


def test_random_alarms_are_in_covered_time_and_name_the_whole_venue() -> None:
    rng = np.random.default_rng(7)
    covered = [[(at(10), at(20)), (at(50), at(60))], [], [(at(0), at(80))]]
    told = at_random.draw(1_000, covered, rng)
    assert [len(of) for of in told] == [pytest.approx(200, abs=45), 0, pytest.approx(800, abs=45)]
    for spans, of in zip(covered, told, strict=True):
        assert all(any(a <= x.at_ns < b for a, b in spans) for x in of)
        assert [x.at_ns for x in of] == sorted(x.at_ns for x in of)
        assert all(x.symbols == WHOLE_VENUE for x in of)
    assert at_random.draw(5, [[], []], rng) == [[], []]


def test_random_recall_is_what_the_closed_form_says() -> None:
    of, rules = labels(event(100, 240)), Rules(grace_s=60.0)
    rng = np.random.default_rng(8)
    draws, count, chance = 2_000, 5, 200 / 1_000
    hits = sum(
        match(at_random.draw(count, [[(at(0), at(1_000))]], rng)[0], of, rules).found != [None]
        for _ in range(draws)
    )
    assert hits / draws == pytest.approx(1 - (1 - chance) ** count, abs=0.04)
