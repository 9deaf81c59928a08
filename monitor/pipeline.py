"""The pure core, whole: raw batches in; bad records, closed bins and incidents out.

No wall clock, no randomness, no I/O. What comes out depends on what went in and on the options.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detectors.base import State, nest, unnest
from monitor.clocks import Resume
from monitor.columns import Names
from monitor.config import Config
from monitor.detection import Detection, Step
from monitor.intake import Intake, Taken, counting_fold
from monitor.keys import account_of
from monitor.merge import merging_fold, take_frames
from monitor.partial import PartialFrame
from monitor.records import Partition, RawBatch
from monitor.textstate import from_names, from_text, to_names, to_text


class Pipeline:
    """Feed batches with `take`; read what bins came to from `steps`.

    muted: accounts whose events are not counted, as if they had stayed away; time goes on by them.
    singly: bins are judged one by one, as a live venue's are, so that detectors can be looked into
    after each; what comes out is the same.
    """

    def __init__(
        self,
        config: Config,
        *,
        calibration: State | None = None,
        muted: Collection[str] = (),
        singly: bool = False,
    ) -> None:
        self.config = config
        self.calibration = calibration
        self.muted = muted
        self.singly = singly
        self.reset()

    def reset(self) -> None:
        """Forget everything, as if nothing had been read."""
        config = self.config
        self.names = Names()
        self.intake = Intake(config, self.names)
        self.fold = merging_fold(config) if self.merges else counting_fold(config)
        self.detection = self._new_detection()

    @property
    def merges(self) -> bool:
        """Whether what it takes was counted by shards."""
        return self.config.scale.role == "detection"

    def _new_detection(self) -> Detection:
        detection = Detection(
            self.names,
            venue=self.config.venue,
            symbols_max=self.config.input.symbols_max,
            burst=self.config.burst_options(),
            desk=self.config.desk_options(),
            disabled=self.config.detectors.disabled,
            positions_max=self.config.input.positions_max,
        )
        if self.calibration is not None:
            detection.calibrate(self.calibration)
        return detection

    def take(self, raw: RawBatch) -> Taken:
        """Decode and count one batch; bins may become ready to close."""
        if self.merges:
            return take_frames(raw, self.fold, self.names)
        return self.intake.take(raw, self.fold)

    def flush(self) -> list[Taken]:
        """The input has ended: accept what still waits to be judged."""
        return self.intake.flush(self.fold)

    def steps(self) -> Iterator[Step]:
        """Judge every bin that has closed, oldest first."""
        yield from self._judge(self.fold.close())
        self._compact()

    def finish(self) -> Iterator[Step]:
        """The input has ended: judge every bin that holds anything."""
        self.flush()
        yield from self._judge(self.fold.finish())

    def _judge(self, closed: Iterator[PartialFrame]) -> Iterator[Step]:
        heard = map(self._heard, closed) if self.muted else closed
        if self.singly:
            for partial in heard:
                yield from self.detection.steps([partial])
        else:
            yield from self.detection.steps(heard)

    def _heard(self, partial: PartialFrame) -> PartialFrame:
        """A bin without the events of muted accounts."""
        codes = [self.names.accounts.get(name, -1) for name in self.muted]

        def heard(keys: NDArray[np.int64]) -> NDArray[np.bool_]:
            return ~np.isin(account_of(keys), codes)

        return replace(
            partial,
            keys=partial.keys[heard(partial.keys)],
            depth=partial.depth.take(heard(partial.depth.keys)),
            facts=partial.facts.take(heard(partial.facts.keys)),
        )

    def _compact(self) -> None:
        """Forget names that nothing refers to, now and then."""
        if not self.names.overgrown or self.intake.guard.holds_any:
            return
        detection = self.detection
        keys = [*self.fold.open_keys(), *detection.ring.keys(), *detection.market.keys()]
        recoding = self.names.compact(keys, self.detection.roster.codes())
        self.fold.recode(recoding)
        self.detection.recode(recoding)

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
