"""What must be said before anything else: why the page may know less than it seems to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from detectors.nullcheck import LOST_RATIO
from monitor.detection import QUIET_HOURS_MIN
from monitor.events import NS_PER_S
from monitor.pretty import clock, duration
from monitor.status import Status

Level = Literal["bad", "care", "note"]
BEHIND_S: Final = 60.0
WHY_BLIND: Final = {
    "no_input": "the events that are needed have never come",
    "warming_up": "still learning what is usual",
    "silent": "some of the events that it needs have fallen silent",
    "late": "some partitions come too late to count",
    "stale": "what it looks at is too old, or cannot be trusted",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One sentence. bad: what the page says cannot be relied on. care: a part of it cannot."""

    level: Level
    text: str


def notices(status: Status, now_ns: int) -> list[Notice]:
    """Everything that is to be said now, the worst first. now_ns: wall time."""
    if status.config.scale.role == "shard":
        text = "This process only counts, as a shard: ask the one with the role detection."
        return [Notice("bad", text)]
    found = [*_progress(status, now_ns), *_blindness(status), *_promises(status)]
    return sorted(found, key=lambda notice: ("bad", "care", "note").index(notice.level))


def _progress(status: Status, now_ns: int) -> Iterator[Notice]:
    """Whether what happens on the venue gets here at all."""
    watermark_ns = status.exporter.watermark_ns
    if not status.assigned:
        yield Notice("bad", "This process reads nothing: it has no partitions, or has lost them.")
    if status.stepped_s is None or watermark_ns is None:
        yield Notice("bad", "Nothing was judged yet since this process started.")
        return
    if not status.exporter.incidents.known:
        yield Notice("bad", "What was open before this process started is not known yet.")
    behind_s = (now_ns - watermark_ns) / NS_PER_S
    until = f"{clock(watermark_ns)} UTC"
    if status.stalled:
        yield Notice(
            "bad",
            f"Event time stands still, and all signals are blind: nothing after {until} is known.",
        )
    elif behind_s > BEHIND_S:
        yield Notice("bad", f"The monitor is {duration(behind_s)} behind: it has come to {until}.")
    if status.catching_up:
        waiting = sum(status.exporter.lag.values())
        yield Notice("care", f"{waiting:,} records wait to be read.")


def _blindness(status: Status) -> Iterator[Notice]:
    """Signals that cannot speak."""
    exporter = status.exporter
    by_reason: dict[str, list[str]] = {}
    for signal in exporter.signals:
        if signal in exporter.blind:
            by_reason.setdefault(exporter.blind[signal], []).append(signal)
    every = sum(map(len, by_reason.values())) == len(exporter.signals) > 0
    for reason, signals in by_reason.items():
        if reason != "stalled":  # that has been said
            text = f"{_listed(signals)} blind: {WHY_BLIND.get(reason, reason)}."
            yield Notice("bad" if every else "care", text)


def _listed(signals: list[str]) -> str:
    if len(signals) == 1:
        return f"{signals[0]} is"
    return f"{', '.join(signals[:-1])} and {signals[-1]} are"


def _promises(status: Status) -> Iterator[Notice]:
    """Whether scores mean what they say."""
    exporter = status.exporter
    ratio, quiet_hours = exporter.budget.null_check_ratio, exporter.budget.quiet_hours
    if ratio >= LOST_RATIO:
        text = f"unusual scores come {ratio:.1f} times as often as promised"
        yield Notice("bad", f"Calibration is lost: {text}, and pages may be wrong.")
    if exporter.refused_total:
        text = f"{exporter.refused_total:,} events of symbols beyond input.symbols_max were refused"
        yield Notice("care", f"{text}: these symbols are not watched.")
    if exporter.dropped_total:
        text = f"{exporter.dropped_total:,} messages and dead letters could not be delivered"
        yield Notice("care", f"{text}; the audit log has all incidents.")
    if quiet_hours < QUIET_HOURS_MIN:
        text = f"Scores rest on {quiet_hours:.1f} h of quiet flow. Below a day they are held down"
        yield Notice("note", f"{text}: what is weak is told later, or not at all.")
