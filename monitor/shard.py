"""The heavy half: events of some partition numbers in, messages with their closed bins out. Pure.

A partition number is partition p of every topic: what is keyed alike lies there together. Each has
a fold of its own, so that numbers can move between shards without a trace in what is published.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from monitor.bins import Fold
from monitor.clocks import NEVER, Resume
from monitor.columns import Names
from monitor.config import Config
from monitor.frames import Decision, Frames, encode_frames
from monitor.intake import Intake, Taken, counting_fold
from monitor.records import Partition, RawBatch

MESSAGE_BYTES: Final = 900_000  # that a broker takes by default, with some to spare


@dataclass(slots=True)
class _Number:
    """One partition number. end_bin: bins before it were published. idle: as published last."""

    fold: Fold
    end_bin: int = NEVER
    idle: bool = False
    decisions: list[Decision] = field(default_factory=list)


class Shard:
    """Feed batches with `take`; publish `messages`, and then commit `resumes`."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.intake = Intake(config, Names())
        self.numbers: dict[int, _Number] = {}

    @property
    def folds(self) -> Mapping[int, Fold]:
        """Partition number -> its fold."""
        return {number: held.fold for number, held in self.numbers.items()}

    @property
    def partitions(self) -> Collection[Partition]:
        """All partitions that are held."""
        return [p for held in self.numbers.values() for p in held.fold.partitions]

    def assign(self, partition: Partition, resume: Resume, end_bin: int | None) -> None:
        """Read a partition from `resume` on; bins before `end_bin` were published."""
        held = self.numbers.get(partition.partition)
        if held is None:
            held = self.numbers[partition.partition] = _Number(counting_fold(self.config))
        if end_bin is not None:
            held.fold.next_bin = held.end_bin = max(held.end_bin, end_bin)
        held.fold.assign(partition, resume)

    def revoke(self, partition: Partition) -> None:
        """Forget a partition that another shard reads now."""
        held = self.numbers.get(partition.partition)
        if held is not None:
            held.fold.revoke(partition)
            if not held.fold.partitions:
                del self.numbers[partition.partition]

    def take(self, raw: RawBatch) -> Taken:
        """Decode and count one batch."""
        return self.intake.take(raw, self.numbers[raw.origin.partition].fold)

    def decide(self, partition: Partition, position: int, decision: str) -> None:
        """Put a decision by wall time on record, made of what comes from an offset on; the next
        message of the number carries it."""
        held = self.numbers[partition.partition]
        held.decisions.append(Decision(decision, *partition, position, held.fold.next_bin))

    def messages(self, *, all_numbers: bool = False) -> Iterator[tuple[int, bytes]]:
        """(number, message) of each that has news, or of each that can say anything; those of a
        number in order."""
        for number, held in self.numbers.items():
            end_bin = max(held.fold.end_bin(), held.end_bin)
            idle = not any(clock.waited_for for clock in held.fold.partitions.values())
            if idle:  # the venue goes on without it, so what it holds is told now
                end_bin = max(end_bin, held.fold.beyond_open_bins())
            news = end_bin > held.end_bin or idle != held.idle or held.decisions
            silent = end_bin == NEVER and not idle  # has nothing to say yet, and is waited for
            if silent or not (news or all_numbers):
                continue
            closed = [] if end_bin == NEVER else held.fold.take_before(end_bin)
            frames = Frames(end_bin, idle, closed, held.decisions)
            held.end_bin, held.idle, held.decisions = end_bin, idle, []
            for message in self._encoded(frames):
                yield number, message
        self._compact()

    def _encoded(self, frames: Frames) -> Iterator[bytes]:
        """What waited long for a slow topic is too much for one message, and goes in several."""
        message = encode_frames(frames, self.intake.names)
        half = len(frames.frames) // 2
        if len(message) <= MESSAGE_BYTES or not half:
            yield message
            return
        early, late = frames.frames[:half], frames.frames[half:]
        yield from self._encoded(Frames(early[-1].bin + 1, False, early, frames.decisions))
        yield from self._encoded(Frames(frames.end_bin, frames.idle, late, []))

    def finish(self) -> None:
        """The input has ended: every bin that holds anything is closed."""
        for held in self.numbers.values():
            self.intake.flush(held.fold)
            for clock in held.fold.partitions.values():
                clock.done = True

    def resumes(self) -> dict[Partition, tuple[Resume, int | None]]:
        """Where each partition must be read again, and the first bin that was not published."""
        return {
            partition: (resume, None if held.end_bin == NEVER else held.end_bin)
            for held in self.numbers.values()
            for partition, resume in held.fold.resumes().items()
        }

    def _compact(self) -> None:
        """Forget names that nothing refers to, now and then."""
        if not self.intake.names.overgrown or self.intake.guard.holds_any:
            return
        keys = [part for held in self.numbers.values() for part in held.fold.open_keys()]
        recoding = self.intake.names.compact(keys, [])
        for held in self.numbers.values():
            held.fold.recode(recoding)
