"""Which seeds may be tuned on, and which only scored: a market never serves both."""

from typing import Final, Literal

Purpose = Literal["tuning", "scoring"]
SCORING_FROM: Final = 1_000_000


def purpose(seed: int) -> Purpose:
    """What a seed is for: tuning below a million, scoring from there on."""
    if seed < 0:
        raise ValueError(f"seed must not be negative, was {seed}")
    return "tuning" if seed < SCORING_FROM else "scoring"
