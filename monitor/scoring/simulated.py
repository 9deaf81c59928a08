"""A simulation as a labelled log: made as it is read, and never stored."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from monitor.labels import Labels
from monitor.records import Lines, Partition, RawBatch, newlines_in
from monitor.replay import Log
from monitor.simulator import Options, Simulation


@dataclass(frozen=True, slots=True)
class SimulatedLog:
    """What is to be simulated; the simulation itself begins as the log is opened."""

    options: Options

    @property
    def seed(self) -> int:
        return self.options.seed

    def open(self) -> tuple[Log, Callable[[], Labels]]:
        """The log, to be read once, and what happened in it, known once it was read."""
        simulation = Simulation(self.options)
        name = f"{self.options.scenario}-{self.options.size}-{self.options.seed}.jsonl"
        return SimulatedLines(Path(name), simulation), simulation.labels


@dataclass(slots=True)
class SimulatedLines:
    """The lines of a simulation, as a plain file would give them."""

    path: Path
    simulation: Simulation
    enveloped: bool = False
    read_bytes: int = 0

    def partitions(self, *, record_bytes_max: int) -> dict[Partition, int]:
        """None: lines without envelopes name no partition."""
        del record_bytes_max
        return {}

    def batches(self, *, record_bytes_max: int) -> Iterator[RawBatch]:
        """A batch a chunk."""
        del record_bytes_max  # the simulator's lines are short
        first, origin = 0, Partition(self.path.name, 0)
        for chunk in self.simulation.chunks():
            text = chunk.removesuffix(b"\n")
            lines = Lines(text, newlines_in(text))
            self.read_bytes += len(chunk)
            yield RawBatch(origin, lines, range(first, first + len(lines)))
            first += len(lines)
