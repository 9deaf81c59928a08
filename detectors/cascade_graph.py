"""How far forced orders would spread: a shock on one symbol, and what it sets off on all others.

A graph of symbols. A symbol's price moves by what forced orders eat of its book. A move liquidates
what stands alone on that symbol, by distance; it also weakens every pool that holds the symbol, and
a pool that falls is liquidated on all symbols that it holds. So symbols are joined by the pools,
and each position in one is an edge. Symbols are joined too where one follows another: what a shock
and forced orders move there, it repeats in part, some seconds later. What only followed is not
followed again: how far a symbol follows says already all that came of the leader's move. In rounds:
moves, who falls by them, what these eat, new moves.

The book has followed the shock: it stands around the price after it, as deep as before, and forced
orders eat from its touch outwards. Nothing heals meanwhile and nobody steps in, so this is what the
venue's own mechanics add to a shock, not a forecast of prices. What has fallen stays fallen.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from detectors.base import Floats, Ints
from detectors.comovement import Follows, nothing_follows

ROUNDS: Final = 12  # what has not ended by then counts as far as it came
ENDED: Final = 1.01  # forced notional that grows by less in a round has come to its end
FALL, RISE = 0, 1  # directions; a fall forces longs, who eat bids


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """S symbols, E positions in G pools that hold several symbols.

    distances: (K,) log moves, ascending. forced: (S, 2, K) quote currency of what stands alone on
    one symbol and is liquidated within each, by a fall and by a rise. depth: (S, 2, K) quote
    currency of bids, and of asks, within each distance of the touch; NaN: not known, never moves.
    pool, symbol: (E,). slope: (E,) quote currency that the pool wins where the symbol rises by all
    of itself. worth: (E,) signed value of the position. spare: (G,) equity less maintenance.
    follows: which symbols follow which, how far and how late.
    """

    distances: Floats
    forced: Floats
    depth: Floats
    pool: Ints
    symbol: Ints
    slope: Floats
    worth: Floats
    spare: Floats
    follows: Follows = field(default_factory=nothing_follows)


@dataclass(frozen=True, slots=True)
class Spread:
    """What B shocks come to. first, total: (B,) forced notional by the shock alone, and in the
    end. forced: (B, S) of each symbol in the end. round: (B, S) in which it began there, -1 never.
    after_s: (B, S) seconds until the move came there, 0 where pools carry it; infinity never.
    """

    first: Floats
    total: Floats
    forced: Floats
    round: Ints
    after_s: Floats

    def times(self, least: Floats | float = 0.0) -> Floats:
        """(B,) amplification: total over first, both raised by the least that matters; 1 where
        nothing is forced."""
        first, total = self.first + least, self.total + least
        return np.where(first > 0.0, total / np.where(first > 0.0, first, 1.0), 1.0)

    def path(self, shock: int, mover: int) -> Ints:
        """Symbols in the order in which one shock reaches them, its own first."""
        reached = np.flatnonzero(self.round[shock] >= 0)
        reached = reached[reached != mover]
        strength = -self.forced[shock, reached]
        order = np.lexsort(
            (reached, strength, self.round[shock, reached], self.after_s[shock, reached])
        )
        return np.concatenate([[mover], reached[order]])


def spread(
    graph: Graph, mover: Ints, direction: Ints, *, shock: float, rounds: int = ROUNDS
) -> Spread:
    """Follow (B,) shocks, each of one symbol in one direction, a log move above 0. A round costs
    what its moves touch: the positions of symbols that moved, and of pools that fell. A shock ends
    where a round forces nothing new."""
    if shock <= 0.0:
        raise ValueError(f"shock must be positive, was {shock}")
    if not mover.size:
        none = np.empty((0, len(graph.forced)))
        return Spread(np.empty(0), np.empty(0), none, none.astype(np.int64), none)
    run = _Run(graph, mover, direction, shock)
    pair = np.unique(np.arange(mover.size) * run.symbols + mover)
    first = np.zeros(mover.size)
    for number in range(rounds):
        pair = run.round(number, pair)
        if number == 0:
            first = run.forced.sum(axis=(1, 2))
        if not pair.size:
            break
    forced = run.forced.sum(axis=2)
    return Spread(first, forced.sum(axis=1), forced, run.begun, run.after_s)


class _Run:
    """Shocks on their way. A pair is a shock and a symbol, as one number."""

    def __init__(self, graph: Graph, mover: Ints, direction: Ints, shock: float) -> None:
        shocks, self.symbols = mover.size, len(graph.forced)
        self.graph = graph
        self.start = np.zeros((shocks, self.symbols, 2))
        self.start[np.arange(shocks), mover, direction] = shock
        self.moves = self.start.copy()
        self.own = np.zeros(self.start.shape)  # by the shock and by what is eaten here
        self.followed = np.zeros(self.start.shape)
        self.after_s = np.full((shocks, self.symbols), np.inf)
        self.after_s[np.arange(shocks), mover] = 0.0
        self.net = np.zeros((shocks, self.symbols))  # as the pools know it
        self.alone = np.zeros(self.moves.shape)
        self.pooled = np.zeros(self.moves.shape)
        self.forced = np.zeros(self.moves.shape)
        self.begun = np.full((shocks, self.symbols), -1)
        self.won = np.zeros((shocks, graph.spare.size))
        self.fallen = np.zeros((shocks, graph.spare.size), np.bool_)
        self._by_symbol = _Index(graph.symbol, self.symbols)
        self._by_pool = _Index(graph.pool, graph.spare.size)
        self._by_leader = _Index(graph.follows.leader, self.symbols)

    def round(self, number: int, pair: Ints) -> Ints:
        """Who falls by the moves of some pairs, and the pairs that move by what these eat."""
        at, symbol = np.divmod(pair, self.symbols)
        net = self.moves[at, symbol, RISE] - self.moves[at, symbol, FALL]
        found = np.maximum(self.alone[at, symbol], _alone(self.graph, symbol, net))
        self.alone[at, symbol] = found
        change = np.expm1(net) - np.expm1(self.net[at, symbol])
        self.net[at, symbol] = net
        hit = np.union1d(pair, self._fall(at, symbol, change))
        at, symbol = np.divmod(hit, self.symbols)
        forced = self.alone[at, symbol] + self.pooled[at, symbol]
        more = (forced > ENDED * self.forced[at, symbol]).any(axis=1)
        at, symbol, forced, hit = at[more], symbol[more], forced[more], hit[more]
        self.forced[at, symbol] = forced
        self.begun[at, symbol] = np.where(
            self.begun[at, symbol] < 0, number, self.begun[at, symbol]
        )
        moved = np.union1d(hit, pair) if number == 0 else hit  # followers hear of the shock too
        at, symbol = np.divmod(moved, self.symbols)
        before = self.own[at, symbol]
        eaten = _eaten(self.graph, symbol, self.forced[at, symbol])
        self.own[at, symbol] = np.maximum(before, self.start[at, symbol] + eaten)
        farther = (self.own[at, symbol] > before).any(axis=1)
        return self._moved(np.union1d(moved, self._follow(at[farther], symbol[farther])))

    def _moved(self, pair: Ints) -> Ints:
        """Those of some pairs that moved on."""
        at, symbol = np.divmod(pair, self.symbols)
        before = self.moves[at, symbol]
        self.moves[at, symbol] = self.own[at, symbol] + self.followed[at, symbol]
        return np.asarray(pair[(self.moves[at, symbol] > before).any(axis=1)])

    def _follow(self, at: Ints, symbol: Ints) -> Ints:
        """Pairs of what follows some symbols."""
        follows = self.graph.follows
        which, edge = self._by_leader.each(symbol)
        at, leader, follower = at[which], symbol[which], follows.follower[edge]
        pair = at * self.symbols + follower
        after_s = self.after_s[at, leader] + follows.lag_s[edge]
        np.minimum.at(self.after_s.reshape(-1), pair, after_s)
        moves = follows.beta[edge, None] * self.own[at, leader]
        np.maximum.at(self.followed.reshape(-1, 2), pair, moves)
        return np.asarray(pair)

    def _fall(self, at: Ints, symbol: Ints, change: Floats) -> Ints:
        """Pairs of what pools must close that fall by changes of some symbols."""
        graph = self.graph
        which, edge = self._by_symbol.each(symbol)
        if not edge.size:
            return edge
        pools = graph.spare.size
        cell = at[which] * pools + graph.pool[edge]
        np.add.at(self.won.reshape(-1), cell, graph.slope[edge] * change[which])
        cells, first = np.unique(cell, return_index=True)
        shock, pool = np.divmod(cells, pools)
        won = self.won[shock, pool]
        falls = (graph.spare[pool] + won < 0.0) & (won < 0.0) & ~self.fallen[shock, pool]
        shock, pool = shock[falls], pool[falls]
        moved = which[first[falls]]  # one of those by whose moves they fall
        after_s = self.after_s[at[moved], symbol[moved]]
        self.fallen[shock, pool] = True
        which, edge = self._by_pool.each(pool)
        side = np.where(graph.worth[edge] > 0.0, FALL, RISE)
        pair = shock[which] * self.symbols + graph.symbol[edge]
        np.add.at(self.pooled.reshape(-1), pair * 2 + side, np.abs(graph.worth[edge]))
        np.minimum.at(self.after_s.reshape(-1), pair, after_s[which])
        return np.asarray(pair)


class _Index:
    """Places of each number in an array of numbers."""

    def __init__(self, number: Ints, count: int) -> None:
        self._order = np.argsort(number, kind="stable")
        self._starts = np.searchsorted(number[self._order], np.arange(count + 1))

    def each(self, wanted: Ints) -> tuple[Ints, Ints]:
        """(m,) which of (n,) wanted numbers, and (m,) a place of it, for all of its places."""
        starts, sizes = self._starts[wanted], np.diff(self._starts)[wanted]
        which = np.repeat(np.arange(wanted.size), sizes)
        within = np.arange(which.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return which, np.asarray(self._order[starts[which] + within], np.int64)


def _alone(graph: Graph, symbol: Ints, net: Floats) -> Floats:
    """(n, 2) forced on single symbols at net log moves, between distances in proportion."""
    away = np.maximum(np.stack([-net, net], axis=1), 0.0)
    grid = np.concatenate([[0.0], graph.distances])
    k = np.clip(np.searchsorted(grid, away, side="right") - 1, 0, graph.distances.size - 1)
    every, side = np.arange(net.size)[:, None], np.arange(2)
    table = graph.forced[symbol]
    low = np.where(k > 0, table[every, side, k - 1], 0.0)
    share = np.minimum((away - grid[k]) / (grid[k + 1] - grid[k]), 1.0)
    return np.asarray(low + share * (table[every, side, k] - low))


def _eaten(graph: Graph, symbol: Ints, forced: Floats) -> Floats:
    """(n, 2) log moves by what is eaten of each book; more than it holds moves all the way."""
    depth, steps = graph.depth[symbol], graph.distances.size
    k = np.count_nonzero(depth < forced[..., None], axis=2)
    every, side, inside = np.arange(symbol.size)[:, None], np.arange(2), np.minimum(k, steps - 1)
    grid = np.concatenate([[0.0], graph.distances])
    low = np.where(inside > 0, depth[every, side, inside - 1], 0.0)
    span = np.maximum(depth[every, side, inside] - low, 1e-9)
    within = grid[inside] + (forced - low) / span * (grid[inside + 1] - grid[inside])
    move = np.where(k >= steps, grid[-1], within)
    moves = (forced > 0.0) & ~np.isnan(depth[..., -1])
    return np.where(moves, move, 0.0)
