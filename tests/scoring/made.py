"""Labels and alarms as short sentences: all times in seconds from the start of the log."""

from collections.abc import Sequence
from typing import Final

from monitor.events import NS_PER_S
from monitor.labels import LabelledEvent, Labels
from monitor.scoring.alarm import Alarm
from monitor.seeds import purpose

START_NS: Final = 1_780_304_400 * NS_PER_S
SYMBOLS: Final = ("A", "B", "C", "D", "E")


def at(second: float) -> int:
    """A time of the log, in nanoseconds since the epoch."""
    return START_NS + round(second * NS_PER_S)


def event(
    onset: float,
    end: float,
    *symbols: str,
    scenario: str = "cascade",
    size: str = "medium",
    decoy: bool = False,
    wave: float | None = None,
) -> LabelledEvent:
    """Something that happened, in symbol A if nothing else is said."""
    return LabelledEvent(
        scenario=scenario,
        decoy=decoy,
        size=size,  # type: ignore[arg-type] # a literal of the labels, spelled out by the tests
        onset_ns=at(onset),
        end_ns=at(end),
        symbols=list(symbols or ("A",)),
        accounts=[],
        first_forced_wave_ns=None if wave is None else at(wave),
    )


def labels(
    *events: LabelledEvent,
    seconds: float = 1_000.0,
    gaps: Sequence[tuple[float, float]] = (),
    seed: int = 1_000_000,
) -> Labels:
    """What happened in a log."""
    return Labels(
        seed=seed,
        purpose=purpose(seed),
        profile="perp",
        scenario=events[0].scenario if events else "quiet",
        start_ns=START_NS,
        end_ns=at(seconds),
        symbols=list(SYMBOLS),
        events=list(events),
        gaps=[(at(start), at(end)) for start, end in gaps],
    )


def alarm(
    second: float, *symbols: str, opened: float | None = None, onset: float | None = None
) -> Alarm:
    """Something that was told, of symbol A if nothing else is said."""
    return Alarm(
        at_ns=at(second),
        opened_ns=at(second if opened is None else opened),
        onset_ns=at(second if onset is None else onset),
        symbols=frozenset(symbols or ("A",)),
    )
