"""What a look found that an incident tells: who stands in a band, where a cascade would go."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bools, Floats, Ints, State, pack
from monitor.columns import Recoding
from monitor.market.bands import DISTANCES, FALL, RISE, log_away
from monitor.market.exposure import Exposure
from monitor.market.standing import Standing
from monitor.market.survey import SHOCK, Survey

# Gauges whose accounts are known, by what is looked at.
GAUGES: Final = ("long_leverage", "short_leverage", "band_pressure", "amplification", "crowd")
ROWS_MAX: Final = 16  # symbols of each gauge, the worst
ACCOUNTS_MAX: Final = 5  # of each symbol
PATH_MAX: Final = 4
USUAL_S: Final = 600.0
UNUSUAL: Final = 1.3  # leverage over its usual level, from which accounts are looked for
CROWDED: Final = 1e-3
PRESSED: Final = 0.05
AMPLIFIED: Final = 1.2


class Holders:
    """Who stands behind levels, worked out when somebody asks: seldom, and it costs.

    who: (n, 3) gauge, row and account. amount: (n, 2) quote currency of the account, and of all.
    """

    def __init__(self, work_out: Callable[[], tuple[Ints, Floats]]) -> None:
        self._work_out = work_out

    @cached_property
    def _told(self) -> tuple[Ints, Floats]:
        return self._work_out()

    @property
    def who(self) -> Ints:
        return self._told[0]

    @property
    def amount(self) -> Floats:
        return self._told[1]


def _known(who: Ints, amount: Floats) -> Holders:
    return Holders(lambda: (who, amount))


@dataclass(frozen=True, slots=True)
class Findings:
    """By symbol, (S,) each, and by account.

    usual: (2, S) slow mean of the leverage of longs and of shorts. leverage: (2, S) what it is.
    weighed, side, away, forced, resting: of the worst band; away is a log distance.
    due: what the next funding alone forces. times: amplification.
    path: (S, PATH_MAX) rows in the order in which a cascade reaches them, -1 none.
    after_s: (S, PATH_MAX) seconds after which it does, 0 where nothing delays it.
    """

    usual: Floats
    leverage: Floats
    weighed: Floats
    side: Ints
    away: Floats
    forced: Floats
    resting: Floats
    due: Floats
    times: Floats
    path: Ints
    after_s: Floats
    holders: Holders

    def of(self, gauge: str, row: int) -> tuple[Ints, Floats]:
        """(n,) accounts and (n, 2) amounts that stand behind one symbol's level."""
        if gauge not in GAUGES:
            return np.empty(0, np.int64), np.empty((0, 2))
        who = self.holders.who
        chosen = (who[:, 0] == GAUGES.index(gauge)) & (who[:, 1] == row)
        return who[chosen, 2], self.holders.amount[chosen]

    def recoded(self, recoding: Recoding) -> "Findings":
        """The same after the name tables were compacted."""
        who = self.holders.who.copy()
        who[:, 2] = recoding.accounts[who[:, 2]]
        return replace(self, holders=_known(who, self.holders.amount))

    def state(self) -> State:
        return pack(self, _BY_SYMBOL) | pack(self.holders, ("who", "amount"))

    @staticmethod
    def restored(state: Mapping[str, NDArray[np.generic]]) -> "Findings":
        """What `state` gave."""
        holders = _known(np.array(state["who"], np.int64), np.array(state["amount"], np.float64))
        by_symbol = {name: np.array(state[name]) for name in _BY_SYMBOL}
        return Findings(**by_symbol, holders=holders)


_BY_SYMBOL: Final = tuple(name for name in Findings.__slots__ if name != "holders")


def nothing(symbols: int) -> Findings:
    """Before the first look."""
    unknown, none = np.full(symbols, np.nan), np.empty((0, 3), np.int64)
    two = np.full((2, symbols), np.nan)
    path = np.full((symbols, PATH_MAX), -1)
    side = np.zeros(symbols, np.int64)
    return Findings(
        two,
        two,
        unknown,
        side,
        unknown,
        unknown,
        unknown,
        unknown,
        unknown,
        path,
        np.zeros(path.shape),
        _known(none, np.empty((0, 2))),
    )


