"""Tuning and scoring seeds never meet: what was tuned on is never scored as if it had not been."""

from collections import Counter
from collections.abc import Collection, Sequence

from monitor.errors import UserError
from monitor.seeds import Purpose, purpose

SEEDS_SHOWN = 3


class SeedError(UserError):
    """Seeds that must not meet do; the message is one line for the user."""


def agreed_purpose(seeds: Sequence[int], *, calibrated: Collection[int], tuning: bool) -> Purpose:
    """The one purpose of all logs that are to be scored together.

    calibrated: seeds that the monitor's thresholds were measured on. tuning: the user knows that
    the figures are of logs the monitor was tuned on. Raises SeedError.
    """
    twice = [seed for seed, count in Counter(seeds).items() if count > 1]
    if twice:
        raise SeedError(f"{_listed(twice)}: one log a seed, or quiet time would count twice")
    by_purpose: dict[Purpose, list[int]] = {"tuning": [], "scoring": []}
    for seed in seeds:
        by_purpose[purpose(seed)].append(seed)
    if by_purpose["tuning"] and by_purpose["scoring"]:
        raise SeedError(
            f"tuning {_listed(by_purpose['tuning'])} and scoring "
            f"{_listed(by_purpose['scoring'])} must not be scored together"
        )
    if by_purpose["tuning"] and not tuning:
        raise SeedError(
            f"tuning {_listed(by_purpose['tuning'])}: score seeds from 1,000,000 on, "
            f"or say --tuning, and the figures will say so too"
        )
    if by_purpose["scoring"] and tuning:
        raise SeedError(f"--tuning, but {_listed(by_purpose['scoring'])} is for scoring")
    reused = sorted(set(seeds) & set(calibrated))
    if reused and not tuning:
        raise SeedError(f"the calibration in use was measured on {_listed(reused)}")
    return "tuning" if tuning else "scoring"


def _listed(seeds: Sequence[int]) -> str:
    shown = ", ".join(map(str, sorted(seeds)[:SEEDS_SHOWN]))
    more = len(seeds) - SEEDS_SHOWN
    return f"seed{'s' * (len(seeds) > 1)} {shown}{f' and {more} more' if more > 0 else ''}"
