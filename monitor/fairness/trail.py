"""Follows forced accounts through the log: what they held at what price, and what they were paid.

A leverage event says position, entry and leverage; fills move them from there on; a forced order
says the position again.
"""

from collections import defaultdict, deque
from dataclasses import dataclass

import numpy as np

from detectors.base import Bools, Floats, Ints
from monitor.events import NS_PER_S
from monitor.fairness.gather import ADL, Gatherer
from monitor.fairness.holdings import NEVER_NS, Holdings, Legs, usual_rates
from monitor.fairness.marks import Marks
from monitor.fairness.options import FairnessOptions

LEVERAGE, FORCED, FILL = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Trail:
    """(n,) forced orders by time, with what was known as each came. NaN: not known.

    side: 0 buys, 1 sells. position: signed, before. ratio: maintenance margin over equity.
    mark: as it came. rate: maintenance margin rate. since: when the margin of all that stands on
    the account's collateral last changed by anything but the mark.
    paid_qty, paid, paid_mark: of its fills: quantity, value, and value at their moments' marks.
    steady: (n,) whether the log accounts for the position, as far as it tells of it.
    whole: (n,) whether all that is known to stand on the account's collateral is known by size.
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
    whole: Bools
    legs: Legs
    filled: bool

    @property
    def adl(self) -> Bools:
        return np.asarray(self.kind == ADL)

    @property
    def notional(self) -> Floats:
        """(n,) quote currency, at the forced order's own price, or the mark where it has none."""
        price = np.where(self.price > 0.0, self.price, self.mark)
        return np.nan_to_num(np.asarray(self.qty * price))


def follow(seen: Gatherer, marks: Marks, options: FairnessOptions) -> Trail:
    """The trail of all forced orders."""
    return _Walk(seen, marks, options).walk()


class _Walk:
    def __init__(self, seen: Gatherer, marks: Marks, options: FairnessOptions) -> None:
        self._seen, self._marks = seen, marks
        self._fill_ns = round(options.fill_s * NS_PER_S)
        self._holdings = Holdings(_mates(seen))
        self._usual = usual_rates(seen.leverage.ints("symbol"), seen.leverage.floats("rate"))
        self._waiting: dict[tuple[int, int, int], deque[int]] = defaultdict(deque)
        self._order = self._by_time()
        forced = seen.forced
        self._ts = forced.ints("ts")[self._order]
        count = self._ts.size
        self._left = forced.floats("qty")[self._order].copy()
        self._known = np.full((3, count), np.nan)
        self._steady = np.ones(count, np.bool_)
        self._whole = np.zeros(count, np.bool_)
        self._beside: list[tuple[int, int, float, float]] = []
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
        told, entry, leverage = self._known
        usual = [self._usual.get(code, np.nan) for code in columns["symbol"].tolist()]
        rate = np.where(np.isnan(told), usual, told)
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
            rate=rate,
            entry=entry,
            leverage=leverage,
            since=self._since,
            paid_qty=self._paid[0],
            paid=self._paid[1],
            paid_mark=self._paid[2],
            steady=self._steady,
            whole=self._whole,
            legs=self._all_legs(columns["symbol"], numbers["position"], rate),
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
        held = self._holdings.held(symbol, account)
        held.position, held.entry, held.leverage = position, entry, leverage
        held.rate = rate if rate > 0.0 else held.rate
        held.since = ts

    def _forced(self, at: int, columns: dict[str, Ints], numbers: dict[str, Floats]) -> None:
        symbol, account = int(columns["symbol"][at]), int(columns["account"][at])
        held = self._holdings.held(symbol, account)
        position = float(numbers["position"][at])
        if abs(held.position - position) > 1e-6 * abs(position):
            held.entry = np.nan  # it traded where the log does not tell
            self._steady[at] = False
        self._known[:, at] = held.rate, held.entry, held.leverage
        self._since[at] = held.since
        self._legs(at, symbol, account)
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
            self._holdings.held(symbol, account).traded(signed, price, ts)
        if taker < 0:
            return
        self._holdings.held(symbol, taker).traded(-signed, price, ts)
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

    def _legs(self, at: int, symbol: int, account: int) -> None:
        """Note what else stands on the collateral, if all of it is known."""
        beside = list(self._holdings.beside(symbol, account))
        self._since[at] = max([self._since[at], *(held.since for _, held in beside)])
        if any(np.isnan(held.position) for _, held in beside):
            return
        self._whole[at] = True
        self._beside += [
            (at, where, held.position, held.rate) for where, held in beside if held.position != 0.0
        ]

    def _all_legs(self, symbol: Ints, position: Floats, rate: Floats) -> Legs:
        """Own positions first, then what stood beside them."""
        own = np.flatnonzero(self._whole)
        beside = np.array(self._beside, np.float64).reshape(-1, 4)
        where = beside[:, 1].astype(np.int64)
        usual = np.array([self._usual.get(code, np.nan) for code in where.tolist()])
        theirs = np.where(np.isnan(beside[:, 3]), usual, beside[:, 3])
        return Legs(
            order=np.concatenate([own, beside[:, 0].astype(np.int64)]),
            symbol=np.concatenate([symbol[own], where]),
            position=np.concatenate([position[own], beside[:, 2]]),
            rate=np.concatenate([rate[own], theirs]),
        )


def _ranks(names: list[str]) -> Ints:
    """(n,) where each name stands among the sorted ones; one more for code -1, which has none."""
    ranks = np.full(len(names) + 1, -1)
    ranks[np.argsort(np.array(names, dtype=object), kind="stable")] = np.arange(len(names))
    return ranks


def _mates(seen: Gatherer) -> dict[int, frozenset[int]]:
    """Account -> accounts that share a pool with it; an account alone is not named."""
    code = seen.accounts.code
    found: dict[int, set[int]] = defaultdict(set)
    for members in seen.members.values():
        accounts = {code[name] for name in members if name in code}
        if len(accounts) > 1:
            for account in accounts:
                found[account] |= accounts
    return {account: frozenset(accounts) for account, accounts in found.items()}
