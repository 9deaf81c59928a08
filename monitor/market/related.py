"""Which symbols are joined: by who holds them, by shared collateral, and by how prices move.

Of each symbol the largest holders are known: an account, or the collateral pool that it stands on.
Two symbols are joined where the same holders have a good share of both, or where one of them is
among the few that follow the other most closely. What is not known joins nothing.

Holders are looked at in turn, so that a look costs little. What was learned takes effect where a
block of bins ends, as everything that is learned does: how bins are handed over must not matter.
"""

from collections.abc import Collection, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats, Ints, State, pack, unpack
from detectors.comovement import Follows
from monitor.columns import Recoding
from monitor.market.exposure import Exposure

HOLDERS: Final = 16  # of each symbol, the largest
TURNS: Final = 256  # looks, at most, until every symbol's holders were looked at
SHARED: Final = 0.1  # of what is held of both symbols
CORRELATED: Final = 0.4  # returns of two symbols, at the lag at which they are most
_BEFORE_ALL: Final = -1


class Related:
    """Holders of S symbols, and edges between symbols that move together.

    who: (S, HOLDERS) number of a pool, or less than 0 the code of an account; NaN none.
    share: (S, HOLDERS) of what is held of the symbol, long and short alike.
    edges: (E, 2) rows that follow one another closely.
    turn: the row whose holders are looked at next.
    told_who, told_share, told_edges: the same at the end of the last block; they are what joins.
    """

    _STATE: Final = (
        *("who", "share", "edges", "told_who", "told_share", "told_edges", "block", "turn"),
    )

    def __init__(self) -> None:
        self.who = self.told_who = np.full((0, HOLDERS), np.nan)
        self.share = self.told_share = np.zeros((0, HOLDERS))
        self.edges = self.told_edges = np.empty((0, 2), np.int64)
        self.block = _BEFORE_ALL
        self.turn = 0
        self._joined: dict[int, set[int]] = {}

    def resize(self, symbols: int) -> None:
        """Make room for symbols that are new."""
        missing = symbols - len(self.who)
        if missing > 0:
            self.who = np.pad(self.who, ((0, missing), (0, 0)), constant_values=np.nan)
            self.share = np.pad(self.share, ((0, missing), (0, 0)))

    def begin(self, block: int) -> None:
        """Bins of a block are about to be taken in."""
        if block != self.block:
            self.block = block
            self.told_who, self.told_share = self.who.copy(), self.share.copy()
            self.told_edges = self.edges
            self._join()

    def look(self, held: Exposure, worth: Floats, follows: Follows) -> None:
        """One look later. worth: (N,) signed value of each position, NaN not known."""
        near = follows.correlation >= CORRELATED
        self.edges = np.stack([follows.leader[near], follows.follower[near]], axis=1)
        symbols = len(self.who)
        first = self.turn if self.turn < symbols else 0
        last = self.turn = min(first - (-symbols // TURNS), symbols)
        if first < last:
            self.who[first:last], self.share[first:last] = _largest(held, worth, first, last)

    def linked(self, row: int, others: Collection[int]) -> bool:
        """Whether a symbol is joined to any of some others, all by row."""
        if not self._joined.get(row, set()).isdisjoint(others):
            return True
        rows = np.fromiter(others, np.int64)
        rows = rows[(rows >= 0) & (rows < len(self.told_who))]
        if not (0 <= row < len(self.told_who) and rows.size):
            return False
        same = self.told_who[rows][:, :, None] == self.told_who[row]
        least = np.minimum(self.told_share[rows][:, :, None], self.told_share[row])
        shared = np.where(same, least, 0.0).reshape(rows.size, -1)
        return bool((np.sort(shared, axis=1).sum(axis=1) >= SHARED).any())

    def _join(self) -> None:
        self._joined = {}
        for one, other in self.told_edges.tolist():  # at most a few for each tracked symbol
            self._joined.setdefault(one, set()).add(other)
            self._joined.setdefault(other, set()).add(one)

    def keys(self) -> list[Ints]:
        """Accounts that are remembered, for whoever must know which codes are in use."""
        return [(-who[who < 0.0]).astype(np.int64) for who in (self.who, self.told_who)]

    def recode(self, recoding: Recoding) -> None:
        """Follow the name tables after they were compacted."""
        for who in (self.who, self.told_who):
            accounts = who < 0.0
            who[accounts] = -recoding.accounts[(-who[accounts]).astype(np.int64)]

    def state(self) -> State:
        """Everything that the next look depends on."""
        return pack(self, self._STATE)

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        unpack(self, self._STATE, state)
        self._join()


def _largest(held: Exposure, worth: Floats, first: int, last: int) -> tuple[Floats, Floats]:
    """(n, HOLDERS) the largest holders of some symbols in a row, and what share each has."""
    count = last - first
    who, share = np.full((count, HOLDERS), np.nan), np.zeros((count, HOLDERS))
    at = held.of_symbols(first, last)
    size = np.abs(np.nan_to_num(worth[at]))
    at, size = at[size > 0.0], size[size > 0.0]
    pool = held.pool[at]
    holder = np.where(np.isnan(pool), -held.account[at].astype(np.float64), pool)
    order = np.lexsort((at, holder, held.row[at]))
    row, holder, at = held.row[at][order] - first, holder[order], at[order]
    if not at.size:
        return who, share
    begin = np.ones(at.size, np.bool_)
    np.logical_or(row[1:] != row[:-1], holder[1:] != holder[:-1], out=begin[1:])
    begins = np.flatnonzero(begin)
    size = np.add.reduceat(size[order], begins)
    row, holder, at = row[begins], holder[begins], at[begins]
    order = np.lexsort((at, row))  # by place, since codes of accounts are our own
    row, holder, size = row[order], holder[order], size[order]
    part = size / np.bincount(row, size, count)[row]
    order = np.lexsort((-part, row))
    rank = np.arange(row.size) - np.searchsorted(row, np.arange(count))[row]
    top = rank < HOLDERS
    who[row[top], rank[top]] = holder[order][top]
    share[row[top], rank[top]] = part[order][top]
    return who, share
