"""What a level means, for the sentence of an incident."""

from collections.abc import Sequence

import numpy as np

from monitor.market.bands import FALL
from monitor.market.findings import AMPLIFIED, Findings

_UNITS = ((1e9, " B"), (1e6, " M"), (1e3, " k"), (1.0, ""))


def note(found: Findings, gauge: str, row: int, symbols: Sequence[str]) -> str | None:
    """One symbol's level in words; None where there is nothing to add."""
    if row >= found.side.size:
        return None
    if gauge == "band_pressure":
        return _band(found, row)
    if gauge == "amplification":
        return _cascade(found, row, symbols)
    if gauge in ("long_leverage", "short_leverage"):
        side = int(gauge == "short_leverage")
        mean = found.leverage[side, row]
        return f"{('longs', 'shorts')[side]} at {mean:.1f}x" if np.isfinite(mean) else None
    return None


def _band(found: Findings, row: int) -> str | None:
    forced, resting = found.forced[row], found.resting[row]
    if not forced > 0.0:
        return None
    below = found.side[row] == FALL
    times = f"{forced / resting:.1f}x" if resting >= 1.0 else "an empty book"
    due = found.due[row]
    funding = f", {money(due)} of it by the next funding alone" if due >= 1.0 else ""
    return (
        f"forced notional of {money(forced)} within {np.expm1(found.away[row]):.1%} "
        f"{'below' if below else 'above'} mark against {money(resting)} of "
        f"{'bids' if below else 'asks'} ({times}){funding}"
    )


def _cascade(found: Findings, row: int, symbols: Sequence[str]) -> str | None:
    times = found.times[row]
    reached = zip(found.path[row].tolist(), found.after_s[row].tolist(), strict=True)
    path = [symbols[at] + _after(after_s) for at, after_s in reached if at >= 0]
    if not (times > AMPLIFIED and path):
        return None
    where = f"from {path[0]}" if len(path) == 1 else " → ".join(path)
    return f"forced orders would spread {where}, {times:.1f}x the first forced notional"


def _after(seconds: float) -> str:
    return f" ({seconds:.0f} s later)" if seconds >= 0.5 else ""


def money(amount: float) -> str:
    """Quote currency, short."""
    for size, unit in _UNITS:
        if amount >= size:
            return f"{amount / size:.1f}{unit}"
    return f"{amount:.2f}"
