"""Reads the few events of a log that an audit of fairness needs, in two passes.

The first finds whom forced orders hit, the second what is known of them: so memory grows with the
forced accounts and not with the log.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

import numpy as np

from detectors.base import Floats, Ints
from monitor.codec import Decoded, Part
from monitor.events import Kind

KIND_NAMES: Final = ("partial", "full", "adl", None)
ADL: Final = 2
_code: Final = attrgetter("code")


class Codes:
    """Names by number, in the order of their first sight."""

    def __init__(self) -> None:
        self.code: dict[str, int] = {}

    def of(self, names: Sequence[str | None]) -> list[int]:
        """A number for each name, -1 for none."""
        code = self.code
        return [-1 if not name else code.setdefault(name, len(code)) for name in names]

    def known(self, names: Sequence[str | None]) -> list[int]:
        """The number of each name that has one, -1 for the others."""
        return [self.code.get(name or "", -1) for name in names]

    @property
    def names(self) -> list[str]:
        return list(self.code)


@dataclass(slots=True)
class Table:
    """Columns that grow part by part."""

    columns: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, **parts: Any) -> None:
        for name, part in parts.items():
            self.columns.setdefault(name, []).append(np.asarray(part))

    def floats(self, name: str) -> Floats:
        parts = self.columns.get(name)
        return np.concatenate(parts).astype(np.float64) if parts else np.empty(0)

    def ints(self, name: str) -> Ints:
        parts = self.columns.get(name)
        return np.concatenate(parts).astype(np.int64) if parts else np.empty(0, np.int64)


class Gatherer:
    """Call `first` with everything that was decoded, then `second` with the same again."""

    def __init__(self) -> None:
        self.symbols, self.accounts, self.pools = Codes(), Codes(), Codes()
        self.forced, self.marks, self.leverage, self.fills = Table(), Table(), Table(), Table()
        self.events = 0
        self.bad = 0
        self.members: dict[str, set[str]] = {}
        self._mates_known = False

    def first(self, decoded: Decoded) -> None:
        """Note forced orders, and who shares which pool."""
        self.bad += len(decoded.bad)
        for part in decoded.parts:
            self.events += len(part.events)
            self._each(part, {Kind.LIQUIDATION: self._forced, Kind.LEVERAGE: self._pooled})

    def second(self, decoded: Decoded) -> None:
        """Note what is known of forced accounts and of those that share a pool with them, and the
        marks of their symbols."""
        if not self._mates_known:
            self._mates_known = True
            for members in self.members.values():
                if not members.isdisjoint(self.accounts.code):
                    self.accounts.of(sorted(members))
        for part in decoded.parts:
            self._each(
                part,
                {
                    Kind.MARK: self._marks,
                    Kind.LEVERAGE: self._leverage,
                    Kind.FILL: self._fills,
                },
            )

    def _each(self, part: Part, takers: dict[Kind, Callable[[Part], None]]) -> None:
        codes = np.fromiter(map(_code, part.events), np.int64, len(part.events))
        for kind, take in takers.items():
            rows = np.flatnonzero(codes == kind)
            if rows.size:
                events = [part.events[row] for row in rows.tolist()]
                take(Part(part.schema, events))

    def _forced(self, part: Part) -> None:
        schema, events = part.schema, part.events
        kinds = {name: number for number, name in enumerate(KIND_NAMES)}
        self.forced.add(
            ts=schema.ts_ns(events),
            symbol=self.symbols.of(_texts(part, "symbol")),
            account=self.accounts.of(_texts(part, "account")),
            side=schema.side(events),
            price=schema.number("price", events),
            qty=schema.number("qty", events),
            position=schema.number("position_before", events),
            ratio=schema.number("margin_ratio", events),
            kind=[kinds[name] for name in _texts(part, "kind")],
        )

    def _pooled(self, part: Part) -> None:
        columns = (_texts(part, name) for name in ("collateral_pool", "account"))
        for pool, account in zip(*columns, strict=True):
            if pool and account:
                self.members.setdefault(pool, set()).add(account)

    def _marks(self, part: Part) -> None:
        symbol = np.array(self.symbols.of(_texts(part, "symbol")))
        kept = symbol >= 0
        self.marks.add(
            ts=part.schema.ts_ns(part.events)[kept],
            symbol=symbol[kept],
            mark=part.schema.number("mark", part.events)[kept],
        )

    def _leverage(self, part: Part) -> None:
        account = np.array(self.accounts.known(_texts(part, "account")))
        symbol = np.array(self.symbols.of(_texts(part, "symbol")))
        kept = account >= 0
        numbers = {
            "leverage": "new_leverage",
            "position": "position",
            "entry": "entry_price",
            "rate": "maintenance_margin_rate",
        }
        self.leverage.add(
            ts=part.schema.ts_ns(part.events)[kept],
            symbol=symbol[kept],
            account=account[kept],
            **{n: part.schema.number(theirs, part.events)[kept] for n, theirs in numbers.items()},
        )

    def _fills(self, part: Part) -> None:
        account = np.array(self.accounts.known(_texts(part, "account")))
        taker = np.array(self.accounts.known(_texts(part, "taker")))
        kept = (account >= 0) | (taker >= 0)
        if not kept.any():
            return
        self.fills.add(
            ts=part.schema.ts_ns(part.events)[kept],
            symbol=np.array(self.symbols.of(_texts(part, "symbol")))[kept],
            account=account[kept],
            taker=taker[kept],
            side=part.schema.side(part.events)[kept],
            price=part.schema.number("price", part.events)[kept],
            qty=part.schema.number("qty", part.events)[kept],
        )


def _texts(part: Part, name: str) -> list[str | None]:
    """A column of names; numbers, which a venue's own schema may have, as text."""
    values = map(part.schema.getter(name), part.events)
    return [None if value is None else str(value) for value in values]
