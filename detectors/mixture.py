"""Evidence that some of many streams are unusual, though each may be too weak alone.

The mixture of Xie and Siegmund (2013): the sum over streams of log(1 - p0 + p0·e^(κ·nats)), where
p0 is the share of streams believed to be part of an anomaly, and κ < 1 tempers the evidence, since
it is the best of many moments. One p0 hears few strong streams, another many weak ones. How loud
one stream is, is another question, which is asked of it alone; so none may say more here than a
bounded amount, or one clump of events on a stream that is nearly silent would pass for many.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats
from detectors.windows import SCALES

BELIEFS: Final = ((0.01, 0.4), (0.1, 0.5))  # p0 and κ: few streams, many streams
SAY: Final = 4.0  # nats, the most that one stream may
SIZE: Final = len(BELIEFS) * SCALES  # of the statistic: by belief, then by window length


def mixture(rows: int, row: NDArray[np.intp], nats: Floats) -> Floats:
    """(rows, beliefs) sums over streams, from the nats that are not zero and their rows, (n,)."""
    if not nats.size:
        return np.zeros((rows, len(BELIEFS)))
    each = [
        np.log1p(p0 * np.expm1(np.minimum(tempered * nats, np.log1p(np.expm1(SAY) / p0))))
        for p0, tempered in BELIEFS
    ]
    return np.stack([np.bincount(row, weights=e, minlength=rows) for e in each], axis=1)
