"""What every detector of the registry promises, whatever it looks for."""

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.base import Detector, Floats, Frame, State, Verdict
from detectors.options import BurstOptions
from detectors.registry import DETECTORS
from tests.detectors.flow import BIN_NS, Flow, Wander, frames

FEATURES = ("order", "cancel", "leverage")
STREAMS = 24
BREAK = 900  # the bin in which a planted break begins
BROKEN = 7  # its row
# Drift looks at ten seconds at a time; bins that long let a short test see many of them.
OPTIONS = {
    name: BurstOptions(bin_ns=40 * BIN_NS) if name.startswith("drift") else BurstOptions()
    for name in DETECTORS
}
every_detector = pytest.mark.parametrize("name", DETECTORS)


def make(name: str) -> Detector:
    return DETECTORS[name](OPTIONS[name])


# Rates wander within ten seconds, so that between bins of ten seconds they hardly do.
WANDER = Wander(sd=0.1, memory_s=0.2)


def market(seed: int, bins: int) -> list[Frame]:
    """Frames of quiet flow with a break: one symbol triples, and after a while all of them."""
    boost = np.ones((bins, STREAMS))
    boost[BREAK:, BROKEN] = 3.0
    boost[BREAK + 120 :] = 3.0
    flows = [Flow(seed + i, STREAMS, mean=(12.0, 60.0), own=WANDER) for i in range(len(FEATURES))]
    return frames(np.stack([f.take(bins, boost) for f in flows], axis=2), FEATURES)


