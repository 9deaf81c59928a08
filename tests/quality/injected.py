"""Bursts of known size in real order flow: recall at one page a day and a week of that flow.

Every kind of event of every log is a venue of one stream, so the market factor is 1 and the score
is that of the stream alone. Its thresholds are the detector's own promise: log10 of the bins in a
day, and in a week. How the promise is kept on the log as it is stands beside it; a log has only
hours, so the interval of that figure is wide and a rate of a week cannot be checked at all.

- The loudest score of an hour, median over the untouched log's hours, stands beside what is due if
  k is once in 10^k bins: log10(bins / ln 2). A decade below is a promise kept ten times too
  strictly, and it can be told from hours where a false page cannot.
- Placements are drawn once a log, after half an hour, and shared by all cells. Each starts from
  the detector's state at that bin of the untouched run, which by the restart contract is exactly
  what replaying the log up to there would give.
- A burst is found when the score reaches the threshold from its first bin to GRACE_S after its
  last. It is not found, whatever the score, where the untouched log reaches the threshold in that
  window or in the REST_S before: such a page would have come anyway. "spoilt" counts those.
- The last table asks what is in the flow to be found: our score and a window of the burst's own
  length (window_scan), both at the greatest value that the untouched log reaches. Where the score
  finds more at that threshold than at its promise, calibration costs it; where the window finds
  more than the score, the statistic does.
- Delay is from the burst's first moment to the end of the deciding bin.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import median
from typing import Final
from zlib import crc32

import numpy as np

from detectors.base import Floats, State
from detectors.burst import Burst
from detectors.options import BurstOptions
from tests.detectors.flow import frames
from tests.quality.injection import extra
from tests.quality.matching import SECONDS_PER_DAY, Alarms, poisson_interval, wilson
from tests.quality.real_logs import LOGS, Counted, read
from tests.quality.study import Study, columns
from tests.quality.window_scan import finds, scan

OPTIONS: Final = BurstOptions()
BIN_S: Final = OPTIONS.bin_ns / 1e9
RATIOS: Final = (1.5, 2.0, 4.0, 8.0)
DURATIONS_S: Final = (1.0, 5.0, 30.0, 300.0)
PLACEMENTS: Final = 32
SEED: Final = 1_000_000  # of those that are never tuned on
LEARNING_S: Final = 1800.0
GRACE_S: Final = 1.0
REST_S: Final = 60.0
PAGES: Final = {"day": SECONDS_PER_DAY, "week": 7.0 * SECONDS_PER_DAY}
HOUR_BINS: Final = round(3600.0 / BIN_S)
HOURLY_DUE: Final = float(np.log10(HOUR_BINS / np.log(2.0)))
LOUDEST: Final = "loudest"
THRESHOLDS: Final = {page: float(np.log10(every_s / BIN_S)) for page, every_s in PAGES.items()}


@dataclass(frozen=True, slots=True)
class Untouched:
    """The log as it is. scores: (T,), NaN no opinion. states: before the bin of each placement."""

    scores: Floats
    states: Mapping[int, State]

    @property
    def loudest(self) -> float:
        """The greatest score there was."""
        return float(np.nanmax(self.scores))

    @property
    def hourly(self) -> float:
        """The median over whole hours of the greatest score within."""
        hours = self.scores[: self.scores.size // HOUR_BINS * HOUR_BINS].reshape(-1, HOUR_BINS)
        return float(np.median(np.nanmax(hours, axis=1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One size of burst in one stream.

    found, delays_s: by page, and as LOUDEST above all that the untouched log reaches. scanned:
    found by the window above all that it reaches there.
    """

    ratio: float
    duration_s: float
    found: Mapping[str, int]
    delays_s: Mapping[str, list[float]]
    scanned: int


@dataclass(frozen=True, slots=True)
class Flow:
    """One stream's study. false, spoilt: alarms of the untouched log, and placements they cost.

    loudest, hourly: decades of the untouched log, its greatest score and the median of its hours'.
    """

    log: str
    kind: str
    hours: float
    loudest: float
    hourly: float
    false: Mapping[str, int]
    spoilt: Mapping[str, int]
    cells: Sequence[Cell]


