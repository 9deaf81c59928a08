"""Follows forced accounts through the log: what they held at what price, and what they were paid.

A leverage event says position, entry and leverage; fills move them from there on; a forced order
says the position again.
"""

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.base import Bools, Floats, Ints
from monitor.events import NS_PER_S
from monitor.fairness.gather import ADL, Gatherer
from monitor.fairness.marks import Marks
from monitor.fairness.options import FairnessOptions

LEVERAGE, FORCED, FILL = 0, 1, 2
NEVER_NS: Final = -1


@dataclass(frozen=True, slots=True)
class Trail:
    """(n,) forced orders by time, with what was known as each came. NaN: not known.

    side: 0 buys, 1 sells. position: signed, before. ratio: maintenance margin over equity.
    mark: as it came. rate: maintenance margin rate. since: when the account's margin on the symbol
    last changed by anything but the mark.
    paid_qty, paid, paid_mark: of its fills: quantity, value, and value at their moments' marks.
    steady: (n,) whether the log accounts for the position, as far as it tells of it.
    alone: (n,) whether nothing else is known to stand on the account's collateral.
    filled: whether the log tells who takes, at all.
    """

    ts: Ints
    symbol: Ints
    account: Ints
    side: Ints
    price: Floats
    qty: Floats
    position: Floats
    ratio: Floats
    kind: Ints
    mark: Floats
    rate: Floats
    entry: Floats
    leverage: Floats
    since: Ints
    paid_qty: Floats
    paid: Floats
    paid_mark: Floats
    steady: Bools
    alone: Bools
    filled: bool

    @property
    def adl(self) -> Bools:
        return np.asarray(self.kind == ADL)

    @property
    def notional(self) -> Floats:
        """(n,) quote currency, at the forced order's own price, or the mark where it has none."""
        price = np.where(self.price > 0.0, self.price, self.mark)
        return np.nan_to_num(np.asarray(self.qty * price))


class _Held:
    """What is known of one account on one symbol."""

    __slots__ = ("entry", "leverage", "position", "rate", "since")

    def __init__(self) -> None:
        self.position = self.entry = self.leverage = self.rate = np.nan
        self.since = NEVER_NS

    def traded(self, signed: float, price: float, ts: int) -> None:
        """A trade: entries average what adds, keep what reduces, and start anew what turns."""
        before = self.position
        after = before + signed
        if before * after <= 0.0:
            self.entry = price
        elif abs(after) > abs(before):
            self.entry = (self.entry * abs(before) + price * abs(signed)) / abs(after)
        self.position = after
        self.since = ts


def follow(seen: Gatherer, marks: Marks, options: FairnessOptions) -> Trail:
    """The trail of all forced orders."""
    return _Walk(seen, marks, options).walk()


