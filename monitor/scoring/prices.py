"""Prices of a log as it is read: the last one of every symbol in every second."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats
from monitor.codec import Codec
from monitor.columns import Interner
from monitor.config import Config
from monitor.events import NS_PER_S, Kind
from monitor.records import Partition, RawBatch
from monitor.replay import Log

PRICE_FIELDS: Final = {Kind.MARK: "mark", Kind.FILL: "price"}


@dataclass(frozen=True, slots=True)
class Prices:
    """Row t is second `first_s + t` since the epoch.

    price: (T, S) the last one known at the end of a second, in quote currency; NaN before the
    first of a symbol.
    """

    first_s: int
    symbols: tuple[str, ...]
    price: Floats


class PriceReader:
    """A log that is handed through; meanwhile its marks and fills are kept.

    It decodes with the monitor's own codec, so that what the monitor can read it can read too.
    """

    def __init__(self, log: Log, config: Config) -> None:
        self.path: Path = log.path
        self.enveloped = log.enveloped
        self.read_bytes = 0
        self._log = log
        self._codec = Codec(config.topics, record_bytes_max=config.input.record_bytes_max)
        self._symbols = Interner(())
        self._kept: dict[Kind, list[tuple[NDArray[np.int64], NDArray[np.int64], Floats]]] = {
            kind: [] for kind in PRICE_FIELDS
        }

    def partitions(self, *, record_bytes_max: int) -> dict[Partition, int]:
        """As the log says."""
        return self._log.partitions(record_bytes_max=record_bytes_max)

    def batches(self, *, record_bytes_max: int) -> Iterator[RawBatch]:
        """As the log gives them."""
        for raw in self._log.batches(record_bytes_max=record_bytes_max):
            self.read_bytes = self._log.read_bytes
            self._keep(raw)
            yield raw

    def _keep(self, raw: RawBatch) -> None:
        for part in self._codec.decode(raw).parts:
            priced = [event for event in part.events if event.code in PRICE_FIELDS]
            for kind, kept in self._kept.items():
                events = [event for event in priced if event.code == kind]
                if events:
                    named = map(part.schema.getter("symbol"), events)
                    codes = np.fromiter(map(self._symbols.__getitem__, named), np.int64)
                    price = part.schema.number(PRICE_FIELDS[kind], events)
                    kept.append((part.schema.ts_ns(events), codes, price))

    def between(self, start_ns: int, end_ns: int) -> Prices:
        """Prices from one time to another: marks if the log has any, else fills."""
        first_s, seconds = start_ns // NS_PER_S, (end_ns - start_ns) // NS_PER_S
        price = np.full((max(seconds, 0), len(self._symbols.names)), np.nan)
        chunks = next((kept for kept in self._kept.values() if kept), [])
        if chunks:
            ts, codes, values = (np.concatenate(column) for column in zip(*chunks, strict=True))
            rows = ts // NS_PER_S - first_s
            sound = (rows >= 0) & (rows < seconds) & (values > 0.0)
            order = np.argsort(
                ts[sound], kind="stable"
            )  # of equal cells the last one written stays
            price[rows[sound][order], codes[sound][order]] = values[sound][order]
        return Prices(first_s, tuple(self._symbols.names), _held(price))


def _held(price: Floats) -> Floats:
    """Each gap filled with the last value before it."""
    rows = np.where(np.isnan(price), 0, np.arange(len(price))[:, None])
    return np.take_along_axis(price, np.maximum.accumulate(rows, axis=0), axis=0)
