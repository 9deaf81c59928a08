"""What the labels need to know of the past: every liquidation the venue made."""

import numpy as np

from monitor.simulator.arrays import Floats, Ints


class History:
    """Columns of liquidations, in the order of time."""

    def __init__(self) -> None:
        self._ts_ns: list[Ints] = []
        self._account: list[Ints] = []
        self._usd: list[Floats] = []

    def liquidated(self, ts_ns: Ints, account: Ints, usd: Floats) -> None:
        """Liquidations of one slice. usd: their notional at the mark."""
        self._ts_ns.append(ts_ns)
        self._account.append(account)
        self._usd.append(usd)

    def liquidations(self) -> tuple[Ints, Ints, Floats]:
        """(n,) time in ns, account code and notional of all so far."""
        nothing = np.empty(0, np.int64)
        return (
            np.concatenate([nothing, *self._ts_ns]),
            np.concatenate([nothing, *self._account]),
            np.concatenate([np.empty(0), *self._usd]),
        )
