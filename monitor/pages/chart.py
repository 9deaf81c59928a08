"""Scores over time as paths of inline SVG, in a box of 1000 by 100 that is stretched to fit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.config import Config
from monitor.incidents import SEVERITIES
from monitor.scoreline import Point

WIDTH: Final = 1000.0
HEIGHT: Final = 100.0
ROOM: Final = 3.0  # decades above the page threshold; a line that goes beyond runs along the top
GAP_SLOTS: Final = 3  # missing slots that break a line: then nothing was judged


@dataclass(frozen=True, slots=True)
class Mark:
    """A level or a moment in a chart. at: percent from the top, or from the left."""

    name: str
    at: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A line and its area as SVG paths, what they are marked with, and all of it in words.

    best: the greatest score. top: the score at the top of the box.
    """

    line: str
    area: str
    levels: Sequence[Mark]
    moments: Sequence[Mark]
    start_s: int
    end_s: int
    best: float
    top: float


def chart(
    points: Iterable[Point],
    config: Config,
    *,
    slot_s: int = 1,
    moments: Iterable[tuple[str, int]] = (),
) -> Chart | None:
    """A chart of scores with the thresholds of severities; None of no points.

    moments: names and venue times in seconds; those outside of the points are left out.
    """
    known = list(points)
    if not known:
        return None
    start_s, end_s = known[0][0], max(known[-1][0], known[0][0] + slot_s)
    best = max(score for _, score in known)
    options = config.desk_options()
    top = options.page + ROOM

    def x(at_s: int) -> float:
        return (at_s - start_s) / (end_s - start_s)

    def y(score: float) -> float:
        return 1.0 - min(max(score, 0.0), top) / top

    runs = list(_runs(known, slot_s))
    placed = [[(WIDTH * x(at_s), HEIGHT * y(score)) for at_s, score in run] for run in runs]
    levels = zip(SEVERITIES, (options.info, options.warning, options.page), strict=True)
    return Chart(
        line=" ".join(_path(run) for run in placed),
        area=" ".join(f"{_path(r)} V{HEIGHT:g} H{r[0][0]:.1f} Z" for r in placed),
        levels=[Mark(name, round(100.0 * y(level), 2)) for name, level in levels],
        moments=[
            Mark(name, round(100.0 * x(at_s), 2))
            for name, at_s in moments
            if start_s <= at_s <= end_s
        ],
        start_s=start_s,
        end_s=end_s,
        best=best,
        top=top,
    )


def _runs(points: Sequence[Point], slot_s: int) -> Iterable[Sequence[Point]]:
    """Points that follow each other without a gap."""
    begin = 0
    for place in range(1, len(points) + 1):
        ended = place == len(points)
        if ended or points[place][0] - points[place - 1][0] > GAP_SLOTS * slot_s:
            yield points[begin:place]
            begin = place


def _path(run: Sequence[tuple[float, float]]) -> str:
    (x, y), rest = run[0], run[1:]
    return f"M{x:.1f} {y:.1f}" + "".join(f" L{x:.1f} {y:.1f}" for x, y in rest or run[:1])
