"""The levels that detectors judge: each a natural logarithm, one a symbol, NaN where not known."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats

if TYPE_CHECKING:
    from monitor.market.state import Market

DRIFT_MAX: Final = 0.2
SHARE_MIN: Final = 0.01
PRESSURE_MIN: Final = 0.01
CROWD_MIN: Final = 1e-4
DEPTH_MIN: Final = 1.0  # quote currency, below which a book is as good as empty


def trusted(market: "Market") -> NDArray[np.bool_]:
    """(S,) whether the book kept from events is close enough to the venue's own."""
    return np.asarray(market.depth.drift() <= DRIFT_MAX)


def near_depth(market: "Market") -> Floats:
    """(S,) of the thinner side: depth within 10 to 100 basis points of the touch, as a mean of
    logarithms over the distances, so that none of them rules. Not known while too much of the book
    had to be mended."""
    bands = np.log(np.maximum(market.depth.bands(), DEPTH_MIN))
    return np.where(trusted(market), bands.mean(axis=2).min(axis=1), np.nan)


def struck_share(market: "Market") -> Floats:
    """(S,) share of a minute's orders, cancels and fills that fell where the book is thin."""
    known = trusted(market)
    share: Floats = np.log(np.maximum(np.where(known, market.struck, np.nan), SHARE_MIN))
    return share


def long_leverage(market: "Market") -> Floats:
    """(S,) leverage of long positions, weighted by what they are worth."""
    return np.log(market.risk.seen.leverage[:, 0])


def short_leverage(market: "Market") -> Floats:
    """(S,) leverage of short positions, weighted by what they are worth."""
    return np.log(market.risk.seen.leverage[:, 1])


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


GAUGES: Final[dict[str, Callable[["Market"], Floats]]] = {
    "near_depth": near_depth,
    "struck_share": struck_share,
    "long_leverage": long_leverage,
    "short_leverage": short_leverage,
    "set_leverage": set_leverage,
    "band_pressure": band_pressure,
    "amplification": amplification,
    "crowd": crowd,
}
