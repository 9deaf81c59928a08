"""The levels that detectors judge: each a natural logarithm, one a symbol, NaN where not known."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bools, Floats
from monitor.market.prices import INDEX, INDEX_S, MARK

if TYPE_CHECKING:
    from monitor.market.state import Market

TRUSTED_DRIFT: Final = 0.2  # of a book whose depth is judged
SHARE_MIN: Final = 0.01
HOLDERS_MIN: Final = 5.0
PRESSURE_MIN: Final = 0.01
CROWD_MIN: Final = 1e-4
DEPTH_MIN: Final = 1.0  # quote currency, below which a book is as good as empty
STALE_NS: Final = 30_000_000_000  # a mark this old says nothing of now
TRADED_NS: Final = 10_000_000_000  # a trade this old is not where the market is
ALIVE_NS: Final = 300_000_000_000  # a book without a trade for so long is no market
DRIFT_MAX: Final = 0.05  # of a book whose touch stands for a trade
MOVED: Final = 1e-3  # of the market, that a still index should have followed
AGE_MIN_S: Final = 0.1
MOVES_S: Final = 10.0  # moves of this long may stand between a mark and the market
MOVES_SD: Final = 2.0
BPS: Final = 1e4
BPS_MIN: Final = 0.1


def trusted(market: "Market") -> NDArray[np.bool_]:
    """(S,) whether the book kept from events is close enough to the venue's own."""
    return np.asarray(market.depth.drift() <= TRUSTED_DRIFT)


def near_depth(market: "Market") -> Floats:
    """(S,) of the thinner side: depth within 10 to 100 basis points of the touch, as a mean of
    logarithms over the distances, so that none of them rules. Not known while too much of the book
    had to be mended."""
    bands = np.log(np.maximum(market.bands, DEPTH_MIN))
    total = bands[..., 0].copy()
    for k in range(1, bands.shape[2]):  # a mean of many short rows takes ten times as long
        total += bands[..., k]
    mean = total / bands.shape[2]
    return np.where(trusted(market), np.minimum(mean[:, 0], mean[:, 1]), np.nan)


def struck_share(market: "Market") -> Floats:
    """(S,) share of a minute's orders, cancels and fills that fell where the book is thin."""
    known = trusted(market)
    share: Floats = np.log(np.maximum(np.where(known, market.struck, np.nan), SHARE_MIN))
    return share


def index_age(market: "Market") -> Floats:
    """(S,) seconds by which the index is behind its mark: by its own time, or since it last
    moved while trades moved by 10 basis points."""
    prices = market.prices
    told_s = prices.told_ns / 1e9
    still_s = told_s - prices.still_ns / 1e9
    with np.errstate(invalid="ignore"):
        left = np.abs(np.log(prices.trade / prices.still_trade)) >= MOVED
    age_s = np.fmax(told_s - prices.told[INDEX_S], np.where(left, still_s, 0.0))
    known = np.isfinite(prices.told[INDEX]) & _fresh(market)
    return np.where(known, np.log(np.maximum(age_s, AGE_MIN_S)), np.nan)


def mark_distance(market: "Market") -> Floats:
    """(S,) basis points from the last trade, or the touch, to the mark, beyond two standard
    deviations of what the market moves in ten seconds."""
    prices = market.prices
    away = np.abs(np.log(prices.told[MARK] / market.price()))
    moves = MOVES_SD * np.sqrt(MOVES_S * prices.variance)
    beyond = np.log(np.maximum(BPS * (away - moves), BPS_MIN))
    return np.where(_fresh(market), beyond, np.nan)


def _fresh(market: "Market") -> Bools:
    """(S,) whether the latest mark is of now."""
    return np.asarray(market.now_ns - market.prices.told_ns <= STALE_NS)


def long_leverage(market: "Market") -> Floats:
    """(S,) leverage of long positions, weighted by what they are worth. Not known of a few: one
    account is no leverage of a market."""
    return _leverage(market, 0)


def short_leverage(market: "Market") -> Floats:
    """(S,) leverage of short positions, alike."""
    return _leverage(market, 1)


def _leverage(market: "Market", side: int) -> Floats:
    seen = market.risk.seen
    enough = seen.holders[:, side] >= HOLDERS_MIN
    return np.where(enough, np.log(seen.leverage[:, side]), np.nan)


def set_leverage(market: "Market") -> Floats:
    """(S,) mean of what accounts set, where the venue does not tell positions."""
    return np.log(market.risk.seen.set_leverage)


def band_pressure(market: "Market") -> Floats:
    """(S,) forced notional over resting depth at the worst distance, see bands.pressure."""
    pressed = np.log(np.maximum(market.risk.seen.pressure.weighed, PRESSURE_MIN))
    return np.where(trusted(market), pressed, np.nan)


def amplification(market: "Market") -> Floats:
    """(S,) by how much forced orders would grow that a shock on the symbol sets off."""
    return np.where(trusted(market), np.log(market.risk.seen.cascades.times), np.nan)


def crowd(market: "Market") -> Floats:
    """(S,) how crowded the side is that pays funding, see survey.crowd."""
    return np.log(np.maximum(market.risk.crowd, CROWD_MIN))


# Kinds of event without which a gauge is not known.
INPUTS: Final[dict[str, tuple[str, ...]]] = {
    "near_depth": ("order", "cancel"),
    "struck_share": ("order", "cancel"),
    "index_age": ("mark",),
    "mark_distance": ("mark",),
    "long_leverage": ("leverage",),
    "short_leverage": ("leverage",),
    "set_leverage": ("leverage",),
    "band_pressure": ("leverage", "order", "cancel"),
    "amplification": ("leverage", "order", "cancel"),
    "crowd": ("leverage", "mark"),
}

Gauges = dict[str, Callable[["Market"], Floats]]

OF_BOOKS: Final[Gauges] = {
    "near_depth": near_depth,
    "struck_share": struck_share,
    "index_age": index_age,
    "mark_distance": mark_distance,
}
OF_POSITIONS: Final[Gauges] = {
    "long_leverage": long_leverage,
    "short_leverage": short_leverage,
    "set_leverage": set_leverage,
    "band_pressure": band_pressure,
    "amplification": amplification,
    "crowd": crowd,
}
GAUGES: Final[Gauges] = {**OF_BOOKS, **OF_POSITIONS}
