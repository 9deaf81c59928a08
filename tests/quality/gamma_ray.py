"""Real bursts of counts: photons around 718 gamma-ray bursts, with onset and duration on record.

A burst is a venue, its detectors are the streams. Half of the bursts, by a hash of the name, were
tuned on; the other half is reported.

    |<- warm-up ->|<- quiet ->|margin| found here |         |<- warm-up ->|<---- quiet ---->|
    start                         onset-2    onset+T90+5    onset+2·T90+60 s               end

- A curve is cut in two and every method starts anew on each: the lead, until the burst is over,
  and the rest, from two durations and a minute after the onset. So what a burst leaves behind in a
  detector is neither punished nor hidden.
- The first WARM_UP_BINS of a stretch are warm-up for every method alike: neither alarms nor
  exposure count. A burst whose window begins earlier is left out of recall for every method.
- A burst is found when an alarm begins from 2 bins before its onset to 5 bins after onset + T90.
- An alarm that begins in quiet is false. Quiet ends 10 bins before the onset. Rates are a day of
  quiet, observed bins of one venue.
- Methods are compared at equal rates of false alarms, each at the lowest threshold that keeps it.
  Firing at random finds a burst of window w at a rate r with chance 1 - exp(-r·w).
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats
from tests.quality.gamma_ray_methods import METHODS, Method
from tests.quality.light_curves import BIN_S, LightCurve, read
from tests.quality.matching import (
    SECONDS_PER_DAY,
    Alarms,
    joined,
    poisson_interval,
    threshold_for,
    wilson,
)
from tests.quality.study import Study, columns

WARM_UP_BINS: Final = 30
EARLY_BINS, LATE_BINS, MARGIN_BINS = 2, 5, 10
DAILY_DECADES: Final = float(np.log10(SECONDS_PER_DAY / BIN_S))
RATES_PER_DAY: Final = (1.0, 3.0, 10.0, 30.0, 100.0)


@dataclass(frozen=True, slots=True)
class Stretches:
    """Where things lie in a curve, in bins. rest: where the second stretch begins."""

    quiet: slice
    window: slice
    rest: int

    @classmethod
    def of(cls, curve: LightCurve) -> "Stretches":
        lasts = int(np.ceil(curve.t90_s / BIN_S))
        return cls(
            slice(0, max(curve.onset - MARGIN_BINS, 0)),
            slice(max(curve.onset - EARLY_BINS, 0), max(curve.onset + lasts + LATE_BINS + 1, 0)),
            max(curve.onset + int(np.ceil((2.0 * curve.t90_s + 60.0) / BIN_S)), 0),
        )


@dataclass(frozen=True, slots=True)
class Heard:
    """One method on one burst. window: None where the burst came during warm-up."""

    quiet: Alarms
    window: Alarms | None


@dataclass(frozen=True, slots=True)
class Result:
    """One burst under every method. quiet_bins, window_bins: exposure, the same for all.

    cpu_us: by family of methods, per bin and stream.
    """

    burst: str
    heard: Mapping[str, Heard]
    quiet_bins: int
    window_bins: int
    cpu_us: Mapping[str, float]


def judge(curve: LightCurve, methods: Mapping[str, Method] = METHODS) -> Result:
    """Run every method over both stretches of a curve."""
    at = Stretches.of(curve)
    lead, rest = curve.counts[: at.window.stop], curve.counts[at.rest :]
    lead_warm, rest_warm = _warm(lead), _warm(rest)
    in_reach = at.window.start < len(lead) and bool(lead_warm[at.window].all())
    heard: dict[str, Heard] = {}
    cpu_us: dict[str, float] = {}
    for family, method in methods.items():
        started = time.process_time()
        on_lead, on_rest = method(lead), method(rest)
        took_s = time.process_time() - started
        cpu_us[family] = took_s * 1e6 / max((len(lead) + len(rest)) * curve.counts.shape[1], 1)
        for name, statistic in on_lead.items():
            first = Alarms.of(statistic, lead_warm)
            second = Alarms.of(on_rest[name], rest_warm)
            quiet = joined([first.part(at.quiet), second])
            heard[name] = Heard(quiet, first.part(at.window) if in_reach else None)
    quiet_bins = int(lead_warm[at.quiet].sum() + rest_warm.sum())
    window_bins = int(lead_warm[at.window].sum()) if in_reach else 0
    return Result(curve.burst, heard, quiet_bins, window_bins, cpu_us)


def _warm(counts: Floats) -> NDArray[np.bool_]:
    """(T,) observed bins after the first WARM_UP_BINS observed ones."""
    seen = np.isfinite(counts).any(axis=1)
    warm: NDArray[np.bool_] = seen & (np.cumsum(seen) > WARM_UP_BINS)
    return warm


def days_of(results: Sequence[Result]) -> float:
    """Days of quiet that were judged."""
    return sum(r.quiet_bins for r in results) * BIN_S / SECONDS_PER_DAY


def compare(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Recall of every method at every rate of false alarms."""
    allowed = [rate * days_of(results) for rate in RATES_PER_DAY]
    rows = []
    for name in results[0].heard:
        quiet = joined([r.heard[name].quiet for r in results])
        for rate, most in zip(RATES_PER_DAY, allowed, strict=True):
            figures = _at(results, name, threshold_for(quiet, most))
            rows.append({"method": name, "false_per_day": rate} | figures)
    return rows


