"""Who did it: the accounts behind the counts of recent bins, exact within a bounded memory."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.base import State
from monitor.columns import ACCOUNT_MASK, Interner, Recoding


@dataclass(frozen=True, slots=True)
class AccountCount:
    """An account's events among those that were asked about, and their share of all of these."""

    account: str
    count: int
    share: float


class AccountRing:
    """The keys of the last bins: at most `bins_max` of them and `events_max` events."""

    def __init__(self, *, bins_max: int, events_max: int) -> None:
        self.bins_max = bins_max
        self.events_max = events_max
        self._bins: deque[tuple[int, NDArray[np.int64]]] = deque()
        self._events = 0

    def append(self, bin_index: int, keys: NDArray[np.int64]) -> None:
        """Remember one bin and forget what is beyond the bounds."""
        if keys.size:
            self._bins.append((bin_index, keys))
            self._events += keys.size
        while self._bins and (
            self._bins[0][0] <= bin_index - self.bins_max or self._events > self.events_max
        ):
            self._events -= self._bins.popleft()[1].size

    def top(
        self,
        streams: Iterable[int],
        bins: range,
        accounts: Interner,
        *,
        limit: int = 5,
    ) -> list[AccountCount]:
        """The busiest accounts of some streams (keys without their account) in some bins."""
        keys = np.concatenate([np.empty(0, np.int64), *self.within(bins)])
        wanted = np.unique(np.fromiter(streams, np.int64))
        if not wanted.size:
            return []
        found = keys & ~ACCOUNT_MASK
        at = np.searchsorted(wanted, found).clip(max=wanted.size - 1)  # no sorting of the keys
        of_streams = keys[wanted[at] == found] & ACCOUNT_MASK
        codes, counts = np.unique(of_streams, return_counts=True)
        if not codes.size:
            return []
        least = np.sort(counts)[-min(limit, counts.size)]
        ranked = sorted(
            (-int(count), accounts.names[code])
            for code, count in zip(codes, counts, strict=True)
            if count >= least and code
        )
        total = of_streams.size
        return [AccountCount(name, -n, round(-n / total, 4)) for n, name in ranked[:limit]]

    def within(self, bins: range) -> list[NDArray[np.int64]]:
        """The keys of each of some bins that held anything and is not forgotten."""
        return [keys for bin_index, keys in self._bins if bin_index in bins]

    def of(self, bin_index: int) -> NDArray[np.int64]:
        """The keys of one bin; none where it held nothing or is forgotten."""
        found = (keys for known, keys in reversed(self._bins) if known == bin_index)
        return next(found, np.empty(0, np.int64))

    def keys(self) -> list[NDArray[np.int64]]:
        """All remembered keys, for whoever must know which codes are in use."""
        return [keys for _, keys in self._bins]

    def recode(self, recoding: Recoding) -> None:
        """Follow the name tables after they were compacted."""
        self._bins = deque((b, recoding.apply(keys)) for b, keys in self._bins)

    def state(self) -> State:
        """Bins, their sizes, and all keys end to end."""
        return {
            "bins": np.array([b for b, _ in self._bins], np.int64),
            "sizes": np.array([keys.size for _, keys in self._bins], np.int64),
            "keys": np.concatenate([np.empty(0, np.int64), *self.keys()]),
        }

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        keys = np.asarray(state["keys"], dtype=np.int64)
        parts = np.split(keys, np.cumsum(np.asarray(state["sizes"], np.int64))[:-1])
        bins = np.asarray(state["bins"], np.int64).tolist()
        self._bins = deque(zip(bins, parts, strict=True) if bins else ())
        self._events = keys.size
