"""The demo's exchange: a simulated venue of twelve symbols, and one bad minute on five of them.

Everything follows from the seed and from the time since the start, slice by slice.
"""

from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from monitor.simulator import Options, Simulation
from monitor.simulator.casting import SIZES, Act, Casting, Venue, ramp
from monitor.simulator.controls import Controls
from monitor.simulator.ingredients import at_height, gear_up, pull
from monitor.simulator.options import NAMED

SYMBOLS: Final = tuple(f"{name}-PERP" for name in NAMED)
HIT: Final = 5  # symbols that lose their makers
PULLERS: Final = 3  # makers that share one collateral pool
EVENTS_PER_S: Final = 600.0
LONGEST_S: Final = 30 * 86_400.0
TOPIC_OF: Final = {
    "OrderLine": "orders",
    "FillLine": "orders",
    "CancelLine": "cancels",
    "LeverageChange": "leverage-changes",
}
encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """When things go wrong, in seconds since the start."""

    leverage_from_s: float = 52.0
    pull_from_s: float = 60.0
    pull_until_s: float = 80.0
    haste: float = 20.0
    leverage_per_s: float = 6.0


class Exchange:
    """Call `slice` once for every SLICE_S of monitor.simulator.slices, in order."""

    def __init__(self, *, seed: int, start_ns: int, script: Script | None = None) -> None:
        options = Options(
            seed=seed, symbols=SYMBOLS, rate=EVENTS_PER_S, start_ns=start_ns, duration_s=LONGEST_S
        )
        simulation = Simulation(options)
        programme = simulation.market.programme  # nothing of what a normal day brings
        programme.acts[:] = [bad_minute(simulation.market.venue, script, seed)]
        programme.gaps.clear()
        self._slices = simulation.events()

    def slice(self) -> list[tuple[str, str, bytes]]:
        """Topic, key and value of every event of the next slice, in the order of arrival."""
        return [
            (TOPIC_OF[type(event).__name__], event.symbol, encode(event))
            for event in next(self._slices)
            if type(event).__name__ in TOPIC_OF
        ]


def bad_minute(venue: Venue, script: Script | None, seed: int) -> Act:
    """Leverage piles up on a few symbols, then makers pull their quotes there."""
    told = script or Script()
    cast = Casting(np.random.default_rng([seed, 3]), venue, SIZES[1])
    symbols = venue.traded.active[:HIT]
    geared = gear_up(cast, symbols, cast.traders(symbols, 40), leverage=(20.0, 45.0))
    pulled_after_s = told.pull_from_s - told.leverage_from_s
    lasts_s = told.pull_until_s - told.leverage_from_s

    def turn(controls: Controls, since_s: float) -> None:
        share = ramp(since_s, 0.0, lasts_s)
        controls.geared += at_height(geared, told.leverage_per_s, share)
        if since_s >= pulled_after_s:
            pull(controls, symbols, np.arange(PULLERS), haste=told.haste, keep=0.35)

    return Act("maker_withdrawal", False, cast.size, told.leverage_from_s, lasts_s, turn, symbols)