def detector(kind: str) -> Burst:
    """The detector under study, which knows nothing yet."""
    return Burst(f"{kind}_burst", kind, OPTIONS)


def scored(burst: Burst, counts: Floats, first: int) -> Iterator[Floats]:
    """The scores of the one stream from bin `first` on, some bins at a time; counts: (T,)."""
    for frame in frames(counts[:, None], (burst.feature,), first):
        yield burst.update(frame).score[:, 0]


def untouched(stream: Counted, placements: Sequence[int]) -> Untouched:
    """Run the log through, keeping the state before every placement; these are in order."""
    burst = detector(stream.kind)
    states: dict[int, State] = {}
    scores: list[Floats] = []
    for start, stop in pairwise([0, *placements, stream.counts.size]):
        if start:
            states[start] = burst.state()
        scores += scored(burst, stream.counts[start:stop], start)
    return Untouched(np.concatenate(scores), states)


def reached(
    stream: Counted, state: State, start: int, added: Floats, thresholds: Mapping[str, float]
) -> dict[str, float]:
    """Seconds from the start of a burst until each threshold that is reached."""
    burst = detector(stream.kind)
    burst.restore(state)
    found: dict[str, float] = {}
    window = stream.counts[start : start + added.size + round(GRACE_S / BIN_S)].copy()
    window[: added.size] += added
    seen = 0
    for scores in scored(burst, window, start):
        for page, threshold in thresholds.items():
            if page not in found and (scores >= threshold).any():
                found[page] = (seen + int((scores >= threshold).argmax()) + 1) * BIN_S
        if len(found) == len(thresholds):
            break
        seen += scores.size
    return found


def spoilt(scores: Floats, start: int, bins: int, threshold: float) -> bool:
    """Whether the untouched log pages on its own in the window of a burst, or just before."""
    near = scores[start - round(REST_S / BIN_S) : start + bins + round(GRACE_S / BIN_S)]
    return bool((near >= threshold).any())


def placements_in(stream: Counted) -> list[int]:
    """Seeded bins with half an hour before them and the longest burst after."""
    rng = np.random.default_rng([SEED, crc32(stream.log.encode())])
    room = round((max(DURATIONS_S) + GRACE_S) / BIN_S)
    drawn = rng.integers(round(LEARNING_S / BIN_S), stream.counts.size - room, PLACEMENTS)
    return [int(start) for start in np.sort(drawn)]


def study_flow(stream: Counted) -> Flow:
    """Every cell of one stream."""
    placements = placements_in(stream)
    base = untouched(stream, placements)
    cells = [
        _cell(stream, base, placements, ratio=ratio, duration_s=duration_s)
        for duration_s in DURATIONS_S
        for ratio in RATIOS
    ]
    opinion = np.isfinite(base.scores)
    alarms = Alarms.of(base.scores, opinion, rest_bins=round(REST_S / BIN_S))
    longest = round(max(DURATIONS_S) / BIN_S)
    return Flow(
        stream.log,
        stream.kind,
        float(opinion.sum()) * BIN_S / 3600.0,
        base.loudest,
        base.hourly,
        {page: alarms.count(threshold) for page, threshold in THRESHOLDS.items()},
        {
            page: sum(spoilt(base.scores, start, longest, threshold) for start in placements)
            for page, threshold in THRESHOLDS.items()
        },
        cells,
    )


def _cell(
    stream: Counted, base: Untouched, placements: Sequence[int], *, ratio: float, duration_s: float
) -> Cell:
    bins = round(duration_s / BIN_S)
    most = float(np.nanmax(scan(stream.counts, bins, bin_s=BIN_S)))
    thresholds = THRESHOLDS | {LOUDEST: float(np.nextafter(base.loudest, np.inf))}
    delays_s: dict[str, list[float]] = {page: [] for page in thresholds}
    scanned = 0
    for start in placements:
        rng = np.random.default_rng([SEED, start, round(ratio * 10), bins])
        added = extra(stream.counts, start, bins, ratio=ratio, bin_s=BIN_S, rng=rng)
        scanned += finds(stream.counts, start, added, most=most, bin_s=BIN_S)
        found = reached(stream, base.states[start], start, added, thresholds)
        for page, delay_s in found.items():
            if not spoilt(base.scores, start, bins, thresholds[page]):
                delays_s[page].append(delay_s)
    return Cell(
        ratio=ratio,
        duration_s=duration_s,
        found={page: len(delays) for page, delays in delays_s.items()},
        delays_s=delays_s,
        scanned=scanned,
    )


