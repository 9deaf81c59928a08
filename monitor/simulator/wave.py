"""When forced orders became a wave: read from the liquidations that the venue itself made.

The first forced wave is the first 5 s window with, together,
    at least 15 liquidations,
    of at least 10 accounts,
    of a notional of at least 10 times the mean over 5 s of the time before the onset,
    and of at least 1 % of the venue's open interest at the start.
Its time is that of the first liquidation in the window. Only what comes at or after the onset
counts.
"""

from typing import Final

import numpy as np

from monitor.events import NS_PER_S
from monitor.simulator.arrays import Floats, Ints

WINDOW_NS: Final = 5 * NS_PER_S
LIQUIDATIONS_MIN: Final = 15
ACCOUNTS_MIN: Final = 10
TIMES_QUIET_MIN: Final = 10.0
INTEREST_SHARE_MIN: Final = 0.01


def first_forced_wave_ns(
    ts_ns: Ints, account: Ints, usd: Floats, *, onset_ns: int, start_ns: int, interest_usd: float
) -> int | None:
    """Where the wave begins among (n,) liquidations in the order of time, None without one.

    interest_usd: the venue's open interest at the start.
    """
    before = ts_ns < onset_ns
    windows = max((onset_ns - start_ns) / WINDOW_NS, 1.0)
    least = max(
        TIMES_QUIET_MIN * float(usd[before].sum()) / windows, INTEREST_SHARE_MIN * interest_usd
    )
    ts_ns, account, usd = ts_ns[~before], account[~before], usd[~before]
    end = np.searchsorted(ts_ns, ts_ns + WINDOW_NS, side="left")
    total = np.concatenate([[0.0], np.cumsum(usd)])
    first = np.arange(ts_ns.size)
    likely = (end - first >= LIQUIDATIONS_MIN) & (total[end] - total[first] >= least)
    # Distinct accounts need a look at each window, and few windows get so far.
    for begin in np.flatnonzero(likely):
        if np.unique(account[begin : end[begin]]).size >= ACCOUNTS_MIN:
            return int(ts_ns[begin])
    return None
