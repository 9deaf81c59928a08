"""Cases small enough to work out by hand, or by another library."""

import numpy as np
import pytest
from scipy.stats import nbinom

from detectors.background import Background
from detectors.base import Floats, Frame, Verdict
from detectors.correlated import TESTS, CorrelatedTest
from detectors.cusum import CusumBank
from detectors.drift import Drift
from detectors.market import FACTOR_MIN, MarketFactor
from detectors.market_wide import MarketWide
from detectors.options import BurstOptions
from detectors.surprise import SurpriseBank
from detectors.tail import Tail, TailPrior
from tests.detectors.flow import BIN_NS, frames

OPTIONS = BurstOptions()
PRIOR = TailPrior(level=8.0, share=0.5, excess=1.0, blocks=10.0, exceedances=10.0)
NOBODY = np.zeros(1, bool)


# The CUSUM bank


@pytest.mark.parametrize("ratio", [1.25, 2.0, 8.0])
@pytest.mark.parametrize("dispersion", [1.2, 3.0, 40.0])
def test_cusum_steps_are_negative_binomial_log_likelihood_ratios(
    ratio: float, dispersion: float
) -> None:
    """Rate ρm over rate m, with the shape of the count's law the same: n = m / (D - 1)."""
    mean = 7.0
    shape = mean / (dispersion - 1.0)
    bank = CusumBank((ratio,))
    bank.resize(1)
    bank.tune(np.array([dispersion]))
    for x in (0, 1, 7, 50):
        faster = nbinom.logpmf(x, shape, shape / (shape + ratio * mean))
        usual = nbinom.logpmf(x, shape, shape / (shape + mean))
        step = x * bank.c1 - mean * bank.c0
        assert step[0, 0] == pytest.approx(faster - usual)


def test_cusum_counts_from_where_the_evidence_was_last_zero() -> None:
    bank = CusumBank((2.0,))
    bank.resize(1)
    bank.tune(np.array([1.5]))
    mean = np.array([4.0])
    for t, x in enumerate((0.0, 0.0, 9.0, 9.0)):
        bank.step(np.array([x]), mean, t)
    onset, observed, expected = bank.since_onset(np.array([0]))
    assert (onset[0], observed[0], expected[0]) == (2, 18.0, 8.0)
    assert bank.w[0, 0] == pytest.approx(18.0 * bank.c1[0, 0] - 8.0 * bank.c0[0, 0])


# The background


def background(streams: int = 1) -> Background:
    made = Background(OPTIONS)
    made.resize(streams)
    return made


def feed(to: Background, x: float, bins: int, *, guarded: bool = False) -> None:
    for _ in range(bins):
        to.learn(np.array([x]), to.mean, np.array([guarded]), NOBODY)


def rate(of: Background) -> float:
    """The mean that was learned, without the caution that is put on top."""
    return float(of.total[0] / of.weight[0])


def test_background_learns_a_constant() -> None:
    learned = background()
    feed(learned, 5.0, 4 * 600)
    assert rate(learned) == pytest.approx(5.0)
    assert 5.0 < learned.mean[0] < 5.5


def test_background_means_are_exponentially_weighted_by_block() -> None:
    learned = background()
    delay = 5 * 16  # bins: blocks of 4 s, 20 s late
    feed(learned, 4.0, 16)
    feed(learned, 5.0, 16)
    feed(learned, 0.0, delay)
    keep = np.exp(-4.0 / 600.0)
    assert rate(learned) == pytest.approx((keep * 4.0 + 5.0) / (keep + 1.0))


def test_background_does_not_see_a_burst_younger_than_the_delay() -> None:
    learned = background()
    feed(learned, 5.0, 2400)
    feed(learned, 500.0, 4 * 16)
    assert rate(learned) == pytest.approx(5.0)
    feed(learned, 500.0, 2 * 16)
    assert rate(learned) > 5.0


def test_background_cuts_what_it_learns_at_four_standard_deviations() -> None:
    learned = background()
    feed(learned, 5.0, 2400)
    total, mean, dispersion = learned.total[0], learned.mean[0], learned.dispersion[0]
    learned.waiting_x[0] = 1e6
    feed(learned, 5.0, 16)
    most = 16 * mean + 4.0 * np.sqrt(16 * mean * dispersion) + 3.0
    assert learned.total[0] == pytest.approx(np.exp(-4.0 / 600.0) * total + most)


def test_background_does_not_learn_a_guarded_stream() -> None:
    learned = background()
    feed(learned, 5.0, 2400)
    feed(learned, 500.0, 400, guarded=True)
    feed(learned, 5.0, 400)
    assert rate(learned) == pytest.approx(5.0)


