"""A score in words: how long a quiet venue goes without showing this."""

from typing import Final

from monitor.events import NS_PER_S

YEARS_MAX: Final = 100.0  # beyond, no flow that anyone has measured says more
_UNITS: Final = (
    ("year", 31_557_600.0),
    ("month", 2_629_800.0),
    ("week", 604_800.0),
    ("day", 86_400.0),
    ("hour", 3_600.0),
    ("minute", 60.0),
    ("second", 1.0),
)


def rarity(score: float, bin_ns: int) -> str:
    """Decades of bins as a sentence's end: "once in 3 weeks"."""
    seconds = 10.0 ** min(score, 300.0) * bin_ns / NS_PER_S
    if seconds >= YEARS_MAX * _UNITS[0][1]:
        return f"less than once in {YEARS_MAX:.0f} years"
    if seconds < 1.0:
        return "all the time"
    name, unit = next((name, unit) for name, unit in _UNITS if seconds >= 0.98 * unit)
    times = seconds / unit
    if times < 1.5:
        return f"once in {'an' if name == 'hour' else 'a'} {name}"
    return f"once in {times:.0f} {name}s"
