"""Bursts of known size planted into real flow, made of that flow's own recent stretches.

To multiply the flow by `ratio`, `ratio - 1` of flow is added: whole copies, and a share of the
events of one more. A copy is a chain of blocks drawn with replacement from the five minutes before
the burst, shifted by whole bins, so events that came together stay together; only where a block
ends, and in the copy of which a share is kept, is clustering lost. A recent past without events
adds none: twice nothing is nothing.
"""

from typing import Final

import numpy as np

from detectors.base import Floats

RECENT_S: Final = 300.0
BLOCK_S: Final = 5.0


def extra(
    counts: Floats, start: int, bins: int, *, ratio: float, bin_s: float, rng: np.random.Generator
) -> Floats:
    """(bins,) counts to add to the bins from `start` on. counts: (T,) of the whole log."""
    if ratio <= 1.0:
        raise ValueError(f"ratio must be above 1, was {ratio}")
    recent = counts[max(start - round(RECENT_S / bin_s), 0) : start]
    block = min(bins, round(BLOCK_S / bin_s))
    if recent.size < block:
        raise ValueError(f"a burst at bin {start} has {recent.size} bins before it")
    whole, share = divmod(ratio - 1.0, 1.0)
    added = np.zeros(bins)
    for _ in range(int(whole)):
        added += _copy(recent, bins, block, rng)
    if share > 0.0:
        added += rng.binomial(_copy(recent, bins, block, rng).astype(np.int64), share)
    return added


def _copy(recent: Floats, bins: int, block: int, rng: np.random.Generator) -> Floats:
    """(bins,) blocks of the recent past, one after the other."""
    starts = rng.integers(0, recent.size - block + 1, -(-bins // block))
    copy: Floats = recent[(starts[:, None] + np.arange(block)).ravel()[:bins]]
    return copy
