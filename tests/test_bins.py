"""Bins by hand. Timelines: one column a second, bins of a second, two seconds of lateness."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from monitor.bins import Fold
from monitor.clocks import Resume
from monitor.columns import Columns
from monitor.partial import PartialFrame
from monitor.records import Partition, RawBatch

A, B = Partition("orders", 0), Partition("orders", 1)
S = 1_000_000_000


def fold(*, lateness_s: float = 2.0, silence_bins: int = 1_000) -> Fold:
    return Fold(bin_ns=S, lateness_ns=round(lateness_s * S), silence_bins=silence_bins)


def events(
    origin: Partition, seconds: Sequence[float], first_offset: int = 0, key: int = 1
) -> Columns:
    """Events at these seconds, one record each."""
    count = len(seconds)
    offsets = range(first_offset, first_offset + count)
    ts = np.array([round(s * S) for s in seconds], np.int64)
    return Columns(RawBatch(origin, [b"{}"] * count, offsets), ts, np.full(count, key), None)


def closed(frames: Sequence[PartialFrame]) -> dict[int, int]:
    """How many events each closed bin holds."""
    return {frame.bin: frame.keys.size for frame in frames}


def test_a_bin_closes_when_the_clock_is_lateness_past_its_end() -> None:
    """
    second   10  11  12  13
    A         ●       ●  ·      clock 12.99: the watermark is at 10.99
    A         ●       ●   ●     clock 13.00: the watermark is at 11, bin 10 ends there
    """
    bins = fold()
    bins.add(events(A, [10.5, 12.99]))
    assert closed(list(bins.close())) == {}
    bins.add(events(A, [13.0], 2))
    assert closed(list(bins.close())) == {10: 1}


def test_an_event_is_late_by_its_own_partitions_clock_only() -> None:
    """
    second   10  11  12  13  14
    A         1               2   3 back at 10.9: bin 10 closed for A when it showed 14
    B         1   2               3 back at 10.9: B is at 11, so bin 10 is still open for it
    """
    bins = fold()
    assert bins.add(events(A, [10.1, 14.0])) == 0
    assert bins.add(events(B, [10.1, 11.0])) == 0
    assert closed(list(bins.close())) == {}
    assert bins.add(events(A, [10.9], 2)) == 1
    assert bins.add(events(B, [10.9], 2)) == 0
    assert closed(list(bins.finish())) == {10: 3, 11: 1, 12: 0, 13: 0, 14: 1}


def test_an_event_exactly_at_the_watermark_is_on_time_and_just_before_it_is_late() -> None:
    bins = fold()
    assert bins.add(events(A, [13.0, 11.0, 10.999999999])) == 1


def test_lateness_inside_a_batch_is_judged_event_by_event() -> None:
    """
    order     1     2     3     4
    second   10    10.2  20    10.4     only the fourth comes after the clock moved
    """
    bins = fold()
    assert bins.add(events(A, [10.0, 10.2, 20.0, 10.4])) == 1
    assert closed(list(bins.finish()))[10] == 2


def test_the_first_bin_waits_for_an_earlier_one() -> None:
    """
    second    9  10
    A             1      first close: nothing is past its lateness, so nothing is decided
    B             1
    B         2          on time: B is at 10, and two seconds late is allowed
    """
    bins = fold()
    bins.add(events(A, [10.0]))
    bins.add(events(B, [10.0]))
    assert closed(list(bins.close())) == {}
    assert bins.add(events(B, [9.0], 1)) == 0
    assert closed(list(bins.finish())) == {9: 1, 10: 2}


def test_the_slowest_partition_holds_bins_open_until_it_is_idle_or_done() -> None:
    """
    second   10  11 …  20
    A         1         2
    B         1              then silence
    """
    for give_up in ("idle", "done"):
        bins = fold()
        bins.add(events(A, [10.0, 20.0]))
        bins.add(events(B, [10.0]))
        assert closed(list(bins.close())) == {}
        setattr(bins.partitions[B], give_up, True)
        assert closed(list(bins.close())) == {10: 2} | dict.fromkeys(range(11, 18), 0)


def test_an_assigned_partition_that_said_nothing_holds_bins_open() -> None:
    bins = fold()
    bins.assign(B)
    bins.add(events(A, [10.0, 20.0]))
    assert closed(list(bins.close())) == {}
    bins.revoke(B)
    assert closed(list(bins.close()))[10] == 1


def test_a_partition_that_wakes_is_waited_for_and_its_closed_bins_are_late() -> None:
    """
    second   10  …  15  …  20  …  24
    A         1             2      3
    B         1    idle: 10 to 17 close without it
    B              2                     15 is late, 19 is not
    B                      3
    """
    bins = fold()
    bins.add(events(A, [10.0, 20.0]))
    bins.add(events(B, [10.0]))
    bins.partitions[B].idle = True
    assert max(closed(list(bins.close()))) == 17
    assert bins.add(events(B, [15.0, 19.0], 1)) == 1
    bins.add(events(A, [24.0], 2))
    assert closed(list(bins.close())) == {}  # B is at 19 again
    assert closed(list(bins.finish())) == {18: 0, 19: 1, 20: 1, 21: 0, 22: 0, 23: 0, 24: 1}


def test_all_idle_closes_nothing_and_all_done_closes_everything() -> None:
    bins = fold()
    bins.add(events(A, [10.0, 10.5]))
    bins.partitions[A].idle = True
    assert closed(list(bins.close())) == {}
    bins.partitions[A].done = True
    assert closed(list(bins.close())) == {10: 2}


def test_a_silence_is_cut_after_its_first_bins_and_says_how_much() -> None:
    """
    second   10  11 12 13 14 15 …  98 99 100
    A         ●                           ●
    frames   10  11 12 13           98 left out up to here, 100
    """
    bins = fold(silence_bins=3)
    bins.add(events(A, [10.0, 100.0]))
    frames = list(bins.close())
    assert closed(frames) == {10: 1, 11: 0, 12: 0, 13: 0}
    bins.add(events(A, [103.0], 2))
    frames = list(bins.close())
    assert closed(frames) == {100: 1}
    assert frames[0].skipped == 100 - 14
    assert closed(list(bins.finish())) == {101: 0, 102: 0, 103: 1}


@pytest.mark.parametrize("pieces", [[200.0], [50.0, 200.0], [14.0, 15.0, 16.0, 80.0, 200.0]])
def test_how_a_silence_is_cut_does_not_depend_on_how_its_end_was_learned(
    pieces: list[float],
) -> None:
    """Another partition's records may be bad, refused or absent: clocks move in any steps."""
    bins = fold(silence_bins=3)
    bins.add(events(A, [10.0]))
    frames: list[PartialFrame] = []
    for second in pieces:
        bins.partitions[A].clock_ns = round(second * S)
        frames += bins.close()
    bins.add(events(A, [200.0], 1))
    bins.add(events(A, [203.0], 2))
    frames += bins.close()
    assert [(f.bin, f.skipped) for f in frames][:5] == [
        (10, 0),
        (11, 0),
        (12, 0),
        (13, 0),
        (200, 200 - 14),
    ]


