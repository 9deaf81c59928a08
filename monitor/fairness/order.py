"""Who was cut before whom: a safer account before a riskier one is a violation.

Liquidation. An account's health is equity over maintenance margin, 1/ratio. Account A is cut, and B
more than one pass of the engine later, on the same side of the same symbol in the same wave. B's
health at A's moment is worked back from what B's own cut says, over the way the mark went, as long
as nothing but the mark changed its margin in between, and B holds nothing else. Marks are known to
a second or so, so the one that suits the venue best is taken. Where B was below 1 and below A even
so, B should have been first. Whoever had a cut before in the wave is not left waiting, but in hand.

Auto-deleveraging. The queue goes by what was won since entry, in percent, times leverage. The same
comparison, with the marks that suit the venue best.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from detectors.base import Bools, Floats, Ints
from monitor.events import NS_PER_S
from monitor.fairness.marks import Marks
from monitor.fairness.options import FairnessOptions
from monitor.fairness.trail import Trail

TOLERANCE: Final = 0.01  # of health and of queue scores: what venues round


@dataclass(frozen=True, slots=True)
class Order:
    """first, then: (v,) numbers of forced orders, one for each that came before a riskier one; the
    riskiest of those. safer, riskier: (v,) their health, or queue scores for auto-deleveraging.
    before: (n,) whether an order could be compared as the earlier one; after: as the later one.
    in_hand: (n,) whether the account's position had been liquidated before in the wave.
    """

    first: Ints
    then: Ints
    safer: Floats
    riskier: Floats
    before: Bools
    after: Bools
    in_hand: Bools


def order(trail: Trail, wave: Ints, marks: Marks, options: FairnessOptions) -> Order:
    """Compare all forced orders of a wave, symbol and side. wave: (n,) codes."""
    near_ns = round(options.together_s * NS_PER_S)
    told = np.isfinite(trail.ratio) & (trail.ratio != 0.0)
    ranked = (trail.entry > 0.0) & (trail.leverage > 0.0)
    marked = ~np.isnan(trail.mark)
    before = np.where(trail.adl, ranked & marked, told)
    sized = told & (np.abs(trail.position) > 0.0) & (trail.rate > 0.0) & trail.alone
    in_hand = _in_hand(trail, wave)
    after = np.where(trail.adl, ranked, sized) & marked & trail.steady & ~in_hand
    found: list[tuple[int, int, float, float]] = []
    # One loop over groups that compete for the same side of a book, one over their members.
    for group in _groups(wave, trail):
        found += _compare(group, trail, marks, near_ns, before, after)
    found.sort(key=lambda each: each[0])
    return Order(
        first=np.array([each[0] for each in found], np.int64),
        then=np.array([each[1] for each in found], np.int64),
        safer=np.array([each[2] for each in found], np.float64),
        riskier=np.array([each[3] for each in found], np.float64),
        before=np.asarray(before),
        after=np.asarray(after),
        in_hand=in_hand,
    )


def _in_hand(trail: Trail, wave: Ints) -> Bools:
    """(n,) whether the account's position was liquidated before in the wave."""
    taken: set[tuple[int, int, int]] = set()
    found = np.zeros(trail.ts.size, np.bool_)
    columns = (wave.tolist(), trail.symbol.tolist(), trail.account.tolist(), trail.adl.tolist())
    for at, (*key, adl) in enumerate(zip(*columns, strict=True)):
        who = (key[0], key[1], key[2])
        found[at] = who in taken
        if not adl:
            taken.add(who)
    return found


def _groups(wave: Ints, trail: Trail) -> list[Ints]:
    keys = np.stack([wave, trail.symbol, trail.side, trail.adl.astype(np.int64)], axis=1)
    if not len(keys):
        return []
    order = np.lexsort((np.arange(len(keys)), *keys.T))
    edges = np.flatnonzero(np.any(np.diff(keys[order], axis=0) != 0, axis=1)) + 1
    return [order[a:b] for a, b in pairwise([0, *edges.tolist(), order.size]) if b - a > 1]


def _compare(
    group: Ints, trail: Trail, marks: Marks, near_ns: int, before: Bools, after: Bools
) -> list[tuple[int, int, float, float]]:
    later = group[after[group]]
    ends = np.array(
        [marks.around(int(trail.symbol[b]), int(trail.ts[b]), near_ns) for b in later.tolist()]
    ).reshape(-1, 2)
    found = []
    for a in group[before[group]].tolist():
        ts = int(trail.ts[a])
        due = (
            (trail.ts[later] > ts + near_ns)
            & (trail.since[later] < ts)
            & (trail.account[later] != trail.account[a])
        )
        if not due.any():
            continue
        here = marks.around(int(trail.symbol[a]), ts, near_ns)
        compare = _queue if trail.adl[a] else _health
        safer, riskier, worse = compare(trail, a, later[due], here, ends[due])
        if worse.any():
            margin = np.where(worse, np.abs(riskier - safer), -1.0)
            at = int(margin.argmax())
            found.append((a, int(later[due][at]), float(safer[at]), float(riskier[at])))
    return found


def _health(
    trail: Trail, a: int, b: Ints, here: tuple[float, float], there: Floats
) -> tuple[Floats, Floats, Bools]:
    """Health of A, of each B as good as it can have been at A's moment, and whether B was due."""
    position, rate = trail.position[b], trail.rate[b]
    long = position > 0.0
    # A long was best off with the highest mark then, and the lowest mark now to work back from.
    mark_then = np.where(long, here[1], here[0])
    mark_now = np.where(long, there[:, 0], there[:, 1])
    size = rate * np.abs(position)
    equity = size * mark_now / trail.ratio[b] - position * (mark_now - mark_then)
    riskier = np.asarray(equity / (size * mark_then))
    safer = np.full(b.size, 1.0 / trail.ratio[a])
    worse = (riskier < safer - TOLERANCE) & (riskier < 1.0 - TOLERANCE)
    return safer, riskier, np.asarray(worse)


def _queue(
    trail: Trail, a: int, b: Ints, here: tuple[float, float], _: Floats
) -> tuple[Floats, Floats, Bools]:
    """Queue scores of A and each B at A's moment, and whether B's was higher at either mark."""
    sign = -1.0 if trail.side[a] == 0 else 1.0
    both = []
    for mark in here:
        safer = sign * (mark / trail.entry[a] - 1.0) * trail.leverage[a]
        riskier = sign * (mark / trail.entry[b] - 1.0) * trail.leverage[b]
        both.append((np.full(b.size, safer), np.asarray(riskier)))
    worse = np.all([r > s + TOLERANCE for s, r in both], axis=0)
    held = sign * trail.position[b] > 0.0
    return both[0][0], both[0][1], np.asarray(worse & held)
