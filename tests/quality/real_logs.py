"""Real order logs as counts per bin and kind of event; a log is a venue of one symbol.

Binance's sample is left out: six minutes leave nothing to learn from and nothing to be wrong in.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from detectors.base import Floats
from monitor.convert import CONVERTERS

DATA: Final = Path(__file__).parents[2] / "../shared/data"
KINDS: Final = ("order", "cancel")
LOGS: Final = {
    "AAPL": ("lobster", "lobster/LOBSTER_SampleFile_AAPL_2012-06-21_1.zip"),
    "AMZN": ("lobster", "lobster/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip"),
    "BTC-USD": ("bitstamp", "bitstamp/orders.csv.xz"),
}
_KIND_AT: Final = len(b'{"type":"')


@dataclass(frozen=True, slots=True)
class Counted:
    """One kind of event of one log. counts: (T,) events a bin, from the log's first bin to its
    last."""

    log: str
    kind: str
    counts: Floats


def read(name: str, bin_ns: int, data: Path = DATA) -> list[Counted]:
    """The kinds of one log; raises ConvertError where the file is absent."""
    source, path = LOGS[name]
    bins: defaultdict[str, list[int]] = defaultdict(list)
    for ts, line in CONVERTERS[source](data / path, Counter()):
        kind = line[_KIND_AT : line.index(b'"', _KIND_AT)].decode()
        bins[kind].append(ts // bin_ns)
    first = min(min(of_kind) for of_kind in bins.values())
    last = max(max(of_kind) for of_kind in bins.values())
    return [Counted(name, kind, _counts(bins[kind], first, last)) for kind in KINDS]


def _counts(bins: list[int], first: int, last: int) -> Floats:
    return np.bincount(np.array(bins) - first, minlength=last - first + 1).astype(np.float64)
