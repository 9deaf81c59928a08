"""What was counted in one bin, while it is open and when it has closed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from monitor.columns import Recoding
from monitor.feeds import Feed, Tally
from monitor.records import Partition
from monitor.rows import NO_DEPTH, NO_FACTS, Rows, joined


@dataclass(frozen=True, slots=True)
class PartialFrame:
    """Everything counted in one closed bin by one shard; merges by concatenation.

    keys: (n,) one key an event, in no particular order (see Columns.keys).
    skipped: bins since the last frame that are left out, because nothing happened for so long.
    depth, facts: what the events say besides, in no particular order either (see rows.py).
    feeds: how partitions fared, by name.
    """

    bin: int
    keys: NDArray[np.int64]
    skipped: int = 0
    depth: Rows = NO_DEPTH
    facts: Rows = NO_FACTS
    feeds: Sequence[Feed] = ()


@dataclass(slots=True)
class OpenBin:
    """What an open bin holds so far, batch by batch."""

    keys: list[NDArray[np.int64]] = field(default_factory=list)
    depth: list[Rows] = field(default_factory=list)
    facts: list[Rows] = field(default_factory=list)
    tallies: dict[Partition, Tally] = field(default_factory=dict)
    feeds: list[Feed] = field(default_factory=list)

    def closed(self, index: int, skipped: int) -> PartialFrame:
        keys = np.concatenate([np.empty(0, np.int64), *self.keys])
        depth, facts = joined(self.depth, NO_DEPTH), joined(self.facts, NO_FACTS)
        feeds = self.feeds + [tally.closed(origin) for origin, tally in self.tallies.items()]
        feeds.sort(key=lambda feed: (feed.topic, feed.partition))
        return PartialFrame(index, keys, skipped, depth, facts, feeds)

    def tally(self, origin: Partition) -> Tally:
        """A partition's own part."""
        return self.tallies.setdefault(origin, Tally())

    def recode(self, recoding: Recoding) -> None:
        self.keys = [recoding.apply(part) for part in self.keys]
        self.depth = [part.recoded(recoding.apply) for part in self.depth]
        self.facts = [part.recoded(recoding.apply) for part in self.facts]