def run(jobs: int) -> Study:
    """Every kind of event of every log."""
    streams = [stream for name in LOGS for stream in read(name, OPTIONS.bin_ns)]
    if jobs <= 1:
        flows = [study_flow(stream) for stream in streams]
    else:
        with ProcessPoolExecutor(jobs) as pool:
            flows = list(pool.map(study_flow, streams))
    title = f"Bursts planted in real flow: {PLACEMENTS} places a cell, seed {SEED}"
    half = max(high - low for low, high in map(_interval, range(PLACEMENTS + 1))) / 2.0
    note = f"95 % intervals of shares reach at most {half:.0%} to either side."
    parts = [_promises(flows), *(_recalls(flows, page) for page in PAGES), _headroom(flows), note]
    data = {"places": PLACEMENTS, "flows": [asdict(flow) for flow in flows]}
    return Study("injected", title, "\n\n".join(parts), data)


def _interval(found: int) -> tuple[float, float]:
    return wilson(found, PLACEMENTS)


def _promises(flows: Sequence[Flow]) -> str:
    """How the promise is kept on the logs as they are: pages, and what that makes of a rate."""
    rows = [["untouched log", "hours", "loudest"]]
    for page in PAGES:
        rows[0] += [f"a {page}", "95 %", "spoilt"]
    for flow in flows:
        cells = [f"{flow.log} {flow.kind}", f"{flow.hours:.2f}", f"{flow.hourly:.1f}"]
        for page, every_s in PAGES.items():
            low, high = poisson_interval(flow.false[page])
            times = every_s / (flow.hours * 3600.0)
            cells += [f"{flow.false[page]}", f"{low * times:.0f}–{high * times:.0f}"]
            cells.append(f"{flow.spoilt[page]}")
        rows.append(cells)
    rows.append(["due", "", f"{HOURLY_DUE:.1f}", *("" for _ in rows[0][3:])])
    return columns(rows)


def _recalls(flows: Sequence[Flow], page: str) -> str:
    """Recall and the median delay, streams and ratios down, durations across."""
    rows = [[f"found at one a {page}", *(f"{duration_s:g} s" for duration_s in DURATIONS_S)]]
    for flow in flows:
        for ratio in RATIOS:
            mine = [_shown(cell, page) for cell in flow.cells if cell.ratio == ratio]
            rows.append([f"{flow.log} {flow.kind} {ratio:g}x", *mine])
    windows_s = [duration_s + GRACE_S for duration_s in DURATIONS_S]
    at_random = [-np.expm1(-window_s / PAGES[page]) for window_s in windows_s]
    rows.append(["firing at random", *(f"{share:.3%}" for share in at_random)])
    return columns(rows)


def _headroom(flows: Sequence[Flow]) -> str:
    """What score and window find above all that the untouched log reaches."""
    rows = [["score, window above log", *(f"{duration_s:g} s" for duration_s in DURATIONS_S)]]
    for flow in flows:
        for ratio in RATIOS:
            mine = [
                f"{cell.found[LOUDEST] / PLACEMENTS:.0%} {cell.scanned / PLACEMENTS:>6.0%}"
                for cell in flow.cells
                if cell.ratio == ratio
            ]
            rows.append([f"{flow.log} {flow.kind} {ratio:g}x", *mine])
    return columns(rows)


def _shown(cell: Cell, page: str) -> str:
    found = cell.found[page]
    delay = f"{median(cell.delays_s[page]):.1f} s" if found else "–"
    return f"{found / PLACEMENTS:.0%} {delay:>7}"
