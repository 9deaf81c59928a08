"""How surprising a count is, when events come in noise and their rate wanders besides.

A count c is expected to be e; given the rate it is negative binomial with variance over mean
`counting`, and the log of the rate wanders with variance `wander2`. The surprise in nats is the
cheapest explanation of the excess: a rate raised by e^u costs u²/2·wander2, and the count that is
left over costs half its negative-binomial deviance from the raised mean. The minimum over u is the
rate function of the mixture (Laplace's method), so that exp(-nats) falls as its tail does, for
busy streams, whose noise is wandering, as well as for quiet ones, whose noise is counting. With
one dispersion for both the tails of busy streams are too heavy to share a threshold with.
"""

from typing import Final

import numpy as np

from detectors.base import Floats

NEWTON_STEPS: Final = 4
CERTAIN: Final = 1e9  # samples that noise rests on where it is taken for known


def nats(c: Floats, e: Floats, counting: Floats, wander2: Floats, known: Floats) -> Floats:
    """Surprise of counts above their expectation; all of one shape, c > e > 0, counting > 1.

    known: samples that counting and wander2 rest on; CERTAIN where that is not the question.
    """
    shape = e / (counting - 1.0)
    total, stiffness = c + shape, 1.0 / wander2
    ratio = np.log(c / e)
    u = ratio * wander2 / (wander2 + counting / c)
    for _ in range(NEWTON_STEPS):
        raised = e * np.exp(u)
        share = raised / (raised + shape)
        taken = total * share
        u = u - (taken - c + u / wander2) / (taken * (1.0 - share) + stiffness)
    raised = e * np.exp(u)
    left = c * (ratio - u) - total * np.log(total / (raised + shape))
    certain = np.maximum(left + u * u / (2.0 * wander2), 0.0)
    found: Floats = known / 2.0 * np.log1p(2.0 * certain / known)
    return found
