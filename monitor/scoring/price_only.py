"""The price-only baseline: an alarm when some price moves far for its own volatility.

What any desk has without reading orders: the absolute log return over a minute, over the root mean
square of such returns, an exponential average that ends before the minute begins, so that a move is
never its own yardstick. The loudest symbol decides. The threshold is the one that gives as many
alarms on the same logs as the monitor gave: chosen with hindsight, so it flatters the baseline.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from detectors.base import Floats
from monitor.events import NS_PER_S
from monitor.scoring.alarm import Alarm
from monitor.scoring.prices import Prices
from monitor.scoring.spans import Span

MOVE_S: Final = 60
HALF_LIFE_S: Final = 900.0
SEEN_S: Final = 60  # returns before there is an opinion
FLOOR: Final = 1e-4  # a return; a price that never moved has a yardstick all the same
HOLD_S: Final = 60  # quiet time before there can be another alarm


@dataclass(frozen=True, slots=True)
class Moves:
    """size: (T, S) standardised moves at the end of each second; 0 where there is no opinion.

    loudest: (T,) the greatest of each second.
    """

    first_s: int
    symbols: tuple[str, ...]
    size: Floats
    loudest: Floats


def moves(prices: Prices, covered: Sequence[Span]) -> Moves:
    """Moves of every symbol, in the time in which the monitor had an opinion too."""
    size = np.zeros(prices.price.shape)
    logs = np.log(prices.price)
    moved = np.abs(logs[MOVE_S:] - logs[:-MOVE_S])
    known = np.isfinite(moved)
    squares, weights = _averaged(np.where(known, moved, 0.0) ** 2), _averaged(known * 1.0)
    usual = np.sqrt(squares[:-MOVE_S] / np.maximum(weights[:-MOVE_S], 1.0))
    judged = known[MOVE_S:] & (np.cumsum(known, axis=0)[:-MOVE_S] >= SEEN_S)
    size[2 * MOVE_S :] = np.where(judged, moved[MOVE_S:], 0.0) / np.maximum(usual, FLOOR)
    ends_ns = (prices.first_s + np.arange(len(size)) + 1) * NS_PER_S
    blind = ~np.any([(a < ends_ns) & (ends_ns <= b) for a, b in [*covered, (0, 0)]], axis=0)
    size[blind] = 0.0
    return Moves(prices.first_s, prices.symbols, size, size.max(axis=1, initial=0.0))


def _averaged(values: Floats) -> Floats:
    """Exponentially weighted sums along time."""
    keep = 0.5 ** (1.0 / HALF_LIFE_S)
    return np.asarray(lfilter([1.0], [1.0, -keep], values, axis=0))


def alarms(found: Moves, threshold: float) -> list[Alarm]:
    """One alarm each time that a move reaches the threshold after a quiet minute."""
    return [_alarm(found, t, threshold) for t in _starts(found.loudest, threshold).tolist()]


def _alarm(found: Moves, t: int, threshold: float) -> Alarm:
    at_ns = (found.first_s + t + 1) * NS_PER_S
    loud = np.flatnonzero(found.size[t] >= threshold).tolist()
    return Alarm(
        at_ns=at_ns,
        opened_ns=at_ns,
        onset_ns=at_ns - MOVE_S * NS_PER_S,
        symbols=frozenset(found.symbols[s] for s in loud),
    )


def _starts(loudest: Floats, threshold: float) -> NDArray[np.int64]:
    """Seconds in which an alarm begins."""
    loud = np.flatnonzero(loudest >= threshold)
    return loud[np.diff(loud, prepend=-HOLD_S - 1) > HOLD_S]


def threshold_for(count: int, logs: Sequence[Moves]) -> float:
    """The threshold at which all logs together give about so many alarms.

    It is the geometric mean of the first level, from above, that gives as many and the first that
    gives more: as far as can be from both missing moves and merging them into one. Where so many
    cannot be had it is a level that gives about the most.
    """
    levels = np.unique(np.concatenate([np.zeros(1), *(log.loudest for log in logs)]))[:0:-1]
    if count <= 0 or not levels.size:
        return float("inf")

    def given(rank: int) -> int:
        return sum(_starts(log.loudest, float(levels[rank])).size for log in logs)

    enough = _first(levels.size, lambda rank: given(rank) >= count)
    if enough == levels.size:
        doubling = (2**power - 1 for power in range(levels.size.bit_length()))
        return float(levels[max(doubling, key=given)])
    more = _first(levels.size, lambda rank: given(rank) > count)
    return float(np.sqrt(levels[enough] * levels[min(more, levels.size - 1)]))


def _first(size: int, holds: Callable[[int], bool]) -> int:
    """A rank below `size` at which something begins to hold; `size` if it never seems to."""
    low, high = -1, 0
    while high < size and not holds(high):
        low, high = high, 2 * high + 1
    high = min(high, size)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
