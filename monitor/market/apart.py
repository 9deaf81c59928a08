"""Who falls under maintenance at one price and not at another: at the mark, or at what it is away
from. An index that lags is compared with its mark, a mark that smooths past the market with trades.

Only the price of one symbol is another: all else that a pool holds stays at its mark.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats, Ints, State, nest, pack, unnest, unpacked
from monitor.columns import Recoding
from monitor.market.bands import Margins
from monitor.market.exposure import Exposure
from monitor.market.findings import worst
from monitor.market.gauges import GAUGES
from monitor.market.looks import Looks
from monitor.market.notes import money
from monitor.market.prices import INDEX
from monitor.market.risk import price_of

if TYPE_CHECKING:
    from monitor.market.state import Market

# Gauges, the price that the mark is compared with, and from how many seconds or basis points on.
COMPARED: Final = {"index_age": "the index", "mark_distance": "the last trades"}
LEAST: Final = {"index_age": float(np.log(3.0)), "mark_distance": float(np.log(10.0))}
GAUGE: Final = tuple(COMPARED)
ELSEWHERE, AT_MARK = 0, 1  # who falls at the other price alone, and at the mark alone
ROWS_MAX: Final = 8  # symbols of each gauge, the worst
ACCOUNTS_MAX: Final = 5  # of each symbol and way


@dataclass(frozen=True, slots=True)
class Stranded:
    """of: (k, 2) gauge and row of the symbols that were compared. count: (k, 2) accounts that fall
    elsewhere, and at the mark, alone. worth: (k, 2) what they hold of the symbol, quote currency.
    known: (k,) positions of the symbol. who: (m, 4) gauge, row, way, account. amount: (m,) worth.
    """

    of: Ints
    count: Ints
    worth: Floats
    known: Ints
    who: Ints
    amount: Floats

    def accounts(self, gauge: str, row: int) -> tuple[Ints, Floats]:
        """(n,) accounts that fall at one price alone, and (n, 2) what each has of it and all."""
        if gauge not in GAUGE:
            return np.empty(0, np.int64), np.empty((0, 2))
        number = GAUGE.index(gauge)
        total = self.worth[(self.of == (number, row)).all(axis=1)].sum()
        chosen = (self.who[:, 0] == number) & (self.who[:, 1] == row)
        amount = self.amount[chosen]
        return self.who[chosen, 3], np.column_stack([amount, np.full(amount.size, total)])

    def note(self, gauge: str, row: int) -> str | None:
        """What a symbol's level means for those who hold it; None where it was not compared, or
        where no position is known."""
        if gauge not in GAUGE:
            return None
        at = np.flatnonzero((self.of == (GAUGE.index(gauge), row)).all(axis=1))
        if not (at.size and self.known[at[0]]):
            return None
        count, worth = self.count[at[0]], self.worth[at[0]]
        price = COMPARED[gauge]
        ways = ((ELSEWHERE, price, "the mark"), (AT_MARK, "the mark", price))
        told = [
            f"{_accounts(int(count[way]))} with {money(worth[way])} under maintenance at {here} "
            f"and not at {there}"
            for way, here, there in ways
            if count[way]
        ]
        return " and ".join(told) or f"nobody is liquidated at {price} alone, or at the mark alone"

    def recoded(self, recoding: Recoding) -> "Stranded":
        """The same after the name tables were compacted."""
        who = self.who.copy()
        who[:, 3] = recoding.accounts[who[:, 3]]
        return replace(self, who=who)


def _accounts(count: int) -> str:
    return "1 account" if count == 1 else f"{count} accounts"


def nobody() -> Stranded:
    """Before the first look."""
    two = np.empty((0, 2), np.int64)
    none = np.empty(0, np.int64)
    return Stranded(two, two, np.empty((0, 2)), none, np.empty((0, 4), np.int64), np.empty(0))


class Apart:
    """At each look, the symbols whose prices are farthest apart. looked: what was found."""

    def __init__(self) -> None:
        self.looked = Looks(nobody())

    def begin(self) -> None:
        """A frame begins."""
        self.looked.begin()

    def look(self, at_bin: int, market: "Market", levels: Floats) -> None:
        """levels: (S, G) of all gauges, those of prices as the bin before left them; where a price
        has gone since, nothing is compared."""
        mark = price_of(market.depth, market.prices)
        other = {"index_age": market.prices.told[INDEX], "mark_distance": market.price()}
        names = list(GAUGES)
        asked = [
            (number, row, float(other[gauge][row]))
            for number, gauge in enumerate(GAUGE)
            for row in _apart(levels[:, names.index(gauge)], LEAST[gauge])
            if np.isfinite(other[gauge][row])
        ]
        held, margins = market.risk.exposure, market.risk.seen.margins
        self.looked.add(at_bin, stranded(held, margins, mark, asked))

    def found(self, at_bin: int) -> Stranded:
        """What the last look up to the end of a bin found."""
        return self.looked.at(at_bin)

    def keys(self) -> list[Ints]:
        """Accounts that are remembered, for whoever must know which codes are in use."""
        return [found.who[:, 3] for found in self.looked.all()]

    def recode(self, recoding: Recoding) -> None:
        """Follow the name tables after they were compacted."""
        self.looked.change(lambda found: found.recoded(recoding))

    def state(self) -> State:
        """Everything that is told of the next bin."""
        at_bin, found = self.looked.last
        return {"look": np.array(at_bin)} | nest("found", pack(found, Stranded.__slots__))

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        found = unpacked(Stranded, Stranded.__slots__, unnest("found", state))
        self.looked = Looks(found, int(state["look"]))


def stranded(
    held: Exposure, margins: Margins, mark: Floats, asked: Sequence[tuple[int, int, float]]
) -> Stranded:
    """asked: number of the gauge, row of the symbol, and the other price; a loop over them, since
    they are few. mark: (S,) the prices that `margins` were found at."""
    if not asked:
        return nobody()
    of, count, worth, known = [], [], [], []
    who: list[Ints] = [np.empty((0, 4), np.int64)]
    amount: list[Floats] = [np.empty(0)]
    for number, row, price in asked:
        at = held.of_symbols(row, row + 1)
        size = np.abs(np.nan_to_num(margins.worth[at]))
        falls = _falls(held, margins, at, price / mark[row] - 1.0)
        of.append((number, row))
        known.append(np.count_nonzero(size > 0.0))
        sizes = [np.where(way, size, 0.0) for way in falls]
        count.append([np.unique(held.account[at[own > 0.0]]).size for own in sizes])
        worth.append([own.sum() for own in sizes])
        for way, own in enumerate(sizes):
            top = np.argsort(-own, kind="stable")[:ACCOUNTS_MAX]
            top = top[own[top] > 0.0]
            named = held.account[at[top]]
            told = [np.full(top.size, n) for n in (number, row, way)]
            who.append(np.column_stack([*told, named]))
            amount.append(own[top])
    return Stranded(
        np.array(of, np.int64),
        np.array(count, np.int64),
        np.array(worth, np.float64),
        np.array(known, np.int64),
        np.concatenate(who),
        np.concatenate(amount),
    )


def _falls(
    held: Exposure, margins: Margins, at: Ints, moved: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(n,) whether what a position stands on is under maintenance at the other price alone, and at
    the mark alone. at: (n,) all positions of a symbol. moved: share by which the price differs."""
    group, inverse = np.unique(held.group[at], return_inverse=True)
    change = np.bincount(inverse, np.nan_to_num(margins.slope[at]) * moved, group.size)
    spare, known = margins.spare[group], np.isfinite(change)
    there, here = spare + change < 0.0, spare < 0.0
    return (there & ~here & known)[inverse], (here & ~there & known)[inverse]


def _apart(level: Floats, least: float) -> list[int]:
    return worst(level, level >= least, ROWS_MAX)
