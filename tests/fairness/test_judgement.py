"""The fairness of forced orders by hand: each judgement on a log where the answer is known."""

import itertools
import random

import msgspec
import pytest

from monitor.fairness import Fairness, FairnessOptions, Gatherer, judge
from monitor.fairness.verdict import Group
from monitor.records import Partition, RawBatch
from monitor.simulator import Options, Simulation
from tests.fairness.made import audit, audited, batch, cut, fill, geared, mark, marks


def total(verdict: Fairness) -> Group:
    assert verdict.total is not None
    return verdict.total


def said(verdict: Fairness) -> str:
    return "; ".join(f"{u.count} of {u.of} {u.what}" for u in verdict.unknown)


def opened(*accounts: str) -> list[dict[str, object]]:
    return [geared(0.0, account) for account in accounts]


def test_a_safer_account_cut_before_a_riskier_one_is_caught_and_both_are_named() -> None:
    """Marks stand still. bold has half its maintenance margin at 10 s as at 20 s, and waits; safe,
    with 95 % of it, is cut at 10 s."""
    verdict = audit(
        marks(30),
        opened("safe", "bold"),
        cut(10.0, "safe", 25.0, ratio=1.05),
        cut(20.0, "bold", 100.0, ratio=2.0, kind="full"),
        wave_gap_s=15.0,
    )
    (found,) = verdict.violations
    assert (found.account, found.riskier_account) == ("safe", "bold")
    assert (found.kind, found.wave, found.symbol) == ("liquidation", 1, "X")
    assert found.safer == pytest.approx(1 / 1.05, abs=1e-6)
    assert found.riskier == pytest.approx(0.5, abs=1e-6)
    assert found.waited_s == 10.0
    assert total(verdict).violations == 1


def test_the_riskier_first_is_fair() -> None:
    verdict = audit(
        marks(30),
        opened("safe", "bold"),
        cut(10.0, "bold", 100.0, ratio=2.0, kind="full"),
        cut(20.0, "safe", 25.0, ratio=1.05),
        wave_gap_s=15.0,
    )
    assert verdict.violations == []
    assert (total(verdict).cuts, total(verdict).waits) == (2, 2)


def test_who_only_became_riskier_as_the_mark_went_on_waited_for_nothing() -> None:
    """late holds 100 and needs 1 a unit of mark: at 99, with a ratio of 2, its equity is 49.5.
    One dearer, at 10 s, it was 149.5, half as much again as it needed."""
    verdict = audit(
        marks(12),
        [mark(float(at), 99.0) for at in range(13, 31)],
        opened("safe", "late"),
        cut(10.0, "safe", 25.0, ratio=1.05),
        cut(20.0, "late", 50.0, ratio=2.0, price=99.0),
        wave_gap_s=15.0,
    )
    assert verdict.violations == []
    assert total(verdict).waits == 2


@pytest.mark.parametrize(
    "between",
    [
        pytest.param([geared(15.0, "bold", leverage=20.0)], id="it moved collateral"),
        pytest.param(
            [fill(15.0, "bold", 1.0, 100.0), fill(15.1, "bold", 1.0, 100.0, side="sell")],
            id="it traded",
        ),
        pytest.param([cut(5.0, "bold", 1.0, ratio=1.1)], id="it was in hand already"),
        pytest.param([geared(15.0, "bold", symbol="Y")], id="it moved collateral elsewhere"),
    ],
)
def test_nobody_is_accused_where_something_else_may_have_changed_the_margin(
    between: list[dict[str, object]],
) -> None:
    verdict = audit(
        marks(30),
        opened("safe", "bold"),
        between,
        cut(10.0, "safe", 25.0, ratio=1.05),
        cut(20.0, "bold", 50.0, ratio=2.0),
        wave_gap_s=15.0,
    )
    assert verdict.violations == []


