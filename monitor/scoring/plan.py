"""A plan: which simulated logs to score, as TOML.

first_seed = 1_000_000

[[logs]]
scenarios = ["cascade", "news"]
sizes = ["small", "large"]      # medium, if not said
count = 3                       # logs of each scenario in each size
duration_s = 900
onset_s = 240                   # a third of the duration, if not said
symbols = 12
rate = 400                      # events/s of the venue
"""

from itertools import count, product
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from monitor.errors import UserError
from monitor.labels import Size
from monitor.scoring.simulated import SimulatedLog
from monitor.simulator import Options

Positive = Annotated[float, Meta(gt=0)]
Whole = Annotated[int, Meta(ge=1)]


class PlanError(UserError):
    """A plan that cannot be simulated; the message is one line for the user."""


class Batch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`count` logs of each scenario in each size."""

    scenarios: Annotated[list[str], Meta(min_length=1)]
    sizes: Annotated[list[Size], Meta(min_length=1)] = field(default_factory=lambda: ["medium"])
    count: Whole
    duration_s: Positive
    onset_s: Positive | None = None
    symbols: Whole | list[str]
    rate: Positive


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """first_seed: of the first log; each has the next one, so that no quiet time comes twice."""

    first_seed: Annotated[int, Meta(ge=0)]
    logs: Annotated[list[Batch], Meta(min_length=1)]

    def options(self) -> list[Options]:
        """Every simulation, in order; raises SimulationError."""
        seeds = count(self.first_seed)
        return [
            Options(
                seed=next(seeds),
                scenario=scenario,
                size=size,
                duration_s=batch.duration_s,
                onset_s=batch.onset_s,
                symbols=tuple(batch.symbols) if isinstance(batch.symbols, list) else batch.symbols,
                rate=batch.rate,
            )
            for batch in self.logs
            for scenario, size, _ in product(batch.scenarios, batch.sizes, range(batch.count))
        ]


def planned_logs(path: Path) -> list[SimulatedLog]:
    """The logs of a plan; raises PlanError or SimulationError."""
    try:
        plan = msgspec.toml.decode(path.read_bytes(), type=Plan)
    except OSError as error:
        raise PlanError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise PlanError(f"{path}: not a plan: {error}") from error
    return [SimulatedLog(options) for options in plan.options()]