def test_background_keeps_a_suspected_mean_but_learns_its_noise() -> None:
    learned = background()
    feed(learned, 5.0, 2400)
    squares = learned.squares_weight[0]
    for _ in range(640):
        learned.learn(np.array([9.0]), learned.mean, NOBODY, ~NOBODY)
    assert rate(learned) == pytest.approx(5.0)
    assert learned.squares_weight[0] > squares


def test_background_ignores_bins_that_were_not_observed() -> None:
    learned = background()
    for t in range(2400):
        x = np.array([5.0 if t % 3 else np.nan])
        learned.learn(x, learned.mean, NOBODY, NOBODY)
    assert rate(learned) == pytest.approx(5.0)


def test_a_new_normal_stays_warm_and_grows_the_dispersion_with_the_rate() -> None:
    learned = Background(BurstOptions(warm_up_s=120.0))
    learned.resize(1)
    feed(learned, 5.0, 4800)
    feed(learned, 15.0, 1200, guarded=True)
    before = learned.squares[0]
    learned.rebaseline(~NOBODY)
    assert learned.warm.all()
    assert rate(learned) == pytest.approx(15.0, rel=0.01)
    assert learned.squares[0] == pytest.approx(3.0 * before, rel=0.01)


def test_a_silent_stream_expects_the_floor() -> None:
    learned = background()
    feed(learned, 0.0, 4800)
    assert learned.mean[0] >= 0.08 / 4


# The tail


def test_a_tail_without_observations_is_its_prior() -> None:
    tail = Tail(1, PRIOR, block_bins=1000)
    decades = tail.decades(np.array([[0.0, 4.0, 8.0, 8.0 + np.log(10.0)]]))
    at_level = np.log10(1000 / 0.5)
    np.testing.assert_allclose(decades, [[0.0, at_level / 2, at_level, at_level + 1.0]])


def test_a_tail_weighs_what_it_saw_against_its_prior() -> None:
    tail = Tail(1, PRIOR, block_bins=2)
    for block in ((1.0, 1.0), (10.0, 2.0), (3.0, 11.0)):
        # Four streams: three as above and one that is alarmed throughout.
        for x in block:
            tail.learn(np.array([[x, 0.0, 0.0, 99.0]]), np.array([False, False, False, True]))
    # A stream counts from its first whole block on: two blocks of three quiet streams.
    assert tail.blocks[0, 0] == 6.0
    assert tail.exceeding[0, 0] == 2.0
    assert tail.excess[0, 0] == 2.0 + 3.0
    share = (10.0 * 0.5 + 2.0) / (10.0 + 6.0)
    assert tail.decades(np.array([[8.0]]))[0, 0] == pytest.approx(np.log10(2 / share))
    mean = (10.0 + 5.0) / (10.0 + 2.0)
    step = tail.decades(np.array([[9.0]])) - tail.decades(np.array([[8.0]]))
    assert step[0, 0] == pytest.approx(1.0 / (mean * np.log(10.0)))


def test_a_tail_finds_an_exponential_law() -> None:
    seed = 3
    rng = np.random.default_rng(seed)
    tail = Tail(1, PRIOR, block_bins=10)
    statistic = rng.exponential(2.0, (20_000, 50))
    for row in statistic:
        tail.learn(row[None], np.zeros(50, bool))
    for k in (3.0, 4.0, 5.0):
        value = np.array([[2.0 * k * np.log(10.0)]])
        assert tail.decades(value)[0, 0] == pytest.approx(k, abs=0.15), f"seed {seed}"


# The market factor


def factor_of(x: Floats, mean: Floats, bins: int = 200) -> float:
    market = MarketFactor(OPTIONS)
    dispersion, usable = np.full(mean.size, 2.0), np.ones(mean.size, bool)
    market.update(mean, mean, dispersion, usable)
    for _ in range(bins):
        found = market.update(x, mean, dispersion, usable)
    return found


def test_a_common_factor_is_recovered() -> None:
    mean = np.linspace(5.0, 50.0, 60)
    for factor in (0.8, 1.0, 1.3, 2.0):
        assert factor_of(factor * mean, mean) == pytest.approx(factor, rel=1e-3)


def test_one_loud_stream_does_not_move_the_factor() -> None:
    mean = np.full(60, 10.0)
    x = mean.copy()
    x[0] = 10_000.0
    assert factor_of(x, mean) == pytest.approx(1.0, abs=0.02)


