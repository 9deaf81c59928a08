"""What happens on the venue and when: the scenario asked for, and what a normal day brings."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.events import NS_PER_S
from monitor.labels import Size
from monitor.simulator.casting import Act, Casting, Venue
from monitor.simulator.decoys import FUNDING_LEAD_S
from monitor.simulator.options import Options
from monitor.simulator.scenarios import QUIET, SCENARIOS

FUNDING_EVERY_S: Final = 8 * 3_600.0
PER_HOUR: Final = {"news": 0.5, "maker_restart": 0.7, "listing": 1.0 / 24.0}
GAPS_PER_HOUR: Final = 1.0 / 6.0
GAP_S: Final = (2.0, 15.0)
NATURAL_SIZES: Final[tuple[Size, ...]] = ("small", "small", "small", "small", "medium", "large")


@dataclass(frozen=True, slots=True)
class Programme:
    """acts: by onset. gaps: spans in seconds whose events never reach the log.

    funding_s: one moment of funding, in seconds from the start; the others are 8 h apart.
    """

    acts: list[Act]
    gaps: list[tuple[float, float]]
    funding_s: float

    def to_funding_s(self, now_s: float) -> float:
        """Seconds to the nearest funding; negative after it."""
        half = 0.5 * FUNDING_EVERY_S
        return (self.funding_s - now_s + half) % FUNDING_EVERY_S - half


def programme(options: Options, venue: Venue) -> Programme:
    """Draw everything beforehand, the scenario and the normal day each from its own stream."""
    nature = np.random.default_rng([options.seed, 1])
    acts = [
        _act(name, onset_s, Casting(nature, venue, size))
        for name, per_hour in PER_HOUR.items()
        for onset_s, size in _moments(nature, per_hour, options.duration_s)
    ]
    gaps = [
        (at_s, at_s + float(nature.uniform(*GAP_S)))
        for at_s, _ in _moments(nature, GAPS_PER_HOUR, options.duration_s)
    ]
    start_s = options.start_ns / NS_PER_S
    funding_s = -start_s % FUNDING_EVERY_S
    if options.scenario == "funding_surge":
        funding_s = options.onset + FUNDING_LEAD_S
    if options.scenario != QUIET:
        own = Casting(np.random.default_rng([options.seed, 2]), venue, options.size)
        acts.append(_act(options.scenario, options.onset, own))
    for number in range(int(options.duration_s / FUNDING_EVERY_S) + 1):
        at_s = funding_s % FUNDING_EVERY_S + number * FUNDING_EVERY_S - FUNDING_LEAD_S
        asked = options.scenario == "funding_surge" and abs(at_s - options.onset) < 1.0
        if -FUNDING_LEAD_S < at_s < options.duration_s and not asked:
            acts.append(_act("funding_surge", at_s, Casting(nature, venue, "small")))
    return Programme(sorted(acts, key=lambda act: act.onset_s), gaps, funding_s)


def _moments(
    rng: np.random.Generator, per_hour: float, duration_s: float
) -> list[tuple[float, Size]]:
    """Times from the start, and sizes, of what comes by chance."""
    count = int(rng.poisson(per_hour * duration_s / 3_600.0))
    times = np.sort(rng.uniform(0.0, duration_s, count))
    return [(float(t), NATURAL_SIZES[rng.integers(len(NATURAL_SIZES))]) for t in times]


def _act(name: str, onset_s: float, casting: Casting) -> Act:
    scenario = SCENARIOS[name]
    plot = scenario.cast(casting)
    return Act(
        scenario=name,
        decoy=scenario.decoy,
        size=casting.size,
        onset_s=onset_s,
        lasts_s=plot.lasts_s,
        turn=plot.turn,
        symbols=plot.symbols,
        accounts=plot.accounts,
        early_s=plot.early_s,
        detail=plot.detail,
    )
