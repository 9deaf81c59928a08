"""Accounts set their leverage, and move collateral so that it fits."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.simulator.arrays import Floats, Ints
from monitor.simulator.controls import Controls, Gearing
from monitor.simulator.ledger import LEVERAGES, SLACK, Ledger
from monitor.simulator.slices import SLICE_NS, SLICE_S

FIT_SHARE: Final = 0.5  # of ordinary changes, those that move collateral too
TIGHT: Final = (1.03, 1.12)  # collateral over what is asked, where a scenario gears up


@dataclass(frozen=True, slots=True)
class LeverageChanges:
    """(n,) changes. at_ns: since the slice began."""

    holder: Ints
    old: Floats
    new: Floats
    at_ns: Ints


def change(
    rng: np.random.Generator,
    per_slice: Floats,
    controls: Controls,
    ledger: Ledger,
    marks: Floats,
) -> LeverageChanges:
    """Draw and carry out one slice's changes. per_slice: (S,) mean number of ordinary ones."""
    counts = rng.poisson(per_slice * controls.gearing)
    holder = ledger.random_traders(rng, np.repeat(np.arange(counts.size), counts))
    new = LEVERAGES[rng.integers(0, LEVERAGES.size, holder.size)]
    fits = rng.random(holder.size) < FIT_SHARE
    slack = np.where(fits, rng.uniform(*SLACK, holder.size), 0.0)
    parts = [(holder, new, slack)]
    parts += [_scenario_part(rng, geared) for geared in controls.geared]
    holder, new, slack = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = rng.permutation(holder.size)
    holder, new, slack = holder[order], new[order], slack[order]
    old = ledger.leverage[holder]
    changed = new != old
    holder, old, new, slack = holder[changed], old[changed], new[changed], slack[changed]
    ledger.leverage[holder] = new
    _fit_collateral(ledger, marks, holder, slack)
    at_ns = np.sort(rng.integers(0, SLICE_NS, holder.size))
    return LeverageChanges(holder, old, new, at_ns)


def _scenario_part(rng: np.random.Generator, geared: Gearing) -> tuple[Ints, Floats, Floats]:
    count = int(rng.poisson(geared.per_s * SLICE_S)) if geared.holders.size else 0
    at = rng.integers(0, max(geared.holders.size, 1), count)
    return geared.holders[at], geared.leverage[at], rng.uniform(*TIGHT, count)


def _fit_collateral(ledger: Ledger, marks: Floats, holder: Ints, slack: Floats) -> None:
    """Deposit or withdraw so that each pool's equity is slack times what its positions ask."""
    fits = slack > 0.0
    if not fits.any():
        return
    pool = ledger.pool[holder[fits]]
    gap = ledger.asked_usd(marks)[pool] * slack[fits] - ledger.equity_usd(marks)[pool]
    ledger.deposit[pool] += gap  # of a pool named twice, the last change counts
