"""The bank that joins background, market, noise, windows and tails, on streams of known rate."""

import numpy as np
import pytest

from detectors.base import BLOCK, Floats
from detectors.options import BurstOptions
from detectors.surprise import Surprise, SurpriseBank
from tests.detectors.flow import BINS_PER_S, CALM, Flow

OPTIONS = BurstOptions()
WARM = 1200 * BINS_PER_S


class Bank:
    """A bank without a market, over streams of steady rates."""

    def __init__(self, streams: int = 1) -> None:
        self.bank = SurpriseBank(OPTIONS, market=False)
        self.bank.resize(streams)
        self.bin = 0

    def take(self, counts: Floats) -> Floats:
        """(T, S) scores."""
        counts = counts if counts.ndim == 2 else counts[:, None]
        return np.concatenate([found.score[:, 0] for found in self.each(counts)])

    def each(self, counts: Floats) -> list[Surprise]:
        found = []
        while len(counts):
            block, counts = np.split(counts, [BLOCK - self.bin % BLOCK])
            found.append(self.bank.update(block[:, None], self.bin))
            self.bin += len(block)
        return found


def flow(seed: int, mean: float = 10.0, streams: int = 1) -> Flow:
    return Flow(seed, streams, mean=(mean, mean), dispersion=(1.5, 1.5), own=CALM, common=CALM)


def loud_spells(score: Floats, decades: float = 6.0, apart: int = 60 * BINS_PER_S) -> int:
    """How often a score rises above a level, less than a minute below which is one spell."""
    at = np.flatnonzero(score >= decades)
    return int(at.size > 0) + int((np.diff(at) > apart).sum())


@pytest.mark.parametrize("seed", range(3))
def test_a_level_shift_alarms_once_and_becomes_normal(seed: int) -> None:
    bank, calm = Bank(), flow(seed)
    assert np.nanmax(bank.take(calm.take(WARM))) < 6.0, f"seed {seed}"
    after = bank.take(calm.take(600 * BINS_PER_S, np.full((1, 1), 3.0)))[:, 0]
    assert loud_spells(after) == 1, f"seed {seed}"
    assert (after >= 6.0)[: 10 * BINS_PER_S].any()
    assert not (after[330 * BINS_PER_S :] >= 6.0).any(), f"seed {seed}"
    rate = bank.bank.background.total[0] / bank.bank.background.weight[0]
    assert rate == pytest.approx(30.0, rel=0.1)
    again = bank.take(calm.take(60 * BINS_PER_S, np.full((1, 1), 9.0)))
    assert np.nanmax(again) >= 6.0, "the new normal is guarded as the old one was"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("seconds", "lag_s"), [(2, 2), (10, 10), (60, 20)])
def test_a_burst_that_is_over_is_no_news(seconds: int, lag_s: int, seed: int) -> None:
    """After what lasted, as late as long windows are."""
    bank, calm = Bank(), flow(seed)
    bank.take(calm.take(WARM))
    during = bank.take(calm.take(seconds * BINS_PER_S, np.full((1, 1), 8.0)))
    assert during.max() >= 8.0
    after = bank.take(calm.take(300 * BINS_PER_S))[:, 0]
    assert not (after[lag_s * BINS_PER_S :] >= 4.0).any(), f"seed {seed}"


def test_an_alarm_before_a_silence_does_not_end_the_next_one() -> None:
    bank = Bank()
    bank.take(np.full(WARM, 10.0))
    bank.take(np.full(2 * BLOCK, 200.0))
    assert bank.bank.alarm_blocks[0] > 0
    bank.bank.skip()
    assert bank.bank.alarm_blocks[0] == bank.bank.best[0] == 0.0
    assert not bank.bank.alone.cusum.nats.any()
    bank.bin += 1600
    assert bank.take(np.full(6 * BLOCK, 10.0)).max() == 0.0
    assert bank.take(np.full(2 * BLOCK, 30.0))[-1, 0] > 6.0


def test_a_stream_is_cold_before_it_has_learned_and_silent_where_it_is_not_observed() -> None:
    bank = Bank(2)
    x = np.full((WARM, 2), 5.0)
    x[:800, 1] = np.nan
    score = bank.take(x)
    assert np.isnan(score[:80]).all()
    assert np.isfinite(score[300:, 0]).all()
    assert np.isnan(score[:960, 1]).all()
    assert np.isfinite(score[1200:, 1]).all()
    x[:] = np.nan
    assert np.isnan(bank.take(x[:BLOCK])).all()


def test_an_alarmed_stream_is_not_learned() -> None:
    bank, calm = Bank(2), flow(4, streams=2)
    bank.take(calm.take(WARM))
    before = bank.bank.background.mean[0]
    bank.take(calm.take(200 * BINS_PER_S, np.array([[4.0, 1.0]])))
    assert bank.bank.background.mean[0] == pytest.approx(before, rel=0.05)
    assert bank.bank.alarm_blocks[0] * BLOCK > 150 * BINS_PER_S
    assert bank.bank.alarm_blocks[1] == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_burst_is_dated_and_counted(seed: int) -> None:
    bank, calm = Bank(), flow(seed)
    bank.take(calm.take(WARM - BLOCK // 2))
    counts = calm.take(100, np.full((1, 1), 3.0))
    began = bank.bin
    bank.take(counts[: BLOCK // 2])
    for found in bank.each(counts[BLOCK // 2 : BLOCK // 2 + 80]):
        why = found.detail(0, 15, np.array([0]))
        late = abs(int(why.onset_bin[0]) - began)
        assert late <= max(2, (bank.bin - began) / 8), f"seed {seed}, {bank.bin - began} bins in"
        since = int(why.onset_bin[0]) - began
        if since >= 0:
            assert why.observed[0] == counts[since : bank.bin - began].sum()
        assert why.observed[0] / why.expected[0] == pytest.approx(3.0, rel=0.2), f"seed {seed}"


def test_the_market_is_not_a_streams_to_answer_for() -> None:
    bank = SurpriseBank(OPTIONS, market=True)
    bank.resize(60)
    calm = flow(5, streams=60)
    boost = np.ones((WARM, 60))
    boost[WARM - 80 :] = 2.0
    boost[WARM - 40 :, 7] = 6.0
    counts = calm.take(WARM, boost)
    scores = np.concatenate(
        [bank.update(counts[t : t + BLOCK, None], t).score[:, 0] for t in range(0, WARM, BLOCK)]
    )
    others = np.delete(scores, 7, axis=1)
    assert np.nanmax(others[2000:]) < 5.0
    assert scores[-1, 7] > 8.0
