"""Depth and liquidation bands of loud symbols as Prometheus metrics, in quote currency.

Only symbols that somebody looks at have series: see `Exporter.watched`. A symbol that is loud no
more leaves the exposition, and so does one whose book can no longer be trusted.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from prometheus_client.core import GaugeMetricFamily, Metric

from detectors.base import Floats
from monitor.market.bands import FALL
from monitor.market.depth import BANDS_BPS
from monitor.market.findings import Findings
from monitor.market.gauges import trusted
from monitor.market.state import Market

SIDES: Final = ("bids", "asks")
_DEPTH: Final = ("symbol", "side", "within_bps")
_BAND: Final = ("symbol", "side")
# Name -> what it says, and its labels.
FAMILIES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "foreshock_depth_quote": (
        "Quote currency that rests within a distance of the touch, of loud symbols.",
        _DEPTH,
    ),
    "foreshock_depth_usual_quote": ("The same, as it usually is: over half an hour.", _DEPTH),
    "foreshock_band_forced_quote": (
        "Quote currency that the worst band of a loud symbol would force. side: who takes it.",
        _BAND,
    ),
    "foreshock_band_resting_quote": ("Quote currency that rests in that band to take it.", _BAND),
    "foreshock_band_distance_ratio": (
        "How far the mark has to move for that, as a share of the mark.",
        _BAND,
    ),
    "foreshock_band_pressure_ratio": (
        "Forced over resting, less the farther away beyond 3 %: what liquidation_band judges.",
        _BAND,
    ),
}
_Told = dict[str, list[tuple[tuple[str, ...], float]]]


class BookMetrics:
    """What the market was like at the last look."""

    def __init__(self) -> None:
        self._told: _Told = {}

    def look(self, market: Market, at_bin: int, rows: Mapping[str, int]) -> None:
        """Take in how some symbols stand at the end of a bin. rows: by symbol."""
        known = trusted(market)
        usual = market.clustering.usual_bands()
        found = market.risk.found(at_bin)
        told: _Told = {name: [] for name in FAMILIES}
        for symbol, row in rows.items():  # a few
            if row < len(market.bands) and known[row]:
                _note_depth(told["foreshock_depth_quote"], symbol, market.bands[row])
                _note_depth(told["foreshock_depth_usual_quote"], symbol, usual[row])
            if row < found.side.size and known[row]:
                _note_band(told, symbol, found, row)
        self._told = told

    def collect(self) -> Iterable[Metric]:
        """Gauges as they stand at this scrape."""
        told = self._told  # one look: it may be replaced meanwhile
        for name, (text, labels) in FAMILIES.items():
            family = GaugeMetricFamily(name, text, labels=labels)
            for values, value in told.get(name, ()):
                family.add_metric(values, value)
            yield family


def _note_depth(samples: list[tuple[tuple[str, ...], float]], symbol: str, within: Floats) -> None:
    """within: (2, len(BANDS_BPS)) of bids and asks; NaN is not known."""
    for side, amounts in zip(SIDES, within.tolist(), strict=True):
        for bps, amount in zip(BANDS_BPS, amounts, strict=True):
            if np.isfinite(amount):
                samples.append(((symbol, side, str(bps)), amount))


def _note_band(told: _Told, symbol: str, found: Findings, row: int) -> None:
    """Nothing where no position is known, or none would be forced."""
    if not found.forced[row] > 0.0:
        return
    labels = (symbol, SIDES[0 if found.side[row] == FALL else 1])
    for name, value in (
        ("foreshock_band_forced_quote", found.forced[row]),
        ("foreshock_band_resting_quote", found.resting[row]),
        ("foreshock_band_distance_ratio", np.expm1(found.away[row])),
        ("foreshock_band_pressure_ratio", found.weighed[row]),
    ):
        told[name].append((labels, float(value)))
