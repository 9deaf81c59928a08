"""Every detector by name: one line each."""

from collections.abc import Callable
from functools import partial

from detectors.base import Detector
from detectors.burst import Burst
from detectors.drift import Drift
from detectors.market_wide import MarketWide
from detectors.options import BurstOptions

# What each burst signal counts; all of them are judged in one go.
BURSTS: dict[str, str] = {
    "order_burst": "order",
    "cancel_burst": "cancel",
    "leverage_burst": "leverage",
    "liquidation_burst": "liquidation",
    "reject_storm": "reject",
}
DETECTORS: dict[str, Callable[[BurstOptions], Detector]] = {
    **{signal: partial(Burst, signal, feature) for signal, feature in BURSTS.items()},
    "market_wide": lambda options: MarketWide(("order", "cancel", "leverage"), options),
    "drift.order": lambda options: Drift("order", options),
    "drift.cancel": lambda options: Drift("cancel", options),
    "drift.leverage": lambda options: Drift("leverage", options),
}
