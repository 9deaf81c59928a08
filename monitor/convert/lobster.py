"""NASDAQ messages as LOBSTER distributes them, to orders, cancels and fills.

A file is a zip, or its `SYMBOL_YYYY-MM-DD_START_END_message_LEVEL.csv` alone: symbol and day stand
only in that name. Times are decimal seconds after midnight in New York and become nanoseconds by
string arithmetic, since a float of 34200.004241176 s is already off in the last digit. Prices are
dollars × 10⁴.

    1 submission          order
    2 partial deletion    cancel, reason "partial"
    3 deletion            cancel, reason "delete"
    4 execution           fill of the resting order
    5 hidden execution    fill with order_id 0: the order was never shown, so there is no order
                          or cancel to go with it
    6 cross trade         passed over as "cross_trade"
    7 trading halt        passed over as "halt"

A file of L levels holds only what touched the best L prices, so an order may be deleted that was
never submitted in it. LOBSTER names no accounts.

Source: Huang and Polak (2011), LOBSTER: Limit Order Book Reconstruction System.
"""

import heapq
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from monitor.convert.inputs import ConvertError, check_input, lines_of, reading, split
from monitor.convert.lines import (
    ANONYMOUS,
    CancelLine,
    FillLine,
    Line,
    OrderLine,
    encoded,
)
from monitor.events import NS_PER_S, Side

PRICE_SCALE: Final = 10_000
SECONDS_PER_DAY: Final = 86_400
_NAME: Final = re.compile(r"(?P<symbol>[^/\\]+)_(?P<day>\d{4}-\d\d-\d\d)_\d+_\d+_message_\d+\.csv")
_SIDES: Final[dict[bytes, Side]] = {b"1": "buy", b"-1": "sell"}
_CANCEL_REASONS: Final = {b"2": "partial", b"3": "delete"}
_PASSED_OVER: Final = {b"6": "cross_trade", b"7": "halt"}


@dataclass(frozen=True, slots=True)
class _Session:
    """One symbol's day; midnight_ns is New York's, since the epoch."""

    symbol: str
    midnight_ns: int

    def event(self, row: bytes) -> OrderLine | CancelLine | FillLine | str:
        """The event of a row, or the reason to pass it over; raises ValueError on a bad row."""
        time_s, kind, order, size, scaled_price, direction = row.split(b",")[:6]
        if kind in _PASSED_OVER:
            return _PASSED_OVER[kind]
        side = _SIDES.get(direction)
        price, qty = int(scaled_price) / PRICE_SCALE, float(int(size))
        if side is None or price < 0 or qty < 0:
            return "bad_row"
        ts, order_id = self.midnight_ns + exact_ns(time_s), int(order)
        if kind == b"1":
            return OrderLine(ts, self.symbol, ANONYMOUS, order_id, side, price, qty)
        if kind in _CANCEL_REASONS:
            reason = _CANCEL_REASONS[kind]
            return CancelLine(ts, self.symbol, ANONYMOUS, order_id, side, price, qty, reason)
        if kind in (b"4", b"5"):
            order_id = order_id if kind == b"4" else 0
            return FillLine(ts, self.symbol, order_id, side, price, qty, ANONYMOUS)
        return "unknown_type"

    def lines(self, rows: Iterator[bytes], skipped: Counter[str]) -> Iterator[Line]:
        """Every row's event in the file's order, which is that of time."""
        for row in rows:
            try:
                event = self.event(row)
            except ValueError:
                event = "bad_row"
            if isinstance(event, str):
                skipped[event] += 1
            else:
                yield encoded(event)


def exact_ns(seconds: bytes) -> int:
    """Decimal seconds after midnight as nanoseconds, digits past the ninth cut off."""
    whole, _, fraction = seconds.partition(b".")
    if not whole.isdigit() or (fraction and not fraction.isdigit()) or len(whole) > 5:
        raise ValueError(f"not seconds after midnight: {seconds!r}")
    if int(whole) > SECONDS_PER_DAY:
        raise ValueError(f"past the end of the day: {seconds!r}")
    return int(whole) * NS_PER_S + int(fraction[:9].ljust(9, b"0"))


def from_lobster(path: Path, skipped: Counter[str]) -> Iterator[Line]:
    """Lines of one zip or one message CSV; raises ConvertError when it is neither."""
    check_input(path)
    if zipfile.is_zipfile(path):
        yield from _zip_lines(path, skipped)
    elif _NAME.fullmatch(path.name):
        yield from _session(path, path.name).lines(lines_of(path), skipped)
    elif path.suffix == ".zip":
        raise ConvertError(f"{path}: is not a zip archive")
    else:
        raise ConvertError(
            f"{path}: is neither a LOBSTER zip nor named SYMBOL_DATE_START_END_message_LEVEL.csv"
        )


def _zip_lines(path: Path, skipped: Counter[str]) -> Iterator[Line]:
    with reading(path), zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if _NAME.fullmatch(Path(name).name)]
        if not names:
            raise ConvertError(f"{path}: holds no LOBSTER message file (*_message_*.csv)")
        streams = [
            _session(path, Path(name).name).lines(split(archive.open(name)), skipped)
            for name in names
        ]
        yield from heapq.merge(*streams, key=itemgetter(0))


def _session(path: Path, name: str) -> _Session:
    found = _NAME.fullmatch(name)
    assert found is not None
    try:
        day = datetime.fromisoformat(found["day"]).replace(tzinfo=ZoneInfo("America/New_York"))
    except ZoneInfoNotFoundError:
        raise ConvertError(
            f"{path}: New York's time zone is unknown here: install tzdata"
        ) from None
    except ValueError:
        raise ConvertError(f"{path}: {found['day']} in {name} is not a date") from None
    return _Session(found["symbol"], int(day.timestamp()) * NS_PER_S)
