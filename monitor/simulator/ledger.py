"""Who holds what: positions, cash, leverage and collateral, conserved to the last lot.

A holder is one account on one symbol. Rows of all arrays, for S symbols:

    symbol * MAKERS + maker                   the makers
    S * MAKERS + symbol * TRADERS + trader    leveraged accounts
    S * (MAKERS + TRADERS) + symbol           the house: insurance fund and rounding

An account trades one or more symbols out of one collateral pool, and some accounts share a pool.
Cash is counted in ticks times lots, so that what one side of a trade pays the other receives
exactly.
"""

from typing import Final

import numpy as np

from detectors.liquidation_price import funding_payment, maintenance
from monitor.simulator.arrays import Floats, Ints, Names, named
from monitor.simulator.book import MAKERS
from monitor.simulator.instruments import Instruments

TRADERS: Final = 100
MAKER_NAMES: Final = (
    *("mm-atlas", "mm-boreas", "mm-castor", "mm-dione"),
    *("mm-eris", "mm-fenrir", "mm-gaia", "mm-hermes"),
)
POOLED_MAKERS: Final = 3  # the first makers are one firm's desks and share a pool
# What accounts like to set, each as often as it stands here.
LEVERAGES: Final = np.array([2, 2, 2, 3, 3, 3, 5, 5, 5, 8, 8, 10, 10, 15], dtype=np.float64)
POSITION_USD: Final = 20_000.0  # the median
SLACK: Final = (1.1, 2.0)  # collateral over what the leverage asks for
FUND_USD_PER_SYMBOL: Final = 150_000.0


class Ledger:
    """position: (H,) signed lots. cash: (H,) ticks times lots. entry: (H,) ticks. leverage: (H,).

    symbol, account, pool: (H,) codes. lot_usd: (S,) value of a lot at the first price.
    deposit: (P,) quote currency put into each pool, less what
    was withdrawn. names: (A,) of accounts.
    """

    def __init__(self, rng: np.random.Generator, traded: Instruments) -> None:
        symbols = len(traded)
        self.symbols = symbols
        self.traders = slice(symbols * MAKERS, symbols * (MAKERS + TRADERS))
        holders = symbols * (MAKERS + TRADERS + 1)
        every = np.arange(symbols)
        self.symbol = np.concatenate([every.repeat(MAKERS), every.repeat(TRADERS), every])
        self.account, self.names = _accounts(rng, symbols)
        pool_of = _pools(rng, self.names.size)
        self.pool = pool_of[self.account]
        self.pool_names = named([f"pool-{number:05d}" for number in range(pool_of.max() + 1)])
        self.lot_usd = traded.lot_usd
        self.tick_usd = traded.tick_usd[self.symbol]
        self.margin_rate = traded.margin_rate[self.symbol]
        self.position = np.zeros(holders, np.int64)
        self.cash = np.zeros(holders, np.int64)
        self.entry = traded.start_ticks[self.symbol].copy()
        self.leverage = rng.choice(LEVERAGES, holders)
        self.deposit = np.zeros(self.pool_names.size)
        self._open(rng, traded.start_ticks.astype(np.int64))

    def _open(self, rng: np.random.Generator, ticks: Ints) -> None:
        """Give traders positions, makers the other side of them, and pools their collateral."""
        symbols, traders = self.symbols, self.traders
        usd = POSITION_USD * rng.lognormal(0.0, 1.0, symbols * TRADERS)
        side = rng.choice([-1, 1], usd.size)
        lot_usd = ticks[self.symbol[traders]] * self.tick_usd[traders]
        self.position[traders] = side * np.round(usd / lot_usd).astype(np.int64)
        short = -self.position[traders].reshape(symbols, TRADERS).sum(axis=1)
        each, rest = np.divmod(short, MAKERS)
        makers = np.repeat(each[:, None], MAKERS, axis=1)
        makers[:, 0] += rest
        self.position[: symbols * MAKERS] = makers.ravel()
        self.cash[:] = -self.position * ticks[self.symbol]
        asked = self.asked_usd(ticks.astype(np.float64))
        self.deposit += asked * rng.uniform(*SLACK, asked.size)

    def maker(self, symbol: Ints, maker: Ints) -> Ints:
        return np.asarray(symbol * MAKERS + maker)

    def traders_of(self, symbol: int) -> Ints:
        """Holders of all leveraged accounts on a symbol."""
        first = self.symbols * MAKERS + symbol * TRADERS
        return np.arange(first, first + TRADERS)

    def random_traders(self, rng: np.random.Generator, symbol: Ints) -> Ints:
        """A leveraged account's holder for each symbol, by chance."""
        first = self.symbols * MAKERS + symbol * TRADERS
        return np.asarray(first + rng.integers(0, TRADERS, symbol.size))

    def house(self, symbol: Ints) -> Ints:
        return np.asarray(self.symbols * (MAKERS + TRADERS) + symbol)

    def trade(self, buyer: Ints, seller: Ints, lots: Ints, ticks: Ints) -> None:
        """Move lots and their price from seller to buyer, for each of (n,) trades."""
        holders = np.concatenate([buyer, seller])
        signed = np.concatenate([lots, -lots])
        paid = signed * np.concatenate([ticks, ticks])
        who, inverse = np.unique(holders, return_inverse=True)
        before = self.position[who]
        np.add.at(self.position, holders, signed)
        np.subtract.at(self.cash, holders, paid)
        size = np.bincount(inverse, np.abs(signed), who.size)
        price = np.bincount(inverse, np.abs(paid), who.size) / size
        self.entry[who] = _entries(self.entry[who], before, self.position[who], price)

    def usd(self, ticks: Floats) -> Floats:
        """(T,) value of traders' positions at (S,) prices in ticks, signed."""
        rows = self.traders
        return np.asarray(self.position[rows] * ticks[self.symbol[rows]] * self.tick_usd[rows])

    def equity_usd(self, ticks: Floats) -> Floats:
        """(P,) collateral with what positions have won or lost at (S,) marks in ticks."""
        rows = self.traders
        held = self.cash[rows] * self.tick_usd[rows] + self.usd(ticks)
        return self.deposit + np.bincount(self.pool[rows], held, self.deposit.size)

    def maintenance_usd(self, ticks: Floats) -> Floats:
        """(P,) equity below which a pool is liquidated."""
        rows = self.traders
        needed = maintenance(self.usd(ticks), self.margin_rate[rows])
        return np.bincount(self.pool[rows], needed, self.deposit.size).astype(np.float64)

    def asked_usd(self, ticks: Floats) -> Floats:
        """(P,) collateral that positions ask for at their leverage."""
        rows = self.traders
        needed = np.abs(self.usd(ticks)) / self.leverage[rows]
        return np.bincount(self.pool[rows], needed, self.deposit.size).astype(np.float64)

    def settle_funding(self, rate: Floats, mark_ticks: Ints) -> None:
        """Buyers pay sellers rate times notional; what rounding leaves goes to the house."""
        mark, of_symbol = mark_ticks[self.symbol], rate[self.symbol]
        owed = funding_payment(self.position, mark, of_symbol, unit=1.0).astype(np.int64)
        self.cash -= owed
        every = np.arange(self.symbols)
        total = np.zeros(self.symbols, np.int64)
        np.add.at(total, self.symbol, owed)
        self.cash[self.house(every)] += total

    def open_interest(self) -> Ints:
        """(S,) lots held by all who are long."""
        held = np.bincount(self.symbol, np.maximum(self.position, 0), self.symbols)
        return held.astype(np.int64)


