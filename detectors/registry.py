"""Every detector by name: one line each."""

from collections.abc import Callable
from functools import partial

from detectors.base import Detector
from detectors.burst import Burst
from detectors.clock_skew import ClockSkew
from detectors.drift import Drift
from detectors.feed_gap import FeedGap
from detectors.level import Level
from detectors.level_options import LevelOptions
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


def _leverage(gauge: str) -> LevelOptions:
    return LevelOptions(gauge=gauge, rising=True, sd=0.3, sd_min=0.15, material=4.0, looks_min=4)


# Levels by name, all of them judged in one go; what stands before a dot is the signal.
LEVELS: dict[str, LevelOptions] = {
    # Makers that pull for seconds and come back are no thin book.
    "thin_book": LevelOptions(
        gauge="near_depth", rising=False, sd=0.3, sd_min=0.05, looks_min=16, reach=0.7
    ),
    "thin_book_clustering": LevelOptions(
        gauge="struck_share", rising=True, sd=0.5, sd_min=0.35, material=0.2, looks_min=16
    ),
    "index_lag": LevelOptions(gauge="index_age", rising=True, sd_min=0.3, material=2.0),
    # Trades run ahead of every mark for a second or two.
    "mark_divergence": LevelOptions(
        gauge="mark_distance", rising=True, sd_min=0.3, material=10.0, looks_min=4
    ),
    "leverage_shift.long": _leverage("long_leverage"),
    "leverage_shift.short": _leverage("short_leverage"),
    "leverage_shift.set": _leverage("set_leverage"),
    "liquidation_band": LevelOptions(
        gauge="band_pressure", rising=True, sd=0.5, sd_min=0.35, material=0.05, looks_min=4
    ),
    "cascade": LevelOptions(
        gauge="amplification", rising=True, sd=0.4, sd_min=0.25, material=1.3, looks_min=4
    ),
    "crowding": LevelOptions(
        gauge="crowd", rising=True, sd=0.5, sd_min=0.35, material=1e-3, looks_min=16
    ),
}

# What judges the input stands first: what it finds silent, the others do not see.
DETECTORS: dict[str, Callable[[BurstOptions], Detector]] = {
    "feed_gap": FeedGap,
    "clock_skew": ClockSkew,
    **{signal: partial(Burst, signal, feature) for signal, feature in BURSTS.items()},
    "market_wide": lambda options: MarketWide(("order", "cancel", "leverage"), options),
    **{name: partial(Level, name, level) for name, level in LEVELS.items()},
    "drift.order": lambda options: Drift("order", options),
    "drift.cancel": lambda options: Drift("cancel", options),
    "drift.leverage": lambda options: Drift("leverage", options),
}