def promised(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Our own scores at the threshold that promises one alarm a day of bins."""
    names = [name for name in results[0].heard if name.startswith("foreshock")]
    return [{"method": name} | _at(results, name, DAILY_DECADES) for name in names]


def _at(results: Sequence[Result], name: str, threshold: float) -> dict[str, Any]:
    """What a method finds, and how often it is wrong, at a threshold."""
    windows = [w for r in results if (w := r.heard[name].window) is not None]
    found = sum(window.count(threshold) > 0 for window in windows)
    return {
        "threshold": threshold,
        "false": joined([r.heard[name].quiet for r in results]).count(threshold),
        "found": found,
        "bursts": len(windows),
        "recall": found / max(len(windows), 1),
        "interval": wilson(found, len(windows)),
    }


def at_random(results: Sequence[Result]) -> list[float]:
    """Recall of firing at random, at every rate."""
    windows_s = np.array([r.window_bins for r in results if r.window_bins]) * BIN_S
    return [
        float(np.mean(-np.expm1(-rate * windows_s / SECONDS_PER_DAY))) for rate in RATES_PER_DAY
    ]


def evaluate(
    curves: Iterable[LightCurve], jobs: int, methods: Mapping[str, Method] = METHODS
) -> list[Result]:
    """Judge all curves, in this process or in several."""
    if jobs <= 1:
        return [judge(curve, methods) for curve in curves]
    with ProcessPoolExecutor(jobs) as pool:
        return list(pool.map(partial(judge, methods=methods), curves, chunksize=8))


def run(jobs: int) -> Study:
    """The reporting half under every method."""
    results = evaluate([curve for curve in read() if not curve.tuning], jobs)
    data = {
        "days": days_of(results),
        "bursts": sum(r.window_bins > 0 for r in results),
        "curves": len(results),
        "rows": compare(results),
        "promised": promised(results),
        "at_random": at_random(results),
        "cpu_us": {f: float(np.median([r.cpu_us[f] for r in results])) for f in METHODS},
    }
    title = (
        f"Gamma-ray bursts: {data['bursts']} bursts in reach of {data['curves']}, "
        f"{data['days']:.2f} days of quiet; recall at equal false alarms a day"
    )
    return Study("gamma_ray", title, f"{_recalls(data)}\n\n{_promises(data)}", data)


def _recalls(data: Mapping[str, Any]) -> str:
    """Methods against rates, the baseline and what the rates themselves are worth below."""
    cells = [["at false alarms a day of", *(f"{rate:g}" for rate in RATES_PER_DAY), "CPU µs"]]
    for name in dict.fromkeys(row["method"] for row in data["rows"]):
        shown = [f"{row['recall']:.0%}" for row in data["rows"] if row["method"] == name]
        cells.append([name, *shown, f"{data['cpu_us'][name.partition(',')[0]]:.1f}"])
    cells.append(["firing at random", *(f"{share:.1%}" for share in data["at_random"]), ""])
    counts = [int(rate * data["days"]) for rate in RATES_PER_DAY]
    cells.append(["95 % of the rate", *(_rate(n, data) for n in counts), ""])
    intervals = [row["interval"] for row in data["rows"]]
    half = max(high - low for low, high in intervals) / 2.0
    note = (
        f"95 % intervals of recall reach at most {half:.0%} to either side.\n"
        "CPU a bin and stream, median; Foreshock's is for all three statistics at once."
    )
    return f"{columns(cells)}\n{note}"


def _promises(data: Mapping[str, Any]) -> str:
    cells = [["at the promise of 1 a day", "found", "false", "95 % a day"]]
    for row in data["promised"]:
        low, high = row["interval"]
        share = f"{row['recall']:.0%} ({low:.0%}–{high:.0%})"
        cells.append([row["method"], share, f"{row['false']}", _rate(row["false"], data)])
    return columns(cells)


def _rate(count: int, data: Mapping[str, Any]) -> str:
    low, high = poisson_interval(count)
    return f"{low / data['days']:.0f}–{high / data['days']:.0f}"
