"""What a level is, how it wanders, and from where on it matters."""

from dataclasses import dataclass
from typing import Final

import numpy as np

LOOKS: Final = (1, 4, 16, 64, 256)  # that smoothings take in


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelOptions:
    """gauge: the level that is judged (see Levels). rising: whether high is bad, or low is.

    sd, sd_min: by which the logarithm is believed to wander before it was seen to, and at least.
    A level that mostly stands where it does not matter wanders by more than it shows.
    material: the level from which it matters; what is less bad counts as if it were this much.
    looks_min: smoothings over fewer looks say nothing, so that what passes is no alarm.
    reach: how far from usual one look may count, in logarithms.
    """

    gauge: str
    rising: bool
    sd: float = 0.5
    sd_min: float = 0.02
    material: float | None = None
    looks_min: int = 1
    reach: float = np.inf

    def __post_init__(self) -> None:
        if not 0.0 < self.sd_min <= self.sd:
            raise ValueError(f"sd_min must be positive, at most {self.sd}, was {self.sd_min}")
        if not 1 <= self.looks_min <= LOOKS[-1]:
            raise ValueError(f"looks_min must be 1 to {LOOKS[-1]}, was {self.looks_min}")
        if self.reach <= 0.0:
            raise ValueError(f"reach must be positive, was {self.reach}")
        if self.material is not None and self.material <= 0.0:
            raise ValueError(f"material must be positive, was {self.material}")

    @property
    def sign(self) -> float:
        """What turns the logarithm to where high is bad."""
        return 1.0 if self.rising else -1.0

    @property
    def floor(self) -> float:
        """The least bad that counts, high is bad."""
        return -np.inf if self.material is None else float(self.sign * np.log(self.material))
