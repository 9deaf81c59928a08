"""Every detector by name: one line each."""

from collections.abc import Callable

from detectors.base import Detector
from detectors.burst import Burst
from detectors.clock_skew import ClockSkew
from detectors.drift import Drift
from detectors.feed_gap import FeedGap
from detectors.level import Level, LevelOptions
from detectors.market_wide import MarketWide
from detectors.options import BurstOptions

# What judges the input stands first: what it finds silent, the others do not see.
DETECTORS: dict[str, Callable[[BurstOptions], Detector]] = {
    "feed_gap": FeedGap,
    "clock_skew": ClockSkew,
    "order_burst": lambda options: Burst("order_burst", "order", options),
    "cancel_burst": lambda options: Burst("cancel_burst", "cancel", options),
    "leverage_burst": lambda options: Burst("leverage_burst", "leverage", options),
    "market_wide": lambda options: MarketWide(("order", "cancel", "leverage"), options),
    "thin_book": lambda options: Level(
        "thin_book", LevelOptions(gauge="near_depth", rising=False, sd=0.7), options
    ),
    "index_lag": lambda options: Level(
        "index_lag",
        LevelOptions(gauge="index_age", rising=True, sd_min=0.3, material=2.0),
        options,
    ),
    "mark_divergence": lambda options: Level(
        "mark_divergence",
        # Trades run ahead of every mark for a second or two.
        LevelOptions(gauge="mark_distance", rising=True, sd_min=0.3, material=10.0, looks_min=4),
        options,
    ),
    "drift.order": lambda options: Drift("order", options),
    "drift.cancel": lambda options: Drift("cancel", options),
    "drift.leverage": lambda options: Drift("leverage", options),
}
