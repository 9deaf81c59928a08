"""What lasts for a minute and longer: the excess of the longest windows.

A likelihood ratio that follows a rate takes what has lasted for longer than rates remember for the
rate itself (see cusum.py). Flow that is clustered otherwise than that model thinks forgets sooner,
and a rise of minutes is then told best by how much more a long window holds than windows of its
length are used to.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import BLOCK, Bools, Floats, State, grow, pack, unpack
from detectors.excess import Loud
from detectors.windows import HOPS, LENGTHS, SCALES, Plan

FROM: Final = LENGTHS.index(256)  # the first length that is judged here: 256 bins, a minute
_FILLS: Final = {"held": 0.0, "decades": 0.0}


class Sustained:
    """The loudest of the longest windows of S streams.

    held: (SCALES - FROM, S) nats of the last window of each length. decades: (S,) what the loudest
    of them came to.
    """

    def __init__(self, signals: int = 1) -> None:
        self.signals = signals
        self.held = np.zeros((SCALES - FROM, 0))
        self.decades = np.zeros(0)

    def resize(self, streams: int) -> None:
        """Make room for streams that were not there before."""
        grow(self, _FILLS, streams, self.signals)

    def take(self, rows: Plan, loud: Loud) -> Floats | None:
        """(S,) nats of the loudest window, where one ends in a frame, which is in its last bin;
        None where none does."""
        first = rows.rows[FROM].start
        if first == rows.scale.size:
            return None
        self.held[rows.scale[first:] - FROM] = 0.0
        at = np.flatnonzero(loud.lasting & (loud.row >= first))
        self.held[rows.scale[loud.row[at]] - FROM, loud.stream[at]] = loud.nats[at]
        return np.asarray(self.held.max(axis=0))

    def forget(self, streams: Bools) -> None:
        """Evidence of these streams starts anew."""
        self.held[:, streams] = 0.0
        self.decades[streams] = 0.0

    def skip(self) -> None:
        """The input was silent: windows span the silence."""
        self.forget(np.ones(self.decades.size, bool))

    def state(self) -> State:
        return pack(self, tuple(_FILLS))

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        unpack(self, tuple(_FILLS), state)


assert LENGTHS[FROM] // HOPS >= BLOCK  # so that a frame has no more than one bin where they end
