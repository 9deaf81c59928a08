"""What could not be judged, of how many, and for want of what: said, not passed over."""

import numpy as np

from detectors.base import Bools, Floats
from monitor.fairness.order import Order
from monitor.fairness.overshoot import Overshoot
from monitor.fairness.trail import Trail
from monitor.fairness.verdict import Unknown


def unknown(
    trail: Trail, over: Overshoot, order: Order, paid_qty: Floats, bps: Floats
) -> list[Unknown]:
    """Each reason that hit anything. paid_qty, bps: (n,) what traded, and how it was priced."""
    cut, adl, some = ~trail.adl, trail.adl, np.ones(trail.ts.size, np.bool_)
    late = cut & over.told & ~order.after & ~order.in_hand
    ranked = (trail.entry > 0.0) & (trail.leverage > 0.0)
    traded = paid_qty > 0.0
    rows: list[tuple[Bools, Bools, str]] = [
        (trail.kind == 3, some, "forced orders carry no kind: taken for liquidations"),
        (cut & ~over.told, cut, "liquidations carry no margin_ratio: no overshoot, no order"),
        (
            cut & over.told & ~over.judged,
            cut,
            "liquidations carry no position_before, or no margin rate is known: no overshoot",
        ),
        (
            late & ~trail.whole,
            cut,
            "liquidations share collateral with positions of unknown size: not whether they waited",
        ),
        (
            late & trail.whole,
            cut,
            "liquidations have no mark, or traded unseen: not whether they waited",
        ),
        (adl & ~ranked, adl, "auto-deleveraged without a known entry and leverage: no order"),
        (traded & np.isnan(bps), some, "forced orders traded without a known mark: no price"),
        (~traded, some, "forced orders without a fill in the log: no price"),
        (cut & traded & np.isnan(trail.entry), cut, "liquidations without a known entry: no loss"),
    ]
    return [
        Unknown(count=int(mine.sum()), of=int(of.sum()), what=what)
        for mine, of, what in rows
        if mine.any()
    ]