def rough(seed: int, bins: int) -> list[Frame]:
    """The same with everything that can happen to a frame: NaN, silence, symbols that come."""
    rng = np.random.default_rng(seed)
    found: list[Frame] = []
    skipped = 0
    for frame in market(seed, bins):
        values = frame.values[: 6 + frame.bin // 40].copy()
        values[rng.random(values.shape) < 0.02] = np.nan
        silent = 500 if frame.bin in (300, 1000) else 0
        skipped += silent
        shifted = frame.bin + skipped
        end_ns = (shifted + 1) * BIN_NS
        found.append(Frame(shifted, end_ns, values, FEATURES, silent))
    return found


def told(verdict: Verdict) -> list[bytes | str | bool]:
    """A verdict as bytes, so that NaN equals NaN and nothing else does."""
    values = [getattr(verdict, field.name) for field in fields(verdict)]
    return [v.tobytes() if isinstance(v, np.ndarray) else v for v in values]


def run(detector: Detector, seen: Sequence[Frame]) -> list[Verdict]:
    return [detector.update(frame) for frame in seen]


def scores(verdicts: Sequence[Verdict]) -> Floats:
    """(T, S) scores."""
    return np.vstack([verdict.score for verdict in verdicts])


@every_detector
@pytest.mark.parametrize("seed", range(4))
def test_a_restart_anywhere_changes_nothing(name: str, seed: int) -> None:
    seen = rough(seed, 1300)
    cut = int(np.random.default_rng(seed).integers(0, len(seen)))
    if seed == 0:
        cut = 0
    straight = make(name)
    run(straight, seen[:cut])
    state: State = {key: value.copy() for key, value in straight.state().items()}
    resumed = make(name)
    resumed.restore(state)
    after = seen[cut : cut + 400]
    for ours, theirs in zip(run(straight, after), run(resumed, after), strict=True):
        assert told(ours) == told(theirs), f"seed {seed}, cut at {cut}"
    a, b = straight.state(), resumed.state()
    assert {k: v.tobytes() for k, v in a.items()} == {k: v.tobytes() for k, v in b.items()}


@every_detector
def test_state_is_plain_arrays_that_later_updates_leave_alone(name: str) -> None:
    seen = rough(5, 400)
    detector = make(name)
    run(detector, seen[:200])
    state = detector.state()
    before = {key: value.tobytes() for key, value in state.items()}
    for key, value in state.items():
        assert isinstance(value, np.ndarray), key
        assert not value.dtype.hasobject, key
    other = make(name)
    other.restore(state)
    run(detector, seen[200:])
    run(other, seen[200:])
    assert before == {key: value.tobytes() for key, value in state.items()}


@every_detector
def test_two_runs_are_identical(name: str) -> None:
    seen = rough(6, 1100)
    for ours, theirs in zip(run(make(name), seen), run(make(name), seen), strict=True):
        assert told(ours) == told(theirs)


@every_detector
@pytest.mark.parametrize("seed", range(2))
def test_permuting_symbols_permutes_scores(name: str, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(STREAMS)
    seen = market(seed, 1100)
    mixed = [replace(frame, values=frame.values[order]) for frame in seen]
    plain, permuted = run(make(name), seen), run(make(name), mixed)
    for ours, theirs in zip(plain, permuted, strict=True):
        expected = ours.score if ours.venue else ours.score[order]
        np.testing.assert_allclose(theirs.score, expected, atol=1e-6, err_msg=f"seed {seed}")


@every_detector
def test_what_is_not_observed_gets_no_opinion(name: str) -> None:
    seen = market(8, 800)
    detector = make(name)
    run(detector, seen[:600])
    for frame in seen[600:700]:
        values = frame.values.copy()
        values[3] = np.nan
        verdict = detector.update(replace(frame, values=values))
        if not verdict.venue:
            assert np.isnan(verdict.score[3])
    for frame in seen[700:]:
        nothing = np.full_like(frame.values, np.nan)
        assert np.isnan(detector.update(replace(frame, values=nothing)).score).all()


@every_detector
def test_nan_and_infinity_never_raise_even_in_the_first_frame(name: str) -> None:
    detector = make(name)
    for value in (np.nan, np.inf, -np.inf):
        for frame in market(9, 40):
            detector.update(replace(frame, values=np.full_like(frame.values, value)))
    assert not np.isposinf(detector.update(market(9, 1)[0]).score).any()


@every_detector
def test_an_empty_venue_has_no_scores(name: str) -> None:
    detector = make(name)
    for t in range(100):
        verdict = detector.update(Frame(t, (t + 1) * BIN_NS, np.empty((0, 3)), FEATURES))
        assert np.isnan(verdict.score).all()


@every_detector
def test_inputs_are_left_untouched(name: str) -> None:
    detector = make(name)
    for frame in rough(10, 1000):
        before = frame.values.tobytes()
        frame.values.flags.writeable = False
        detector.update(frame)
        assert frame.values.tobytes() == before


@every_detector
def test_a_verdict_is_not_changed_by_later_updates(name: str) -> None:
    seen = market(11, 1000)
    detector = make(name)
    run(detector, seen[:950])
    verdict = detector.update(seen[950])
    before = told(verdict)
    run(detector, seen[951:])
    assert told(verdict) == before


@every_detector
def test_symbols_that_appear_later_are_admitted_without_an_alarm(name: str) -> None:
    seen = market(12, 900)
    detector = make(name)
    run(detector, [replace(frame, values=frame.values[:10]) for frame in seen[:400]])
    for frame in seen[400:900]:
        verdict = detector.update(frame)
        size = 1 if verdict.venue else STREAMS
        assert verdict.score.shape == verdict.onset_bin.shape == (size,)
        assert verdict.observed.shape == verdict.expected.shape == (size,)
        if not verdict.venue:  # the venue's own stream may well say that ten more have come
            assert not (verdict.score[10:] >= 6.0).any(), f"bin {frame.bin}"


@every_detector
def test_a_planted_break_is_the_top_score(name: str) -> None:
    bins = BREAK + (240 if name == "market_wide" else 100)
    verdicts = run(make(name), market(13, bins))
    if verdicts[0].venue:
        assert np.nanmax(scores(verdicts[:BREAK])) < 5.0
        assert np.nanmax(scores(verdicts[BREAK:])) > 8.0
        return
    best = np.nanmax(scores(verdicts)[BREAK:], axis=0, initial=0.0)
    assert best.argmax() == BROKEN
    assert best[BROKEN] >= 6.0
    loud = next(v for v in verdicts[BREAK:] if v.score[BROKEN] == best[BROKEN])
    assert abs(loud.onset_bin[BROKEN] - BREAK) < 40
    assert loud.observed[BROKEN] > 1.5 * loud.expected[BROKEN]


@every_detector
def test_a_silence_clears_the_evidence(name: str) -> None:
    seen = market(14, BREAK + 200)
    until = BREAK + (160 if name == "market_wide" else 20)
    detector = make(name)
    loud = run(detector, seen[:until])
    verdict = detector.update(replace(seen[until], skipped=400))
    if name.startswith("drift"):  # a torn aggregate is not even looked at
        assert np.isnan(verdict.score).all()
        return
    row = 0 if verdict.venue else BROKEN
    assert loud[-1].score[row] > 5.0
    assert verdict.score[row] < 5.0
    assert verdict.onset_bin[row] == until


def test_drift_begins_its_window_anew_the_same_way_after_a_restart() -> None:
    seen = market(15, 1500)
    name = "drift.order"
    for cut in (511, 512, 513, 767, 768, 1024):
        straight, resumed = make(name), make(name)
        run(straight, seen[:cut])
        resumed.restore(straight.state())
        for ours, theirs in zip(
            run(straight, seen[cut : cut + 300]), run(resumed, seen[cut : cut + 300]), strict=True
        ):
            assert told(ours) == told(theirs), f"cut at {cut}"


def test_every_signal_of_the_registry_is_named_after_its_entry() -> None:
    for name in DETECTORS:
        assert make(name).signal == name.partition(".")[0]


def rows(verdict: Verdict) -> NDArray[np.int64]:
    return np.flatnonzero(np.isfinite(verdict.score))


@every_detector
def test_warm_up_has_no_opinion(name: str) -> None:
    for verdict in run(make(name), market(16, 20 if name.startswith("drift") else 80)):
        assert rows(verdict).size == 0
