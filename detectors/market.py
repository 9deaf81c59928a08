"""What the whole market does at once: a robust common factor of counts over their means.

Every window has a factor of its own, from the same bins as the counts that are judged by it: one
that follows with a lag leaves the lag in every stream, and many streams together then look guilty.
Symbols that are part of an anomaly are cut out by a redescending weight (Hampel, 1974), or fifty
loud symbols of two hundred would raise what is expected of all.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bools, Floats
from detectors.noise import Noise
from detectors.windows import LENGTHS, SCALES, Plan

PANEL: Final = 256  # the busiest streams are market enough
EXPECTED_MIN: Final = 4.0  # a stream's expected count over the window, to be listened to
STREAMS_NONE: Final = 4.0  # so few streams are no market
STREAMS_FULL: Final = 20.0
FACTOR_MIN: Final = 0.7  # after a stall of the venue its usual flow is no burst
TRUSTED_SD: Final = 1.5  # residuals up to here count fully, and beyond CUT_SD not at all
CUT_SD: Final = 4.0
STEPS: Final = 2
HEARD: Final = LENGTHS.index(8)  # shorter windows hear too few streams and share this one's factor


class MarketFactor:
    """Factors by window length. Where a window is too short for enough streams to be heard, its
    factor is drawn towards that of the next longer one. With few streams the factor would be the
    anomaly itself, so then all of them are drawn towards 1.

    held: (SCALES,) the last factor of each window length, before it is drawn towards 1.
    """

    def __init__(self) -> None:
        self.held = np.ones(SCALES)

    def update(
        self, rows: Plan, sums: Floats, panel: NDArray[np.intp], noise: Noise
    ) -> tuple[Floats, Floats]:
        """Factors of a frame. sums: (2, R, S) counts and means of each row; panel: the streams
        that are listened to.

        Returns (R,) the factor of each row, and (T, SCALES) the one that holds at each bin.
        """
        quick = rows.rows[HEARD].start
        raw, share = _robust(rows.scale[quick:], sums[:, quick:], panel, noise)
        common = np.ones(rows.scale.size)
        filled = np.ones((len(rows.held), SCALES + 1))
        for scale in range(SCALES - 1, -1, -1):  # each leans on the next longer one
            part, held = rows.rows[scale], rows.held[:, scale]
            longer = filled[rows.bin[part], scale + 1]
            if scale < HEARD:
                common[part] = np.maximum(longer, 1.0)  # a stall in the longer one is not theirs
            elif part.stop > part.start:
                at = slice(part.start - quick, part.stop - quick)
                common[part] = longer + share[at] * (raw[at] - longer)
            filled[:, scale] = np.where(held >= 0, common[held], self.held[scale])
        self.held = filled[-1, :SCALES].copy()
        trust = _trust(panel.size)
        return 1.0 + trust * (common - 1.0), 1.0 + trust * (filled[:, :SCALES] - 1.0)

    def trusted(self, streams: int) -> Floats:
        """(SCALES,) the factors that held at the last bin, of a panel of so many streams."""
        return 1.0 + _trust(streams) * (self.held - 1.0)

    def skip(self) -> None:
        """The input was silent for long: what the market did before says nothing of now."""
        self.held = np.ones(SCALES)


def _trust(streams: int) -> float:
    """How far a factor of so many streams is the market's, from 0 to 1."""
    return min(max((streams - STREAMS_NONE) / (STREAMS_FULL - STREAMS_NONE), 0.0), 1.0)


def _robust(
    scale: NDArray[np.intp], sums: Floats, panel: NDArray[np.intp], noise: Noise
) -> tuple[Floats, Floats]:
    """(R,) robust factors from the panel's columns of sums, and how much of the panel is heard."""
    if not panel.size:
        return np.ones(scale.size), np.zeros(scale.size)
    c, e = sums[0][:, panel], sums[1][:, panel]
    heard = e >= EXPECTED_MIN
    ratio = c / np.where(heard, e, np.inf)
    precision = e / (noise.counting[panel] + noise.wander2[scale[:, None], panel] * e) * heard
    ranked = np.sort(np.where(heard, ratio, np.inf), axis=1)
    middle = np.minimum(heard.sum(axis=1) // 2, panel.size - 1)
    start = ranked[np.arange(scale.size), middle]
    factor = np.where(np.isfinite(start), start, 1.0)
    root = np.sqrt(precision)
    for _ in range(STEPS):
        sd = np.sqrt(np.maximum(factor, 0.05))
        away = np.abs(ratio - factor[:, None]) * (root / sd[:, None])
        fading = (CUT_SD / np.maximum(away, 1e-9) - 1.0) * (TRUSTED_SD / (CUT_SD - TRUSTED_SD))
        weight = precision * np.clip(fading, 0.0, 1.0)
        total = weight.sum(axis=1)
        mean = (weight * ratio).sum(axis=1) / np.maximum(total, 1e-300)
        factor = np.where(total > 0, mean, factor)
    square = np.maximum((precision**2).sum(axis=1), 1e-300)
    streams = precision.sum(axis=1) ** 2 / square
    share = np.clip(streams / min(STREAMS_FULL, panel.size), 0.0, 1.0)
    return np.maximum(factor, FACTOR_MIN), share


def market_panel(mean: Floats, usable: Bools) -> NDArray[np.intp]:
    """Indices of the busiest usable streams, at most PANEL, in the order of streams."""
    streams = np.flatnonzero(usable)
    if streams.size > PANEL:
        streams = np.sort(streams[np.argsort(-mean[streams], kind="stable")[:PANEL]])
    return streams
