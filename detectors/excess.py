"""How surprising a count is, when events come in noise and their rate wanders besides.

A count c is expected to be e; given the rate it is negative binomial with variance over mean
`counting`, and the log of the rate wanders with variance `wander2`. The surprise in nats is the
cheapest explanation of the excess: a rate raised by e^u costs u²/2·wander2, and the count that is
left over costs half its negative-binomial deviance from the raised mean. A raised rate keeps its
variance over mean, as noise.py learns it; with one that rose too, half of a burst would pass for
noise. The minimum over u is the rate function of the mixture (Laplace's method), so that
exp(-nats) falls as its tail does, for busy streams, whose noise is wandering, as well as for quiet
ones, whose noise is counting. With one dispersion for both the tails of busy streams are too heavy
to share a threshold with.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bools, Floats

NEWTON_STEPS: Final = 3
CERTAIN: Final = 1e9  # samples that noise rests on where it is taken for known


@dataclass(frozen=True, slots=True)
class Loud:
    """Windows that hold more than expected, (n,) each: row, ascending, stream, surprise in nats,
    and whether it is long, and the excess spread over it."""

    row: NDArray[np.intp]
    stream: NDArray[np.intp]
    nats: Floats
    lasting: Bools


_NOWHERE: Final = np.empty(0, np.intp)
SILENCE: Final = Loud(_NOWHERE, _NOWHERE, np.empty(0), np.empty(0, bool))


def nats(c: Floats, e: Floats, counting: Floats, wander2: Floats, known: Floats) -> Floats:
    """Surprise of counts above their expectation; all of one shape, c > e > 0, counting > 1.

    known: samples that counting and wander2 rest on; CERTAIN where that is not the question.
    """
    shape, ratio, stiffness = e / (counting - 1.0), np.log(c / e), 1.0 / wander2
    u = ratio * wander2 / (wander2 + counting / c)
    for _ in range(NEWTON_STEPS):
        raised = shape * np.exp(u)
        total = c + raised
        dearer = np.log(total / (raised * counting))
        curve = np.maximum(stiffness - raised * (dearer - c / total), stiffness / 2.0)
        u -= (u * stiffness - raised * dearer) / curve
        u = np.minimum(np.maximum(u, 0.0), ratio)
    raised = shape * np.exp(u)
    total = c + raised
    left = c * (ratio - u) - total * np.log(total / (raised * counting))
    certain = np.maximum(left + u * u * stiffness / 2.0, 0.0)
    found: Floats = known / 2.0 * np.log1p(2.0 * certain / known)
    return found