@pytest.mark.parametrize(("other_mark", "unfair"), [(50.0, True), (49.0, False)])
def test_what_else_stands_on_the_collateral_is_worked_back_too(
    other_mark: float, unfair: bool
) -> None:
    """bold's 100 of X and friend's 200 of Y are one pool: at 20 s it needs 100 and 100, and with a
    ratio of 2 has 100 of equity. Where Y stood still, so it did at 10 s. Where Y fell from 50 to 49
    meanwhile, it had 200 more, and was safe.
    """
    verdict = audit(
        marks(30),
        marks(12, 50.0, "Y"),
        [mark(float(at), other_mark, "Y") for at in range(13, 31)],
        geared(0.0, "bold", pool="p"),
        geared(0.0, "friend", pool="p", symbol="Y", position=200.0, entry=50.0),
        cut(10.0, "safe", 25.0, ratio=1.05),
        cut(20.0, "bold", 100.0, ratio=2.0),
        wave_gap_s=15.0,
    )
    assert [v.riskier_account for v in verdict.violations] == ["bold"] * unfair
    assert total(verdict).waits == 2


def test_nobody_is_accused_where_a_position_on_the_collateral_is_of_unknown_size() -> None:
    verdict = audit(
        marks(30),
        geared(0.0, "bold"),
        fill(1.0, "bold", 1.0, 100.0, symbol="Y"),
        cut(10.0, "safe", 25.0, ratio=1.05),
        cut(20.0, "bold", 100.0, ratio=2.0),
        wave_gap_s=15.0,
    )
    assert verdict.violations == []
    assert "1 of 2 liquidations share collateral with positions of unknown size" in said(verdict)


def test_cuts_of_one_pass_of_the_engine_have_no_order() -> None:
    verdict = audit(
        marks(30),
        opened("safe", "bold"),
        cut(10.0, "safe", 25.0, ratio=1.05),
        cut(10.9, "bold", 100.0, ratio=2.0),
    )
    assert verdict.violations == []


def test_other_symbols_sides_and_waves_are_not_compared() -> None:
    later = cut(20.0, "bold", 100.0, ratio=2.0)
    for other in (
        later | {"symbol": "Y"},
        cut(20.0, "bold", 100.0, ratio=2.0, position=-100.0, side="buy"),
        later | {"ts": later["ts"] + 10_000_000_000},
    ):
        verdict = audit(
            marks(40), marks(40, symbol="Y"), cut(10.0, "safe", 25.0, ratio=1.05), other,
            [geared(0.0, "safe")], wave_gap_s=15.0,
        )  # fmt: skip
        assert verdict.violations == []


def test_the_queue_of_auto_deleveraging_goes_by_gain_times_leverage() -> None:
    """Shorts at mark 90: rich entered at 100 with 10x, won 10 % x 10 = 1; poor 2x: 0.2."""
    held = [
        geared(0.0, "rich", leverage=10.0, position=-10.0),
        geared(0.0, "poor", leverage=2.0, position=-10.0),
    ]
    poor, rich = (
        cut(at, who, 10.0, position=-10.0, kind="adl", side="buy", price=90.0)
        for at, who in ((10.0, "poor"), (15.0, "rich"))
    )
    verdict = audit(marks(30, 90.0), held, poor, rich)
    (found,) = verdict.violations
    assert (found.kind, found.account, found.riskier_account) == ("adl", "poor", "rich")
    assert found.safer == pytest.approx(0.2)
    assert found.riskier == pytest.approx(1.0)
    turned = audit(marks(30, 90.0), held, rich | {"ts": poor["ts"]}, poor | {"ts": rich["ts"]})
    assert turned.violations == []
    assert total(turned).waits == 2


