"""The detection side of the hand-over: messages of all partition numbers become one fold's bins.

It is the same fold that counts events, one level up. A partition number is a partition whose clock
is the end of what it has closed, with no lateness allowed: so a bin closes for the venue once every
number that is waited for has closed it, and a message that was published again, after a restart or
by another shard, holds only bins that are late by then. Each bin of a number is taken once.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from monitor.bins import Fold
from monitor.clocks import NEVER, Resume
from monitor.codec import bad_record
from monitor.columns import Columns, Names
from monitor.config import Config
from monitor.events import KINDS
from monitor.frames import Decision, Frames, FramesError, decode_frames
from monitor.intake import Taken
from monitor.records import RawBatch
from monitor.rows import NO_DEPTH, NO_FACTS, Rows, joined

_NOTHING: Final = np.empty(0, np.int64)


def merging_fold(config: Config) -> Fold:
    """A fold whose partitions are those of the topic of frames."""
    return Fold(
        bin_ns=config.bin_ns, lateness_ns=0, silence_bins=config.silence_bins, tallies=False
    )


def take_frames(raw: RawBatch, fold: Fold, names: Names) -> Taken:
    """Put a batch of messages into the fold. What shards count, they count themselves."""
    taken = Taken(raw.origin, len(raw.values), np.zeros(len(KINDS), np.int64), _NOTHING)
    for row, value in enumerate(raw.values):
        try:
            frames = decode_frames(value, names)
        except FramesError:
            taken.bad.append(bad_record(raw, row, "not_frames"))
            frames = Frames(NEVER, False, [], [])
        _take(RawBatch(raw.origin, [value], [raw.offsets[row]]), frames, fold)
        taken.decisions += [_as_known_here(decision, fold) for decision in frames.decisions]
    return taken


def _take(raw: RawBatch, message: Frames, fold: Fold) -> None:
    keys = np.concatenate([_NOTHING, *(frame.keys for frame in message.frames)])
    sizes = [frame.keys.size for frame in message.frames]
    bins = np.repeat(np.array([frame.bin for frame in message.frames], np.int64), sizes)
    rows = np.zeros(keys.size, np.int64)
    firsts = np.cumsum([0, *sizes])[:-1].tolist()
    depth = joined(
        [_of(f.depth, at) for f, at in zip(message.frames, firsts, strict=True)], NO_DEPTH
    )
    facts = joined(
        [_of(f.facts, at) for f, at in zip(message.frames, firsts, strict=True)], NO_FACTS
    )
    open_from, clock = fold.open_from(raw.origin), fold.partitions.get(raw.origin)
    resume = Resume(raw.offsets[0], NEVER if clock is None else clock.clock_ns, 0)
    fold.add(Columns(raw, bins * fold.bin_ns, keys, rows, depth, facts))
    for frame in message.frames:
        if frame.bin >= open_from:
            fold.add_feeds(raw.origin, resume, frame)
    clock = fold.partitions.get(raw.origin)
    if clock is not None:
        end_ns = NEVER if message.end_bin == NEVER else message.end_bin * fold.bin_ns
        clock.idle = message.idle and end_ns >= clock.clock_ns  # an older message says nothing
        clock.clock_ns = max(clock.clock_ns, end_ns)


def _of(rows: Rows, event: int) -> Rows:
    """Rows that share their fate with an event of their bin."""
    return replace(rows, of=np.full(rows.size, event))


def _as_known_here(decision: Decision, fold: Fold) -> Decision:
    """While a number was idle the venue's bins closed without it: that far its events are late."""
    known = [b for b in (decision.bin, fold.next_bin) if b is not None]
    later = max(known, default=None)
    return Decision(decision.decision, decision.topic, decision.partition, decision.offset, later)
