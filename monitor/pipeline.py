"""The pure core, whole: raw batches in; bad records, closed bins and incidents out.

No wall clock, no randomness, no I/O. What comes out depends on what went in and on the options.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import State, nest, unnest
from monitor.arrival import FutureGuard
from monitor.bins import Fold, Resume
from monitor.codec import Codec
from monitor.columns import KIND_SHIFT, Names
from monitor.config import Config
from monitor.detection import Detection, Step
from monitor.events import KINDS
from monitor.records import BadRecord, Partition, RawBatch
from monitor.textstate import from_names, from_text, to_names, to_text

NAMES_SLACK: Final = 131_072  # names that may be forgotten before the tables are compacted


@dataclass(slots=True)
class Taken:
    """What became of one batch. counts: (8,) accepted events by kind. ts: their venue times.

    In a plain log an event may wait to be judged; then it is accepted or refused later.
    """

    origin: Partition
    records: int
    counts: NDArray[np.int64]
    ts: NDArray[np.int64]
    late: int = 0
    bad: list[BadRecord] = field(default_factory=list)


class Pipeline:
    """Feed batches with `take`; read what bins came to from `steps`."""

    def __init__(self, config: Config, *, calibration: State | None = None) -> None:
        self.config = config
        self.calibration = calibration
        self.reset()

    def reset(self) -> None:
        """Forget everything, as if nothing had been read."""
        config = self.config
        self.names = Names()
        self.codec = Codec(config.topics, record_bytes_max=config.input.record_bytes_max)
        self.guard = FutureGuard(future_ns=config.input.future_ns)
        self.fold = Fold(
            bin_ns=config.bin_ns,
            lateness_ns=config.input.lateness_ns,
            silence_bins=config.silence_bins,
        )
        self.detection = self._new_detection()
        self._names_limit = NAMES_SLACK

    def _new_detection(self) -> Detection:
        detection = Detection(
            self.names,
            venue=self.config.venue,
            symbols_max=self.config.input.symbols_max,
            burst=self.config.burst_options(),
            desk=self.config.desk_options(),
            disabled=self.config.detectors.disabled,
        )
        if self.calibration is not None:
            detection.calibrate(self.calibration)
        return detection

    def take(self, raw: RawBatch) -> Taken:
        """Decode and count one batch; bins may become ready to close."""
        decoded = self.codec.decode(raw)
        columns = self.names.columns(decoded)
        accepted, refused = self.guard.screen(columns)
        late = sum(self.fold.add(part) for part in accepted)
        if len(accepted) == 1:
            keys, ts = accepted[0].keys, accepted[0].ts
        else:
            nothing = np.empty(0, np.int64)
            keys = np.concatenate([nothing, *(part.keys for part in accepted)])
            ts = np.concatenate([nothing, *(part.ts for part in accepted)])
        counts = np.bincount(keys >> KIND_SHIFT, minlength=len(KINDS))
        return Taken(raw.origin, len(raw.values), counts, ts, late, [*decoded.bad, *refused])

    def flush(self) -> list[Taken]:
        """The input has ended: accept what still waits to be judged."""
        taken = []
        for columns in self.guard.finish():
            late = self.fold.add(columns)
            counts = np.bincount(columns.keys >> KIND_SHIFT, minlength=len(KINDS))
            taken.append(Taken(columns.origin, 0, counts, columns.ts, late))
        return taken

    def steps(self) -> Iterator[Step]:
        """Judge every bin that has closed, oldest first."""
        yield from self.detection.steps(self.fold.close())
        self._compact()

    def finish(self) -> Iterator[Step]:
        """The input has ended: judge every bin that holds anything."""
        self.flush()
        yield from self.detection.steps(self.fold.finish())

    def _compact(self) -> None:
        """Forget names that nothing refers to, now and then."""
        known = len(self.names.accounts.names) + len(self.names.symbols.names)
        if known < self._names_limit or self.guard.holds_any:
            return
        keys = [*self.fold.open_keys(), *self.detection.ring.keys()]
        recoding = self.names.compact(keys, self.detection.roster.codes())
        self.fold.recode(recoding)
        self.detection.recode(recoding)
        kept = len(self.names.accounts.names) + len(self.names.symbols.names)
        self._names_limit = 2 * kept + NAMES_SLACK

    def resumes(self) -> dict[Partition, Resume]:
        """Where each partition must be read again after a restart from `state`."""
        return self.fold.resumes()

    def state(self) -> State:
        """Everything but open bins, which are rebuilt by reading again from `resumes`."""
        edges = (self.fold.next_bin, self.fold.last_full_bin)
        names = {
            "symbols": from_names(self.names.symbols.names),
            "accounts": from_names(self.names.accounts.names),
        }
        detection = nest("detection", self.detection.state())
        return {**names, "edges": from_text(edges), **detection}

    def restore(
        self,
        state: Mapping[str, NDArray[np.generic]],
        resumes: Mapping[Partition, Resume],
    ) -> None:
        """Continue a pipeline that was stopped; records must follow from `resumes`."""
        self.names.replace(to_names(state["symbols"]), to_names(state["accounts"]))
        self.fold.next_bin, self.fold.last_full_bin = to_text(
            state["edges"], tuple[int | None, int | None]
        )
        for partition, resume in resumes.items():
            self.fold.assign(partition, resume)
        self.detection.restore(unnest("detection", state))
