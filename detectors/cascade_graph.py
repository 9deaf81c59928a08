"""How far forced orders would spread: a shock on one symbol, and what it sets off on all others.

A graph of symbols. A symbol's price moves by what forced orders eat of its book. A move liquidates
what stands alone on that symbol, by distance; it also weakens every pool that holds the symbol, and
a pool that falls is liquidated on all symbols that it holds. So symbols are joined by the pools,
and each position in one is an edge. In rounds: moves, who falls by them, what these eat, new moves.

The book has followed the shock: it stands around the price after it, as deep as before, and forced
orders eat from its touch outwards. Nothing heals meanwhile and nobody steps in, so this is what the
venue's own mechanics add to a shock, not a forecast of prices. What has fallen stays fallen.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.base import Bools, Floats, Ints

ROUNDS: Final = 12  # what has not ended by then counts as far as it came
FALL, RISE = 0, 1  # directions; a fall forces longs, who eat bids


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """S symbols, E positions in G pools that hold several symbols.

    distances: (K,) log moves, ascending. forced: (S, 2, K) quote currency of what stands alone on
    one symbol and is liquidated within each, by a fall and by a rise. depth: (S, 2, K) quote
    currency of bids, and of asks, within each distance of the touch; NaN: not known, never moves.
    pool, symbol: (E,). slope: (E,) quote currency that the pool wins where the symbol rises by all
    of itself. worth: (E,) signed value of the position. spare: (G,) equity less maintenance.
    """

    distances: Floats
    forced: Floats
    depth: Floats
    pool: Ints
    symbol: Ints
    slope: Floats
    worth: Floats
    spare: Floats


@dataclass(frozen=True, slots=True)
class Spread:
    """What B shocks come to. first, total: (B,) forced notional by the shock alone, and in the
    end. forced: (B, S) of each symbol in the end. round: (B, S) in which it began there, -1 never.
    """

    first: Floats
    total: Floats
    forced: Floats
    round: Ints

    def times(self, least: Floats | float = 0.0) -> Floats:
        """(B,) amplification: total over first, both raised by the least that matters; 1 where
        nothing is forced."""
        first, total = self.first + least, self.total + least
        return np.where(first > 0.0, total / np.where(first > 0.0, first, 1.0), 1.0)

    def path(self, shock: int, mover: int) -> Ints:
        """Symbols in the order in which one shock reaches them, its own first."""
        reached = np.flatnonzero(self.round[shock] >= 0)
        reached = reached[reached != mover]
        order = np.lexsort((reached, -self.forced[shock, reached], self.round[shock, reached]))
        return np.concatenate([[mover], reached[order]])


def spread(
    graph: Graph, mover: Ints, direction: Ints, *, shock: float, rounds: int = ROUNDS
) -> Spread:
    """Follow (B,) shocks, each of one symbol in one direction, a log move above 0. O(B·(S + E)) a
    round. A shock ends where a round forces nothing new."""
    if shock <= 0.0:
        raise ValueError(f"shock must be positive, was {shock}")
    shocks, symbols = mover.size, len(graph.forced)
    moves = np.zeros((shocks, symbols, 2))
    moves[np.arange(shocks), mover, direction] = shock
    start = moves.copy()
    forced = np.zeros(moves.shape)
    fallen = np.zeros((shocks, graph.spare.size), np.bool_)
    begun = np.full((shocks, symbols), -1)
    first = np.zeros(shocks)
    for number in range(rounds):
        net = moves[..., RISE] - moves[..., FALL]
        fallen |= _falls(graph, net)
        now = np.maximum(forced, _alone(graph, net) + _pooled(graph, fallen))
        begun[(begun < 0) & (now.sum(axis=2) > 0.0)] = number
        if number == 0:
            first = now.sum(axis=(1, 2))
        elif np.array_equal(now, forced):
            break
        forced = now
        moves = np.maximum(moves, start + _eaten(graph, forced))
    return Spread(first, forced.sum(axis=(1, 2)), forced.sum(axis=2), begun)


def _alone(graph: Graph, net: Floats) -> Floats:
    """(B, S, 2) forced on single symbols at net log moves, between distances in proportion."""
    away = np.stack([np.maximum(-net, 0.0), np.maximum(net, 0.0)], axis=2)
    found = np.zeros(away.shape)
    at = np.nonzero(away > 0.0)
    if at[0].size:
        x = away[at]
        grid = np.concatenate([[0.0], graph.distances])
        k = np.clip(np.searchsorted(grid, x, side="right") - 1, 0, graph.distances.size - 1)
        table = graph.forced[at[1], at[2]]
        every = np.arange(x.size)
        low = np.where(k > 0, table[every, k - 1], 0.0)
        share = np.minimum((x - grid[k]) / (grid[k + 1] - grid[k]), 1.0)
        found[at] = low + share * (table[every, k] - low)
    return found


def _falls(graph: Graph, net: Floats) -> Bools:
    """(B, G) pools whose equity no longer covers their maintenance."""
    pools = graph.spare.size
    shocks = len(net)
    won = graph.slope * np.expm1(net[:, graph.symbol])
    cell = np.arange(shocks)[:, None] * pools + graph.pool
    change = np.bincount(cell.ravel(), won.ravel(), shocks * pools).reshape(shocks, pools)
    return np.asarray((graph.spare + change < 0.0) & (change < 0.0))


def _pooled(graph: Graph, fallen: Bools) -> Floats:
    """(B, S, 2) what fallen pools are forced to close."""
    shocks, symbols = len(fallen), len(graph.forced)
    side = np.where(graph.worth > 0.0, FALL, RISE)
    at, edge = np.nonzero(fallen[:, graph.pool])
    cell = (at * symbols + graph.symbol[edge]) * 2 + side[edge]
    sums = np.bincount(cell, np.abs(graph.worth[edge]), shocks * symbols * 2)
    return np.asarray(sums.reshape(shocks, symbols, 2), np.float64)


def _eaten(graph: Graph, forced: Floats) -> Floats:
    """(B, S, 2) log moves by what is eaten of each book; more than it holds moves all the way."""
    found = np.zeros(forced.shape)
    at = np.nonzero(forced)
    if at[0].size:
        wanted = forced[at]
        depth = graph.depth[at[1], at[2]]
        steps = graph.distances.size
        k = np.count_nonzero(depth < wanted[:, None], axis=1)
        every, inside = np.arange(wanted.size), np.minimum(k, steps - 1)
        grid = np.concatenate([[0.0], graph.distances])
        low = np.where(inside > 0, depth[every, inside - 1], 0.0)
        span = np.maximum(depth[every, inside] - low, 1e-9)
        within = grid[inside] + (wanted - low) / span * (grid[inside + 1] - grid[inside])
        move = np.where(k >= steps, grid[-1], within)
        found[at] = np.where(np.isnan(depth[:, -1]), 0.0, move)
    return found
