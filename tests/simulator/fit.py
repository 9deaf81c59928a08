"""Fits a profile to each real order log: `python -m tests.simulator.fit` prints both, side by side.

What a log is held to: the mean of its cancels per second, their variance over mean in bins of 1 s
and of 10 s, and how many orders, cancels and fills there are. Counts of clusters of geometric size
g (mean), at a log-normal rate of two memories, have about

    variance / mean in w seconds  =  2 g - 1  +  mean w (F(w) + S(w))

with F and S the squared coefficients of variation of the fast and the slow factor, averaged over
w. That gives a first guess; the venue itself, run a few times, corrects it.
"""

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
import numpy as np

from monitor.convert import convert
from monitor.events import NS_PER_S, Event, Kind
from monitor.simulator import Options, Simulation
from monitor.simulator.arrays import Ints
from monitor.simulator.profiles import Profile
from monitor.sources.files import open_log

DATA: Final = Path(__file__).parents[3] / "shared" / "data"
LOGS: Final = {
    "lobster-aapl": ("lobster", "lobster/LOBSTER_SampleFile_AAPL_2012-06-21_1.zip"),
    "lobster-amzn": ("lobster", "lobster/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip"),
    "bitstamp": ("bitstamp", "bitstamp/orders.csv.xz"),
    "binance": ("binance", "binance_usdm/usdm_btcusdt_20240808.gz"),
}
FAST_S: Final = 4.0
SLOW_S: Final = 150.0
ROUNDS: Final = 6
KINDS: Final = ("order", "cancel", "fill")


@dataclass(frozen=True, slots=True)
class Likeness:
    """What is compared. per_s: of cancels. vmr_1s, vmr_10s: variance over mean of cancels in bins
    of 1 and 10 s. order, cancel, fill: shares of the three."""

    per_s: float
    vmr_1s: float
    vmr_10s: float
    order: float
    cancel: float
    fill: float


def likeness(counts: Mapping[str, int], per_second: Ints) -> Likeness:
    """per_second: (symbols, seconds) cancels."""
    tens = per_second.shape[1] // 10
    by_ten = per_second[:, : tens * 10].reshape(-1, tens, 10).sum(axis=2)
    total = sum(counts[kind] for kind in KINDS)
    shares = {kind: counts[kind] / total for kind in KINDS}
    return Likeness(float(per_second.mean()), _vmr(per_second), _vmr(by_ten), **shares)


def _vmr(counts: Ints) -> float:
    return float(counts.var() / counts.mean())


def real(name: str) -> Likeness:
    """What a real log is like."""
    source, path = LOGS[name]
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log.jsonl"
        convert(source, [DATA / path], log)
        decoder = msgspec.json.Decoder(Event)
        batches = open_log(log).batches(record_bytes_max=1 << 20)
        events = [decoder.decode(v) for batch in batches for v in batch.values if v is not None]
    codes = Counter(event.code for event in events)
    at_ns = np.array([event.ts for event in events])
    cancels = np.array([event.ts for event in events if event.code == Kind.CANCEL])
    second = (cancels - at_ns.min()) // NS_PER_S
    length = (at_ns.max() - at_ns.min()) // NS_PER_S
    counts = {Kind(code).name.lower(): n for code, n in codes.items()}
    return likeness(counts, np.bincount(second, minlength=length)[None, :length])


