"""Which symbols move together, and which of them first: correlations of returns, learned slowly.

For the M symbols with most at stake, every pair's product of standardised returns is averaged at a
few lags. The lag with the greatest correlation says how long the follower takes. Beyond those M
symbols nothing is known, so that a look costs M² and not S². Returns are standardised by what was
known before them and cut, so that one jump of the market is one sample and not the whole answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats, Ints, State, nest, pack, unnest, unpack, unpacked

TRACKED_MAX: Final = 64
LAGS: Final = (0, 1, 2, 4, 8)  # looks by which a follower may be late
MEMORY_S: Final = 600.0
WARM_UP_LOOKS: Final = 60.0
CHOSEN_LOOKS: Final = 60  # from one choice of symbols to the next
EDGES_LOOKS: Final = 15  # from one list of edges to the next
CUT_SD: Final = 4.0
NEIGHBOURS: Final = 4  # of each symbol, the most correlated
_SURE: Final = 0.5  # from here on a follower follows all the way
_FAINT: Final = 0.3  # correlations up to here count for nothing, and for more by and by
_BETA_MAX: Final = 1.5


@dataclass(frozen=True, slots=True)
class Follows:
    """E edges. leader, follower: (E,) rows of symbols. beta: (E,) log move of the follower for a
    log move of the leader. lag_s: (E,) seconds by which it comes later. correlation: (E,)."""

    leader: Ints
    follower: Ints
    beta: Floats
    lag_s: Floats
    correlation: Floats


def nothing_follows() -> Follows:
    """No edges."""
    none, empty = np.empty(0, np.int64), np.empty(0)
    return Follows(none, none, empty, empty, empty)


class Comovement:
    """At most M tracked symbols.

    row: (M,) their rows, -1 a free place. last: (M,) price at the last look. looks: (M,) returns
    that were seen. square: (M,) mean squared return. cross: (lags, M, M) mean product of the
    standardised returns of a leader (rows), so many looks ago, and of a follower (columns).
    past: (looks, M) latest standardised returns, newest first. count: looks so far.
    edges: who follows whom, a few looks old at most.
    """

    _STATE: Final = ("row", "last", "looks", "square", "cross", "past", "count")

    def __init__(self, look_s: float) -> None:
        self._look_s = look_s
        self.row = np.full(TRACKED_MAX, -1)
        self.last = np.full(TRACKED_MAX, np.nan)
        self.looks, self.square = np.zeros((2, TRACKED_MAX))
        self.cross = np.zeros((len(LAGS), TRACKED_MAX, TRACKED_MAX))
        self.past = np.zeros((LAGS[-1] + 1, TRACKED_MAX))
        self.count = 0
        self.edges = nothing_follows()

    def look(self, price: Floats, stake: Floats) -> None:
        """One look later. price: (S,), NaN unknown. stake: (S,) what is at stake on each symbol,
        by which they are chosen."""
        if self.count % CHOSEN_LOOKS == 0 or np.count_nonzero(self.row >= 0) < min(
            TRACKED_MAX, price.size
        ):
            self._choose(stake)
        self.count += 1
        now = np.where(self.row >= 0, price[self.row], np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):  # a price that is none
            moved = np.log(now / self.last)
        self.last = np.where(np.isnan(now), self.last, now)
        known = np.isfinite(moved)
        moved = np.where(known, moved, 0.0)
        sd = np.sqrt(self.square)
        with np.errstate(divide="ignore", invalid="ignore"):
            standard = np.where(sd > 0.0, moved / sd, 0.0)
        standard = np.minimum(np.maximum(standard, -CUT_SD), CUT_SD)
        self.past = np.concatenate([standard[None], self.past[:-1]])
        self.looks += known
        share = np.maximum(self._look_s / MEMORY_S, 1.0 / np.maximum(self.looks, 1.0))
        cut = np.where(sd > 0.0, np.minimum(moved**2, (CUT_SD * sd) ** 2), moved**2)
        self.square = np.where(known, self.square + share * (cut - self.square), self.square)
        pair = np.maximum(share[:, None], share)
        self.cross += pair * (self.past[LAGS, :, None] * standard - self.cross)
        if self.count % EDGES_LOOKS == 0:
            self.edges = self._follows()

    def _choose(self, stake: Floats) -> None:
        """The symbols with most at stake; who stays keeps its place, who goes is forgotten."""
        order = np.argsort(-np.nan_to_num(stake), kind="stable")[:TRACKED_MAX]
        stays = (self.row >= 0) & np.isin(self.row, order)
        new = np.sort(order[~np.isin(order, self.row)])
        free = np.flatnonzero(~stays)
        self.row[free] = -1
        self.row[free[: new.size]] = new
        self.last[free] = np.nan
        self.looks[free] = self.square[free] = 0.0
        self.past[:, free] = 0.0
        self.cross[:, free, :] = self.cross[:, :, free] = 0.0

    def correlation(self) -> Floats:
        """(lags, M, M) of leaders (rows) and followers (columns); NaN where not known yet, and of
        a symbol with itself."""
        own = self.cross[0].diagonal()
        scale = np.sqrt(own[:, None] * own)
        warm = (self.looks >= WARM_UP_LOOKS) & (own > 0.0)
        known = warm[:, None] & warm & ~np.eye(TRACKED_MAX, dtype=bool)
        return np.where(known, self.cross / np.where(known, scale, 1.0), np.nan)

    def _follows(self) -> Follows:
        """For each symbol those few that follow it most closely."""
        found = np.nan_to_num(self.correlation(), nan=-1.0)
        lag = found.argmax(axis=0)
        best = np.take_along_axis(found, lag[None], axis=0)[0]
        near = np.argsort(-best, axis=1, kind="stable")[:, :NEIGHBOURS]
        leader = np.repeat(np.arange(TRACKED_MAX), NEIGHBOURS)
        follower = near.ravel()
        kept = best[leader, follower] > _FAINT
        leader, follower = leader[kept], follower[kept]
        correlation = best[leader, follower]
        sure = np.minimum((correlation - _FAINT) / (_SURE - _FAINT), 1.0)
        beta = sure * correlation * np.sqrt(self.square[follower] / self.square[leader])
        return Follows(
            leader=self.row[leader],
            follower=self.row[follower],
            beta=np.minimum(beta, _BETA_MAX),
            lag_s=np.array(LAGS)[lag[leader, follower]] * self._look_s,
            correlation=correlation,
        )

    def state(self) -> State:
        """Everything that the next look depends on."""
        return pack(self, self._STATE) | nest("edges", pack(self.edges, Follows.__slots__))

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        unpack(self, self._STATE, state)
        self.edges = unpacked(Follows, Follows.__slots__, unnest("edges", state))
