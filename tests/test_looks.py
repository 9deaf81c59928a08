"""A look at the market takes two bins: books and prices in the first, positions in the second."""

import numpy as np

from detectors.base import Floats, Frame
from monitor.columns import Names
from monitor.events import KINDS, Kind
from monitor.features import Built
from monitor.market.gauges import GAUGES
from monitor.market.state import Market
from monitor.settled import NO_CHANGES, Facts, Settled

BIN_NS = 250_000_000
START = 1_700_000_000 * 4  # the first bin of a second
FIRST, SECOND = START + 1, START + 2
AWAY = list(GAUGES).index("mark_distance")


def market() -> Market:
    return Market(Names(), bin_ns=BIN_NS, positions_max=10)


def told(at_bin: int, **prices: float) -> Settled:
    """A bin in which a mark, or a trade, of the only symbol was told."""
    said = {}
    for name, price in prices.items():
        row = np.full((1, 6), np.nan)
        row[0, :2] = price, 1.0
        at_ns = np.array([at_bin * BIN_NS])
        said[Kind[name]] = Facts(np.array([0]), np.array([0]), at_ns, row)
    return Settled(np.empty(0, np.int64), NO_CHANGES, None, None, said)


def seen(
    venue: Market, first: int, bins: list[Settled], skipped: int = 0
) -> tuple[list[int], Floats]:
    """At which bins of a frame there was a look, and how far the mark was away."""
    frame = Frame(first, np.zeros((len(bins), 1, len(KINDS))), KINDS, skipped)
    levels = venue.update(Built(frame, bins))
    return levels.at.tolist(), levels.values[:, 0, AWAY]


def test_levels_are_told_in_the_second_bin_and_prices_are_those_of_the_first() -> None:
    bins = [told(FIRST - 1, MARK=100.0), told(FIRST, FILL=101.0), told(SECOND, FILL=150.0)]
    at, away = seen(market(), START, bins)
    assert at == [2]
    assert np.exp(away) == np.exp(seen(market(), START, [*bins[:2], told(SECOND)])[1])
    assert 1.0 < np.exp(away[0]) < 110.0  # basis points


def test_a_restart_between_both_bins_changes_nothing() -> None:
    bins = [told(FIRST - 1, MARK=100.0), told(FIRST, FILL=101.0)]
    one, other = market(), market()
    assert seen(one, START, bins)[0] == []
    other.restore(one.state())
    again = seen(other, SECOND, [told(SECOND)])
    assert again == seen(one, SECOND, [told(SECOND)])
    assert again[0] == [0]
    assert np.isfinite(again[1]).all()


def test_what_was_seen_before_a_silence_is_not_told_after_it() -> None:
    venue = market()
    seen(venue, START, [told(FIRST - 1, MARK=100.0), told(FIRST, FILL=101.0)])
    at, away = seen(venue, SECOND + 4, [told(SECOND + 4)], skipped=4)
    assert at == [0]
    assert np.isnan(away).all()
