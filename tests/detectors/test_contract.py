"""What every detector of the registry promises, whatever it looks for."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.base import Detector, Floats, Frame, State, Verdict
from detectors.level import Level
from detectors.options import BurstOptions
from detectors.registry import DETECTORS
from tests.detectors.flow import BIN_NS, Flow, Wander, frames, joined, look, told

FEATURES = ("order", "cancel", "leverage", "liquidation", "reject")
WIDE = 3  # features that market_wide sums
STREAMS = 24
BREAK = 900  # the bin in which a planted break begins
BROKEN = 7  # its row
COUNTED = ("market_wide", "drift")
# Drift looks at ten seconds at a time; bins that long let a short test see many of them.
OPTIONS = {
    name: BurstOptions(bin_ns=40 * BIN_NS) if name.startswith("drift") else BurstOptions()
    for name in DETECTORS
}
GAUGES = {
    detector.gauge: detector.options
    for detector in (DETECTORS[name](OPTIONS[name]) for name in DETECTORS)
    if isinstance(detector, Level)
}
every_detector = pytest.mark.parametrize("name", DETECTORS)
of_symbols = pytest.mark.parametrize("name", [n for n in DETECTORS if n != "clock_skew"])
# What a rise of counts is to be seen by; the others have tests of their own.
every_counter = pytest.mark.parametrize(
    "name", [n for n in DETECTORS if n.endswith("_burst") or n.partition(".")[0] in COUNTED]
)


def make(name: str) -> Detector:
    return DETECTORS[name](OPTIONS[name])


def levels(seed: int, bins: int) -> dict[str, Floats]:
    """Every level wanders around where it matters, and in the end turns bad: one, then all."""
    rng = np.random.default_rng(seed)
    found = {}
    for gauge, options in GAUGES.items():
        sign = 1.0 if options.rising else -1.0
        level = rng.normal(0.0, 0.05, (bins, STREAMS)) + np.log(options.material or 1000.0)
        level[BREAK:, BROKEN] += 2.0 * sign
        level[BREAK + 120 :] += 2.0 * sign
        found[gauge] = level
    return found


# Rates wander within ten seconds, so that between bins of ten seconds they hardly do.
WANDER = Wander(sd=0.1, memory_s=0.2)


def market(seed: int, bins: int, *, at_once: int = 16) -> list[Frame]:
    """Frames of quiet flow with a break: one symbol triples, and after a while all of them."""
    boost = np.ones((bins, STREAMS))
    boost[BREAK:, BROKEN] = 3.0
    boost[BREAK + 120 :] = 3.0
    flows = [Flow(seed + i, STREAMS, mean=(12.0, 60.0), own=WANDER) for i in range(len(FEATURES))]
    counts = np.stack([f.take(bins, boost) for f in flows], axis=2)
    seen = frames(counts, FEATURES, bins=at_once)
    found = levels(seed, bins)
    return [look(frame, found) for frame in seen]


def rough(seed: int, bins: int) -> list[Frame]:
    """The same, bin by bin, with everything that can happen: NaN, silence, symbols that come."""
    rng = np.random.default_rng(seed)
    found: list[Frame] = []
    skipped = 0
    for frame in market(seed, bins, at_once=1):
        values = frame.values[:, : 6 + frame.bin // 40].copy()
        values[rng.random(values.shape) < 0.02] = np.nan
        silent = 500 if frame.bin in (300, 1000) else 0
        skipped += silent
        bad = frame.levels.values[:, : values.shape[1]].copy()
        bad[rng.random(bad.shape) < 0.02] = np.nan
        looked = replace(frame.levels, values=bad)
        found.append(Frame(frame.bin + skipped, values, FEATURES, silent, looked))
    return found


def only(frame: Frame, rows: NDArray[np.intp]) -> Frame:
    """The frame of some symbols, in the order given."""
    looked = replace(frame.levels, values=frame.levels.values[:, rows])
    return replace(frame, values=frame.values[:, rows], levels=looked)


def run(detector: Detector, seen: Sequence[Frame]) -> list[Verdict]:
    return [detector.update(frame) for frame in seen]


def heard(detector: Detector, seen: Sequence[Frame]) -> list[bytes]:
    """Everything a detector has to say of each bin."""
    return [line for frame in seen for line in told(detector.update(frame))]


def plain(state: State) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in state.items()}


def scores(verdicts: Sequence[Verdict]) -> Floats:
    """(T, S) scores."""
    return np.vstack([verdict.score for verdict in verdicts])


@every_detector
@pytest.mark.parametrize("seed", range(3))
def test_how_bins_are_handed_over_changes_nothing(name: str, seed: int) -> None:
    single = rough(seed, 1300)
    rng = np.random.default_rng(seed)
    one_by_one = make(name)
    expected = heard(one_by_one, single)
    for sizes in ([16], [1, 16], [1, 2, 3, 5, 7, 11]):
        many = make(name)
        parts = joined(single, partial(rng.choice, sizes))
        assert heard(many, parts) == expected, f"seed {seed}, sizes {sizes}"
        assert plain(many.state()) == plain(one_by_one.state()), f"seed {seed}, sizes {sizes}"


@every_detector
@pytest.mark.parametrize("seed", range(4))
def test_a_restart_anywhere_changes_nothing(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    seen = joined(rough(seed, 1300), lambda: int(rng.integers(1, 17)))
    cut = int(rng.integers(0, len(seen))) if seed else 0
    straight, resumed = make(name), make(name)
    run(straight, seen[:cut])
    resumed.restore({key: value.copy() for key, value in straight.state().items()})
    after = seen[cut : cut + 80]
    assert heard(straight, after) == heard(resumed, after), f"seed {seed}, cut at {cut}"
    assert plain(straight.state()) == plain(resumed.state()), f"seed {seed}, cut at {cut}"


@every_detector
def test_state_is_plain_arrays_that_later_updates_leave_alone(name: str) -> None:
    seen = joined(rough(5, 400), lambda: 5)
    detector = make(name)
    run(detector, seen[:40])
    state = detector.state()
    before = plain(state)
    for key, value in state.items():
        assert isinstance(value, np.ndarray), key
        assert not value.dtype.hasobject, key
    other = make(name)
    other.restore(state)
    run(detector, seen[40:])
    run(other, seen[40:])
    assert before == plain(state)


@every_detector
def test_two_runs_are_identical(name: str) -> None:
    seen = joined(rough(6, 1100), lambda: 16)
    assert heard(make(name), seen) == heard(make(name), seen)


@of_symbols
@pytest.mark.parametrize("seed", range(2))
def test_permuting_symbols_permutes_scores(name: str, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(STREAMS)
    seen = market(seed, 1100)
    mixed = [only(frame, order) for frame in seen]
    for ours, theirs in zip(run(make(name), seen), run(make(name), mixed), strict=True):
        expected = ours.score if ours.venue else ours.score[:, order]
        np.testing.assert_allclose(theirs.score, expected, atol=1e-6, err_msg=f"seed {seed}")


@of_symbols
def test_what_is_not_observed_gets_no_opinion(name: str) -> None:
    seen = market(8, 800)
    detector = make(name)
    run(detector, seen[:38])
    for frame in seen[38:44]:
        values = frame.values.copy()
        values[5:, 3] = np.nan
        found = frame.levels.values.copy()
        found[1:, 3] = np.nan  # the second look is at the end of bin 7
        looked = replace(frame.levels, values=found)
        verdict = detector.update(replace(frame, values=values, levels=looked))
        if not verdict.venue:
            assert np.isnan(verdict.score[7 if verdict.level else 5 :, 3]).all()
    for frame in seen[44:]:
        nothing = np.full_like(frame.values, np.nan)
        looked = replace(frame.levels, values=np.full_like(frame.levels.values, np.nan))
        verdict = detector.update(replace(frame, values=nothing, levels=looked))
        assert np.isnan(verdict.score[3 if verdict.level else 0 :]).all()


@every_detector
def test_nan_and_infinity_never_raise_even_in_the_first_frame(name: str) -> None:
    detector = make(name)
    for value in (np.nan, np.inf, -np.inf):
        for frame in market(9, 40):
            looked = replace(frame.levels, values=np.full_like(frame.levels.values, value))
            values = np.full_like(frame.values, value)
            detector.update(replace(frame, values=values, levels=looked))
    assert not np.isposinf(detector.update(market(9, 16)[0]).score).any()


@every_detector
def test_an_empty_venue_has_no_scores(name: str) -> None:
    detector = make(name)
    for frame in frames(np.empty((160, 0, len(FEATURES))), FEATURES):
        assert np.isnan(detector.update(frame).score).all()


@every_detector
def test_inputs_are_left_untouched(name: str) -> None:
    detector = make(name)
    for frame in joined(rough(10, 1000), lambda: 16):
        before = frame.values.tobytes(), frame.levels.values.tobytes()
        frame.values.flags.writeable = frame.levels.values.flags.writeable = False
        detector.update(frame)
        assert (frame.values.tobytes(), frame.levels.values.tobytes()) == before


@every_detector
def test_a_score_is_not_changed_by_later_updates(name: str) -> None:
    seen = market(11, 1000)
    detector = make(name)
    run(detector, seen[:58])
    verdict = detector.update(seen[58])
    before = verdict.score.tobytes()
    mixture = None if verdict.mixture is None else verdict.mixture.tobytes()
    run(detector, seen[59:])
    assert verdict.score.tobytes() == before
    assert (None if verdict.mixture is None else verdict.mixture.tobytes()) == mixture


@of_symbols
def test_symbols_that_appear_later_are_admitted_without_an_alarm(name: str) -> None:
    seen = market(12, 900)
    detector = make(name)
    run(detector, [only(frame, np.arange(10)) for frame in seen[:25]])
    for frame in seen[25:]:
        verdict = detector.update(frame)
        streams = WIDE if verdict.venue else STREAMS
        assert verdict.score.shape == (len(frame.values), streams)
        if not verdict.venue:  # the venue's own stream may well say that more have come
            assert not (verdict.score[:, 10:] >= 6.0).any(), f"bin {frame.bin}"


@every_counter
@pytest.mark.parametrize("seed", [13, 14])
def test_a_planted_break_is_the_top_score(name: str, seed: int) -> None:
    detector = make(name)
    venue = name == "market_wide"
    began = BREAK + 120 if venue else BREAK
    best, where, why = np.zeros(0), (0, 0), None
    for frame in market(seed, began + 110):
        verdict = detector.update(frame)
        score = np.nan_to_num(verdict.score)
        if best.size and score.max() > best.max():
            t, stream = divmod(int(score.argmax()), score.shape[1])
            where, why = (frame.bin + t, stream), verdict.detail(t, np.array([stream]))
        best = np.maximum(best if best.size else 0.0, score.max(axis=0))
        if frame.bin + len(frame.values) == began // 16 * 16:
            assert best.max() < 5.0, f"seed {seed}: quiet flow scored {best.max()}"
    assert best.max() >= 6.0, f"seed {seed}"
    assert venue or best.argmax() == BROKEN
    assert why is not None
    assert began <= where[0]
    assert abs(int(why.onset_bin[0]) - began) < 40, f"seed {seed}"
    assert why.observed[0] > 1.5 * why.expected[0], f"seed {seed}"


@every_counter
def test_a_silence_clears_the_evidence(name: str) -> None:
    seen = market(14, BREAK + 200, at_once=1)
    until = BREAK + (160 if name == "market_wide" else 20)
    for calm in (True, False):
        detector = make(name)
        loud = run(detector, seen[:until])[-1]
        now = replace(seen[BREAK - 5 if calm else until], bin=until + 400, skipped=400)
        verdict = detector.update(now)
        if name.startswith("drift"):  # a torn aggregate is not even looked at
            assert np.isnan(verdict.score).all()
            continue
        row = int(np.nanargmax(loud.score[0]))
        assert verdict.venue or row == BROKEN
        assert loud.score[0, row] > 5.0
        if calm:
            assert verdict.score[0, row] < 2.0
        else:
            why = verdict.detail(0, np.array([row]))
            assert why.onset_bin[0] == now.bin
            alone = now.values[0, BROKEN, FEATURES.index(verdict.feature_of(row))]
            assert verdict.venue or why.observed[0] == alone


def test_drift_begins_its_window_anew_the_same_way_after_a_restart() -> None:
    seen = market(15, 1500, at_once=1)
    name = "drift.order"
    for cut in (511, 512, 513, 767, 768, 1024):
        straight, resumed = make(name), make(name)
        run(straight, seen[:cut])
        resumed.restore(straight.state())
        after = seen[cut : cut + 300]
        assert heard(straight, after) == heard(resumed, after), f"cut at {cut}"


def test_every_signal_of_the_registry_is_named_after_its_entry() -> None:
    for name in DETECTORS:
        assert make(name).signal == name.partition(".")[0]


@every_detector
def test_warm_up_has_no_opinion(name: str) -> None:
    for verdict in run(make(name), market(16, 16 if name.startswith("drift") else 80)):
        assert np.isnan(verdict.score).all()