def test_few_streams_are_no_market() -> None:
    for streams in (1, 2, 4):
        mean = np.full(streams, 20.0)
        assert factor_of(2.0 * mean, mean) == 1.0
    one_giant = np.array([1000.0, *np.full(30, 2.0)])
    assert factor_of(2.0 * one_giant, one_giant) == pytest.approx(1.0, abs=0.05)


def test_unusable_and_unobserved_streams_do_not_speak() -> None:
    market = MarketFactor(OPTIONS)
    mean, dispersion = np.full(60, 10.0), np.full(60, 2.0)
    usable = np.arange(60) >= 30
    x = np.where(usable, 10.0, 40.0)
    x[50:] = np.nan
    for _ in range(100):
        assert market.update(x, mean, dispersion, usable) == pytest.approx(1.0)


def test_a_stalled_venue_is_expected_to_come_back() -> None:
    mean = np.full(60, 10.0)
    assert factor_of(np.zeros(60), mean) == FACTOR_MIN


# Bursts, by the bank


def steady(bank: SurpriseBank, x: float, bins: range) -> list[float]:
    return [float(bank.update(np.array([x]), 1.0, t).score[0]) for t in bins]


def bank_of_one() -> SurpriseBank:
    bank = SurpriseBank(OPTIONS)
    bank.resize(1)
    return bank


def test_a_level_shift_alarms_once_and_becomes_normal() -> None:
    bank = bank_of_one()
    steady(bank, 10.0, range(2400))
    after = steady(bank, 30.0, range(2400, 2400 + 8 * 600))
    loud = np.array(after) >= 6.0
    assert loud.any()
    assert np.flatnonzero(np.diff(loud.astype(int)) == 1).size <= 1
    assert not loud[4 * 330 :].any()


def test_an_alarm_before_a_silence_does_not_end_the_next_one() -> None:
    bank = bank_of_one()
    steady(bank, 10.0, range(2400))
    steady(bank, 200.0, range(2400, 2420))
    assert bank.alarmed.all()
    bank.skip()
    assert not bank.alarmed.any()
    assert bank.peak[0] == bank.alarm_bins[0] == 0.0
    steady(bank, 10.0, range(2500, 2900))
    assert steady(bank, 30.0, range(2900, 2920))[-1] > 6.0
    assert bank.alarmed.all()


# The whole market


def totals(x: Floats, bins: int) -> tuple[MarketWide, list[Verdict]]:
    wide = MarketWide(("order",), OPTIONS)
    return wide, [wide.update(frame) for frame in frames(np.tile(x, (bins, 1)))]


def test_market_wide_sees_all_symbols_rise_together() -> None:
    wide, _ = totals(np.full(20, 10.0), 2400)
    for frame in frames(np.full((80, 20), 40.0), first=2400):
        verdict = wide.update(frame)
    assert verdict.venue
    assert verdict.score[0] > 7.0
    assert verdict.onset_bin[0] == 2400
    assert verdict.observed[0] > 2.0 * verdict.expected[0]


def test_market_wide_is_not_moved_by_one_symbol() -> None:
    wide, _ = totals(np.full(20, 10.0), 2400)
    x = np.full((80, 20), 10.0)
    x[:, 3] = 10_000.0
    assert max(wide.update(frame).score[0] for frame in frames(x, first=2400)) < 4.0


def test_market_wide_has_no_opinion_where_one_symbol_is_the_market() -> None:
    _, verdicts = totals(np.array([1000.0, *np.full(20, 1.0)]), 800)
    assert np.isnan([verdict.score[0] for verdict in verdicts]).all()


# Drift


def drifts(x: Floats) -> list[Verdict]:
    """Verdicts over aggregates: one bin is one aggregate of ten seconds."""
    drift = Drift("order", BurstOptions(bin_ns=40 * BIN_NS))
    return [drift.update(frame) for frame in frames(x)]


def alarmed(verdicts: list[Verdict]) -> set[int]:
    found = [np.flatnonzero(np.isfinite(verdict.score)).tolist() for verdict in verdicts]
    return {stream for streams in found for stream in streams}


