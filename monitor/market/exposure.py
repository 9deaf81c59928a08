"""Positions by symbol and account, as far as leverage changes, fills and liquidations tell them.

A leverage change says what a position is; fills move it on from there, if they name accounts. What
is taken over in a liquidation counts as gone at once: the fills that close it come after, and are
not counted again. Collateral is never told. A position is believed to stand on its initial margin
at entry, and at least on what a venue asks for at the moment of the change, at the mark of then.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bools, Floats, Ints, State, pack, unpack
from monitor.columns import Recoding
from monitor.events import Kind
from monitor.keys import account_of, packed, symbol_of
from monitor.market.ranked import inserted, numbered
from monitor.market.room import Room
from monitor.market.standing import Standing, of_symbols
from monitor.rows import LIQUIDATION_KINDS, POOL
from monitor.settled import BEFORE_ALL, Facts, Settled

MAINTENANCE: Final = 0.005  # of the position's value, where the venue does not say
GROUPS_SLACK: Final = 4_096  # numbers of pools that are no longer in use
ADL: Final = LIQUIDATION_KINDS["adl"]
_FLOATS: Final = ("position", "entry", "collateral", "leverage", "rate", "pool", "taken")
_INTS: Final = ("key", "row", "account", "group")
_FILLS: Final = {**dict.fromkeys((*_FLOATS, *_INTS, "told"), 0.0), "pool": np.nan}
_NONE: Final = np.empty(0, np.int64)


class Exposure:
    """N positions, one a (symbol, account), in the order in which they were admitted.

    key: (N,) of the symbol's row and the account's code; row, account: (N,) the same apart.
    position: (N,) signed base units, 0 where closed or not told. entry: (N,) quote. leverage: (N,).
    collateral: (N,) quote. rate: (N,) maintenance margin rate. pool: (N,) number of the collateral
    pool, NaN for none. group: (N,) number of what the position stands on, its pool or itself
    alone; there are `groups`.
    taken: (N,) base units taken over in a liquidation whose fills are still to come.
    told: (N,) whether the position is known; where not, the leverage alone is.
    refused_total: changes of positions beyond `positions_max`.
    """

    _STATE: Final = ("key", *_FLOATS, "told", "refused_total")

    def __init__(self, *, positions_max: int) -> None:
        if positions_max < 1:
            raise ValueError(f"positions_max must be positive, was {positions_max}")
        self.positions_max = positions_max
        self._room = Room()
        self.key = _NONE
        self.position = self.entry = self.collateral = self.leverage = np.empty(0)
        self.rate = self.pool = self.taken = np.empty(0)
        self.told = np.empty(0, np.bool_)
        self.row = self.account = self.group = self._sorted = self._order = _NONE
        self.groups = self.refused_total = 0
        self._index()

    def __len__(self) -> int:
        return int(self.key.size)

    def apply(self, settled: Settled, price: Floats, names: Sequence[str]) -> None:
        """Take in one bin. price: (S,) as it ends, NaN unknown. names: of account codes."""
        since = None
        changes = settled.facts.get(Kind.LEVERAGE)
        if changes is not None:
            at, facts = self._admitted(changes, names)
            since = self._since(since, at, facts.ts)
            self._set(at, facts, price)
        if not self.key.size:
            return
        forced = settled.facts.get(Kind.LIQUIDATION)
        if forced is not None:
            at, facts = self._known(forced, since)
            self._take_over(at, facts)
            since = self._since(since, at, facts.ts)
        fills = settled.facts.get(Kind.FILL)
        if fills is not None:
            self._fill(*self._known(fills, since))

    def find(self, key: Ints) -> Ints:
        """(n,) place of each (symbol, account), -1 where there is none."""
        if not self.key.size:
            return np.full(key.shape, -1)
        near = np.minimum(np.searchsorted(self._sorted, key), self.key.size - 1)
        return np.where(self._sorted[near] == key, self._order[near], -1)

    def known(self, symbols: int) -> Bools:
        """(S,) whether any position is known."""
        found = np.zeros(symbols, np.bool_)
        found[self.row[np.flatnonzero(self.position)]] = True
        return found

    def standing(self) -> Standing:
        """Who holds what now, whatever happens later."""
        return Standing(self.account, self.leverage.copy(), self._sorted, self._order)

    def of_symbols(self, first: int, last: int) -> Ints:
        """Places of all positions of the symbols from one up to, and without, another, in the order
        in which they were admitted."""
        return of_symbols(self._sorted, self._order, first, last)

    def _admitted(self, changes: Facts, names: Sequence[str]) -> tuple[Ints, Facts]:
        """The last change of each position, by place; makes room for new ones, by name."""
        named = np.flatnonzero(changes.account)
        key = packed(0, changes.row[named], changes.account[named])
        # In the order of time within a symbol: the last of each key is its latest.
        order = np.argsort(key, kind="stable")
        key, ends = key[order], np.ones(key.size, np.bool_)
        np.not_equal(key[1:], key[:-1], out=ends[:-1])
        key, last = key[ends], named[order[ends]]
        at = self.find(key)
        new = np.flatnonzero(at < 0)
        if new.size:
            accounts = account_of(key[new]).tolist()
            rows = symbol_of(key[new]).tolist()
            by_name = sorted(range(new.size), key=lambda i: (rows[i], names[accounts[i]]))
            self._admit(key[new[by_name]], keep=key)
            at = self.find(key)
        held = at >= 0
        self.refused_total += int((~held).sum())
        return at[held], _some(changes, last[held])

    def _admit(self, key: Ints, keep: Ints) -> None:
        if self.key.size + key.size > self.positions_max:
            self._forget_closed(keep)
        key = key[: max(0, self.positions_max - self.key.size)]
        size = self.key.size
        self._room.extend(self, _FILLS, key.size)
        self.key[size:], self.row[size:] = key, symbol_of(key)
        self.account[size:] = account_of(key)
        self.group[size:] = self.groups + np.arange(key.size)
        self.groups += key.size
        ranked = np.argsort(key)
        at = np.searchsorted(self._sorted, key[ranked])
        self._sorted, self._order = inserted(
            at, (self._sorted, key[ranked]), (self._order, size + ranked)
        )

    def _forget_closed(self, keep: Ints) -> None:
        """Make room: closed positions are known to be nothing."""
        kept = ~self.told | (self.position != 0.0) | np.isin(self.key, keep)
        for name in ("key", *_FLOATS, "told"):
            setattr(self, name, getattr(self, name)[kept])
        self._index()

    def _index(self) -> None:
        """Whatever follows from keys and pools, from nothing."""
        self.row, self.account = symbol_of(self.key), account_of(self.key)
        self._order = np.argsort(self.key, kind="stable").astype(np.int64)
        self._sorted = self.key[self._order]
        self.group, self.groups = np.arange(self.key.size), self.key.size
        self._pools, self._numbers = np.empty(0), _NONE
        pooled = np.flatnonzero(~np.isnan(self.pool))
        self._join(pooled, self.pool[pooled])

    def _join(self, at: Ints, pool: Floats) -> None:
        """Put positions into their pools; numbers are given as pools are first seen."""
        found, inverse = numbered(pool)
        near = np.searchsorted(self._pools, found)
        new = np.ones(found.size, np.bool_)
        some = near < self._pools.size
        new[some] = self._pools[near[some]] != found[some]
        if new.any():
            numbers = self.groups + np.arange(np.count_nonzero(new))
            self._numbers = np.insert(self._numbers, near[new], numbers)
            self._pools = np.insert(self._pools, near[new], found[new])
            self.groups += numbers.size
        self.group[at] = self._numbers[np.searchsorted(self._pools, found)][inverse]

    def _leave(self, at: Ints) -> None:
        """Positions that stand alone from now on."""
        self.group[at] = self.groups + np.arange(at.size)
        self.groups += at.size

    def _since(self, since: Ints | None, at: Ints, ts: Ints) -> Ints:
        """(N,) when each position was last told whole in this bin."""
        if since is None:
            since = np.full(self.key.size, BEFORE_ALL)
        since[at] = np.maximum(since[at], ts)
        return since

    def _set(self, at: Ints, facts: Facts, price: Floats) -> None:
        """Leverage changes, at most one a position."""
        leverage, position, entry, rate = facts.values[:, :POOL].T
        pool = facts.values[:, POOL]
        self._move(at, pool)
        now = price[facts.row]
        entry = np.where(entry > 0.0, entry, now)
        asked = np.where(leverage > 0.0, leverage, np.nan)
        told = np.isfinite(position + entry + asked)
        held, entry = np.where(told, position, 0.0), np.where(told, entry, 0.0)
        size, asked = np.abs(held), np.where(told, asked, 1.0)
        won = np.where(np.isnan(now), 0.0, held * (now - entry))
        needed = np.where(np.isnan(now), 0.0, size * now / asked - won)
        self.told[at] = told
        self.position[at] = held
        self.entry[at] = entry
        self.collateral[at] = np.maximum(size * entry / asked, needed)
        self.leverage[at] = np.where(leverage > 0.0, leverage, 0.0)
        self.rate[at] = np.where((rate >= 0.0) & (rate < 1.0), rate, MAINTENANCE)
        self.taken[at] = 0.0

    def _move(self, at: Ints, pool: Floats) -> None:
        """Positions whose pool is another now."""
        was = self.pool[at]
        moved = (was != pool) & ~(np.isnan(was) & np.isnan(pool))
        if moved.any():
            at, pool = at[moved], pool[moved]
            self.pool[at] = pool
            alone = np.isnan(pool)
            self._leave(at[alone])
            self._join(at[~alone], pool[~alone])
            if self.groups > 2 * self.key.size + GROUPS_SLACK:
                self._index()

    def _known(self, facts: Facts, since: Ints | None) -> tuple[Ints, Facts]:
        """Facts about positions that are known, and that were not told whole since."""
        at = self.find(packed(0, facts.row, facts.account))
        chosen = (at >= 0) & self.told[at]
        if since is not None:
            chosen &= facts.ts > since[at]
        return at[chosen], _some(facts, np.flatnonzero(chosen))

    def _take_over(self, at: Ints, facts: Facts) -> None:
        """Liquidations: what is taken over is no longer held."""
        change, before, kind = facts.values[:, 1], facts.values[:, 2], facts.values[:, 4]
        change = np.where(np.isnan(change), 0.0, change)
        last = np.zeros(self.key.size, np.int64)
        last[at] = np.arange(at.size)  # of several in one bin, the latest speaks
        chosen = last[at] == np.arange(at.size)
        at, change, before, kind = at[chosen], change[chosen], before[chosen], kind[chosen]
        was = np.where(np.isnan(before), self.position[at], before)
        after = was + change
        self._shrink(at, self.position[at], after)
        self.position[at] = after
        self.taken[at] = np.where(kind == ADL, self.taken[at], self.taken[at] + change)

    def _fill(self, at: Ints, facts: Facts) -> None:
        """Fills, added up by position."""
        price, change = facts.values[:, 0], facts.values[:, 1]
        good = np.isfinite(price * change)
        if not good.all():
            at, price, change = at[good], price[good], change[good]
        if not at.size:
            return
        place, inverse = numbered(at)
        moved = np.bincount(inverse, change, place.size)
        size = np.bincount(inverse, np.abs(change), place.size)
        paid = np.bincount(inverse, np.abs(change) * price, place.size) / np.maximum(size, 1e-300)
        taken = self.taken[place]
        own = np.where(moved * taken > 0.0, np.sign(moved), 0.0)
        own *= np.minimum(np.abs(moved), np.abs(taken))
        self.taken[place] = taken - own
        before = self.position[place]
        after = before + (moved - own)
        self._grow(place, before, after, paid)
        self.position[place] = after

    def _grow(self, at: Ints, before: Floats, after: Floats, price: Floats) -> None:
        """Entry and collateral of positions that became other ones at a price."""
        added = np.abs(after) - np.abs(before)
        grows = (before * after >= 0.0) & (added > 0.0)
        turns = before * after < 0.0
        size = np.maximum(np.abs(after), 1e-300)
        blend = (self.entry[at] * np.abs(before) + price * added) / size
        margin = price / np.maximum(self.leverage[at], 1e-9)
        self._shrink(at, before, after)
        self.entry[at] = np.where(turns, price, np.where(grows, blend, self.entry[at]))
        grown = self.collateral[at] + added * margin
        kept = np.where(grows, grown, self.collateral[at])
        self.collateral[at] = np.where(turns, np.abs(after) * margin, kept)

    def _shrink(self, at: Ints, before: Floats, after: Floats) -> None:
        """What is left of a position keeps its share of the collateral."""
        share = np.abs(after) / np.maximum(np.abs(before), 1e-300)
        self.collateral[at] *= np.minimum(share, 1.0)

    def recode(self, recoding: Recoding) -> None:
        """Follow the name tables after they were compacted."""
        self.key = packed(0, self.row, recoding.accounts[self.account])
        self._index()

    def state(self) -> State:
        return pack(self, self._STATE)

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        unpack(self, self._STATE, state)
        self._index()


def _some(facts: Facts, index: Ints | Bools) -> Facts:
    return Facts(facts.row[index], facts.account[index], facts.ts[index], facts.values[index])
