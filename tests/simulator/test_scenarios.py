"""Every scenario makes what its label says, against the quiet venue of the same seed."""

import numpy as np
import pytest

from monitor.events import Kind
from monitor.simulator import SCENARIOS, Options, Simulation
from monitor.simulator.casting import Act
from monitor.simulator.controls import Controls, Pressing
from monitor.simulator.market import Market
from tests.simulator.tape import ONSET_S, SEED, SYMBOLS, Tape, tape

# How long the tests below look at a scenario; the others are over within two minutes.
SECONDS = dict.fromkeys(
    ("leverage_ramp", "crowding", "book_thinning", "liquidation_clustering"), 240
) | dict.fromkeys(("cascade", "adl_wave"), 480)


def ratio(scenario: str, kind: Kind, since_s: float, until_s: float, seconds: int = 120) -> float:
    """Events on the scenario's symbols over those of the quiet venue."""
    told, quiet = tape(scenario, seconds), tape("quiet", seconds)
    here = told.per_s(kind, since_s, until_s, told.cast)
    return here / quiet.per_s(kind, since_s, until_s, told.cast)


def depth_ratio(scenario: str, since_s: int, until_s: int, seconds: int = 120) -> float:
    told, quiet = tape(scenario, seconds), tape("quiet", seconds)
    span = slice(since_s, until_s)
    depth: float = told.depth_usd[span, told.cast].mean() / quiet.depth_usd[span, told.cast].mean()
    return depth


@pytest.mark.parametrize(
    "scenario", [s for s in SCENARIOS if s not in ("listing", "funding_surge")]
)
def test_nothing_changes_before_the_onset(scenario: str) -> None:
    # A listing is not there before, and the funding surge moves the moment of funding.
    seconds = SECONDS.get(scenario, 120)
    before = slice(0, int(ONSET_S))
    assert (tape(scenario, seconds).counts[before] == tape("quiet", seconds).counts[before]).all()


def test_withdrawing_makers_cancel_more_and_leave_less() -> None:
    told = tape("maker_withdrawal")
    assert ratio("maker_withdrawal", Kind.CANCEL, ONSET_S, ONSET_S + 15) > 1.6, SEED
    assert depth_ratio("maker_withdrawal", 45, 60) < 0.8, SEED
    assert told.event.accounts[0].startswith("mm-")


def test_stuffing_is_one_account() -> None:
    told = tape("quote_stuffing")
    assert ratio("quote_stuffing", Kind.CANCEL, ONSET_S, ONSET_S + 25) > 2.0, SEED
    (account,) = told.event.accounts
    cancels = told.accounts[Kind.CANCEL, account]
    assert cancels[40:65].sum() > 4 * cancels[10:35].sum(), SEED


def test_a_leverage_ramp_raises_leverage_and_its_changes() -> None:
    told = tape("leverage_ramp", 240)
    assert ratio("leverage_ramp", Kind.LEVERAGE, 150, 240, 240) > 2.0, SEED
    changes = told.counts[150:240, told.cast, Kind.LEVERAGE] > 0
    assert told.leverage[150:240, told.cast][changes].mean() > 12.0, SEED


def test_a_crowd_builds_up_one_side() -> None:
    told = tape("crowding", 240)
    grown = told.interest[239, told.cast] / told.interest[39, told.cast]
    assert grown.min() > 1.2, SEED


def test_a_thinning_book_thins() -> None:
    assert depth_ratio("book_thinning", 210, 240, 240) < 0.7, SEED


def test_clustering_brings_liquidation_prices_together() -> None:
    assert ratio("liquidation_clustering", Kind.LEVERAGE, 120, 240, 240) > 2.0, SEED


def test_a_retry_storm_is_rejects_of_few_accounts() -> None:
    told = tape("retry_storm")
    assert ratio("retry_storm", Kind.REJECT, ONSET_S, ONSET_S + 30) > 5.0, SEED
    own = sum(told.accounts[Kind.REJECT, account][45:75].sum() for account in told.event.accounts)
    assert own > 0.7 * told.counts[45:75, told.cast, Kind.REJECT].sum(), SEED