def simulated(profile: Profile, *, seed: int, symbols: int, seconds: int) -> Likeness:
    """What the venue makes of a profile; its symbols are as many repetitions of one."""
    options = Options(seed=seed, profile=profile, symbols=symbols, duration_s=float(seconds))
    row = {name: number for number, name in enumerate(options.symbol_names)}
    per_second = np.zeros((symbols, seconds), np.int64)
    codes: Counter[int] = Counter()
    for events in Simulation(options).events():
        codes.update(event.code for event in events)
        for event in events:
            if event.code == Kind.CANCEL:
                per_second[row[event.symbol], (event.ts - options.start_ns) // NS_PER_S] += 1
    return likeness({Kind(code).name.lower(): n for code, n in codes.items()}, per_second)


def fit(name: str, target: Likeness) -> tuple[Profile, Likeness]:
    """A profile whose likeness is the target, and what it achieves on another seed."""
    aim = target
    symbols, seconds = size_of_trial(target)
    profile = first_guess(target)
    for number in range(ROUNDS):
        achieved = simulated(profile, seed=number, symbols=symbols, seconds=seconds)
        aim = corrected(aim, target, achieved)
        profile = msgspec.structs.replace(
            first_guess(aim),
            symbol_events_per_s=profile.symbol_events_per_s * target.per_s / achieved.per_s,
            order_share=profile.order_share * target.order / achieved.order,
            market_share=profile.market_share * target.fill / achieved.fill,
            order_usd=order_usd(profile.order_usd, target, achieved),
        )
        print(f"{name} round {number}: {achieved}", file=sys.stderr)  # noqa: T201 - a program
    achieved = simulated(profile, seed=ROUNDS, symbols=symbols, seconds=seconds)
    return at_true_rate(profile, achieved), achieved


def at_true_rate(profile: Profile, achieved: Likeness) -> Profile:
    """The same flow, its shares measured by what came rather than by what was planned."""
    more = achieved.per_s / achieved.cancel / profile.symbol_events_per_s
    return msgspec.structs.replace(
        profile,
        symbol_events_per_s=profile.symbol_events_per_s * more,
        order_share=profile.order_share / more,
        market_share=profile.market_share / more,
    )


def size_of_trial(target: Likeness) -> tuple[int, int]:
    """Symbols and seconds that make about a million cancels, within bounds."""
    symbols = 8 if target.per_s > 100.0 else 60
    return symbols, int(np.clip(1e6 / (symbols * target.per_s), 240, 1_500))


def first_guess(aim: Likeness) -> Profile:
    """Rates alike for all symbols; the moments as in the module's formula."""
    fast_10, slow_10 = averaging(10.0, FAST_S), averaging(10.0, SLOW_S)
    fast_1 = averaging(1.0, FAST_S)
    # Of what variance grows by from 1 s to 10 s, half is taken for the slow mood where it is much.
    growth = max(aim.vmr_10s - aim.vmr_1s, 0.0)
    slow = 0.35 * growth / (aim.per_s * 9.0 * slow_10)
    fast = 0.65 * growth / (aim.per_s * (10.0 * fast_10 - fast_1))
    within = aim.vmr_1s - aim.per_s * (fast * fast_1 + slow)
    return Profile(
        symbol_events_per_s=aim.per_s / aim.cancel,
        order_share=aim.order,
        market_share=aim.fill,
        alert=0.6 if aim.vmr_1s > 2.0 else 0.02,  # else prices alone make it burst more
        cluster_mean=max(0.5 * (within + 1.0), 1.0),
        fast_sd=float(np.sqrt(np.log1p(fast))),
        fast_s=FAST_S,
        slow_sd=float(np.sqrt(np.log1p(slow))),
        slow_s=SLOW_S,
        common_sd=0.0,
        branching=0.0,
        season=0.0,
        skew=0.0,
        silent_share=0.0,
    )


def averaging(window_s: float, memory_s: float) -> float:
    """Variance of an AR(1)'s mean over a window, over that of its values."""
    x = window_s / memory_s
    return float(2.0 * (x - 1.0 + np.exp(-x)) / x**2)


def corrected(aim: Likeness, target: Likeness, achieved: Likeness) -> Likeness:
    """Aim higher where too little was achieved, and lower where too much."""
    return replace(
        aim,
        vmr_1s=aim.vmr_1s * (target.vmr_1s / achieved.vmr_1s) ** 0.7,
        vmr_10s=aim.vmr_10s * (target.vmr_10s / achieved.vmr_10s) ** 0.7,
    )


def order_usd(now: float, target: Likeness, achieved: Likeness) -> float:
    """Larger market orders where too few of those that they meet are used up."""
    wanted = max(target.order - target.cancel, 0.02 * target.fill)
    got = max(achieved.order - achieved.cancel, 0.02 * achieved.fill)
    return float(np.clip(now * (wanted / target.fill) / (got / achieved.fill), 300.0, 60_000.0))


def table(rows: list[tuple[str, Likeness, Likeness]]) -> str:
    """Target and achieved, as Markdown."""
    names = ("cancels/s", "variance/mean 1 s", "10 s", "orders", "cancels", "fills")
    lines = [f"| log | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for name, target, achieved in rows:
        for which, like in ((f"{name}, real", target), (f"{name}, simulated", achieved)):
            cells = [f"{value:.3g}" for value in astuple(like)[:3]]
            cells += [f"{value:.1%}" for value in astuple(like)[3:]]
            lines.append(f"| {which} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Fit the logs named, or all of them."""
    rows = []
    for name in sys.argv[1:] or LOGS:
        target = real(name)
        profile, achieved = fit(name, target)
        rows.append((name, target, achieved))
        print(f"{name}: {profile}")  # noqa: T201 - a program
    print(table(rows))  # noqa: T201 - a program


if __name__ == "__main__":
    main()
