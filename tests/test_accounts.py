"""The ring of recent accounts, against counting by hand."""

from collections import Counter

import numpy as np
import pytest

from monitor.accounts import CHUNK_BINS, AccountCount, AccountRing
from monitor.columns import Interner
from monitor.keys import packed, stream_of

ACCOUNTS = Interner(["", "ada", "bob", "cyd"])
BINS = 3 * CHUNK_BINS + 5


def _stream(kind: int, symbol: int) -> int:
    return packed(kind, symbol)


def _bins() -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    sizes = rng.integers(0, 12, BINS)
    return [
        packed(
            rng.integers(0, 2, n), rng.integers(0, 3, n), rng.integers(0, len(ACCOUNTS.names), n)
        )
        for n in sizes
    ]


def test_the_busiest_come_first_then_by_name_and_the_nameless_only_count_in_the_share() -> None:
    ring = AccountRing(bins_max=10, events_max=100)
    ring.append(7, np.array([_stream(1, 2) | code for code in (2, 1, 3, 3, 0)]))
    found = ring.top([[_stream(1, 2)], [_stream(0, 2)], []], range(7, 8), ACCOUNTS, limit=2)
    assert found == [[AccountCount("cyd", 2, 0.4), AccountCount("ada", 1, 0.2)], [], []]


@pytest.mark.parametrize("first", [0, 1, CHUNK_BINS - 1, CHUNK_BINS, BINS - 3])
@pytest.mark.parametrize("restored", [False, True])
def test_any_range_of_bins_is_counted_as_if_bin_by_bin(first: int, restored: bool) -> None:
    bins = _bins()
    ring = AccountRing(bins_max=BINS - 1, events_max=10**6)
    for number, keys in enumerate(bins):
        ring.append(number, keys)
    if restored:
        state, ring = ring.state(), AccountRing(bins_max=BINS - 1, events_max=10**6)
        ring.restore(state)
    wanted = [_stream(0, 1), _stream(1, 2)]
    for stop in (BINS, BINS - 1, 2 * CHUNK_BINS):
        keys = np.concatenate(
            [np.empty(0, np.int64), *bins[max(first, 1) : stop]]
        )  # 0 is forgotten
        mine = keys[np.isin(stream_of(keys), wanted)]
        count = Counter(ACCOUNTS.names[key & 0xFF] for key in mine.tolist())
        [found] = ring.top([wanted], range(first, stop), ACCOUNTS)
        assert {top.account: top.count for top in found} == {n: c for n, c in count.items() if n}
        assert all(top.share == round(top.count / mine.size, 4) for top in found)
