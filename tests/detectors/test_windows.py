"""Window sums and begins, against sums taken the long way round, bin by bin."""

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.base import BLOCK, Floats
from detectors.windows import LENGTHS, Windows, plan


class LongWay:
    """Counts and means of every bin, by stream, from when each stream began."""

    def __init__(self) -> None:
        self.bins: dict[int, Floats] = {}  # (2, S) by position
        self.began = np.empty(0, np.int64)

    def sums(self, begin: int, end: int) -> Floats:
        """(2, S) over the bins from `begin` to before `end`."""
        total = np.zeros((2, self.began.size))
        for position in range(begin, end):
            if position in self.bins:
                values = self.bins[position]
                counted = self.began[: values.shape[1]] <= position
                total[:, : values.shape[1]] += np.where(counted, values, 0.0)
        return total


class Story:
    """Frames of random sizes in which streams come, are forgotten, and all fall silent."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.windows, self.truth = Windows(), LongWay()
        self.position = int(self.rng.integers(0, 5000))
        self.grow(3)

    def grow(self, streams: int) -> None:
        self.windows.resize(streams)
        new = np.full(streams - self.truth.began.size, self.position)
        self.truth.began = np.concatenate([self.truth.began, new])

    def forget(self, streams: NDArray[np.bool_]) -> None:
        self.windows.forget(streams)
        self.truth.began[streams] = self.position

    def happen(self) -> None:
        """What may come between two frames."""
        chance, streams = self.rng.random(), self.truth.began.size
        if chance < 0.01 and streams < 8:
            self.grow(streams + 1)
        elif chance < 0.03:
            self.forget(self.rng.random(streams) < 0.5)
        elif chance < 0.035:
            self.position += int(self.rng.integers(1, 3000))
            self.forget(np.ones(streams, bool))
        if self.rng.random() < 0.05:
            restored = Windows()
            restored.restore(self.windows.state())
            self.windows = restored

    def frame(self) -> tuple[int, Floats, Floats]:
        """The next frame's first bin, counts and means; quarters, so that sums are exact."""
        first = self.position
        bins = int(self.rng.integers(1, BLOCK - first % BLOCK + 1))
        shape = bins, self.truth.began.size
        counts = self.rng.poisson(3.0, shape).astype(np.float64)
        means = self.rng.integers(0, 20, shape) / 4.0
        for t in range(bins):
            self.truth.bins[first + t] = np.stack([counts[t], means[t]])
        self.position += bins
        return first, counts, means


@pytest.mark.parametrize("seed", range(3))
def test_every_window_of_every_bin_is_the_sum_of_its_bins(seed: int) -> None:
    story = Story(seed)
    for _ in range(250):
        story.happen()
        first, counts, means = story.frame()
        rows, sums, last = story.windows.take(first, counts, means)
        for row, (scale, t) in enumerate(zip(rows.scale, rows.bin, strict=True)):
            length, end = LENGTHS[scale], first + int(t) + 1
            where = f"seed {seed}, bin {end - 1}, {length} bins"
            assert (sums[:, row] == story.truth.sums(end - length, end)).all(), where
            if length >= 64:
                recent = story.truth.sums(end - length // 8, end)
                assert (last[:, row - rows.long] == recent).all(), where


@pytest.mark.parametrize("seed", range(2))
def test_begins_are_the_newest_first_and_reach_back_as_far_as_windows_do(seed: int) -> None:
    story = Story(seed + 10)
    for number in range(300):
        story.happen()
        first, counts, means = story.frame()
        story.windows.take(first, counts, means)
        if number % 5:
            continue
        streams = np.flatnonzero(story.rng.random(counts.shape[1]) < 0.6)
        for t in range(len(counts)):
            begin, since, scale = story.windows.past(t, streams)
            end = first + t + 1
            age = end - begin
            assert begin[:16].tolist() == list(range(end - 1, end - 17, -1))
            assert (np.diff(begin) < 0).all()
            assert (np.diff(age) <= np.maximum(1, age[1:] / 8)).all()
            assert 1024 - 64 <= age[-1] <= 1024
            for i in range(0, begin.size, 3):
                expected = story.truth.sums(int(begin[i]), end)[:, streams]
                assert (since[:, i] == expected).all(), f"seed {seed}, {begin[i]} to {end}"
            lengths = np.array(LENGTHS)[scale]
            assert (lengths >= age).all()
            assert (lengths < 2 * age).all()


def test_a_plan_has_a_row_wherever_a_window_moves_and_holds_it_until_the_next() -> None:
    now = plan(16, 16)
    moves = {LENGTHS[s]: now.bin[part].tolist() for s, part in enumerate(now.rows)}
    assert moves[16] == moves[1] == list(range(16))
    assert moves[32] == list(range(1, 16, 2))
    assert moves[128] == [7, 15]
    assert moves[512] == [15]  # hops of 32: the block from bin 16 on ends one
    assert moves[1024] == []
    held = now.held[:, LENGTHS.index(128)]
    assert (held[:7] == -1).all()
    assert (now.bin[held[7:]] == [*[7] * 8, 15]).all()
