"""A simulation as a labelled log: made as it is read, and never stored."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from monitor.labels import Labels
from monitor.records import Lines, Partition, RawBatch, newlines_in
from monitor.simulator import Options, Simulation


@dataclass(slots=True)
class SimulatedLog:
    """What is to be simulated; the simulation itself begins as the log is opened."""

    options: Options
    _simulation: Simulation | None = field(default=None, repr=False)

    @property
    def seed(self) -> int:
        return self.options.seed

    def open(self) -> "SimulatedLines":
        """The log, to be read once."""
        self._simulation = Simulation(self.options)
        name = f"{self.options.scenario}-{self.options.size}-{self.options.seed}.jsonl"
        return SimulatedLines(Path(name), self._simulation)

    def labels(self) -> Labels:
        """What happened; known once the log was read to its end."""
        if self._simulation is None:
            raise RuntimeError("labels are known once the log was read")
        return self._simulation.labels()


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
