"""Spans of venue time: sorted, disjoint, half open."""

from collections.abc import Iterable, Sequence

Span = tuple[int, int]
"""Start and end in nanoseconds; the end is not part of it."""


def union(spans: Iterable[Span]) -> list[Span]:
    """The same time as sorted, disjoint spans; empty ones vanish."""
    joined: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def without(spans: Sequence[Span], taken: Iterable[Span]) -> list[Span]:
    """What is left of disjoint spans outside of others."""
    left = list(spans)
    for start, end in union(taken):
        pieces = [((s, min(e, start)), (max(s, end), e)) for s, e in left]
        left = [piece for pair in pieces for piece in pair if piece[0] < piece[1]]
    return left


def within(spans: Sequence[Span], start: int, end: int) -> list[Span]:
    """What of disjoint spans lies between two times."""
    return [(max(s, start), min(e, end)) for s, e in spans if max(s, start) < min(e, end)]


def length_ns(spans: Iterable[Span]) -> int:
    """Time covered by disjoint spans."""
    return sum(end - start for start, end in spans)


def holds(spans: Iterable[Span], at_ns: int) -> bool:
    """Whether a time is in one of the spans."""
    return any(start <= at_ns < end for start, end in spans)
