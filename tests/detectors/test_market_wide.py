"""The venue's own streams: what all symbols do together, and no symbol alone."""

import numpy as np
import pytest

from detectors.base import Floats, Verdict
from detectors.market_wide import MarketWide
from detectors.options import BurstOptions
from tests.detectors.flow import frames

OPTIONS = BurstOptions()


def totals(x: Floats, bins: int) -> tuple[MarketWide, list[Verdict]]:
    """Symbols whose counts never change, (S,)."""
    wide = MarketWide(("order",), OPTIONS)
    return wide, [wide.update(frame) for frame in frames(np.tile(x, (bins, 1)))]


def test_market_wide_sees_all_symbols_rise_together() -> None:
    wide, _ = totals(np.full(20, 10.0), 2400)
    verdicts = [wide.update(frame) for frame in frames(np.full((80, 20), 40.0), first=2400)]
    assert verdicts[-1].score[-1, 0] > 8.0
    why = verdicts[-1].detail(15, np.array([0]))
    assert why.onset_bin[0] == 2400
    # All 20 symbols, but the loudest for no more than what is usual of it, in whole counts: 10,
    # and in the blocks that follow 12, 13 (of 13.9), 15 and 17, as a fifteenth of the way is
    # learned each time.
    assert why.observed[0] == 80 * 19 * 40.0 + 16 * (10 + 12 + 13 + 15 + 17)
    assert why.expected[0] == pytest.approx(80 * 20 * 10.0, rel=0.05)


def test_market_wide_is_not_moved_by_one_symbol() -> None:
    wide, _ = totals(np.full(20, 10.0), 2400)
    x = np.full((80, 20), 10.0)
    x[:, 3] = 10_000.0
    assert max(wide.update(frame).score.max() for frame in frames(x, first=2400)) < 4.0


def test_market_wide_has_no_opinion_where_one_symbol_is_the_market() -> None:
    _, verdicts = totals(np.array([1000.0, *np.full(20, 1.0)]), 800)
    assert np.isnan(np.concatenate([verdict.score for verdict in verdicts])).all()


def test_every_feature_is_a_stream_of_the_venue() -> None:
    wide = MarketWide(("order", "cancel"), OPTIONS)
    x = np.full((2400, 20, 2), 10.0)
    x[2320:, :, 1] = 40.0
    for frame in frames(x, ("cancel", "order")):
        verdict = wide.update(frame)
    assert verdict.venue
    assert verdict.score.shape == (16, 2)
    assert [verdict.feature_of(stream) for stream in range(2)] == ["order", "cancel"]
    assert verdict.score[-1, 0] > 8.0
    assert verdict.score[-1, 1] == 0.0


def test_a_symbol_that_is_not_observed_does_not_silence_the_venue() -> None:
    wide, _ = totals(np.full(20, 10.0), 1600)
    x = np.full((32, 20), 10.0)
    x[:, 4] = np.nan
    x[16:] = np.nan
    first, second = (wide.update(frame).score for frame in frames(x, first=1600))
    assert np.isfinite(first).all()
    assert np.isnan(second).all()