def find(held: Exposure, seen: Survey, crowd: Floats, last: Findings, look_s: float) -> Findings:
    """crowd: (S,) as `survey.crowd` has it. last: what the look before found."""
    symbols = crowd.size
    leverage = seen.leverage.T
    usual = np.full((2, symbols), np.nan)
    usual[:, : last.usual.shape[1]] = last.usual
    moved = usual + look_s / USUAL_S * (leverage - usual)
    usual = np.where(np.isnan(usual), leverage, np.where(np.isnan(moved), usual, moved))
    unusual, standing = leverage / usual, held.standing()
    band = seen.pressure
    path, after_s = _paths(seen, symbols)
    return Findings(
        usual=usual,
        leverage=leverage,
        weighed=band.weighed,
        side=band.side,
        away=DISTANCES[band.step],
        forced=band.forced,
        resting=band.resting,
        due=_due(held, seen, symbols),
        times=seen.cascades.times,
        path=path,
        after_s=after_s,
        holders=Holders(lambda: _accounts(standing, seen, crowd, unusual)),
    )


def _due(held: Exposure, seen: Survey, symbols: int) -> Floats:
    at = np.flatnonzero(seen.margins.due)
    sums = np.bincount(held.row[at], np.abs(seen.margins.worth[at]), symbols)
    return np.asarray(sums, np.float64)


def _paths(seen: Survey, symbols: int) -> tuple[Ints, Floats]:
    path, after_s = np.full((symbols, PATH_MAX), -1), np.zeros((symbols, PATH_MAX))
    cascades = seen.cascades
    for row in np.flatnonzero(cascades.of_symbol >= 0).tolist():  # those tried: a few
        number = int(cascades.of_symbol[row])
        reached = cascades.spread.path(number, row)[:PATH_MAX]
        path[row, : reached.size] = reached
        after_s[row, : reached.size] = cascades.spread.after_s[number, reached]
    return path, after_s


def _accounts(held: Standing, seen: Survey, crowd: Floats, unusual: Floats) -> tuple[Ints, Floats]:
    """Accounts of the worst symbols of each gauge; a loop over them, since they are few."""
    band, cascades = seen.pressure, seen.cascades
    who: list[Ints] = []
    amount: list[Floats] = []

    def add(gauge: str, row: int, value: Floats, at: Ints) -> None:
        total = float(value.sum())
        top = np.argsort(-value, kind="stable")[:ACCOUNTS_MAX]
        top = top[value[top] > 0.0]
        codes = held.account[at[top]]
        which = np.full(codes.size, GAUGES.index(gauge))
        who.append(np.column_stack([which, np.full(codes.size, row), codes]))
        amount.append(np.column_stack([value[top], np.full(codes.size, total)]))

    for side, gauge, sign in ((FALL, "long_leverage", 1.0), (RISE, "short_leverage", -1.0)):
        for row in _worst(unusual[side], UNUSUAL):
            at = held.of_symbol(row)
            add(gauge, row, np.maximum(sign * _geared(held, seen, at), 0.0), at)
    for row in _worst(band.weighed, PRESSED):
        at = held.of_symbol(row)
        sign = 1.0 if band.side[row] == FALL else -1.0
        some = seen.margins.of(at)
        inside = log_away(some) <= DISTANCES[band.step[row]]
        add("band_pressure", row, np.where(inside, np.maximum(sign * some.worth, 0.0), 0.0), at)
    for row in _worst(cascades.times, AMPLIFIED):
        at = held.of_symbol(row)
        some = seen.margins.of(at)
        add("amplification", row, np.where(log_away(some) <= SHOCK, np.abs(some.worth), 0.0), at)
    for row in _worst(crowd, CROWDED):
        at = held.of_symbol(row)
        geared = _geared(held, seen, at)
        add("crowd", row, np.maximum(np.sign(geared.sum()) * geared, 0.0), at)
    if not who:
        return np.empty((0, 3), np.int64), np.empty((0, 2))
    return np.concatenate(who), np.concatenate(amount)


def _geared(held: Standing, seen: Survey, at: Ints) -> Floats:
    worth = seen.margins.worth[at]
    return np.where(np.isnan(worth), 0.0, worth * held.leverage[at])


def _worst(value: Floats, above: float) -> list[int]:
    return worst(value, value > above, ROWS_MAX)


def worst(value: Floats, wanted: Bools, most: int) -> list[int]:
    """Rows with the greatest of the wanted values, at most so many; NaN is not to be wanted."""
    rows = np.flatnonzero(wanted)
    order: list[int] = rows[np.argsort(-value[rows], kind="stable")[:most]].tolist()
    return order
