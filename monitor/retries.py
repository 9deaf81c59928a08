"""Whether rejects are one client that never backs off, or many that a limit has caught."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.columns import Interner
from monitor.keys import account_of, stream_of

ALONE: Final = 0.5  # of all rejects, from which on one account is what it is about
STEADY: Final = 0.8  # of the bins since its first, with a reject in each: it does not back off
BINS_MIN: Final = 8  # that tell a rhythm


def note(
    bins: Sequence[NDArray[np.int64]], streams: NDArray[np.int64], accounts: Interner
) -> str | None:
    """What the rejects of some streams (keys without their account) look like, in words.

    bins: the keys of each bin since the onset, in order.
    """
    keys = np.concatenate([np.empty(0, np.int64), *bins])
    mine = np.isin(stream_of(keys), streams)
    codes_of = account_of(keys[mine])
    codes, counts = np.unique(codes_of, return_counts=True)
    if not codes.size:
        return None
    most = counts.max()
    name, code = min((accounts.names[c], c) for c in codes[counts == most].tolist())
    if most < ALONE * counts.sum() or not code:
        return f"{codes.size} accounts were refused: a limit may have been tightened"
    bin_of = np.repeat(np.arange(len(bins)), [part.size for part in bins])[mine]
    present = np.zeros(len(bins), bool)
    present[bin_of[codes_of == code]] = True
    since = present[present.argmax() :]
    if since.size < BINS_MIN:
        return None
    if since.mean() >= STEADY:
        return f"{name} tries again without backing off"
    return f"{name} was refused again and again, with pauses"
