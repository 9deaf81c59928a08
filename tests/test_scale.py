"""Shards and a merge come to what one process comes to, whatever moves or restarts on the way."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from monitor.clocks import NEVER, Resume
from monitor.columns import Names
from monitor.config import Config, Scale
from monitor.frames import Decision, Frames, FramesError, decode_frames, encode_frames
from monitor.keys import account_of, kind_of, packed, symbol_of
from monitor.partial import PartialFrame
from monitor.pipeline import Pipeline
from monitor.records import Partition, RawBatch
from monitor.shard import Shard
from tests import market
from tests.market import PARTITIONS, Run, Traffic
from tests.test_pipeline import SEEDS, run_of, traffic_of

BATCHES = st.sampled_from((40.0, 300.0, 900.0))
FRAMES = "foreshock-frames"
few = settings(max_examples=10, deadline=None, derandomize=True)


class Venue:
    """The logs of events, shards that read them, and the log of frames that they write."""

    def __init__(self, traffic: Traffic, shards: int) -> None:
        self.traffic = traffic
        self.shards = [Shard(traffic.config) for _ in range(shards)]
        self.committed: dict[Partition, tuple[Resume, int | None]] = {
            p: (Resume(0, NEVER, 0), None) for p in traffic.logs
        }
        self.log: dict[int, list[bytes]] = {number: [] for number in range(PARTITIONS)}
        self.owner: dict[int, Shard] = {}

    def move(self, number: int, shard: Shard) -> None:
        """Hand a partition number over: the new shard begins from what was committed."""
        moving = [p for p in self.traffic.logs if p.partition == number]
        for partition in moving if number in self.owner else ():
            self.owner[number].revoke(partition)
        for partition in moving:
            shard.assign(partition, *self.committed[partition])
        self.owner[number] = shard

    def restart(self, index: int) -> None:
        """A shard dies; what it had not committed is forgotten."""
        old, new = self.shards[index], Shard(self.traffic.config)
        self.shards[index] = new
        for number in [n for n, shard in self.owner.items() if shard is old]:
            del self.owner[number]
            self.move(number, new)

    def read(self, partition: Partition, records: int) -> int:
        """The owner reads on; returns how many records it read."""
        shard = self.owner[partition.partition]
        fold = shard.folds[partition.partition]
        start = fold.partitions[partition].position
        stop = min(start + records, len(self.traffic.logs[partition]))
        if stop > start:
            shard.take(self.traffic.batch(market.Slice(partition, start, stop)))
        return stop - start

    def publish(self, shard: Shard) -> None:
        for number, message in shard.messages():
            self.log[number].append(message)

    def commit(self, shard: Shard) -> None:
        self.committed |= {p: (resume, end_bin) for p, (resume, end_bin) in shard.resumes().items()}

    def finish(self) -> None:
        for shard in self.shards:
            shard.finish()
            self.publish(shard)


def published(traffic: Traffic, seed: int, batch_mean: float, shards: int) -> Venue:
    """All of the traffic through shards, with hand-overs and deaths at random."""
    rng = np.random.default_rng(seed)
    venue = Venue(traffic, shards)
    for number in range(PARTITIONS):
        venue.move(number, venue.shards[int(rng.integers(shards))])
    partitions = list(traffic.logs)
    likes = rng.exponential(size=len(partitions)) + 0.05
    idle_turns = 0
    while idle_turns < 4_000:  # until all is read; a feed that ends early is a gap
        partition = partitions[int(rng.choice(len(partitions), p=likes / likes.sum()))]
        read = venue.read(partition, int(rng.geometric(1.0 / batch_mean)))
        idle_turns = 0 if read else idle_turns + 1
        chance = rng.random()
        if chance < 0.6:
            venue.publish(venue.owner[partition.partition])
        if chance < 0.2:
            venue.commit(venue.owner[partition.partition])
        elif read and chance > 0.97:
            venue.restart(int(rng.integers(shards)))
        elif read and chance > 0.94:
            venue.move(partition.partition, venue.shards[int(rng.integers(shards))])
    venue.finish()
    return venue


def detecting(config: Config) -> Pipeline:
    return Pipeline(replace(config, scale=Scale(role="detection")))


def judged(venue: Venue, seed: int, *, restarts: int = 0) -> Run:
    """What detection makes of the log of frames, read in some interleaving."""
    rng = np.random.default_rng(seed)
    found = Run(detecting(venue.traffic.config))
    left = dict.fromkeys(venue.log, 0)
    for number in venue.log:
        found.pipeline.fold.assign(Partition(FRAMES, number))
    turns = sum(map(len, venue.log.values())) * 2
    again = set(rng.integers(1, turns, restarts).tolist()) if restarts else set()
    for turn in range(100 * turns):
        ready = [number for number, messages in venue.log.items() if left[number] < len(messages)]
        if not ready:
            break
        number = ready[int(rng.integers(len(ready)))]
        stop = min(left[number] + int(rng.integers(1, 5)), len(venue.log[number]))
        values = venue.log[number][left[number] : stop]
        origin = Partition(FRAMES, number)
        found.taken.append(found.pipeline.take(RawBatch(origin, values, range(left[number], stop))))
        left[number] = stop
        found.tell()
        if turn in again:
            state, resumes = found.pipeline.state(), found.pipeline.resumes()
            found.pipeline = detecting(venue.traffic.config)
            found.pipeline.restore(state, resumes)
            left |= {p.partition: resume.offset for p, resume in resumes.items()}
    assert not [bad for taken in found.taken for bad in taken.bad], seed
    found.finish()
    return found


@cache
def calm_venue(number: int) -> Venue:
    return published(traffic_of(number), 1, 300.0, 2)


@given(st.sampled_from((1, 2)), SEEDS, BATCHES, st.integers(1, 4))
@few
def test_any_number_of_shards_any_hand_over_and_any_restart_change_nothing(
    number: int, seed: int, batch_mean: float, shards: int
) -> None:
    venue = published(traffic_of(number), seed, batch_mean, shards)
    found = judged(venue, seed)
    assert found.lines == run_of(number).lines, seed
    assert found.bins == run_of(number).bins, seed


@given(st.sampled_from((1, 2)), SEEDS, st.integers(1, 5))
@few
def test_restarts_of_detection_change_nothing(number: int, seed: int, restarts: int) -> None:
    found = judged(calm_venue(number), seed, restarts=restarts)
    assert found.lines == run_of(number).lines, seed
    assert found.bins == run_of(number).bins, seed


def test_shards_tell_no_more_late_events_than_one_process() -> None:
    traffic = traffic_of(1)
    venue = Venue(traffic, 1)
    late = 0
    for number in range(PARTITIONS):
        venue.move(number, venue.shards[0])
    for part in market.by_arrival(traffic):
        late += venue.shards[0].take(traffic.batch(part)).late
        venue.publish(venue.shards[0])
    assert late == run_of(1).late


@pytest.mark.parametrize("read", [1, 0], ids=["said_little", "said_nothing"])
def test_an_idle_number_is_not_waited_for_and_what_it_says_later_is_late(read: int) -> None:
    traffic = traffic_of(1)
    venue = Venue(traffic, 1)
    shard = venue.shards[0]
    for number in range(PARTITIONS):
        venue.move(number, shard)
    for partition in traffic.logs:
        if partition.partition != 2:
            venue.read(partition, len(traffic.logs[partition]))
    venue.publish(shard)
    assert [len(messages) for messages in venue.log.values()] == [1, 1, 0]
    for partition in traffic.logs:
        if partition.partition == 2:
            venue.read(partition, read)
            shard.folds[2].partitions[partition].idle = True
            shard.decide(partition, 0, "idle")
    venue.publish(shard)
    pipeline = detecting(traffic.config)
    for number, messages in venue.log.items():
        origin = Partition(FRAMES, number)
        pipeline.fold.assign(origin)
        taken = pipeline.take(RawBatch(origin, messages, range(len(messages))))
    bins = [step.bin for step in pipeline.steps()]
    assert bins[-1] > 200, "bins close without number 2"
    assert [decision.decision for decision in taken.decisions] == ["idle"] * 3
    for partition in traffic.logs:
        if partition.partition == 2:
            shard.decide(partition, 0, "awake")
            venue.read(partition, len(traffic.logs[partition]))
    venue.publish(shard)
    taken = pipeline.take(RawBatch(Partition(FRAMES, 2), venue.log[2][-1:], [9]))
    before = pipeline.fold.next_bin
    assert [decision.bin for decision in taken.decisions] == [before] * 3
    assert not pipeline.fold._open.keys() & set(bins), "bins that were judged stay as they were"


def test_a_number_that_never_held_anything_is_not_waited_for_once_it_is_idle() -> None:
    logs = {p: log if p.partition != 2 else [] for p, log in traffic_of(1).logs.items()}
    venue = Venue(Traffic(logs), 1)
    shard = venue.shards[0]
    for number in range(PARTITIONS):
        venue.move(number, shard)
    for partition, log in logs.items():
        venue.read(partition, len(log))
    venue.publish(shard)
    assert not venue.log[2], "an empty number is waited for"
    for partition in logs:
        if partition.partition == 2:
            shard.folds[2].partitions[partition].idle = True
            shard.decide(partition, 0, "idle")
    venue.publish(shard)
    assert dict(shard.messages(all_numbers=True)).keys() == {0, 1, 2}
    found = judged(venue, 1)
    assert found.lines == market.run(Traffic(logs)).lines


def test_what_waited_long_is_told_in_several_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = calm_venue(1)
    monkeypatch.setattr("monitor.shard.MESSAGE_BYTES", 500)
    parts = Venue(whole.traffic, 1)
    for number in range(PARTITIONS):
        parts.move(number, parts.shards[0])
    for partition, log in whole.traffic.logs.items():
        parts.read(partition, len(log))
    parts.finish()
    assert all(len(messages) > 5 for messages in parts.log.values())
    assert judged(parts, 1).lines == run_of(1).lines


def message(names: Names) -> Frames:
    keys = [
        packed(2, names.symbols[s], names.accounts[a])
        for s, a in (("B", "y"), ("A", ""), ("B", "x"), ("B", "y"))
    ]
    decision = Decision("idle", "orders", 1, 7, None)
    frames = [PartialFrame(5, np.array(keys[:1])), PartialFrame(9, np.array(keys[1:]))]
    return Frames(11, True, frames, [decision])


def spelled(frames: Frames, names: Names) -> list[tuple[int, list[tuple[int, str, str]]]]:
    """Bins with their events by name, in order."""
    return [
        (
            frame.bin,
            sorted(
                (
                    kind_of(key),
                    names.symbols.names[symbol_of(key)],
                    names.accounts.names[account_of(key)],
                )
                for key in frame.keys.tolist()
            ),
        )
        for frame in frames.frames
    ]


def test_a_message_says_the_same_in_other_tables() -> None:
    here, there = Names(), Names()
    for name in ("z", "y", "x", "B", "A"):
        assert there.symbols[name] + there.accounts[name] > 0
    packed = encode_frames(message(here), here)
    found = decode_frames(packed, there)
    assert spelled(found, there) == spelled(message(here), here)
    assert (found.end_bin, found.idle, found.decisions) == (11, True, message(here).decisions)
    assert spelled(decode_frames(encode_frames(found, there), here), here) == spelled(found, there)


def test_a_message_without_bins_carries_its_end() -> None:
    names = Names()
    found = decode_frames(encode_frames(Frames(3, False, [], []), names), names)
    assert found == Frames(3, False, [], [])


@pytest.mark.parametrize("seed", range(40))
def test_bytes_that_are_no_frames_are_refused_and_stop_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = Names()
    packed = bytearray(encode_frames(message(names), names))
    for _ in range(int(rng.integers(1, 5))):
        packed[int(rng.integers(len(packed)))] = int(rng.integers(256))
    torn = bytes(packed[: int(rng.integers(0, len(packed) + 1))])
    try:
        decode_frames(torn, Names())
    except FramesError:
        pipeline = detecting(Config())
        taken = pipeline.take(RawBatch(Partition(FRAMES, 0), [torn, None], [0, 1]))
        assert [bad.reason for bad in taken.bad] == ["not_frames"] * 2, seed
