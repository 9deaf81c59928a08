"""Scores over time in bounded memory: the last minutes of the venue, or all of an incident."""

from array import array
from collections import deque
from collections.abc import Iterator
from typing import Final

POINTS_MAX: Final = 240
Point = tuple[int, float]
"""Venue time in seconds, and the greatest score of the slot that begins there."""


class Recent:
    """A second a slot, for as long as memory is given; what is older is forgotten."""

    def __init__(self, *, seconds: int) -> None:
        self.seconds = seconds
        self._points: deque[Point] = deque(maxlen=seconds)

    def add(self, at_s: int, score: float) -> None:
        """Take in a score; times never go back."""
        if self._points and self._points[-1][0] == at_s:
            self._points[-1] = (at_s, max(self._points[-1][1], score))
        else:
            self._points.append((at_s, score))

    def since(self, start_s: int) -> list[Point]:
        """What is remembered from a time on."""
        return [point for point in self._points if point[0] >= start_s]

    @property
    def points(self) -> list[Point]:
        """What lies within the remembered time of the last point, so that gaps count too."""
        return self.since(self._points[-1][0] - self.seconds) if self._points else []


class Line:
    """All of a time, however long: where points run out, two slots become one twice as wide.

    slot_s: width of a slot now.
    """

    def __init__(self, points: list[Point] | None = None, *, points_max: int = POINTS_MAX) -> None:
        if points_max < 2:
            raise ValueError(f"points_max must be at least 2, was {points_max}")
        self.slot_s = 1
        self._max = points_max
        self._times = array("q")
        self._scores = array("f")
        for at_s, score in points or ():
            self.add(at_s, score)

    def add(self, at_s: int, score: float) -> None:
        """Take in a score; times never go back."""
        slot = at_s - at_s % self.slot_s
        if self._times and self._times[-1] >= slot:
            self._scores[-1] = max(self._scores[-1], score)
            return
        self._times.append(slot)
        self._scores.append(score)
        while len(self._times) > self._max:
            self._widen()

    def _widen(self) -> None:
        points = list(self)
        self.slot_s *= 2
        del self._times[:], self._scores[:]
        for at_s, score in points:
            self.add(at_s, score)

    def __iter__(self) -> Iterator[Point]:
        return zip(self._times, self._scores, strict=True)

    def __len__(self) -> int:
        return len(self._times)
