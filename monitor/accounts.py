"""Who did it: the accounts behind the counts of recent bins, exact within a bounded memory."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import State
from monitor.columns import Interner, Recoding
from monitor.keys import account_of, packed

CHUNK_BINS: Final = 32  # bins that are sorted together, so that a stream is found without a scan
CHUNK_END: Final = 4  # modulo as many: no bin with a look, and none that ends a block
_NONE: Final = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class AccountCount:
    """An account's events among those that were asked about, and their share of all of these."""

    account: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The sorted keys of all bins from first to last that held anything."""

    first: int
    last: int
    keys: NDArray[np.int64]

    def accounts(
        self, streams: NDArray[np.int64], bounds: NDArray[np.intp]
    ) -> list[NDArray[np.int64]]:
        """Account of each event of some streams, (n,), between neighbouring bounds of them."""
        starts = np.searchsorted(self.keys, streams)
        sizes = np.searchsorted(self.keys, streams + packed(0, 1)) - starts
        ends = np.cumsum(sizes)
        at = np.arange(int(ends[-1])) + np.repeat(starts - ends + sizes, sizes)
        found = account_of(self.keys[at])
        cuts = np.append(0, ends)[bounds].tolist()
        return [found[a:b] for a, b in pairwise(cuts)]


class AccountRing:
    """The keys of the last bins: at most `bins_max` of them and `events_max` events."""

    def __init__(self, *, bins_max: int, events_max: int) -> None:
        self.bins_max = bins_max
        self.events_max = events_max
        self._bins: deque[tuple[int, NDArray[np.int64]]] = deque()
        self._chunks: deque[_Chunk] = deque()
        self._loose: list[tuple[int, NDArray[np.int64]]] = []  # bins since the last chunk
        self._events = 0

    def append(self, bin_index: int, keys: NDArray[np.int64]) -> None:
        """Remember one bin and forget what is beyond the bounds."""
        if keys.size:
            keys = np.sort(keys)
            self._bins.append((bin_index, keys))
            self._events += keys.size
            self._loose.append((bin_index, keys))
        self._group(bin_index)
        while self._bins and (
            self._bins[0][0] <= bin_index - self.bins_max or self._events > self.events_max
        ):
            self._events -= self._bins.popleft()[1].size
        oldest = self._bins[0][0] if self._bins else bin_index + 1
        while self._chunks and self._chunks[0].first < oldest:
            self._chunks.popleft()

    def _group(self, bin_index: int) -> None:
        """Sort what is loose where a chunk ends."""
        if self._loose and bin_index % CHUNK_BINS == CHUNK_END:
            first, last = self._loose[0][0], self._loose[-1][0]
            runs = np.concatenate([keys for _, keys in self._loose])
            self._chunks.append(_Chunk(first, last, np.sort(runs, kind="stable")))  # merges runs
            self._loose = []

    def top(
        self,
        groups: Iterable[Iterable[int]],
        bins: range,
        accounts: Interner,
        *,
        limit: int = 5,
    ) -> list[list[AccountCount]]:
        """Of each group of streams (keys without their account), the busiest accounts in some
        bins."""
        wanted = [np.unique(np.fromiter(streams, np.int64)) for streams in groups]
        streams = np.concatenate([_NONE, *wanted])
        bounds = np.cumsum([0, *map(len, wanted)])
        parts = self._parts(bins) if streams.size else []
        told = [part.accounts(streams, bounds) for part in parts]
        return [
            _busiest([of_part[group] for of_part in told], accounts, limit)
            for group in range(len(wanted))
        ]

    def _parts(self, bins: range) -> list[_Chunk]:
        """Chunks that hold just these bins."""
        whole = [part for part in self._chunks if part.first in bins and part.last in bins]
        first, last = (whole[0].first, whole[-1].last) if whole else (bins.stop, bins.stop)
        apart = [
            _Chunk(at, at, keys)
            for at, keys in self._bins
            if bins.start <= at < first or last < at < bins.stop
        ]
        return [*whole, *apart]

    def within(self, bins: range) -> list[NDArray[np.int64]]:
        """The sorted keys of each of some bins that held anything and is not forgotten."""
        return [keys for bin_index, keys in self._bins if bin_index in bins]

    def of(self, bin_index: int) -> NDArray[np.int64]:
        """The keys of one bin; none where it held nothing or is forgotten."""
        found = (keys for known, keys in reversed(self._bins) if known == bin_index)
        return next(found, _NONE)

    def keys(self) -> list[NDArray[np.int64]]:
        """All remembered keys, for whoever must know which codes are in use."""
        return [keys for _, keys in self._bins]

    def recode(self, recoding: Recoding) -> None:
        """Follow the name tables after they were compacted."""
        self._replace([(b, np.sort(recoding.apply(keys))) for b, keys in self._bins])

    def _replace(self, bins: list[tuple[int, NDArray[np.int64]]]) -> None:
        self._bins = deque(bins)
        self._chunks.clear()
        self._loose = []
        for bin_index, keys in bins:
            self._loose.append((bin_index, keys))
            self._group(bin_index)

    def state(self) -> State:
        """Bins, their sizes, and all keys end to end."""
        return {
            "bins": np.array([b for b, _ in self._bins], np.int64),
            "sizes": np.array([keys.size for _, keys in self._bins], np.int64),
            "keys": np.concatenate([_NONE, *self.keys()]),
        }

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        keys = np.asarray(state["keys"], dtype=np.int64)
        parts = np.split(keys, np.cumsum(np.asarray(state["sizes"], np.int64))[:-1])
        bins = np.asarray(state["bins"], np.int64).tolist()
        self._replace(list(zip(bins, parts, strict=True)) if bins else [])
        self._events = keys.size


def _busiest(
    parts: Sequence[NDArray[np.int64]], accounts: Interner, limit: int
) -> list[AccountCount]:
    """parts: account of each event. Of several that are as busy, the first by name."""
    found = np.bincount(np.concatenate([_NONE, *parts]))
    codes = np.flatnonzero(found)
    if not codes.size:
        return []
    counts = found[codes]
    least = np.sort(counts)[-min(limit, counts.size)]
    ranked = sorted(
        (-int(count), accounts.names[code])
        for code, count in zip(codes, counts, strict=True)
        if count >= least and code
    )
    total = int(counts.sum())
    return [AccountCount(name, -n, round(-n / total, 4)) for n, name in ranked[:limit]]
