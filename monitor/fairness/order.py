"""Who was cut before whom: a safer account before a riskier one is a violation.

Liquidation. An account's health is equity over maintenance margin, 1/ratio. Account A is cut, and B
more than one pass of the engine later, on the same side of the same symbol in the same wave. B's
health at A's moment is worked back from what B's own cut says, over the way the marks went, as long
as nothing but marks changed the margin of all that stands on B's collateral in between, and all of
that is known. Marks are known to a second or so, so those that suit the venue best are taken. Where
B was below 1 and below A even so, B should have been first. Whoever had a cut before in the wave is
not left waiting, but in hand.

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
    sized = told & (np.abs(trail.position) > 0.0) & (trail.rate > 0.0) & trail.whole
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
    adl = bool(trail.adl[group[0]])
    back = _Back(trail, later, marks, near_ns) if later.size and not adl else None
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
        if back is None:
            here = marks.around(int(trail.symbol[a]), ts, near_ns)
            safer, riskier, worse = _queue(trail, a, later, here)
        else:
            safer, riskier = 1.0 / float(trail.ratio[a]), back.health_at(ts)
            worse = riskier < min(safer, 1.0) - TOLERANCE
        worse = worse & due
        if worse.any():
            margin = np.where(worse, np.abs(riskier - safer), -1.0)
            at = int(margin.argmax())
            found.append((a, int(later[at]), safer, float(riskier[at])))
    return found


class _Back:
    """Works the health of (b,) later cuts back to an earlier moment."""

    def __init__(self, trail: Trail, later: Ints, marks: Marks, near_ns: int) -> None:
        legs = trail.legs
        place = np.full(trail.ts.size, -1)
        place[later] = np.arange(later.size)
        mine = np.flatnonzero(place[legs.order] >= 0)
        self._marks, self._near_ns, self._size = marks, near_ns, later.size
        self._cut = place[legs.order[mine]]
        self._codes, self._symbol = np.unique(legs.symbol[mine], return_inverse=True)
        self._position = legs.position[mine]
        self._needs = np.abs(self._position) * legs.rate[mine]
        ts = trail.ts[legs.order[mine]].tolist()
        ends = [marks.around(s, t, near_ns) for s, t in zip(legs.symbol[mine], ts, strict=True)]
        now = np.array(ends).reshape(-1, 2)
        # A long was best off with the highest mark then, and the lowest now to work back from.
        self._long = self._position > 0.0
        self._now = np.where(self._long, now[:, 0], now[:, 1])
        self._equity = self._sum(self._needs * self._now) / trail.ratio[later]

    def health_at(self, ts: int) -> Floats:
        """(b,) equity over maintenance margin, as good as it can have been; NaN is not known."""
        ends = [self._marks.around(code, ts, self._near_ns) for code in self._codes.tolist()]
        then = np.array(ends).reshape(-1, 2)[self._symbol]
        best = np.where(self._long, then[:, 1], then[:, 0])
        equity = self._equity - self._sum(self._position * (self._now - best))
        return np.asarray(equity / self._sum(self._needs * best))

    def _sum(self, each: Floats) -> Floats:
        return np.bincount(self._cut, each, self._size).astype(np.float64)


def _queue(trail: Trail, a: int, b: Ints, here: tuple[float, float]) -> tuple[float, Floats, Bools]:
    """Queue scores of A and each B at A's moment, and whether B's was higher at either mark."""
    sign = -1.0 if trail.side[a] == 0 else 1.0

    def scores(of: Ints | int, mark: float) -> Floats:
        return np.asarray(sign * (mark / trail.entry[of] - 1.0) * trail.leverage[of])

    worse = np.all([scores(b, mark) > scores(a, mark) + TOLERANCE for mark in here], axis=0)
    held = sign * trail.position[b] > 0.0
    return float(scores(a, here[0])), scores(b, here[0]), np.asarray(worse & held)
