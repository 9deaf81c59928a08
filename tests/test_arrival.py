"""Events from the far future are refused; true gaps lose nothing."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.arrival import FutureGuard
from monitor.columns import Columns
from monitor.records import Partition, RawBatch

A, B = Partition("orders", 0), Partition("orders", 1)
S = 1_000_000_000
NOW_S = 1_700_000_000
HOUR_S = 3_600


def columns(
    seconds: Sequence[float],
    first: int = 0,
    *,
    origin: Partition = A,
    broker_s: Sequence[float] | None = None,
) -> Columns:
    """One record an event, seconds after NOW_S, with broker timestamps or as a plain log has it."""
    count = len(seconds)
    timestamps = None if broker_s is None else [round((NOW_S + s) * 1000) for s in broker_s]
    raw = RawBatch(origin, [b"{}"] * count, range(first, first + count), timestamps)
    ts = np.array([round((NOW_S + s) * S) for s in seconds], np.int64)
    return Columns(raw, ts, np.arange(first, first + count), None)


def screened(
    seconds: Sequence[float], cuts: Sequence[int] = (), future_s: float = 60.0
) -> tuple[list[int], list[int]]:
    """Offsets that were counted, in order, and offsets that were refused, of a plain log."""
    guard = FutureGuard(future_ns=round(future_s * S))
    counted: list[int] = []
    refused: list[int] = []
    edges = [0, *sorted(set(cuts)), len(seconds)]
    for start, stop in pairwise(edges):
        accepted, bad = guard.screen(columns(seconds[start:stop], start))
        counted += [c.offset_at(i) for c in accepted for i in range(c.ts.size)]
        refused += [b.offset for b in bad]
        assert all(b.reason == "future" for b in bad)
    counted += [c.offset_at(i) for c in guard.finish() for i in range(c.ts.size)]
    return counted, refused


STEADY = [i * 0.5 for i in range(40)]


def test_a_record_far_ahead_of_its_broker_timestamp_is_refused() -> None:
    guard = FutureGuard(future_ns=60 * S)
    sent = columns([0, HOUR_S, 61, 60, 2], 5, broker_s=[0, 0, 0, 0, 0])
    accepted, bad = guard.screen(sent)
    assert [c.offset_at(i) for c in accepted for i in range(c.ts.size)] == [5, 8, 9]
    assert [(b.offset, b.reason, b.timestamp_ms) for b in bad] == [
        (6, "future", NOW_S * 1000),
        (7, "future", NOW_S * 1000),
    ]


def test_with_broker_timestamps_a_gap_is_no_matter_and_nothing_waits() -> None:
    guard = FutureGuard(future_ns=60 * S)
    accepted, bad = guard.screen(columns([0, HOUR_S], broker_s=[0, HOUR_S]))
    assert (sum(c.ts.size for c in accepted), bad, guard.holds_any) == (2, [], False)


@pytest.mark.parametrize("timestamp_ms", [-1, NOW_S * 1_000_000_000, 2**62])
def test_a_broker_timestamp_that_is_none_or_in_another_unit_refuses_nothing(
    timestamp_ms: int,
) -> None:
    raw = RawBatch(A, [b"{}"], [0], [timestamp_ms])
    found = Columns(raw, np.array([NOW_S * S]), np.array([1]), None)
    assert FutureGuard(future_ns=60 * S).screen(found)[1] == []


def test_a_steady_plain_log_passes_as_it_is() -> None:
    assert screened(STEADY) == (list(range(40)), [])


@pytest.mark.parametrize("outliers", [1, 2, 3, 7])
@pytest.mark.parametrize("at", [0, 1, 5, 20])
@pytest.mark.parametrize("apart_s", [0.0, 1.0, 500.0])
def test_outliers_are_refused_wherever_they_stand(outliers: int, at: int, apart_s: float) -> None:
    wild = [HOUR_S + i * apart_s for i in range(outliers)]
    counted, refused = screened([*STEADY[:at], *wild, *STEADY[at:]])
    assert refused == list(range(at, at + outliers))
    assert counted == [i for i in range(40 + outliers) if i not in refused]


def test_an_outlier_at_the_end_can_harm_nothing_and_is_counted_last() -> None:
    counted, refused = screened([*STEADY, HOUR_S])
    assert (counted, refused) == (list(range(41)), [])


def test_outliers_scattered_over_the_log_are_refused_one_by_one() -> None:
    times = [HOUR_S if i % 10 == 9 else i * 0.5 for i in range(100)]
    counted, refused = screened(times)
    assert refused == list(range(9, 90, 10))
    assert sorted([*counted, *refused]) == list(range(100))


@pytest.mark.parametrize("after", [1, 2, 3, 8, 40])
def test_a_true_gap_loses_nothing_and_keeps_the_order(after: int) -> None:
    times = [*STEADY, *(HOUR_S + s for s in STEADY[:after])]
    assert screened(times) == (list(range(40 + after)), [])


def test_stragglers_behind_a_gap_are_not_taken_for_its_denial() -> None:
    times = [*STEADY, HOUR_S, HOUR_S + 1, 19.0, HOUR_S + 2, 19.5, *(HOUR_S + s for s in STEADY)]
    counted, refused = screened(times)
    assert refused == []
    assert sorted(counted) == list(range(len(times)))


@pytest.mark.parametrize("every_s", [61.0, 600.0, 86_400.0])
@pytest.mark.parametrize("count", [1, 2, 5, 16, 17, 100])
def test_a_sparse_log_loses_nothing(every_s: float, count: int) -> None:
    times = [i * every_s for i in range(count)]
    assert screened(times) == (list(range(count)), [])


def test_a_log_that_turns_sparse_behind_an_outlier_holds_only_a_few_events_back() -> None:
    guard = FutureGuard(future_ns=60 * S)
    seconds = [*STEADY, HOUR_S, 20.0, *(30.0 + 100.0 * i for i in range(1, 1000))]
    most = waiting = 0
    for offset, second in enumerate(seconds):
        accepted, bad = guard.screen(columns([second], offset))
        waiting += 1 - sum(c.ts.size for c in accepted) - len(bad)
        most = max(most, waiting)
    assert most <= 16


def test_partitions_of_plain_logs_are_judged_apart() -> None:
    guard = FutureGuard(future_ns=60 * S)
    guard.screen(columns(STEADY, origin=A))
    accepted, bad = guard.screen(columns([HOUR_S + s for s in STEADY], origin=B))
    assert (sum(c.ts.size for c in accepted), bad) == (40, [])


def test_events_that_wait_are_known_and_given_up_at_the_end() -> None:
    guard = FutureGuard(future_ns=60 * S)
    guard.screen(columns([*STEADY, HOUR_S]))
    assert guard.holds_any
    assert [c.offset_at(0) for c in guard.finish()] == [40]
    assert not guard.holds_any


@given(
    st.lists(
        st.one_of(
            st.floats(0, 100), st.sampled_from([HOUR_S, HOUR_S + 1, 2 * HOUR_S, 100_000.0, -500.0])
        ),
        max_size=60,
    ),
    st.lists(st.integers(1, 59), max_size=10),
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_batching_never_matters_and_every_event_is_counted_or_refused_once(
    seconds: list[float], cuts: list[int]
) -> None:
    counted, refused = screened(seconds)
    assert sorted([*counted, *refused]) == list(range(len(seconds)))
    assert screened(seconds, [c for c in cuts if c < len(seconds)]) == (counted, refused)
    assert screened(seconds, range(1, len(seconds))) == (counted, refused)


def test_a_guard_without_a_horizon_is_refused() -> None:
    with pytest.raises(ValueError, match="future_ns must be positive, was 0"):
        FutureGuard(future_ns=0)
