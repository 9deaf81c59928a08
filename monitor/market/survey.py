"""One look at all positions: who is geared, what would be forced, and how far it would spread."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.base import Bools, Floats, Ints
from detectors.cascade_graph import Graph, Spread, spread
from detectors.comovement import Follows
from monitor.market.bands import (
    DISTANCES,
    FALL,
    Margins,
    Pressure,
    forced_by_distance,
    margins,
    pressure,
)
from monitor.market.exposure import Exposure

SHOCK: Final = 0.02  # log move that a cascade is tried with
MOVERS_MAX: Final = 8  # first movers that are tried, those with most to force
LEAST: Final = 0.02  # of the book within the shock: forced notional that is worth no amplification
POOL_REACH: Final = 0.15  # pools that no such move of all marks could break are left out
_SHOCK_STEP: Final = int(np.searchsorted(DISTANCES, SHOCK + 1e-9)) - 1


@dataclass(frozen=True, slots=True)
class Cascades:
    """The first movers that were tried. times: (S,) amplification, 1 where no shock is amplified,
    NaN unknown. mover: (B,) symbols. of_symbol: (S,) which of them speaks for each, -1 none."""

    times: Floats
    mover: Ints
    of_symbol: Ints
    spread: Spread


@dataclass(frozen=True, slots=True)
class Survey:
    """(S, …) by symbol; NaN where no position is known.

    worth: (S, 2) quote currency held long and short. leverage: (S, 2) mean multiple, weighted by
    worth. holders: (S, 2) how many accounts effectively hold it, weighted alike.
    set_leverage: (S,) plain mean of what accounts set, where no position is told.
    pressure: forced notional over resting depth.
    """

    margins: Margins
    worth: Floats
    leverage: Floats
    holders: Floats
    set_leverage: Floats
    pressure: Pressure
    cascades: Cascades


def survey(
    held: Exposure, resting: Floats, price: Floats, funding: Floats, follows: Follows
) -> Survey:
    """resting: (S, 2, K) as bands.depth_by_distance has it. price: (S,) marks.
    funding: (S,) next rate. follows: how prices move together."""
    symbols = price.size
    known = held.known(symbols)
    found = margins(held, price, funding)
    forced = forced_by_distance(held, found, symbols)
    graph = _graph(held, found, forced, resting, follows)
    forced += np.where(known & ~np.isnan(price), 0.0, np.nan)[:, None, None]
    worth, leverage, holders = _gearing(held, found, symbols)
    told = _cascades(graph, forced)
    return Survey(
        found,
        worth,
        leverage,
        holders,
        _set_leverage(held, known),
        pressure(forced, resting),
        told,
    )


def _gearing(held: Exposure, found: Margins, symbols: int) -> tuple[Floats, Floats, Floats]:
    """(S, 2) worth, its mean leverage and how many effectively hold it, long and short."""
    at = np.flatnonzero(found.worth)
    signed, leverage = found.worth[at], held.leverage[at]
    size = np.where(np.isnan(signed), 0.0, np.abs(signed))
    cell = held.row[at] * 2 + (signed < 0.0)
    worth = np.bincount(cell, size, symbols * 2).reshape(symbols, 2)
    geared = np.bincount(cell, size * leverage, symbols * 2).reshape(symbols, 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(worth > 0.0, geared / worth, np.nan)
        square = np.bincount(cell, (size * leverage) ** 2, symbols * 2).reshape(symbols, 2)
        holders = np.where(square > 0.0, geared**2 / square, 0.0)
    return np.asarray(worth, np.float64), np.asarray(mean, np.float64), holders


def _set_leverage(held: Exposure, known: Bools) -> Floats:
    symbols = known.size
    some = held.leverage > 0.0
    count = np.bincount(held.row, some, symbols)
    total = np.bincount(held.row, held.leverage, symbols)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(known | (count == 0.0), np.nan, total / count)


def _cascades(graph: Graph, forced: Floats) -> Cascades:
    symbols, resting = len(forced), graph.depth
    at_shock, book = _none(forced[..., _SHOCK_STEP]), _none(resting[..., _SHOCK_STEP])
    matters = at_shock / np.maximum(book, 1.0)
    tried = np.argsort(-matters.ravel(), kind="stable")[:MOVERS_MAX]
    tried = tried[at_shock.ravel()[tried] > 0.0]
    mover, direction = np.divmod(tried, 2)
    came = spread(graph, mover, direction, shock=SHOCK)
    each = came.times(LEAST * book[mover, direction])
    times = np.where(np.isnan(forced[:, 0, 0]) | np.isnan(resting[:, 0, 0]), np.nan, 1.0)
    of_symbol = np.full(symbols, -1)
    for number in np.argsort(each, kind="stable").tolist():  # a few; the worst is written last
        times[mover[number]] = np.maximum(times[mover[number]], each[number])
        of_symbol[mover[number]] = number
    return Cascades(times, mover, of_symbol, came)


def _graph(
    held: Exposure, found: Margins, forced: Floats, resting: Floats, follows: Follows
) -> Graph:
    """Pools of several symbols that could break are edges; all else is a table by distance."""
    group, size = held.group, np.abs(found.slope)
    total = np.bincount(group, np.where(np.isnan(size), 0.0, size), held.groups)
    breaks = (found.spare > 0.0) & (found.spare < POOL_REACH * total)
    near = np.flatnonzero(breaks[group] & (size > 0.0))
    near_group, row = group[near], held.row[near]
    low, high = np.full(held.groups, len(forced)), np.full(held.groups, -1)
    np.minimum.at(low, near_group, row)
    np.maximum.at(high, near_group, row)
    several = low < high
    edge = near[several[near_group]]
    number = np.cumsum(several) - 1
    return Graph(
        distances=DISTANCES,
        forced=np.maximum(forced - forced_by_distance(held, found, len(forced), edge), 0.0),
        depth=resting,
        pool=number[group[edge]],
        symbol=held.row[edge],
        slope=found.slope[edge],
        worth=found.worth[edge],
        spare=found.spare[several],
        follows=follows,
    )


def crowd(worth: Floats, leverage: Floats, carry: Floats) -> Floats:
    """(S,) how crowded the side is that pays to be there: funding over volatility, times the
    excess of its share of geared notional; 0 where the smaller side pays.

    worth, leverage: (S, 2) long and short. carry: (S,) funding over volatility, above 0 longs pay.
    """
    geared = worth * _none(leverage)
    both = geared.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        skew = np.where(both > 0.0, (geared[:, FALL] - geared[:, 1]) / both, np.nan)
    return np.maximum(skew * carry, 0.0)


def _none(values: Floats) -> Floats:
    """The same, where what is not known is nothing."""
    return np.where(np.isnan(values), 0.0, values)
