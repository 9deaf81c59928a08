"""What the whole market does at once: a robust common factor of counts over their means.

Every window has a factor of its own, from the same bins as the counts that are judged by it: one
that follows with a lag leaves the lag in every stream, and many streams together then look guilty.
Symbols that are part of an anomaly are cut out by a redescending weight (Hampel, 1974), or fifty
loud symbols of two hundred would raise what is expected of all. Means are raised while little is
known of them, those of quiet streams most; against such means every market would look slow, and
the busiest stream loud in it, so the factor is taken over the means without that.
"""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Panel:
    """The streams of each signal that are listened to, and how noisy they are known to be.

    stream: (Q, P) which of all streams. usable: (Q, P) False where a signal has fewer than P.
    counting, wander2: (Q, P) and (SCALES, Q, P) of noise.py.
    lift: (Q, P) by how much the mean of each is raised.
    trust: (Q,) how much of a market they are. enough: (Q,) how many of them would be one.
    """

    stream: NDArray[np.intp]
    usable: Bools
    counting: Floats
    wander2: Floats
    lift: Floats
    trust: Floats
    enough: Floats


class MarketFactor:
    """Factors by window length of Q signals. Where a window is too short for enough streams to be
    heard, its factor is drawn towards that of the next longer one. With few streams the factor
    would be the anomaly itself, so then all of them are drawn towards 1.

    held: (SCALES, Q) the last factor of each window length, before it is drawn towards 1.
    """

    def __init__(self, signals: int = 1) -> None:
        self.held = np.ones((SCALES, signals))

    def update(self, rows: Plan, sums: Floats, panel: Panel) -> tuple[Floats, Floats, Floats]:
        """Factors of a frame. sums: (2, R, S) counts and means of each row.

        Returns (R, Q) the factor of each row, (T, SCALES, Q) the one that holds at each bin, and
        (T, Q) that of each bin by itself, which leans on the shortest window that is heard.
        """
        signals = self.held.shape[1]
        quick = rows.rows[HEARD].start
        bins = len(rows.held)  # the rows of single bins come first
        at = np.concatenate([np.arange(bins), np.arange(quick, rows.scale.size)])
        raw, share = _robust(rows.scale[at], sums[:, at], panel)
        (one, raw), (of_one, share) = np.split(raw, [bins]), np.split(share, [bins])
        common = np.empty((rows.scale.size, signals))
        filled = np.ones((bins, SCALES + 1, signals))
        filled[:, :SCALES] = self.held
        for scale in range(SCALES - 1, HEARD - 1, -1):  # each leans on the next longer one
            part = rows.rows[scale]
            if part.stop > part.start:
                heard = slice(part.start - quick, part.stop - quick)
                longer = filled[rows.bin[part], scale + 1]
                common[part] = longer + share[heard] * (raw[heard] - longer)
                held = rows.held[:, scale]
                moved = held >= 0
                filled[moved, scale] = common[held[moved]]
        now = filled[:, HEARD] + of_one * (one - filled[:, HEARD])
        shared = np.maximum(filled[:, HEARD], 1.0)  # a stall in the longer one is not theirs
        filled[:, :HEARD] = shared[:, None]
        common[:quick] = shared[rows.bin[:quick]]
        self.held = filled[-1, :SCALES].copy()
        trust = panel.trust
        return (
            1.0 + trust * (common - 1.0),
            1.0 + trust * (filled[:, :SCALES] - 1.0),
            1.0 + trust * (now - 1.0),
        )

    def skip(self) -> None:
        """The input was silent for long: what the market did before says nothing of now."""
        self.held = np.ones_like(self.held)


def _robust(scale: NDArray[np.intp], sums: Floats, panel: Panel) -> tuple[Floats, Floats]:
    """(R, Q) robust factors from the panel's streams, and how much of the panel is heard."""
    if not panel.stream.size:
        nobody = np.ones((scale.size, len(panel.stream)))
        return nobody, 0.0 * nobody
    c, e = sums.take(panel.stream, axis=2)  # rows end to end in memory, so sums are pairwise
    e /= panel.lift
    heard = (e >= EXPECTED_MIN) & panel.usable
    ratio = c / np.where(heard, e, np.inf)
    precision = e / (panel.counting + panel.wander2[scale] * e) * heard
    ranked = np.sort(np.where(heard, ratio, np.inf), axis=2)
    middle = heard.sum(axis=2) // 2
    rows, signals = np.indices(middle.shape, sparse=True)
    start = ranked[rows, signals, middle]
    factor = np.where(np.isfinite(start), start, 1.0)
    root = np.sqrt(precision)
    for _ in range(STEPS):
        sd = np.sqrt(np.maximum(factor, 0.05))
        away = np.abs(ratio - factor[..., None])
        away *= root / sd[..., None]
        fading = CUT_SD / np.maximum(away, 1e-9, out=away)
        fading -= 1.0
        fading *= TRUSTED_SD / (CUT_SD - TRUSTED_SD)
        weight = np.minimum(np.maximum(fading, 0.0), 1.0)
        weight *= precision
        total = weight.sum(axis=2)
        mean = (weight * ratio).sum(axis=2) / np.maximum(total, 1e-300)
        factor = np.where(total > 0, mean, factor)
    square = np.maximum((precision**2).sum(axis=2), 1e-300)
    streams = precision.sum(axis=2) ** 2 / square
    return np.maximum(factor, FACTOR_MIN), np.minimum(streams / panel.enough, 1.0)


def market_panel(mean: Floats, usable: Bools, noise: Noise, lift: Floats) -> Panel:
    """The busiest usable streams of each signal, at most PANEL, in the order of streams. As wide
    as symbols allow, whatever is usable, so that a sum's bits do not hang on other signals."""
    signals = noise.signals
    symbols = mean.size // signals
    stream = np.zeros((signals, min(PANEL, symbols)), np.intp)
    found = np.zeros(stream.shape, bool)
    for signal in range(signals):
        part = slice(signal * symbols, (signal + 1) * symbols)
        busiest = np.flatnonzero(usable[part])
        if busiest.size > PANEL:
            ranked = np.argsort(-mean[part][busiest], kind="stable")
            busiest = np.sort(busiest[ranked[:PANEL]])
        stream[signal, : busiest.size] = signal * symbols + busiest
        found[signal, : busiest.size] = True
    streams = np.count_nonzero(found, axis=1)
    return Panel(
        stream,
        found,
        noise.counting[stream],
        noise.wander2.take(stream, axis=1),
        lift[stream],
        np.clip((streams - STREAMS_NONE) / (STREAMS_FULL - STREAMS_NONE), 0.0, 1.0),
        np.clip(streams, 1.0, STREAMS_FULL),
    )