def test_a_lagging_index_stands_still_while_the_mark_moves() -> None:
    told = tape("index_lag")
    span = slice(int(ONSET_S) + 1, int(ONSET_S) + 50)
    assert np.ptp(told.index[span, told.cast], axis=0).max() == 0.0
    assert np.ptp(told.mark[span, told.cast], axis=0).min() > 0.0


def test_a_drift_is_slow() -> None:
    # Its growth drowns in the moods of quiet flow for minutes, so we look at what it turns.
    market = Market(Options(seed=SEED, scenario="slow_drift", symbols=SYMBOLS, onset_s=ONSET_S))
    (act,) = (act for act in market.programme.acts if act.scenario == "slow_drift")
    controls = Controls(SYMBOLS)
    times = []
    for minute in range(1, 20):
        controls.reset()
        act.apply(controls, ONSET_S + 60.0 * minute)
        times.append(float(controls.quoting[act.symbols].mean()))
    steps = np.diff(times)
    assert 0.0 < steps.min() <= steps.max() < 0.05, SEED
    assert times[-1] > 1.3, SEED


@pytest.mark.parametrize("scenario", ["cascade", "adl_wave"])
def test_the_forced_wave_comes_of_the_mechanics_after_its_onset(scenario: str) -> None:
    told = tape(scenario, 480)
    wave_ns = told.event.first_forced_wave_ns
    assert wave_ns is not None, SEED
    lead_s = (wave_ns - told.event.onset_ns) / 1e9
    assert 240.0 < lead_s < 440.0, (SEED, lead_s)
    assert told.liquidations["partial"] > told.liquidations["full"] > 0
    assert scenario == "cascade" or told.liquidations["adl"] > 50, SEED


def test_the_same_shock_on_a_venue_without_leverage_and_with_a_full_book_passes() -> None:
    simulation = Simulation(Options(seed=SEED, symbols=SYMBOLS, rate=900.0, duration_s=150.0))
    symbols, sellers = np.arange(5), simulation.market.ledger.traders_of(0)[:1]

    def shock(controls: Controls, since_s: float) -> None:
        if since_s < 12.0:
            controls.drift[symbols] -= 0.02 / 12.0
        controls.pressing.append(Pressing(sellers, 1, 5_000.0, 5.0))

    act = Act("cascade", False, "medium", ONSET_S, 40.0, shock, symbols)
    simulation.market.programme.acts.append(act)
    for _ in simulation.events():
        pass
    (told,) = (event for event in simulation.labels().events if event.scenario == "cascade")
    assert told.first_forced_wave_ns is None, SEED


def test_a_quiet_venue_has_no_forced_wave_and_few_liquidations() -> None:
    quiet = tape("quiet", 240)
    assert quiet.liquidations.total() < 30, SEED
    assert all(event.decoy for event in quiet.labels.events)


def test_after_news_the_book_refills() -> None:
    news = tape("news")
    moved = np.abs(news.mark[60, news.cast] - news.mark[38, news.cast])
    assert moved.mean() > 0.001, SEED
    assert depth_ratio("news", 40, 42) < 0.85, SEED
    assert depth_ratio("news", 60, 100) > 0.9, SEED


def test_a_restarted_maker_is_gone_and_comes_back() -> None:
    told = tape("maker_restart")
    (account,) = told.event.accounts
    cancels = told.accounts[Kind.CANCEL, account]
    usual = cancels[5:40].mean()
    assert cancels[40] > 1.2 * usual, SEED
    assert cancels[42:49].mean() < 0.1 * usual, SEED
    assert cancels[90:118].mean() > 0.6 * usual, SEED


def test_a_listing_is_silent_until_it_trades() -> None:
    told = tape("listing")
    (row,) = told.cast
    assert told.counts[: int(ONSET_S), row].sum() == 0
    assert told.counts[50:, row].sum() > 100, SEED


def test_funding_is_a_busy_minute() -> None:
    told = tape("funding_surge", 240)
    busy = ratio("funding_surge", Kind.CANCEL, ONSET_S + 50, ONSET_S + 70, 240)
    assert busy > 1.7, SEED
    assert told.event.decoy


def test_decoys_are_labelled_as_such() -> None:
    decoys = {name for name, scenario in SCENARIOS.items() if scenario.decoy}
    assert decoys == {"news", "funding_surge", "maker_restart", "listing"}
    told: Tape = tape("news")
    assert told.event.decoy
    assert told.event.first_forced_wave_ns is None
