"""Raw records of events to counted columns: decoded, screened, and put into the bins of a fold."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.arrival import FutureGuard, refused
from monitor.bins import Fold
from monitor.codec import Codec
from monitor.columns import Columns, Names
from monitor.config import Config
from monitor.events import KINDS
from monitor.frames import Decision
from monitor.incidents import VENUE
from monitor.keys import kind_of, symbol_of
from monitor.records import BadRecord, Partition, RawBatch

_NOTHING: Final = np.empty(0, np.int64)


@dataclass(slots=True)
class Taken:
    """What became of one batch. counts: (8,) accepted events by kind. ts: their venue times.

    decisions: what shards decided by wall time, where the batch came from shards.
    In a plain log an event may wait to be judged; then it is accepted or refused later.
    """

    origin: Partition
    records: int
    counts: NDArray[np.int64]
    ts: NDArray[np.int64]
    late: int = 0
    bad: list[BadRecord] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)


def counting_fold(config: Config) -> Fold:
    """A fold of events, as configured."""
    return Fold(
        bin_ns=config.bin_ns,
        lateness_ns=config.input.lateness_ns,
        silence_bins=config.silence_bins,
    )


class Intake:
    """Everything between a batch and a fold. names: the tables that keys refer to."""

    def __init__(self, config: Config, names: Names) -> None:
        self.names = names
        self.codec = Codec(config.topics, record_bytes_max=config.input.record_bytes_max)
        self.guard = FutureGuard(future_ns=config.input.future_ns)

    def take(self, raw: RawBatch, fold: Fold) -> Taken:
        """Decode and count one batch; bins may become ready to close."""
        decoded = self.codec.decode(raw)
        columns, reserved = self._without_the_venue(self.names.columns(decoded))
        accepted, future = self.guard.screen(columns)
        late = sum(fold.add(part) for part in accepted)
        if len(accepted) == 1:
            keys, ts = accepted[0].keys, accepted[0].ts
        else:
            keys = np.concatenate([_NOTHING, *(part.keys for part in accepted)])
            ts = np.concatenate([_NOTHING, *(part.ts for part in accepted)])
        counts = np.bincount(kind_of(keys), minlength=len(KINDS))
        bad = [*decoded.bad, *reserved, *future]
        return Taken(raw.origin, len(raw.values), counts, ts, late, bad)

    def _without_the_venue(self, columns: Columns) -> tuple[Columns, list[BadRecord]]:
        """A symbol may not have the name that incidents have for the whole venue."""
        code = self.names.symbols.get(VENUE)
        if code is None:
            return columns, []
        named = symbol_of(columns.keys) == code
        if not named.any():
            return columns, []
        bad = refused(columns, np.flatnonzero(named), "reserved_symbol")
        return columns.take(~named), bad

    def flush(self, fold: Fold) -> list[Taken]:
        """The input has ended: accept what still waits to be judged."""
        taken = []
        for columns in self.guard.finish():
            late = fold.add(columns)
            counts = np.bincount(kind_of(columns.keys), minlength=len(KINDS))
            taken.append(Taken(columns.origin, 0, counts, columns.ts, late))
        return taken
