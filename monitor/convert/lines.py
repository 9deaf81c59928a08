"""Events as the bytes of a log line: the contract's fields, without those a venue does not tell."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from monitor.events import Book, Cancel, Fill, Order

ANONYMOUS: Final = ""  # these feeds name nobody; the empty account is never blamed
"""The account of every converted event: public feeds name none."""

Line = tuple[int, bytes]
"""ts in nanoseconds and the event's JSON, `type` first, without a newline."""

Converter = Callable[[Path, Counter[str]], Iterator[Line]]
"""Reads one file; counts what it passes over by reason; raises ConvertError."""


class OrderLine(Order, tag="order", omit_defaults=True, gc=False):
    """An order as it is written."""


class CancelLine(Cancel, tag="cancel", omit_defaults=True, gc=False):
    """A cancel as it is written."""


class FillLine(Fill, tag="fill", omit_defaults=True, gc=False):
    """A fill as it is written."""


_encode: Final = msgspec.json.Encoder().encode


def encoded(event: OrderLine | CancelLine | FillLine | Book) -> Line:
    """An event and its time, ready to merge and write."""
    return event.ts, _encode(event)
