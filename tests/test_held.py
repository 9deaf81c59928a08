"""What the desk does not keep need not be known: details of sightings, asked for or withheld."""

import numpy as np
import pytest

from monitor.clocks import NEVER
from monitor.desk import Desk
from monitor.incidents import VENUE, Sighting
from tests.desk import OPTIONS

SYMBOLS = ("BTC", "ETH", "SOL", "XRP", VENUE)
SIGNALS = ("cancel_burst", "order_burst", "thin_book", "drift")


def sightings(rng: np.random.Generator, now: int) -> list[Sighting]:
    """Of a bin: seldom any, then some streams, a few of them loud enough for a page."""
    if rng.random() < 0.4:
        return []
    streams = {(rng.choice(SIGNALS), rng.choice(SYMBOLS)) for _ in range(rng.integers(1, 6))}
    return [
        Sighting(
            str(signal),
            str(symbol),
            "cancel",
            float(rng.choice([3.2, 4.5, 5.5, 6.5, 8.0]) + rng.random()),
            now - int(rng.integers(0, 60)),
            float(rng.integers(10, 99)),
            5.0,
        )
        for signal, symbol in sorted(streams)
    ]


def withheld(desk: Desk, now: int, seen: Sighting) -> Sighting:
    """A sighting as it is made: without details where the desk holds one that is as loud."""
    if seen.score > desk.held(now, seen.signal, seen.symbol):
        return seen
    return Sighting(seen.signal, seen.symbol, seen.feature, seen.score)


@pytest.mark.parametrize("seed", range(200))
def test_details_that_are_withheld_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = rng.random((len(SYMBOLS), len(SYMBOLS))) < 0.3
    links = {
        SYMBOLS[a]: {SYMBOLS[b] for b in range(len(SYMBOLS)) if pairs[a, b] or pairs[b, a]}
        for a in range(len(SYMBOLS))
    }
    whole, sparse = (
        Desk("venue", OPTIONS, lambda symbol, others: bool(links[symbol] & set(others)))
        for _ in range(2)
    )
    spared = 0
    for now in range(0, 1200, 10):  # so that pages calm down, and cases close
        loud = sightings(rng, now)
        score = max((seen.score for seen in loud), default=0.0)
        bare = [withheld(sparse, now, seen) for seen in loud]
        spared += sum(seen.onset_bin == NEVER for seen in bare)
        told = whole.update(now, loud, score), sparse.update(now, bare, score)
        assert told[0] == told[1]
        assert whole.open == sparse.open
    assert spared > 5
