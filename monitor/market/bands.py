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
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

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
_Of = TypeVar("_Of", bound=np.generic)
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
    count, at = len(held), np.flatnonzero(held.position)  # the others are closed, or not told
    row, group, position = held.row[at], held.group[at], held.position[at]
    worth = position * price[row]
    slope = worth - held.rate[at] * np.abs(worth)
    own = held.collateral[at] - position * held.entry[at] + slope
    spare = np.bincount(group, own, held.groups)
    left = spare[group]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        away = np.abs(left / slope)
    away[~(left > 0.0)] = np.nan
    owed = worth * np.where(np.isfinite(funding), funding, 0.0)[row]
    due = (away > 0.0) & (left < np.bincount(group, owed, held.groups)[group])
    away[due] = 0.0
    return Margins(
        _spread(worth, at, count, 0.0),
        _spread(slope, at, count, 0.0),
        np.asarray(spare, np.float64),
        _spread(away, at, count, np.nan),
        _spread(due, at, count, False),
    )


def _spread(values: NDArray[_Of], at: Ints, count: int, fill: float) -> NDArray[_Of]:
    """(count,) with some values in their places and one in all others."""
    found = np.full(count, fill, values.dtype)
    found[at] = values
    return found


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
    if not near.size:
        return np.zeros((symbols, 2, len(DISTANCES)))
    cut = found.of(near)
    step = np.searchsorted(_EDGES, log_away(cut))  # the last is out of reach
    side = np.where(cut.worth > 0.0, FALL, RISE)
    steps = len(DISTANCES)
    inside = step < steps
    cell = (held.row[near] * 2 + side) * steps + step
    sums = np.bincount(cell[inside], np.abs(cut.worth[inside]), symbols * 2 * steps)
    shells = np.asarray(sums, np.float64).reshape(symbols, 2, steps)
    for k in range(1, steps):  # a cumulative sum of many short rows takes twice as long
        shells[..., k] += shells[..., k - 1]
    return shells


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
    symbols = len(forced)
    rows = np.flatnonzero(np.isfinite(forced[:, 0, 0] + resting[:, 0, 0]))
    times = np.minimum(forced[rows] / np.maximum(resting[rows], 1.0), PRESSURE_MAX)
    known = np.isfinite(times).all(axis=(1, 2))
    rows, times = rows[known], times[known]
    flat = (times * WEIGHTS).reshape(rows.size, 2 * len(DISTANCES))
    best, every = flat.argmax(axis=1), np.arange(rows.size)
    side, step = np.divmod(best, len(DISTANCES))
    sides, steps = np.zeros((2, symbols), np.int64)
    sides[rows], steps[rows] = side, step
    return Pressure(
        _spread(flat[every, best], rows, symbols, np.nan),
        _spread(times[every, side, step], rows, symbols, np.nan),
        sides,
        steps,
        forced[np.arange(symbols), sides, steps],
        resting[np.arange(symbols), sides, steps],
    )
