"""What would be forced within each distance of the mark, and what rests there to take it.

A pool, or a position that stands alone, is liquidated where its equity meets its maintenance
margin. With spare = equity less maintenance of all its positions, and a fall of the mark of one
symbol by the share f costing it f·slope·mark, that is at f = spare / (slope·mark): the price that
`detectors.liquidation_price` gives, by the way there from the mark. All marks but that one stand
still. The whole position counts: a venue that closes in steps forces less at first, and the rest a
little farther away. Whoever the next funding alone would put below is forced at any distance.
Fees are not known and left out. Who is below already counts for nothing: it
is being closed, or has collateral that was not told.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.base import Bools, Floats, Ints
from monitor.market.depth import Depth
from monitor.market.exposure import Exposure
from monitor.rows import CELL, QUOTE_UNITS

# 10 to 1000 basis points from the mark, in cells of the grid of depth.
DISTANCES_CELLS: Final = (5, 10, 17, 25, 37, 50, 75, 100, 150, 200, 250, 350, 500)
DISTANCES: Final = np.array(DISTANCES_CELLS) * CELL  # natural logarithms
REACH: Final = float(DISTANCES[-1])
NEAR: Final = 0.03
WEIGHTS: Final = np.minimum(1.0, (NEAR / DISTANCES) ** 2)
FALL, RISE = 0, 1  # directions: a fall forces longs, who sell to bids; a rise shorts
PRESSURE_MAX: Final = 10.0  # beyond, more is no worse; a side without a book is that
_EDGES: Final = np.concatenate([DISTANCES, [np.inf]])


@dataclass(frozen=True, slots=True)
class Margins:
    """Where N positions stand at the marks of now.

    worth: (N,) signed quote currency. slope: (N,) quote currency that its pool wins where its
    symbol's mark rises by all of itself. spare: (G,) of each pool, equity less maintenance.
    away: (N,) share of the mark by which it must fall (longs) or rise (shorts) to liquidate the
    position; infinity where it never does, NaN where not known or past, 0 where it is due.
    due: (N,) whose pool falls below by the next funding alone.
    """

    worth: Floats
    slope: Floats
    spare: Floats
    away: Floats
    due: Bools

    def of(self, at: Ints) -> "Margins":
        """Some positions."""
        return Margins(self.worth[at], self.slope[at], self.spare, self.away[at], self.due[at])


def margins(held: Exposure, price: Floats, funding: Floats) -> Margins:
    """price: (S,) marks. A pool with a position whose mark is not known is not known itself.
    funding: (S,) next rate, above 0 longs pay; NaN counts as none."""
    row = held.row
    now = price[row]
    closed = held.position == 0.0
    worth = np.where(closed, 0.0, held.position * now)
    slope = worth - held.rate * np.abs(worth)
    own = np.where(closed, 0.0, held.collateral - held.position * held.entry + slope)
    group = held.group
    spare = np.bincount(group, own, held.groups)
    left = spare[group]
    with np.errstate(divide="ignore", invalid="ignore"):
        away = np.abs(left / slope)
    away[~(left > 0.0) | closed] = np.nan
    owed = worth * np.nan_to_num(funding)[row]
    due = (away > 0.0) & (left < np.bincount(group, owed, held.groups)[group])
    away[due] = 0.0
    return Margins(worth, slope, np.asarray(spare, np.float64), away, due)


def log_away(found: Margins) -> Floats:
    """(N,) the same as the size of a change of the mark's logarithm; longs can fall by all."""
    with np.errstate(divide="ignore", invalid="ignore"):
        falls = -np.log1p(-np.minimum(found.away, 1.0))
        return np.where(found.worth > 0.0, falls, np.log1p(found.away))


def forced_by_distance(
    held: Exposure, found: Margins, symbols: int, some: Ints | None = None
) -> Floats:
    """(S, 2, K) quote currency liquidated by a fall, and by a rise, of up to each distance; of
    some positions, or of all."""
    if some is None:
        near = np.flatnonzero(found.away < 2.0 * REACH)
    else:
        near = some[found.away[some] < 2.0 * REACH]
    cut = found.of(near)
    step = np.searchsorted(_EDGES, log_away(cut))  # the last is out of reach
    side = np.where(cut.worth > 0.0, FALL, RISE)
    steps = len(DISTANCES)
    inside = step < steps
    cell = (held.row[near] * 2 + side) * steps + step
    sums = np.bincount(cell[inside], np.abs(cut.worth[inside]), symbols * 2 * steps)
    return np.asarray(sums.reshape(symbols, 2, steps).cumsum(axis=2), np.float64)


def depth_by_distance(depth: Depth, rows: Ints) -> Floats:
    """(n, 2, K) quote currency that bids, and asks, of some symbols hold within each distance of
    the touch; NaN where no book is known."""
    sums = depth.within(rows, DISTANCES_CELLS) / QUOTE_UNITS
    return np.where(depth.base[rows][:, None, None] >= 0, sums, np.nan)


@dataclass(frozen=True, slots=True)
class Pressure:
    """The worst distance of each symbol, (S,) each; NaN where it is not known.

    weighed: forced over resting, times the weight of the distance. times: the same unweighed: 1 is
    self-sustaining. side: FALL or RISE. step: of DISTANCES. forced, resting: quote currency.
    """

    weighed: Floats
    times: Floats
    side: Ints
    step: Ints
    forced: Floats
    resting: Floats


def pressure(forced: Floats, resting: Floats) -> Pressure:
    """forced, resting: (S, 2, K). A mark takes four times as long to come twice as far, so what
    lies beyond 3 % counts for less by the square of its distance."""
    times = np.minimum(forced / np.maximum(resting, 1.0), PRESSURE_MAX)
    known = np.asarray(np.isfinite(times).all(axis=(1, 2)))
    flat = np.where(known[:, None, None], times * WEIGHTS, 0.0).reshape(len(times), -1)
    best = flat.argmax(axis=1)
    every = np.arange(len(times))
    side, step = np.divmod(best, times.shape[2])
    return Pressure(
        np.where(known, flat[every, best], np.nan),
        np.where(known, times[every, side, step], np.nan),
        side,
        step,
        forced[every, side, step],
        resting[every, side, step],
    )
