"""The baseline that fires at random: as many alarms, at any time, of the whole venue.

It names the whole venue, which meets every event in place: the most that knowing nothing can give.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from monitor.scoring.alarm import WHOLE_VENUE, Alarm
from monitor.scoring.spans import Span

SEED: Final = 20_260_101
DRAWS: Final = 200


def draw(
    count: int, covered: Sequence[Sequence[Span]], rng: np.random.Generator
) -> list[list[Alarm]]:
    """So many alarms spread evenly over the covered spans of all logs, in order, a list a log."""
    spans = [(log, start, end) for log, of in enumerate(covered) for start, end in of]
    edges = np.cumsum([0, *(end - start for _, start, end in spans)])
    found: list[list[Alarm]] = [[] for _ in covered]
    for at in np.sort(rng.integers(0, max(int(edges[-1]), 1), count if spans else 0)).tolist():
        i = int(np.searchsorted(edges, at, side="right")) - 1
        log, start, _ = spans[i]
        at_ns = start + at - int(edges[i])
        found[log].append(Alarm(at_ns=at_ns, opened_ns=at_ns, onset_ns=at_ns, symbols=WHOLE_VENUE))
    return found
