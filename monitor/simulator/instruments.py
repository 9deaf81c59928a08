"""What is traded: names, tick and lot sizes, volatility, margins, and shares of the flow."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.simulator.arrays import Floats, Ints, Names, named
from monitor.simulator.profiles import Profile

LOT_USD: Final = 10.0  # a lot is worth at most this much at first
DAY_S: Final = 86_400.0
SILENT_SHARE_OF_FLOW: Final = 2e-4  # of an average symbol's


@dataclass(frozen=True, slots=True)
class Instruments:
    """Symbols by row, (S,) everywhere; prices are counted in ticks, quantities in lots.

    price_units, lot_units: ticks in one of quote currency, lots in one base unit (powers of ten).
    tick_usd: value of one lot moving one tick. lot_usd: of a lot at the first price.
    start_ticks: the first index price.
    share: of the venue's flow, sums to 1. active: symbols that are not silent.
    beta: exposure to the market factor. sd: of the log index over one second.
    margin_rate: maintenance margin as a share of notional.
    """

    names: Names
    price_units: Floats
    lot_units: Floats
    tick_usd: Floats
    lot_usd: Floats
    start_ticks: Floats
    share: Floats
    active: Ints
    beta: Floats
    sd: Floats
    margin_rate: Floats

    def __len__(self) -> int:
        return int(self.names.size)


def instruments(rng: np.random.Generator, names: tuple[str, ...], profile: Profile) -> Instruments:
    """Draw what the symbols are like. A price has five digits: a tick is 0.1 to 1 basis point."""
    count = len(names)
    price = np.exp(rng.normal(np.log(20.0), 2.0, count))
    decimals = np.maximum(4 - np.floor(np.log10(price)), 0.0)
    lot_decimals = np.maximum(np.ceil(np.log10(price / LOT_USD)), 0.0)
    price_units, lot_units = 10.0**decimals, 10.0**lot_decimals
    share, active = _shares(count, profile)
    return Instruments(
        names=named(list(names)),
        price_units=price_units,
        lot_units=lot_units,
        tick_usd=1.0 / (price_units * lot_units),
        lot_usd=price / lot_units,
        start_ticks=np.round(price * price_units),
        share=share,
        active=active,
        beta=rng.uniform(0.7, 1.3, count),
        sd=rng.uniform(0.03, 0.06, count) / np.sqrt(DAY_S),
        margin_rate=np.where(np.arange(count) < 2, 0.005, 0.01),
    )


def _shares(count: int, profile: Profile) -> tuple[Floats, Ints]:
    """Each symbol's share of the flow, and the symbols that are not silent."""
    weight = (np.arange(count) + 1.0) ** -profile.skew
    silent = int(profile.silent_share * count)
    active = np.arange(count - silent)
    weight /= weight[active].sum()
    weight[count - silent :] = SILENT_SHARE_OF_FLOW / count
    return weight / weight.sum(), active
