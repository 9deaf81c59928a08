"""Spans of time against the same time as a set of ticks."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from monitor.scoring.spans import Span, holds, length_ns, union, within, without

spans = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=6)


def ticks(of: list[Span]) -> set[int]:
    return {tick for start, end in of for tick in range(start, end)}


@given(spans, spans)
def test_spans_are_sets_of_time(some: list[Span], others: list[Span]) -> None:
    joined = union(some)
    assert ticks(joined) == ticks(some)
    assert all(a[1] < b[0] for a, b in pairwise(joined))
    assert length_ns(joined) == len(ticks(some))
    assert ticks(without(joined, others)) == ticks(some) - ticks(others)
    assert ticks(within(joined, 10, 30)) == ticks(some) & set(range(10, 30))
    assert [tick for tick in range(40) if holds(joined, tick)] == sorted(ticks(some))
