"""Real order logs of other forms become incident logs."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Final

from monitor.convert.binance import from_binance
from monitor.convert.bitstamp import from_bitstamp
from monitor.convert.inputs import ConvertError
from monitor.convert.lines import Converter, Line
from monitor.convert.lobster import from_lobster
from monitor.logfile import log_writer, unusable_output

__all__ = ["CONVERTERS", "ConvertError", "ConvertReport", "convert"]

CONVERTERS: Final[dict[str, Converter]] = {
    "lobster": from_lobster,
    "bitstamp": from_bitstamp,
    "binance": from_binance,
}

_BATCH_LINES: Final = 4_096
_TYPE_AT: Final = len(b'{"type":"')


@dataclass(frozen=True, slots=True)
class ConvertReport:
    """What a conversion wrote: events by type, what was passed over by reason.

    first_ts, last_ts: the earliest and latest event in nanoseconds; None of no events.
    """

    events: dict[str, int]
    skipped: dict[str, int]
    first_ts: int | None
    last_ts: int | None


def convert(source: str, paths: Sequence[Path], output: Path) -> ConvertReport:
    """Write the events of all files, merged by time, to one incident log.

    The log appears under its name only when it is whole. Raises ConvertError for input that is
    not of the source's form and for an output that cannot be written.
    """
    if source not in CONVERTERS:
        raise ConvertError(f"unknown source {source!r}: choose from {', '.join(CONVERTERS)}")
    if not paths:
        raise ConvertError("no file to convert was named")
    _check_output(output, paths)
    skipped: Counter[str] = Counter()
    streams = [_nonempty(source, path, skipped) for path in paths]
    tally = _Tally()
    _write(output, tally.counted(heapq.merge(*streams, key=itemgetter(0))))
    return tally.report(skipped)


def _check_output(output: Path, paths: Sequence[Path]) -> None:
    reason = unusable_output(output)
    if reason is not None:
        raise ConvertError(reason)
    if output.resolve() in {path.resolve() for path in paths}:
        raise ConvertError(f"{output}: is both input and output")


def _nonempty(source: str, path: Path, skipped: Counter[str]) -> Iterator[Line]:
    """The lines of one file; without a single one the file was of another form."""
    passed_over: Counter[str] = Counter()
    empty = True
    for line in CONVERTERS[source](path, passed_over):
        empty = False
        yield line
    if empty:
        reasons = ", ".join(f"{name} {count}" for name, count in sorted(passed_over.items()))
        raise ConvertError(f"{path}: no {source} event from line 1 on ({reasons or 'no lines'})")
    skipped.update(passed_over)


class _Tally:
    """Counts what passes through, by type."""

    def __init__(self) -> None:
        self._events: Counter[bytes] = Counter()
        self._first_ts: int | None = None
        self._last_ts: int | None = None

    def counted(self, lines: Iterable[Line]) -> Iterator[bytes]:
        """Each line's bytes, once it is counted."""
        events = self._events
        first = last = None
        for ts, line in lines:
            events[line[_TYPE_AT : line.index(b'"', _TYPE_AT)]] += 1
            if first is None or last is None:
                first = last = ts
            elif ts > last:
                last = ts
            elif ts < first:
                first = ts
            yield line
        self._first_ts, self._last_ts = first, last

    def report(self, skipped: Counter[str]) -> ConvertReport:
        """What was counted, once all has passed."""
        events = {name.decode(): count for name, count in sorted(self._events.items())}
        reasons = {reason: count for reason, count in sorted(skipped.items()) if count}
        return ConvertReport(events, reasons, self._first_ts, self._last_ts)


def _write(output: Path, lines: Iterator[bytes]) -> None:
    try:
        with log_writer(output) as stream:
            batch: list[bytes] = []
            for line in lines:
                batch.append(line)
                if len(batch) == _BATCH_LINES:
                    stream.write(b"\n".join(batch) + b"\n")
                    batch.clear()
            if batch:
                stream.write(b"\n".join(batch) + b"\n")
    except OSError as error:
        raise ConvertError(f"{output}: cannot be written: {error.strerror or error}") from error
