"""How busy each symbol is: time of day, a common and two own moods, self-excitement, funding."""

from typing import Final

import numpy as np

from monitor.simulator.arrays import Floats
from monitor.simulator.profiles import Profile
from monitor.simulator.slices import SLICE_S

DAY_S: Final = 86_400.0
PEAK_S: Final = 15.0 * 3_600.0  # the busiest time of day, UTC
FUNDING_SURGE: Final = 1.2  # the funding minute is busier by this at its peak
FUNDING_NEAR_S: Final = 25.0


class Intensity:
    """Multipliers of the symbols' mean rates; each long-run mean is about 1.

    Log rates follow AR(1) processes; self-excitement is Hawkes (1971) with an exponential kernel,
    on slices: a share `branching` of the rate follows what has happened over `excite_s`.
    """

    def __init__(self, rng: np.random.Generator, symbols: int, profile: Profile) -> None:
        self._rng = rng
        self._profile = profile
        memory_s = np.array([profile.fast_s, profile.slow_s, profile.common_s])
        sd = np.array([profile.fast_sd, profile.slow_sd, profile.common_sd])
        self._keep = np.exp(-SLICE_S / memory_s)
        self._shock = sd * np.sqrt(1.0 - self._keep**2)
        self._fast = rng.normal(0.0, sd[0], symbols)
        self._slow = rng.normal(0.0, sd[1], symbols)
        self._common = float(rng.normal(0.0, sd[2]))
        self._centre = 0.5 * float((sd**2).sum())
        self._calm = float(np.exp(-SLICE_S / profile.excite_s))
        self._excited = np.ones(symbols)

    def step(self, time_s: float, to_funding_s: float) -> Floats:
        """(S,) multipliers of the next slice. time_s: of day. to_funding_s: to the nearest one."""
        rng, count = self._rng, self._fast.size
        self._fast = self._keep[0] * self._fast + rng.normal(0.0, self._shock[0], count)
        self._slow = self._keep[1] * self._slow + rng.normal(0.0, self._shock[1], count)
        self._common = self._keep[2] * self._common + float(rng.normal(0.0, self._shock[2]))
        season = 1.0 + self._profile.season * np.cos(2.0 * np.pi * (time_s - PEAK_S) / DAY_S)
        funding = 1.0 + FUNDING_SURGE * np.exp(-abs(to_funding_s) / FUNDING_NEAR_S)
        own = np.exp(self._fast + self._slow + self._common - self._centre)
        branching = self._profile.branching
        mood: Floats = season * funding * own
        return (1.0 - branching) * mood + branching * self._excited

    def excite(self, relative: Floats) -> None:
        """Learn what happened in the slice: (S,) events over their long-run mean."""
        self._excited = self._calm * self._excited + (1.0 - self._calm) * relative