class _Walk:
    def __init__(self, seen: Gatherer, marks: Marks, options: FairnessOptions) -> None:
        self._seen, self._marks = seen, marks
        self._fill_ns = round(options.fill_s * NS_PER_S)
        self._held: dict[tuple[int, int], _Held] = defaultdict(_Held)
        self._waiting: dict[tuple[int, int, int], deque[int]] = defaultdict(deque)
        self._order = self._by_time()
        forced = seen.forced
        self._ts = forced.ints("ts")[self._order]
        count = self._ts.size
        self._left = forced.floats("qty")[self._order].copy()
        self._known = np.full((3, count), np.nan)
        self._steady = np.ones(count, np.bool_)
        self._since = np.full(count, NEVER_NS)
        self._paid = np.zeros((3, count))

    def _by_time(self) -> Ints:
        """Forced orders by time, then by names, so that arrival does not matter."""
        forced, seen = self._seen.forced, self._seen
        rank = [_ranks(codes.names) for codes in (seen.accounts, seen.symbols)]
        keys = (
            forced.floats("qty"),
            rank[0][forced.ints("account")],
            rank[1][forced.ints("symbol")],
            forced.ints("ts"),
        )
        return np.asarray(np.lexsort(keys), np.int64)

    def walk(self) -> Trail:
        forced = self._seen.forced
        columns = {
            name: forced.ints(name)[self._order] for name in ("symbol", "account", "side", "kind")
        }
        numbers = {
            name: forced.floats(name)[self._order] for name in ("price", "qty", "position", "ratio")
        }
        self._run(columns, numbers)
        rate, entry, leverage = self._known
        return Trail(
            ts=self._ts,
            symbol=columns["symbol"],
            account=columns["account"],
            side=columns["side"],
            kind=columns["kind"],
            price=numbers["price"],
            qty=numbers["qty"],
            position=numbers["position"],
            ratio=numbers["ratio"],
            mark=self._marks.at(columns["symbol"], self._ts),
            rate=_symbol_rates(rate, columns["symbol"]),
            entry=entry,
            leverage=leverage,
            since=self._since,
            paid_qty=self._paid[0],
            paid=self._paid[1],
            paid_mark=self._paid[2],
            steady=self._steady,
            alone=self._alone(columns["account"]),
            filled=bool((self._seen.fills.ints("taker") >= 0).any()),
        )

    def _run(self, columns: dict[str, Ints], numbers: dict[str, Floats]) -> None:
        """One loop over leverage events, forced orders and fills, in the order of time."""
        leverage, fills = self._seen.leverage, self._seen.fills
        ts = (leverage.ints("ts"), self._ts, fills.ints("ts"))
        what = np.repeat([LEVERAGE, FORCED, FILL], [t.size for t in ts])
        row = np.concatenate([np.arange(t.size) for t in ts])
        geared = zip(
            *(leverage.ints(name).tolist() for name in ("ts", "symbol", "account")),
            *(leverage.floats(name).tolist() for name in ("position", "entry", "leverage", "rate")),
            strict=True,
        )
        marks = self._marks.at(fills.ints("symbol"), fills.ints("ts")).tolist()
        filled = zip(
            *(fills.ints(n).tolist() for n in ("ts", "symbol", "account", "taker", "side")),
            *(fills.floats(n).tolist() for n in ("price", "qty")),
            marks,
            strict=True,
        )
        told = list(geared), list(filled)
        for number in np.lexsort((row, what, np.concatenate(ts))).tolist():
            kind, at = int(what[number]), int(row[number])
            if kind == LEVERAGE:
                self._geared(*told[0][at])
            elif kind == FORCED:
                self._forced(at, columns, numbers)
            else:
                self._filled(*told[1][at])

    def _geared(
        self,
        ts: int,
        symbol: int,
        account: int,
        position: float,
        entry: float,
        leverage: float,
        rate: float,
    ) -> None:
        held = self._held[symbol, account]
        held.position, held.entry, held.leverage = position, entry, leverage
        held.rate = rate if rate > 0.0 else held.rate
        held.since = ts

    def _forced(self, at: int, columns: dict[str, Ints], numbers: dict[str, Floats]) -> None:
        symbol, account = int(columns["symbol"][at]), int(columns["account"][at])
        held = self._held[symbol, account]
        position = float(numbers["position"][at])
        if abs(held.position - position) > 1e-6 * abs(position):
            held.entry = np.nan  # it traded where the log does not tell
            self._steady[at] = False
        self._known[:, at] = held.rate, held.entry, held.leverage
        self._since[at] = held.since
        if not np.isnan(position):
            held.position = position
        held.since = int(self._ts[at])
        if columns["kind"][at] == ADL:  # closed against a loser: there is no fill to come
            sign = 1.0 if columns["side"][at] == 0 else -1.0
            price = float(numbers["price"][at])
            held.traded(sign * float(numbers["qty"][at]), price, held.since)
        else:
            self._waiting[symbol, account, int(columns["side"][at])].append(at)

    def _filled(
        self,
        ts: int,
        symbol: int,
        account: int,
        taker: int,
        side: int,
        price: float,
        qty: float,
        mark: float,
    ) -> None:
        signed = qty if side == 0 else -qty
        if account >= 0:
            self._held[symbol, account].traded(signed, price, ts)
        if taker < 0:
            return
        self._held[symbol, taker].traded(-signed, price, ts)
        waiting = self._waiting.get((symbol, taker, 1 - side))
        while waiting and qty > 0.0:
            at = waiting[0]
            part = min(qty, float(self._left[at]))
            if ts - int(self._ts[at]) > self._fill_ns or part <= 0.0:
                waiting.popleft()
                continue
            self._paid[:, at] += part, part * price, part * mark
            self._left[at] -= part
            qty -= part

    def _alone(self, account: Ints) -> Bools:
        """Whether an account is in one symbol only, and its pool holds nothing else."""
        seen = self._seen
        pairs: dict[int, set[int]] = defaultdict(set)
        for table, name in (
            (seen.forced, "account"),
            (seen.leverage, "account"),
            (seen.fills, "account"),
            (seen.fills, "taker"),
        ):
            both = np.stack([table.ints(name), table.ints("symbol")], axis=1)
            for who, where in np.unique(both, axis=0).tolist():
                pairs[who].add(where)
        code = seen.accounts.code
        shared = {
            code[name]
            for members in seen.members.values()
            if len(members) > 1
            for name, _ in members
            if name in code
        }
        return np.array(
            [len(pairs[w]) == 1 and w not in shared for w in account.tolist()], np.bool_
        )


def _ranks(names: list[str]) -> Ints:
    """(n,) where each name stands among the sorted ones; one more for code -1, which has none."""
    ranks = np.full(len(names) + 1, -1)
    ranks[np.argsort(np.array(names, dtype=object), kind="stable")] = np.arange(len(names))
    return ranks


def _symbol_rates(rate: Floats, symbol: Ints) -> Floats:
    """(n,) maintenance rates; where an account's is not known, its symbol's most usual one."""
    found = rate.copy()
    for code in np.unique(symbol).tolist():
        mine = symbol == code
        known = rate[mine & ~np.isnan(rate)]
        if known.size:
            values, counts = np.unique(known, return_counts=True)
            found[mine & np.isnan(rate)] = values[counts.argmax()]
    return found
