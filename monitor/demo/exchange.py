"""The demo's exchange: a simulated venue of twelve symbols, and bad minutes on five of them.

Everything follows from the seed and from the time since the start, slice by slice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from monitor.simulator import Options, Simulation
from monitor.simulator.casting import SIZES, Act, Casting, Venue, ramp
from monitor.simulator.controls import Controls
from monitor.simulator.ingredients import at_height, gear_up, pull
from monitor.simulator.options import NAMED
from monitor.simulator.slices import SLICE_S

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
EVERY_TOPIC: Final = TOPIC_OF | dict.fromkeys(
    ("Book", "Mark", "Liquidation", "RejectLine"), "market"
)
encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """When things go wrong, in seconds since the start. every_s: and again, None is once."""

    leverage_from_s: float = 52.0
    pull_from_s: float = 60.0
    pull_until_s: float = 80.0
    haste: float = 20.0
    leverage_per_s: float = 6.0
    every_s: float | None = None


class Exchange:
    """Call `slice` once for every SLICE_S of monitor.simulator.slices, in order."""

    def __init__(
        self,
        *,
        seed: int,
        start_ns: int,
        script: Script | None = None,
        topics: Mapping[str, str] = TOPIC_OF,
    ) -> None:
        options = Options(
            seed=seed, symbols=SYMBOLS, rate=EVENTS_PER_S, start_ns=start_ns, duration_s=LONGEST_S
        )
        simulation = Simulation(options)
        programme = simulation.market.programme  # nothing of what a normal day brings
        programme.acts.clear()
        programme.gaps.clear()
        self._simulation, self._seed, self._script = simulation, seed, script or Script()
        self._topics = topics
        self._minutes = 0
        self._slices = simulation.events()

    def slice(self) -> list[tuple[str, str, bytes]]:
        """Topic, key and value of every event of the next slice, in the order of arrival."""
        self._plan()
        return [
            (self._topics[type(event).__name__], event.symbol, encode(event))
            for event in next(self._slices)
            if type(event).__name__ in self._topics
        ]

    def _plan(self) -> None:
        """Cast the next bad minute where the one before has begun."""
        every_s, minutes = self._script.every_s, self._minutes
        begun_s = self._simulation.slices_done * SLICE_S
        if not minutes or (every_s is not None and begun_s >= minutes * every_s):
            venue, acts = self._simulation.market.venue, self._simulation.market.programme.acts
            chance = [self._seed, 3, minutes] if minutes else [self._seed, 3]
            acts[:-1] = []  # those before are over
            acts.append(bad_minute(venue, self._script, chance, after_s=minutes * (every_s or 0.0)))
            self._minutes += 1


def bad_minute(venue: Venue, told: Script, chance: list[int], *, after_s: float) -> Act:
    """Leverage piles up on a few symbols, then makers pull their quotes there."""
    cast = Casting(np.random.default_rng(chance), venue, SIZES[1])
    symbols = venue.traded.active[:HIT]
    geared = gear_up(cast, symbols, cast.traders(symbols, 40), leverage=(20.0, 45.0))
    pulled_after_s = told.pull_from_s - told.leverage_from_s
    lasts_s = told.pull_until_s - told.leverage_from_s

    def turn(controls: Controls, since_s: float) -> None:
        share = ramp(since_s, 0.0, lasts_s)
        controls.geared += at_height(geared, told.leverage_per_s, share)
        if since_s >= pulled_after_s:
            pull(controls, symbols, np.arange(PULLERS), haste=told.haste, keep=0.35)

    onset_s = after_s + told.leverage_from_s
    return Act("maker_withdrawal", False, cast.size, onset_s, lasts_s, turn, symbols)
