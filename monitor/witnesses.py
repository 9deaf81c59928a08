"""What an incident tells beside its numbers: who is behind a signal, and what a level means."""

from typing import Final

import numpy as np

from monitor import retries
from monitor.accounts import AccountRing
from monitor.columns import Names
from monitor.events import KINDS, Kind
from monitor.features import Roster
from monitor.incidents import FEED, VENUE, AccountEvidence, Case
from monitor.keys import packed
from monitor.market.notes import note
from monitor.market.state import Market

HOLDERS_SHOWN: Final = 5


class Witnesses:
    """Asks the ring of recent events and the state of the market."""

    def __init__(self, names: Names, roster: Roster, ring: AccountRing, market: Market) -> None:
        self._names = names
        self._roster = roster
        self._ring = ring
        self._market = market

    def accounts(self, case: Case, at_bin: int) -> list[AccountEvidence]:
        """The busiest accounts of each signal over the case's symbols since its onset; of levels,
        those that have most of what they are made of."""
        found = []
        bins = range(case.onset_bin, case.active_bin + 1)
        signals = list(dict.fromkeys(seen.signal for seen in case.streams))
        streams = [self._streams(case, signal) for signal in signals]
        busiest = self._ring.top(streams, bins, self._names.accounts)
        for signal, accounts in zip(signals, busiest, strict=True):
            found += [
                AccountEvidence(top.account, signal, top.share, top.count) for top in accounts
            ]
            found += self._holders(case, signal, at_bin)
        return found

    def _streams(self, case: Case, signal: str) -> list[int]:
        """Keys, without their account, of what a signal counts on the case's symbols."""
        return [
            packed(Kind[seen.feature.upper()], self._names.symbols[seen.symbol])
            for seen in case.streams
            if seen.signal == signal
            and seen.symbol != VENUE
            and seen.feature in KINDS
            and seen.signal not in FEED
        ]

    def _holders(self, case: Case, signal: str, at_bin: int) -> list[AccountEvidence]:
        """The accounts with most of what a level is made of; count: their positions in it."""
        told, apart = self._market.risk.found(at_bin), self._market.apart.found(at_bin)
        total = 0.0
        held: dict[str, list[float]] = {}
        for seen in case.streams:
            if seen.signal != signal or seen.symbol == VENUE:
                continue
            row = self._roster.row(seen.symbol)
            codes, amounts = told.of(seen.feature, row)
            if not codes.size:
                codes, amounts = apart.accounts(seen.feature, row)
            total += float(amounts[0, 1]) if codes.size else 0.0
            for code, amount in zip(codes.tolist(), amounts[:, 0].tolist(), strict=True):
                held.setdefault(self._names.accounts.names[code], []).append(amount)
        ranked = sorted((-sum(parts), name) for name, parts in held.items())[:HOLDERS_SHOWN]
        return [
            AccountEvidence(name, signal, round(-amount / total, 4), len(held[name]))
            for amount, name in ranked
        ]

    def notes(self, case: Case, at_bin: int) -> list[str]:
        """What the loudest stream of each signal means, in words."""
        told, apart = self._market.risk.found(at_bin), self._market.apart.found(at_bin)
        ranked = sorted(case.streams, key=lambda s: (-s.score, s.signal, s.symbol))
        loudest = {seen.signal: seen for seen in reversed(ranked) if seen.symbol != VENUE}
        notes = [
            note(told, seen.feature, self._roster.row(seen.symbol), self._roster.symbols)
            or apart.note(seen.feature, self._roster.row(seen.symbol))
            for _, seen in sorted(loudest.items())
        ]
        refused = self._streams(case, "reject_storm")
        if refused:
            bins = self._ring.within(range(case.onset_bin, at_bin + 1))
            notes.append(retries.note(bins, np.array(refused), self._names.accounts))
        return [text for text in notes if text is not None]