def _accounts(rng: np.random.Generator, symbols: int) -> tuple[Ints, Names]:
    """(H,) the account of each holder, and names. A trader is in one symbol, or in a few."""
    rows = symbols * TRADERS
    count = max(TRADERS, int(0.6 * rows))
    # Each symbol's traders are different accounts: a permutation of a run of account numbers.
    offset = rng.integers(0, count, symbols)
    within = np.arange(TRADERS)
    trader = np.concatenate([(first + within) % count for first in offset])
    house = MAKERS + count
    account = np.concatenate(
        [np.tile(np.arange(MAKERS), symbols), MAKERS + trader, np.full(symbols, house)]
    )
    traders = [f"trader-{number:05d}" for number in range(count)]
    return account, named([*MAKER_NAMES, *traders, "insurance-fund"])


def _pools(rng: np.random.Generator, accounts: int) -> Ints:
    """(A,) the collateral pool of each account; one trader in seven shares one with neighbours."""
    shares = rng.random(accounts) < 0.15
    shares[:MAKERS] = np.arange(MAKERS) < POOLED_MAKERS
    shares[[0, MAKERS, -1]] = False
    pool: Ints = np.cumsum(~shares) - 1
    return pool


def _entries(entry: Floats, before: Ints, after: Ints, price: Floats) -> Floats:
    """(n,) entry prices after positions changed at a price: an average where they grew."""
    added = np.abs(after) - np.abs(before)
    blend = (entry * np.abs(before) + price * added) / np.maximum(np.abs(after), 1)
    same_side = before * after > 0
    return np.where(same_side, np.where(added > 0, blend, entry), price)
