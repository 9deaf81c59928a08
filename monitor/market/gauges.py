"""The levels that detectors judge: each a natural logarithm, one a symbol, NaN where not known."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np

from detectors.base import Floats

if TYPE_CHECKING:
    from monitor.market.state import Market

DRIFT_MAX: Final = 0.2
DEPTH_MIN: Final = 1.0  # quote currency, below which a book is as good as empty


def near_depth(market: "Market") -> Floats:
    """(S,) of the thinner side: depth within 10 to 100 basis points of the touch, as a mean of
    logarithms over the distances, so that none of them rules. Not known while too much of the book
    had to be mended."""
    bands = np.log(np.maximum(market.depth.bands(), DEPTH_MIN))
    trusted = market.depth.drift() <= DRIFT_MAX
    return np.where(trusted, bands.mean(axis=2).min(axis=1), np.nan)


GAUGES: Final[dict[str, Callable[["Market"], Floats]]] = {
    "near_depth": near_depth,
}
