"""How far each partition has come, by its own clock."""

from dataclasses import dataclass, field
from typing import Final

NEVER: Final = -(2**62)


@dataclass(frozen=True, slots=True)
class Resume:
    """Where to read a partition again so that every open bin is rebuilt.

    offset: the first record to read. clock_ns: the partition's clock before that record.
    counted: records before this offset were read once already.
    """

    offset: int
    clock_ns: int
    counted: int


@dataclass(slots=True)
class PartitionClock:
    """What the fold knows of one partition.

    floor_bin: bins before it closed without the partition while it was idle.
    firsts: open bin -> (offset of its first event here, clock before that event).
    idle: it has nothing to say and is not waited for; decided outside, by wall time.
    """

    clock_ns: int = NEVER
    position: int = 0
    counted: int = 0
    idle: bool = False
    done: bool = False
    floor_bin: int = NEVER
    firsts: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def waited_for(self) -> bool:
        return not (self.idle or self.done)

    def closed_before(self, bin_ns: int, lateness_ns: int) -> int:
        """The first bin that is still open for the partition."""
        if self.clock_ns == NEVER:
            return self.floor_bin
        return max((self.clock_ns - lateness_ns) // bin_ns, self.floor_bin)