@pytest.mark.parametrize("seed", range(3))
def test_a_creeping_share_is_found_and_only_that(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rise = np.ones((1200, 12))
    rise[400:, 5] = np.linspace(1.0, 2.0, 800)
    verdicts = drifts(rng.poisson(200.0 * rise).astype(np.float64))
    assert alarmed(verdicts) == {5}, f"seed {seed}"
    last = [v for v in verdicts if np.isfinite(v.score[5])][-1]
    assert last.onset_bin[5] >= 400
    assert last.observed[5] > 1.05 * last.expected[5]


@pytest.mark.parametrize("seed", range(3))
def test_a_common_movement_is_no_drift(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rise = np.linspace(1.0, 4.0, 1200)[:, None] * np.ones(12)
    assert not alarmed(drifts(rng.poisson(200.0 * rise).astype(np.float64))), f"seed {seed}"


def test_drift_does_not_take_what_it_did_not_see_for_a_fall() -> None:
    x = np.random.default_rng(0).poisson(200.0, (1200, 12)).astype(np.float64)
    x[600:, 5] = np.nan
    assert not alarmed(drifts(x))


def test_drift_dates_a_step_and_names_its_size() -> None:
    x = np.random.default_rng(1).poisson(200.0, (800, 12)).astype(np.float64)
    x[500:, 5] *= 1.5
    first = next(v for v in drifts(x) if np.isfinite(v.score[5]))
    assert abs(first.onset_bin[5] - 500) <= 2
    assert first.observed[5] / first.expected[5] == pytest.approx(1.5, rel=0.1)


def test_drift_dates_a_second_step_apart_from_the_first() -> None:
    x = np.random.default_rng(2).poisson(200.0, (500, 12)).astype(np.float64)
    x[100:, 5] *= 3.0
    x[400:, 5] *= 1.5
    second = next(v for v in drifts(x)[400:] if np.isfinite(v.score[5]))
    assert abs(second.onset_bin[5] - 400) <= 2
    assert second.observed[5] / second.expected[5] == pytest.approx(1.5, rel=0.1)


# The venue


def verdict_of(score: Floats, *, venue: bool = False) -> Verdict:
    nothing = np.zeros(score.size)
    onset = np.zeros(score.size, np.int64)
    return Verdict("order_burst", "order", score, onset, nothing, nothing, venue)


def quiet(test: CorrelatedTest, seed: int, bins: int, streams: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(bins):
        test.update([verdict_of(rng.exponential(0.5, streams))], [verdict_of(np.full(1, 0.5))])


def test_the_best_stream_pays_for_all_streams_and_all_tests() -> None:
    test = CorrelatedTest(1, OPTIONS)
    score = np.array([1.0, np.nan, 9.0, 2.0])
    evidence = test.update([verdict_of(score)], [verdict_of(np.full(1, 3.0), venue=True)])
    assert evidence.score == pytest.approx(9.0 - np.log10(3 * TESTS))
    assert evidence.streams[0, 0] == pytest.approx(1.0 - np.log10(3 * TESTS))
    assert evidence.streams[0, 1] == -np.inf
    assert np.isneginf(evidence.mixture).all()  # it does not know quiet yet


def test_the_venue_pays_for_the_tests_only() -> None:
    test = CorrelatedTest(1, OPTIONS)
    evidence = test.update([verdict_of(np.ones(50))], [verdict_of(np.full(1, 8.0), venue=True)])
    assert evidence.score == pytest.approx(8.0 - np.log10(TESTS))


def test_many_weak_streams_are_evidence_that_none_of_them_is() -> None:
    test = CorrelatedTest(1, OPTIONS)
    quiet(test, 4, 2000, 200)
    score = np.full(200, 0.5)
    score[:30] = 4.0
    evidence = test.update([verdict_of(score)], [verdict_of(np.full(1, 0.5))])
    assert evidence.streams.max() < 2.0
    assert evidence.mixture.max() > 6.0
    assert np.flatnonzero(evidence.members[0]).tolist() == list(range(30))


def test_the_venue_without_any_opinion_has_no_evidence() -> None:
    test = CorrelatedTest(2, OPTIONS)
    nobody = verdict_of(np.full(3, np.nan))
    evidence = test.update([nobody, nobody], [verdict_of(np.full(1, np.nan), venue=True)])
    assert evidence.score == -np.inf
    assert not evidence.members.any()


def test_the_correlated_test_restarts_anywhere() -> None:
    test, resumed = CorrelatedTest(1, OPTIONS), CorrelatedTest(1, OPTIONS)
    quiet(test, 5, 1100, 20)
    resumed.restore({key: value.copy() for key, value in test.state().items()})
    rng = np.random.default_rng(6)
    for _ in range(1200):
        verdicts = [verdict_of(rng.exponential(1.0, 20))]
        venue = [verdict_of(np.full(1, 0.5))]
        ours, theirs = test.update(verdicts, venue), resumed.update(verdicts, venue)
        assert ours.score == theirs.score
        assert ours.mixture.tobytes() == theirs.mixture.tobytes()


def test_a_frame_gives_its_columns_by_name() -> None:
    frame = Frame(0, BIN_NS, np.array([[1.0, 2.0], [3.0, 4.0]]), ("order", "cancel"))
    assert frame.column("cancel").tolist() == [2.0, 4.0]