def test_a_late_event_is_counted_once_over_a_restart() -> None:
    """
    order     1   2    3           4
    second   10  12   9.5 (late)  12.5
    """
    first = fold()
    assert first.add(events(A, [10.0, 12.0, 9.5, 12.5])) == 1
    assert closed(list(first.close())) == {}
    resumes = first.resumes()
    assert resumes == {A: Resume(offset=0, clock_ns=-(2**62), counted=4)}
    second = fold()
    second.assign(A, resumes[A])
    assert second.add(events(A, [10.0, 12.0, 9.5, 12.5])) == 0
    assert second.add(events(A, [9.0], 4)) == 1
    assert closed(list(second.finish())) == {10: 1, 11: 0, 12: 2}


def test_reading_starts_again_at_the_first_record_of_an_open_bin_with_the_clock_of_then() -> None:
    """
    offset    0   1     2     3
    second   10  15   13.5   16     bins 10 to 13 close at 16; 14 is empty; 15 opened at offset 1
    """
    bins = fold()
    bins.add(events(A, [10.0, 15.0, 13.5, 16.0]))
    assert closed(list(bins.close())) == {10: 1, 11: 0, 12: 0, 13: 1}
    assert bins.resumes() == {A: Resume(offset=1, clock_ns=10 * S, counted=4)}


def test_with_no_bin_open_reading_goes_on_at_the_next_record() -> None:
    bins = fold(lateness_s=0.0)
    bins.add(events(A, [10.0]))
    bins.partitions[A].clock_ns = 11 * S
    assert closed(list(bins.close())) == {10: 1}
    assert bins.resumes() == {A: Resume(offset=1, clock_ns=11 * S, counted=1)}


def test_a_batch_without_a_good_record_moves_the_position_and_nothing_else() -> None:
    bins = fold()
    bins.add(events(A, [10.0]))
    nothing = np.empty(0, np.int64)
    bins.add(Columns(RawBatch(A, [b"x", b"y"], [1, 2]), nothing, nothing, nothing))
    assert bins.partitions[A].position == 3
    assert bins.partitions[A].clock_ns == 10 * S


def test_records_of_an_unknown_partition_without_a_good_one_are_not_waited_for() -> None:
    bins = fold()
    nothing = np.empty(0, np.int64)
    bins.add(Columns(RawBatch(B, [b"x"], [0]), nothing, nothing, nothing))
    bins.add(events(A, [10.0, 13.0]))
    assert closed(list(bins.close())) == {10: 1}


def test_keys_of_a_bin_are_those_that_were_added_whatever_their_order() -> None:
    bins = fold()
    for key, at in ((7, 10.1), (5, 11.2), (6, 10.3), (5, 10.4)):
        bins.add(events(A, [at], key, key=key))
    frames = {frame.bin: sorted(frame.keys.tolist()) for frame in bins.finish()}
    assert frames == {10: [5, 6, 7], 11: [5]}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("bin_ns", {"bin_ns": 0, "lateness_ns": 0, "silence_bins": 1}),
        ("silence_bins", {"bin_ns": 1, "lateness_ns": 0, "silence_bins": 0}),
        ("lateness_ns", {"bin_ns": 1, "lateness_ns": -1, "silence_bins": 1}),
    ],
)
def test_options_that_make_no_sense_are_named(name: str, options: Any) -> None:
    with pytest.raises(ValueError, match=name):
        Fold(**options)
