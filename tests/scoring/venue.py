"""Small labelled logs of the seeded market, with marks that fall after its makers have gone."""

from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from monitor.events import NS_PER_S
from monitor.labels import LabelledEvent, Labels, write_labels
from monitor.seeds import purpose
from tests import market

SECONDS: Final = 300.0
SYMBOLS: Final = 6
BURST_S: Final = (220.0, 228.0)
WAVE_S: Final = 240.0


def labels(seed: int, *, trouble: bool) -> Labels:
    """What happens in the log of a seed."""
    start_ns = market.START_S * NS_PER_S
    onset_ns, end_ns, wave_ns = (
        start_ns + round(second * NS_PER_S) for second in (*BURST_S, WAVE_S)
    )
    gone = LabelledEvent(
        scenario="maker_withdrawal",
        decoy=False,
        size="large",
        onset_ns=onset_ns,
        end_ns=end_ns,
        symbols=["S00-PERP", "S01-PERP", "S02-PERP"],
        accounts=["puller-0", "puller-1"],
        first_forced_wave_ns=wave_ns,
    )
    return Labels(
        seed=seed,
        purpose=purpose(seed),
        profile="perp",
        scenario="maker_withdrawal" if trouble else "quiet",
        start_ns=start_ns,
        end_ns=start_ns + round(SECONDS * NS_PER_S),
        symbols=[f"S{number:02d}-PERP" for number in range(SYMBOLS)],
        events=[gone] if trouble else [],
    )


def write(folder: Path, seed: int, *, trouble: bool = True) -> None:
    """A log and its labels, named by the seed."""
    traffic = market.market(
        seed,
        seconds=SECONDS,
        symbols=SYMBOLS,
        hit=3 if trouble else 0,
        burst_s=BURST_S,
        faults=False,
    )
    sent = [record for log in traffic.logs.values() for record in log if record.value]
    lines = [(record.timestamp_ms, record.value or b"") for record in sent]
    lines += _marks(seed, trouble=trouble)
    path = folder / f"{seed}.jsonl"
    path.write_bytes(b"".join(value + b"\n" for _, value in sorted(lines)))
    write_labels(labels(seed, trouble=trouble), folder / f"{seed}.labels.json")


def _marks(seed: int, *, trouble: bool) -> list[tuple[int, bytes]]:
    """A mark a second of every symbol; after the first wave they fall by a twentieth."""
    rng = np.random.default_rng([seed, 1])
    steps = rng.normal(0.0, 1e-4, (round(SECONDS), SYMBOLS))
    if trouble:
        steps[round(WAVE_S)] -= 0.05
    price = 100.0 * np.exp(np.cumsum(steps, axis=0))
    lines = []
    for second, row in enumerate(price.tolist()):
        ts = (market.START_S + second) * NS_PER_S
        for number, mark in enumerate(row):
            event = {"type": "mark", "ts": ts, "symbol": f"S{number:02d}-PERP"}
            value = msgspec.json.encode(event | {"mark": mark, "index": mark})
            lines.append((ts // 1_000_000, value))
    return lines
