"""Mark prices of each symbol over time, as the log tells them."""

import numpy as np

from detectors.base import Floats, Ints


class Marks:
    """ts, symbol, mark: (n,) in any order."""

    def __init__(self, ts: Ints, symbol: Ints, mark: Floats, *, age_ns: int) -> None:
        self._age_ns = age_ns
        self._of: dict[int, tuple[Ints, Floats]] = {}
        for code in np.unique(symbol).tolist():
            mine = np.flatnonzero((symbol == code) & (mark > 0.0))
            # Two marks of one moment: the order must not depend on how partitions interleave.
            mine = mine[np.lexsort((mark[mine], ts[mine]))]
            self._of[code] = ts[mine], mark[mine]

    def at(self, symbol: Ints, ts: Ints) -> Floats:
        """(n,) the last mark at or before each moment; NaN where it is too old or there is none."""
        found = np.full(ts.size, np.nan)
        for code, (when, mark) in self._of.items():
            mine = np.flatnonzero(symbol == code)
            last = np.searchsorted(when, ts[mine], side="right") - 1
            mine, last = mine[last >= 0], last[last >= 0]
            fresh = ts[mine] - when[last] <= self._age_ns
            found[mine[fresh]] = mark[last[fresh]]
        return found

    def around(self, symbol: int, ts: int, near_ns: int) -> tuple[float, float]:
        """Least and greatest mark that may have been known near a moment; NaN without one."""
        if symbol not in self._of:
            return np.nan, np.nan
        when, mark = self._of[symbol]
        first = max(int(np.searchsorted(when, ts - near_ns, side="right")) - 1, 0)
        end = int(np.searchsorted(when, ts + near_ns, side="right"))
        if first >= end or ts - when[end - 1] > self._age_ns:
            return np.nan, np.nan
        near = mark[first:end]
        return float(near.min()), float(near.max())
