"""How much more was cut than restored margin, and what of it the fee was the reason for."""

from dataclasses import dataclass

import numpy as np

from detectors.base import Bools, Floats
from detectors.liquidation_price import partial_step
from monitor.fairness.options import FairnessOptions
from monitor.fairness.trail import Trail


@dataclass(frozen=True, slots=True)
class Overshoot:
    """(n,) of each forced order. needed, free: base units that would have restored margin, with
    the fee and without one; NaN where that cannot be judged. told: with a margin ratio.
    early: cut though margin sufficed. wrong: it did not reduce the position, or took more than it.
    """

    needed: Floats
    free: Floats
    told: Bools
    early: Bools
    wrong: Bools

    @property
    def judged(self) -> Bools:
        return np.asarray(~np.isnan(self.needed))

    def beyond(self, trail: Trail) -> Floats:
        """(n,) base units cut beyond what was needed; 0 where that cannot be judged."""
        return np.nan_to_num(np.maximum(trail.qty - self.needed, 0.0))


def overshoot(trail: Trail, options: FairnessOptions) -> Overshoot:
    """Judge each forced order by its own margin ratio. Auto-deleveraging restores nobody's margin,
    so it is not judged by that."""
    told = np.isfinite(trail.ratio) & (trail.ratio != 0.0) & ~trail.adl
    equity_ratio = np.full(trail.ts.size, np.nan)
    equity_ratio[told] = 1.0 / trail.ratio[told]

    def step(cost: float) -> Floats:
        return partial_step(
            np.where(trail.position == 0.0, np.nan, trail.position),
            equity_ratio=equity_ratio,
            maintenance_rate=trail.rate,
            cost_rate=cost,
            target=options.target,
        )

    needed = step(options.fee_rate)
    sign = np.where(trail.side == 0, 1.0, -1.0)
    size = np.abs(trail.position)
    wrong = (sign * trail.position > 0.0) | (trail.qty > size * (1.0 + 1e-9))
    early = told & (trail.ratio > 0.0) & (trail.ratio < 1.0)
    return Overshoot(needed, step(0.0), told, np.asarray(early), np.asarray(wrong))
