"""Closed bins to the matrix that detectors see: symbols by counts, in an order of our own."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.base import BLOCK, Frame, State
from monitor.columns import Names, Recoding
from monitor.events import KINDS
from monitor.keys import kind_of, symbol_of
from monitor.partial import PartialFrame
from monitor.settled import Settled, settle
from monitor.textstate import from_names, to_names

_UNSEEN, _REFUSED = -1, -2


class Roster:
    """Which symbol has which row. Symbols are admitted as their first bin closes, by name, so
    that rows do not depend on arrival; beyond `symbols_max` they are refused and counted."""

    def __init__(self, names: Names, *, symbols_max: int) -> None:
        if symbols_max < 1:
            raise ValueError(f"symbols_max must be positive, was {symbols_max}")
        self.symbols: list[str] = []
        self.symbols_max = symbols_max
        self._names = names
        self._row_of = np.empty(0, np.int64)

    def rows(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n,) row of each symbol code, negative where refused; admits what is new."""
        missing = len(self._names.symbols.names) - self._row_of.size
        if missing > 0:
            self._row_of = np.concatenate([self._row_of, np.full(missing, _UNSEEN)])
        rows = self._row_of[codes]
        if (rows == _UNSEEN).any():
            self._admit(np.unique(codes[rows == _UNSEEN]))
            rows = self._row_of[codes]
        return np.asarray(rows)

    @property
    def row_of(self) -> NDArray[np.int64]:
        """Symbol code -> row, negative where refused or not seen yet."""
        return self._row_of

    def row(self, symbol: str) -> int:
        """Of a symbol by name; negative where it has none."""
        code = self._names.symbols.get(symbol, self._row_of.size)
        return int(self._row_of[code]) if code < self._row_of.size else _UNSEEN

    def _admit(self, codes: NDArray[np.int64]) -> None:
        by_name = sorted((self._names.symbols.names[code], int(code)) for code in codes)
        for name, code in by_name:
            if len(self.symbols) < self.symbols_max:
                self._row_of[code] = len(self.symbols)
                self.symbols.append(name)
            else:
                self._row_of[code] = _REFUSED

    def codes(self) -> list[int]:
        """Symbol code of each row."""
        return [self._names.symbols[name] for name in self.symbols]

    def recode(self, recoding: Recoding) -> None:
        """Follow the name tables after they were compacted."""
        kept = np.flatnonzero(recoding.symbols >= 0)
        row_of = np.full(len(self._names.symbols.names), _UNSEEN)
        known = kept[kept < self._row_of.size]
        row_of[recoding.symbols[known]] = self._row_of[known]
        self._row_of = row_of

    def state(self) -> State:
        return {"symbols": from_names(self.symbols)}

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        self.symbols = to_names(state["symbols"])
        codes = self.codes()
        self._row_of = np.full(len(self._names.symbols.names), _UNSEEN)
        self._row_of[codes] = np.arange(len(codes))


@dataclass(frozen=True, slots=True)
class Built:
    """A frame, and what each of its bins held."""

    frame: Frame
    bins: list[Settled]


class FrameBuilder:
    """Turns the keys of closed bins into counts."""

    def __init__(self, roster: Roster) -> None:
        self.roster = roster
        self.refused_total = 0

    def build(self, partials: Iterable[PartialFrame]) -> Iterator[Built]:
        """Frames of closed bins, oldest first. Bins share a frame while they follow each other
        in one block and no symbol is new."""
        first, skipped = 0, 0
        held: list[Settled] = []
        counts: list[NDArray[np.int64]] = []
        for partial in partials:
            known = len(self.roster.symbols)
            keys, rows = self._rows(partial)
            follows = partial.bin == first + len(counts) and partial.bin % BLOCK
            if counts and not (follows and known == len(self.roster.symbols)):
                yield _built(first, counts, held, skipped)
                counts, held = [], []
            if not counts:
                first, skipped = partial.bin, partial.skipped
            held.append(settle(keys, partial, self.roster.row_of))
            counts.append(self._count(keys, rows))
        if counts:
            yield _built(first, counts, held, skipped)

    def _rows(self, partial: PartialFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The keys whose symbols are watched, and their rows."""
        keys = partial.keys
        rows = self.roster.rows(symbol_of(keys))
        if rows.size and rows.min() < 0:
            admitted = rows >= 0
            self.refused_total += int((~admitted).sum())
            keys, rows = keys[admitted], rows[admitted]
        return keys, rows

    def _count(self, keys: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """(S, F) events by symbol and kind."""
        symbols = len(self.roster.symbols)
        cells = kind_of(keys) * symbols + rows
        counts = np.bincount(cells, minlength=symbols * len(KINDS))
        return counts.reshape(len(KINDS), symbols).T


def _built(first: int, counts: list[NDArray[np.int64]], held: list[Settled], skipped: int) -> Built:
    return Built(Frame(first, np.stack(counts).astype(np.float64), KINDS, skipped), held)
