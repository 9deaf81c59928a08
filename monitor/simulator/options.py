"""What a simulation is asked for, checked."""

from typing import Final

from msgspec import Struct

from monitor.errors import UserError
from monitor.events import NS_PER_S
from monitor.labels import Size
from monitor.simulator.profiles import PROFILES, Profile
from monitor.simulator.scenarios import QUIET, SCENARIOS
from monitor.simulator.slices import SLICE_S

START_NS: Final = 1_780_304_400 * NS_PER_S  # 2026-06-01T09:00:00Z, between two fundings
SYMBOLS_MAX: Final = 10_000
NAMED: Final = (
    *("BTC", "ETH", "SOL", "XRP", "DOGE", "BNB"),
    *("ADA", "LINK", "AVAX", "LTC", "DOT", "UNI"),
)


class SimulationError(UserError):
    """A simulation that cannot be run; the message is one line for the user."""


class Options(Struct, frozen=True, kw_only=True):
    """One simulation. The same options give the same bytes.

    symbols: a count, or names. profile: by name, or one's own.
    rate: events/s of the venue, None is the profile's own.
    onset_s: when the scenario begins, from the start; None is a third of the duration.
    """

    seed: int
    scenario: str = QUIET
    duration_s: float = 1_800.0
    symbols: int | tuple[str, ...] = 12
    size: Size = "medium"
    rate: float | None = None
    profile: str | Profile = "perp"
    start_ns: int = START_NS
    onset_s: float | None = None

    def __post_init__(self) -> None:
        _choice("scenario", self.scenario, (QUIET, *SCENARIOS))
        _choice("size", self.size, ("small", "medium", "large"))
        if isinstance(self.profile, str):
            _choice("profile", self.profile, tuple(PROFILES))
        _positive("duration", self.duration_s)
        if self.rate is not None:
            _positive("rate", self.rate)
        if self.seed < 0:
            raise SimulationError(f"seed must not be negative, was {self.seed}")
        if not 0 < self.start_ns < 4_000_000_000 * NS_PER_S:
            raise SimulationError(f"start must lie between 1970 and 2096, was {self.start_ns} ns")
        if self.onset_s is not None and not 0.0 <= self.onset_s < self.duration_s:
            raise SimulationError(
                f"onset must lie within the {self.duration_s:g} s of the log, was {self.onset_s:g}"
            )
        _check_names(self.symbol_names)

    @property
    def symbol_names(self) -> tuple[str, ...]:
        """Names of all symbols, the busiest first."""
        if not isinstance(self.symbols, int):
            return self.symbols
        count = min(max(self.symbols, 0), SYMBOLS_MAX + 1)
        made = (f"ALT{number:04d}" for number in range(len(NAMED) + 1, count + 1))
        return tuple(f"{name}-PERP" for name in (*NAMED, *made))[:count]

    @property
    def profile_of(self) -> Profile:
        return PROFILES[self.profile] if isinstance(self.profile, str) else self.profile

    @property
    def profile_name(self) -> str:
        return self.profile if isinstance(self.profile, str) else "custom"

    @property
    def events_per_s(self) -> float:
        """Orders, cancels and fills of the whole venue."""
        if self.rate is not None:
            return self.rate
        return self.profile_of.symbol_events_per_s * len(self.symbol_names)

    @property
    def onset(self) -> float:
        """Seconds from the start to the scenario's onset."""
        return self.duration_s / 3.0 if self.onset_s is None else self.onset_s

    @property
    def slices(self) -> int:
        return max(1, round(self.duration_s / SLICE_S))


def _choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SimulationError(f"{name} {value!r} is unknown: choose from {', '.join(allowed)}")


def _positive(name: str, value: float) -> None:
    if not 0.0 < value < float("inf"):
        raise SimulationError(f"{name} must be positive and finite, was {value}")


def _check_names(names: tuple[str, ...]) -> None:
    if not 1 <= len(names) <= SYMBOLS_MAX:
        raise SimulationError(f"symbols must be 1 to {SYMBOLS_MAX:,}, were {len(names):,}")
    if len(set(names)) < len(names) or not all(names):
        raise SimulationError("symbols must have different names, none of them empty")
