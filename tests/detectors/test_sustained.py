"""Which windows are long, and what is held of them until the next."""

import numpy as np

from detectors.base import BLOCK
from detectors.excess import Loud
from detectors.sustained import FROM, Sustained
from detectors.windows import LENGTHS, SCALES, plan

HOP = LENGTHS[-1] // 16


def loud(row: list[int], stream: list[int], nats: list[float]) -> Loud:
    lasting = np.ones(len(row), bool)
    return Loud(np.array(row, np.intp), np.array(stream, np.intp), np.array(nats), lasting)


def test_windows_of_a_minute_and_more_end_with_blocks_only() -> None:
    assert LENGTHS[FROM] == 256
    sustained = Sustained()
    sustained.resize(1)
    ends = [
        first + 1
        for first in range(2 * HOP)
        if sustained.take(plan(first, 1), loud([], [], [])) is not None
    ]
    assert ends == list(range(BLOCK, 2 * HOP + 1, BLOCK))


def test_the_loudest_window_is_held_until_one_of_its_length_ends() -> None:
    sustained = Sustained()
    sustained.resize(3)
    rows = plan(HOP - 1, 1)  # where windows of all lengths end
    shorter, longest = (int(np.flatnonzero(rows.scale == s)[0]) for s in (FROM - 1, SCALES - 1))
    first = sustained.take(rows, loud([shorter, longest, longest], [0, 1, 2], [9.0, 4.0, 6.0]))
    assert first is not None
    assert first.tolist() == [0.0, 4.0, 6.0]
    middle = plan(HOP + BLOCK - 1, 1)  # a block later only the shortest of them ends
    shortest = int(np.flatnonzero(middle.scale == FROM)[0])
    second = sustained.take(middle, loud([shortest], [1], [5.0]))
    assert second is not None
    assert second.tolist() == [0.0, 5.0, 6.0]
    third = sustained.take(plan(2 * HOP - 1, 1), loud([], [], []))
    assert third is not None
    assert third.tolist() == [0.0, 0.0, 0.0]


def test_a_frame_of_a_block_is_as_sixteen_of_a_bin() -> None:
    frame, bins = Sustained(), Sustained()
    for sustained in (frame, bins):
        sustained.resize(2)
    rows = plan(0, BLOCK)
    at = int(np.flatnonzero(rows.scale == FROM)[0])
    found = frame.take(rows, loud([0, at], [0, 1], [9.0, 3.0]))
    assert found is not None
    assert found.tolist() == [0.0, 3.0]
    for t in range(BLOCK - 1):
        assert bins.take(plan(t, 1), loud([0], [0], [9.0])) is None
    last = plan(BLOCK - 1, 1)
    at = int(np.flatnonzero(last.scale == FROM)[0])
    again = bins.take(last, loud([0, at], [0, 1], [9.0, 3.0]))
    assert again is not None
    assert (again == found).all()
    assert (bins.held == frame.held).all()


def test_what_began_anew_is_forgotten() -> None:
    sustained = Sustained()
    sustained.resize(2)
    sustained.held[:], sustained.decades[:] = 3.0, 2.0
    sustained.forget(np.array([True, False]))
    assert sustained.held[:, 0].tolist() == [0.0] * (SCALES - FROM)
    assert sustained.decades.tolist() == [0.0, 2.0]
    sustained.skip()
    assert not sustained.held.any()
