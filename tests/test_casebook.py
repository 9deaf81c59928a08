"""Recent incidents and their scores over time: bounded, and nothing that matters is lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.base import Verdict
from monitor.casebook import CHANGES_MAX, STREAMS_MAX, Casebook
from monitor.detection import Step
from monitor.incidents import Change, Incident, SymbolEvidence
from monitor.rarity import rarity
from monitor.scoreline import Line, Recent
from tests.test_exporter import nothing


def incident(id_: str, change: Change = "open", symbols: int = 1, at_ns: int = 5) -> Incident:
    seen = [SymbolEvidence(f"S{n}", "cancel_burst", 7.0, 9.0, 1.0, 9.0) for n in range(symbols)]
    return Incident(1, id_, change, at_ns, 1, "page", ["cancel_burst"], seen, [], 7.0, "", {})


def step(second: int, scores: list[float], score: float = 3.0) -> Step:
    verdict = Verdict("cancel_burst", ("cancel",), np.array([scores]), nothing)
    return Step(4 * second, second * 1_000_000_000, 0, [verdict], score, [])


def test_the_oldest_closed_incident_goes_first_and_open_ones_stay() -> None:
    book = Casebook(incidents_max=3)
    book.note(incident("old and open"))
    for number in range(4):
        book.note(incident(f"closed {number}"))
        book.note(incident(f"closed {number}", "close"))
    assert [entry.incident.id for entry in book] == ["closed 3", "closed 2", "old and open"]


def test_of_many_changes_the_first_and_the_last_are_kept() -> None:
    book = Casebook()
    book.note(incident("x"))
    for at_ns in range(6, 200):
        book.note(incident("x", "update", at_ns=at_ns))
    entry = book.get("x")
    assert entry is not None
    assert len(entry.changes) == CHANGES_MAX
    assert entry.changes[0].change == "open"
    assert entry.incident.at_ns == 199


def test_the_same_change_told_twice_is_kept_once() -> None:
    book = Casebook()
    for _ in range(3):
        book.note(incident("x"))
    entry = book.get("x")
    assert entry is not None
    assert len(entry.changes) == 1


def test_lines_of_an_open_incident_follow_the_venue_and_its_loudest_streams() -> None:
    book = Casebook()
    book.note(incident("x", symbols=9), before=[(1, 0.5)])
    still_open = {"x": incident("x")}
    book.step(step(2, [5.0, np.nan]), ["S0", "S1"], still_open)
    book.step(step(3, [6.0, 1.0], 4.0), ["S1", "S0"], still_open)  # as after a new beginning
    book.step(step(4, [9.0, 9.0], 9.0), ["S0", "S1"], {})
    entry = book.get("x")
    assert entry is not None
    assert list(entry.line) == [(1, 0.5), (2, 3.0), (3, 4.0)]
    assert list(entry.streams["cancel_burst", "S0"]) == [(2, 5.0), (3, 1.0)]
    assert list(entry.streams["cancel_burst", "S1"]) == [(3, 6.0)]
    assert len(entry.streams) == STREAMS_MAX


@given(st.lists(st.tuples(st.integers(0, 400), st.floats(0, 99, width=32)), max_size=300))
def test_a_line_of_any_length_keeps_its_maximum_and_its_bound(
    steps: list[tuple[int, float]],
) -> None:
    line, at_s = Line(points_max=8), 0
    for ahead_s, score in steps:
        at_s += ahead_s
        line.add(at_s, score)
    times = [time for time, _ in line]
    assert len(line) <= 8
    assert times == sorted(set(times))
    assert max((s for _, s in line), default=0.0) == max((s for _, s in steps), default=0.0)
    assert not times or times[-1] <= at_s < times[-1] + line.slot_s


def test_recent_scores_are_forgotten_by_age_and_not_by_number() -> None:
    recent = Recent(seconds=10)
    for at_s in (1, 2, 2, 50, 55):
        recent.add(at_s, float(at_s))
    assert recent.points == [(50, 50.0), (55, 55.0)]


@pytest.mark.parametrize(
    ("score", "says"),
    [
        (0.0, "all the time"),
        (4.158, "once in an hour"),
        (5.54, "once in a day"),
        (6.384, "once in a week"),
        (7.0, "once in 4 weeks"),
        (9.5, "once in 25 years"),
        (10.2, "less than once in 100 years"),
        (99.0, "less than once in 100 years"),
    ],
)
def test_a_score_is_said_as_a_length_of_time(score: float, says: str) -> None:
    assert rarity(score, 250_000_000) == says