def test_overshoot_is_what_was_cut_beyond_what_restored_margin() -> None:
    """Ratio 1.25: equity is 80 % of what is needed, so 20 of 100 restore it; 50 were cut.

    The other had lost all, and all of it had to go.
    """
    verdict = audit(
        marks(30),
        opened("half", "gone"),
        cut(10.0, "half", 50.0, ratio=1.25),
        cut(11.0, "gone", 100.0, ratio=-3.0, kind="full"),
    )
    assert total(verdict).judged == 15_000.0
    assert total(verdict).beyond == pytest.approx(3_000.0)
    (worst,) = verdict.cuts
    assert (worst.account, worst.cut_share) == ("half", 0.5)
    assert worst.needed_share == pytest.approx(0.2)


def test_a_fee_makes_cuts_larger_and_its_part_of_that_is_named() -> None:
    """0.2 % of fee against 1 % of margin: 20 / (1 - 0.2) = 25 of 100, of which 5 for the fee."""
    verdict = audit(marks(30), opened("a"), cut(10.0, "a", 50.0, ratio=1.25), fee_bps=20.0)
    assert total(verdict).beyond == pytest.approx(2_500.0)
    assert total(verdict).fee_added == pytest.approx(500.0)


def test_fee_and_loss_by_hand() -> None:
    """50 sold at 98 that were bought at 100: 100 lost, and 0.5 % of 4,900 in fees."""
    verdict = audit(marks(30), opened("a"), cut(10.0, "a", 50.0, price=98.0), fee_bps=50.0)
    assert total(verdict).loss == pytest.approx(100.0)
    assert total(verdict).fee == total(verdict).loss_fee == pytest.approx(24.5)


def test_early_cuts_and_cuts_of_the_wrong_size_are_counted() -> None:
    verdict = audit(
        marks(30),
        cut(10.0, "early", 10.0, ratio=0.8),
        cut(11.0, "over", 150.0, ratio=1.5),
        cut(12.0, "turned", 10.0, ratio=1.5, side="buy"),
    )
    assert total(verdict).early == 1
    assert total(verdict).beyond >= 1_000.0, "nothing of the early one was needed"
    assert verdict.wrong_size == 2
    assert not verdict.doubtful_ratios


def test_ratios_that_look_upside_down_are_said_to() -> None:
    verdict = audit(marks(30), [cut(10.0 + at, f"a{at}", 10.0, ratio=0.9) for at in range(3)])
    assert verdict.doubtful_ratios


def test_the_price_paid_is_that_of_the_fills_against_their_own_marks() -> None:
    """50 sold: 30 at 99 with the mark at 100, then 20 at 95 with the mark at 97.

    4,870 for 4,940: 70 of 4,940 are 141.7 bps. The second, not filled in the log, is not judged.
    """
    verdict = audit(
        marks(12),
        [mark(12.5, 97.0)],
        cut(10.0, "a", 50.0),
        cut(10.5, "b", 10.0),
        fill(11.0, "a", 30.0, 99.0),
        fill(13.0, "a", 20.0, 95.0),
        fill(14.0, "a", 99.0, 1.0),
    )
    assert total(verdict).worse_bps == pytest.approx(70.0 / 4_940.0 * 1e4)
    assert total(verdict).worst_account == "a"
    assert "1 of 2 forced orders without a fill in the log" in said(verdict)


def test_where_no_fill_tells_its_taker_the_forced_orders_own_price_is_taken() -> None:
    """A short bought back at 101 with the mark at 100: 100 bps. Deleveraging has its own line."""
    verdict = audit(
        marks(30),
        cut(10.0, "a", 5.0, position=-5.0, side="buy", price=101.0),
        cut(11.0, "b", 5.0, kind="adl", price=100.0),
    )
    assert total(verdict).worse_bps == pytest.approx(100.0)
    assert total(verdict).adl_bps == pytest.approx(0.0)


