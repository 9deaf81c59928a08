"""Detectors side by side on gamma-ray bursts: ours, Poisson-FOCuS, ADWIN, HalfSpaceTrees.

Each takes the counts (T, D) of one stretch, NaN not observed, and gives statistics (T,), NaN no
opinion. The peers need a background, which none of them brings: a delayed, exponentially weighted
mean whose constants were chosen, like our options, on the tuning half (gamma_ray_tuning).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from river.anomaly import HalfSpaceTrees
from river.drift import ADWIN

from detectors.base import Floats
from detectors.burst import Burst
from detectors.correlated import CorrelatedTest
from detectors.options import BurstOptions
from tests.detectors.flow import frames
from tests.quality.light_curves import BIN_S

BIN_NS: Final = round(BIN_S * 1e9)
FEATURES: Final = ("photon",)
Method = Callable[[Floats], dict[str, Floats]]

# A block is 33 s here, and nothing is learned within one: shorter times than that change nothing.
OURS: Final = BurstOptions(
    bin_ns=BIN_NS,
    background_s=40.96,
    delay_s=4.096,
    warm_up_s=20.48,
    counting_prior=1.5,
    wander=0.04,
    noise_memory_s=122.88,
    caution=0.5,
    rebaseline_s=98.304,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moving:
    """A delayed exponentially weighted mean, for the peers. ratio_min: FOCuS's least rate ratio.

    15 s of memory were best for every peer. Least ratios 1.1 and 1.2 tied: 1.1 sees more.
    """

    memory_s: float = 15.0
    delay_s: float = 4.096
    ratio_min: float = 1.1


PEERS: Final = Moving()


def ours(counts: Floats, options: BurstOptions = OURS) -> dict[str, Floats]:
    """`Burst` on every detector and on their sum, and the correlated test over both."""
    streams, total = Burst("photon_burst", "photon", options), Burst("total", "photon", options)
    test = CorrelatedTest(1, options)
    best, sums, joint = np.full((3, len(counts)), np.nan)
    sum_of_all = counts.sum(axis=1, keepdims=True)
    for frame, whole in zip(frames(counts, FEATURES), frames(sum_of_all, FEATURES), strict=True):
        at = slice(frame.bin, frame.bin + len(frame.values))
        verdict, together = streams.update(frame), total.update(whole)
        best[at] = np.fmax.reduce(verdict.score, axis=1)
        sums[at] = together.score[:, 0]
        joint[at] = test.update(frame.bin, [verdict], [replace(together, venue=True)]).score
    return {
        "foreshock, best stream": best,
        "foreshock, sum": sums,
        "foreshock, correlated": joint,
    }


def moving_mean(counts: Floats, moving: Moving) -> Floats:
    """(T, D) what each bin is expected to hold from bins that are old enough; NaN before."""
    delay = max(1, round(moving.delay_s / BIN_S))
    decay = float(np.exp(-BIN_S / moving.memory_s))
    total, weight = np.zeros(counts.shape[1]), np.zeros(counts.shape[1])
    expected = np.full_like(counts, np.nan)
    for t in range(delay, len(counts)):
        old = counts[t - delay]
        seen = np.isfinite(old)
        total = np.where(seen, decay * total + old, total)
        weight = np.where(seen, decay * weight + 1.0, weight)
        expected[t] = np.where(weight > 0, total / np.maximum(weight, 1.0), np.nan)
    return expected


def focus(counts: Floats, moving: Moving = PEERS) -> dict[str, Floats]:
    """Poisson-FOCuS with known background, on every detector and on their sum."""
    expected = moving_mean(counts, moving)
    each = np.column_stack(
        [_focus(x, m, moving) for x, m in zip(counts.T, expected.T, strict=True)]
    )
    total = _focus(counts.sum(axis=1), expected.sum(axis=1), moving)
    return {"Poisson-FOCuS, best stream": each.max(axis=1), "Poisson-FOCuS, sum": total}


def _focus(x: Floats, expected: Floats, moving: Moving) -> Floats:
    """One stream in sigmas. Time is measured in expected counts, so the known rate is always 1.

    The package reads falls as well as rises off its first piece, and knows no least ratio; Ward
    et al. (2023) have both rules, so the pieces are evaluated by them here.
    """
    from changepoint_online import Focus, Poisson  # of the optional group `bench`

    detector = Focus(Poisson(1.0), side="right")
    found = np.zeros(x.size)
    for t, (count, mean) in enumerate(zip(x.tolist(), expected.tolist(), strict=True)):
        if not (np.isfinite(count) and np.isfinite(mean)):
            continue
        detector.cs.n += mean - 1.0
        detector.update(count)
        pieces, sums = detector.qr.ps[:-1], detector.cs
        nats = max(p.eval(max(p.argmax(sums), moving.ratio_min), sums) for p in pieces)
        found[t] = np.sqrt(2.0 * max(nats, 0.0))
    return found


def residuals(counts: Floats, moving: Moving) -> Floats:
    """(T, D) standard deviations above the moving mean, with Poisson noise; 0 unobserved."""
    expected = moving_mean(counts, moving)
    z = (counts - expected) / np.sqrt(expected)
    return np.where(np.isfinite(z), z, 0.0)


DELTAS: Final = 10.0 ** -np.arange(0.5, 12.5, 0.5)


def adwin(counts: Floats, moving: Moving = PEERS) -> dict[str, Floats]:
    """The least delta on a grid at which ADWIN, on residuals, says that a stream rose."""
    z = residuals(counts, moving)
    each = np.column_stack([_adwin(stream) for stream in z.T])
    return {"ADWIN, best stream": each.max(axis=1), "ADWIN, sum": _adwin(z.sum(axis=1))}


def _adwin(z: Floats) -> Floats:
    found = np.zeros(z.size)
    for delta in DELTAS.tolist():
        detector = ADWIN(delta=delta, clock=1, min_window_length=1, grace_period=5)
        before = 0.0
        for t, value in enumerate(z.tolist()):
            detector.update(value)
            if detector.drift_detected and detector.estimation > before:
                found[t] = -np.log10(delta)
            before = detector.estimation
    return found


WINDOWS: Final = (1, 4, 16)
HALF_SD: Final = 6.0  # residuals are squashed to 0..1: a half is usual, the ends are this far away


def half_space_trees(counts: Floats, moving: Moving = PEERS) -> dict[str, Floats]:
    """HalfSpaceTrees over residuals of windows of each stream, and of their sum."""
    z = residuals(counts, moving)
    each = np.column_stack([_trees(stream) for stream in z.T])
    total = _trees(z.sum(axis=1) / np.sqrt(z.shape[1]))
    return {"HalfSpaceTrees, best stream": each.max(axis=1), "HalfSpaceTrees, sum": total}


def _trees(z: Floats) -> Floats:
    trees = HalfSpaceTrees(n_trees=10, height=6, window_size=25, seed=1)
    sums = np.concatenate([np.zeros(max(WINDOWS)), np.cumsum(z)])
    end = np.arange(z.size) + max(WINDOWS)
    windows = np.column_stack([(sums[end] - sums[end - w]) / np.sqrt(w) for w in WINDOWS])
    unit = np.clip(0.5 + windows / (2.0 * HALF_SD), 0.0, 1.0)
    found = []
    for row in unit.tolist():
        features = dict(enumerate(row))
        found.append(trees.score_one(features))
        trees.learn_one(features)
    return np.array(found)


METHODS: Final[dict[str, Method]] = {
    "foreshock": ours,
    "Poisson-FOCuS": focus,
    "ADWIN": adwin,
    "HalfSpaceTrees": half_space_trees,
}
