"""A decoded batch as columns, with symbols and accounts as integer codes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from monitor.codec import Decoded, Part
from monitor.keys import account_of, kind_of, packed, symbol_of
from monitor.records import Partition, RawBatch
from monitor.rows import NO_DEPTH, NO_FACTS, Rows, depth, facts, joined

NAMES_SLACK: Final = 131_072  # names that may be forgotten before the tables are compacted

_code = attrgetter("code")


class Interner(dict[str | int | None, int]):
    """Names to integer codes in order of arrival; code 0 is "no name".

    Codes are an economy of one process. Nothing that is decided depends on their order.
    """

    def __init__(self, names: Sequence[str] = ("",)) -> None:
        super().__init__({name: code for code, name in enumerate(names)})
        self[None] = 0
        self.names: list[str] = list(names)

    def __missing__(self, name: str | int) -> int:
        if isinstance(name, int):  # a venue's own schema may number its accounts
            code = self[str(name)]
            self[name] = code
            return code
        code = len(self.names)
        self[name] = code
        self.names.append(name)
        return code


@dataclass(frozen=True, slots=True)
class Columns:
    """Good events of one batch in the order of their offsets.

    ts: (n,) venue time, nanoseconds.
    keys: (n,) what is counted: kind, symbol code and account code (see keys.py).
    rows: (n,) position in the raw batch; None means every record is an event.
    depth, facts: what the events say besides (see rows.py).
    """

    raw: RawBatch
    ts: NDArray[np.int64]
    keys: NDArray[np.int64]
    rows: NDArray[np.int64] | None
    depth: Rows = NO_DEPTH
    facts: Rows = NO_FACTS

    @property
    def origin(self) -> Partition:
        return self.raw.origin

    def take(self, index: NDArray[Any]) -> "Columns":
        """The events that an index or a mask selects."""
        rows = np.flatnonzero(np.ones(self.ts.size, bool)) if self.rows is None else self.rows
        more = (part.of_events(index, self.ts.size) for part in (self.depth, self.facts))
        return Columns(self.raw, self.ts[index], self.keys[index], rows[index], *more)

    def offset_at(self, index: int) -> int:
        """Offset of the record that event `index` came from."""
        return self.raw.offsets[index if self.rows is None else int(self.rows[index])]


class Names:
    """The two name tables that keys refer to."""

    def __init__(self) -> None:
        self.symbols = Interner()
        self.accounts = Interner()
        self._limit = NAMES_SLACK

    @property
    def known(self) -> int:
        """Names in both tables."""
        return len(self.symbols.names) + len(self.accounts.names)

    @property
    def overgrown(self) -> bool:
        """Whether it is time to forget names that nothing refers to."""
        return self.known >= self._limit

    def replace(self, symbols: Sequence[str], accounts: Sequence[str]) -> None:
        """Take over the tables of a checkpoint."""
        self.symbols, self.accounts = Interner(symbols), Interner(accounts)

    def columns(self, decoded: Decoded) -> Columns:
        """Columns of everything good in a batch."""
        parts = [self._part(decoded.raw, part) for part in decoded.parts if part.events]
        if len(parts) == 1:
            return parts[0]
        if not parts:
            nothing = np.empty(0, np.int64)
            return Columns(decoded.raw, nothing, nothing, nothing)
        return _interleaved(parts)

    def _part(self, raw: RawBatch, part: Part) -> Columns:
        """Columns of the events of one schema."""
        events, schema = part.events, part.schema
        ts, kinds = schema.ts_ns(events), _kinds(events)
        keys = self._keys(part, kinds)
        rows = None if part.rows is None else np.array(part.rows, dtype=np.int64)
        book = depth(schema, events, ts, keys, kinds)
        told = facts(schema, events, ts, keys, kinds, self.accounts.__getitem__)
        return Columns(raw, ts, keys, rows, book, told)

    def _keys(self, part: Part, kinds: NDArray[np.int64]) -> NDArray[np.int64]:
        events, schema = part.events, part.schema
        count = len(events)
        symbols = np.fromiter(
            map(self.symbols.__getitem__, map(schema.getter("symbol"), events)), np.int64, count
        )
        accounts = np.fromiter(
            map(self.accounts.__getitem__, map(schema.getter("account"), events)), np.int64, count
        )
        return packed(kinds, symbols, accounts)

    def compact(self, keys: Sequence[NDArray[np.int64]], keep_symbols: Iterable[int]) -> "Recoding":
        """Forget every name that no key refers to; the caller rewrites its keys."""
        used = np.unique(np.concatenate([np.empty(0, np.int64), *keys]))
        symbols = {*keep_symbols, *np.unique(symbol_of(used)).tolist()}
        accounts = np.unique(account_of(used)).tolist()
        self.symbols, symbol_map = _compacted(self.symbols, symbols)
        self.accounts, account_map = _compacted(self.accounts, accounts)
        self._limit = 2 * self.known + NAMES_SLACK
        return Recoding(symbol_map, account_map)


@dataclass(frozen=True, slots=True)
class Recoding:
    """Old code -> new code, for symbols and accounts; -1 where a name was forgotten."""

    symbols: NDArray[np.int64]
    accounts: NDArray[np.int64]

    def apply(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """The same keys in the new codes."""
        kinds = kind_of(keys)
        symbols = self.symbols[symbol_of(keys)]
        accounts = self.accounts[account_of(keys)]
        return packed(kinds, symbols, accounts)


def _compacted(old: Interner, used: Iterable[int]) -> tuple[Interner, NDArray[np.int64]]:
    codes = sorted({0, *used})
    new_codes = np.full(len(old.names), -1, np.int64)
    new_codes[codes] = np.arange(len(codes))
    return Interner([old.names[code] for code in codes]), new_codes


def _kinds(events: Sequence[Any]) -> NDArray[np.int64]:
    return np.frombuffer(bytes(map(_code, events)), np.uint8).astype(np.int64)


def _interleaved(parts: Sequence[Columns]) -> Columns:
    """Parts of one batch, in the order of its records again."""
    starts = np.cumsum([0, *(part.ts.size for part in parts)])
    whole = Columns(
        parts[0].raw,
        np.concatenate([part.ts for part in parts]),
        np.concatenate([part.keys for part in parts]),
        np.concatenate([part.rows for part in parts if part.rows is not None]),
        _after([part.depth for part in parts], starts, NO_DEPTH),
        _after([part.facts for part in parts], starts, NO_FACTS),
    )
    assert whole.rows is not None
    return whole.take(np.argsort(whole.rows))


def _after(parts: Sequence[Rows], starts: NDArray[np.int64], empty: Rows) -> Rows:
    """Rows of parts whose events begin at `starts` of the whole."""
    moved = [replace(part, of=part.of + s) for part, s in zip(parts, starts.tolist(), strict=False)]
    return joined(moved, empty)