def test_concentration_by_hand() -> None:
    """60, 30 and 10: HHI 0.36 + 0.09 + 0.01."""
    verdict = audit(
        marks(30), cut(10.0, "a", 60.0), cut(11.0, "b", 30.0), cut(12.0, "c", 10.0, symbol="Y")
    )
    assert total(verdict).hhi == pytest.approx(0.46)
    assert total(verdict).top_account == "a"
    assert total(verdict).top_share == pytest.approx(0.6)
    assert [group.name for group in verdict.symbols] == ["X", "Y"]
    assert [group.name for group in verdict.accounts] == ["a", "b", "c"]
    assert verdict.symbols[1].hhi == 1.0


def test_a_wave_ends_with_a_pause() -> None:
    cuts = [cut(at, "a", 10.0) for at in (10.0, 15.0, 40.0, 49.0, 58.0)]
    verdict = audit(marks(60), cuts)
    assert [(wave.name, wave.forced) for wave in verdict.waves] == [("2", 3), ("1", 2)]
    assert audit(marks(60), cuts, wave_gap_s=30.0).waves_total == 1


def test_what_cannot_be_judged_is_counted_with_the_reason() -> None:
    verdict = audit(
        [cut(10.0 + at, f"a{at}", 10.0, ratio=1.5 if at < 3 else None) for at in range(5)],
        cut(20.0, "b", 10.0, kind="adl"),
        cut(21.0, "c", 10.0, kind=None, position=None, ratio=1.5),
    )
    told = said(verdict)
    assert "2 of 6 liquidations carry no margin_ratio" in told
    assert "1 of 6 liquidations carry no position_before" in told
    assert "1 of 1 auto-deleveraged without a known entry and leverage" in told
    assert "1 of 7 forced orders carry no kind" in told
    assert "7 of 7 forced orders traded without a known mark" in told


def test_a_log_without_forced_orders_has_no_total() -> None:
    verdict = audit(marks(3))
    assert verdict.total is None
    assert verdict.waves == []


def test_batches_partitions_and_their_interleaving_change_nothing() -> None:
    market = [*marks(30), *(cut(10.0 + at, f"a{at}", 20.0, ratio=1.2 + at) for at in range(4))]
    orders = [fill(10.5 + at, f"a{at}", 20.0, 99.5) for at in range(4)]
    changes = opened(*(f"a{at}" for at in range(4)))
    whole = audited(batch(market), batch(orders), batch(changes))
    chance = random.Random(5)
    for _ in range(10):
        parts = [
            batch(events[start:end], topic)
            for topic, events in (("m", market), ("o", orders), ("l", changes))
            for start, end in itertools.pairwise((0, chance.randrange(1, len(events)), len(events)))
        ]
        chance.shuffle(parts)
        assert audited(*parts) == whole


def test_the_simulated_engine_takes_all_that_are_due_at_once_and_is_found_fair() -> None:
    made = {"seed": 3, "scenario": "adl_wave", "size": "large", "symbols": 4, "rate": 500.0}
    options = msgspec.convert(made | {"duration_s": 700.0, "onset_s": 0.0}, Options)
    told = (b'"leverage"', b'"fill"', b'"mark"', b'"liquidation"')
    lines = b"".join(Simulation(options).chunks()).splitlines()
    values = [line for line in lines if line.split(b",", 1)[0].endswith(told)]
    raw = RawBatch(Partition("t", 0), values, range(len(values)))
    verdict = audited(raw, fee_bps=20.0)
    assert total(verdict).forced > 200
    assert verdict.kinds["adl"] > 20
    assert total(verdict).waits > 50
    assert verdict.violations == []
    assert total(verdict).early == 0
    assert verdict.wrong_size == 0
    assert total(verdict).beyond > 0.0, "it cuts a quarter where less would do"


def test_options_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="fee_bps must be in"):
        FairnessOptions(fee_bps=-1.0)
    with pytest.raises(ValueError, match="wave_gap_s must be positive"):
        FairnessOptions(wave_gap_s=0.0)
    assert judge(Gatherer(), FairnessOptions()).events == 0
