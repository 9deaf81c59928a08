"""Levels by hand and by chance: what passes, what stays, what does not matter, what is usual."""

import numpy as np
import pytest

from detectors.base import Floats, Frame
from detectors.level import Level, LevelSignals
from detectors.level_bank import DELAY_S, WARM_UP_S
from detectors.level_options import LevelOptions
from detectors.options import BurstOptions
from detectors.registry import LEVELS
from tests.detectors.flow import look

SECOND = BurstOptions(bin_ns=1_000_000_000)
WARM_S = round(DELAY_S + WARM_UP_S) + 32


def made(
    *,
    rising: bool = True,
    material: float | None = None,
    sd_min: float = 0.02,
    looks_min: int = 1,
    reach: float = np.inf,
) -> Level:
    options = LevelOptions(
        gauge="x",
        rising=rising,
        sd=0.3,
        sd_min=sd_min,
        material=material,
        looks_min=looks_min,
        reach=reach,
    )
    return Level("thin_book", options, SECOND)


def scores(detector: Level, level: Floats) -> Floats:
    """(seconds, S) what a level, (seconds, S) logarithms, comes to; a look a second."""
    found = []
    for first in range(0, len(level), 16):
        part = level[first : first + 16]
        frame = Frame(first, np.zeros((*part.shape, 1)), ("order",))
        found.append(detector.update(look(frame, {"x": level}, every=1)).score)
    return np.vstack(found)


def quiet(seed: int, seconds: int, symbols: int = 8, sd: float = 0.1) -> Floats:
    level: Floats = np.random.default_rng(seed).normal(5.0, sd, (seconds, symbols))
    return level


def test_a_lasting_change_is_loud_and_dated_and_told_in_its_own_unit() -> None:
    level = quiet(1, 1600)
    level[1500:, 3] -= np.log(4.0)  # a quarter is left
    detector = made(rising=False)
    found = scores(detector, level[:1536])
    assert np.nanmax(found[:1500]) < 5.0
    assert np.nanargmax(np.nanmax(found, axis=0)) == 3
    assert found[1520, 3] > 8.0
    frame = look(Frame(1536, np.zeros((16, 8, 1)), ("order",)), {"x": level}, every=1)
    why = detector.update(frame).detail(15, np.array([3]))
    assert why.observed[0] == pytest.approx(np.exp(5.0) / 4.0, rel=0.2)
    assert why.expected[0] == pytest.approx(np.exp(5.0), rel=0.05)
    assert 1480 <= why.onset_bin[0] <= 1552


def test_what_passes_is_no_alarm_where_a_level_must_stay() -> None:
    level = quiet(2, 1700)
    level[1500:1504] -= 8.0  # all makers are gone for four seconds
    level[1600:, 0] -= 1.0  # one book stays thin
    found = scores(made(rising=False, looks_min=16, reach=0.7, sd_min=0.08), level)
    assert np.nanmax(found[:1600]) < 5.0
    assert found[1660, 0] > 8.0
    assert np.nanmax(scores(made(rising=False), level)[1500:1504]) > 8.0


def test_the_good_direction_says_nothing() -> None:
    level = quiet(3, 1600)
    level[1500:] += 2.0
    assert np.nanmax(scores(made(rising=False), level)) < 5.0


def test_what_does_not_matter_is_no_alarm_however_unusual() -> None:
    level = quiet(4, 1600) - 9.0  # far below what matters
    level[1500:] += 3.0  # twenty times as much, and still below
    assert np.nanmax(scores(made(material=0.5), level)) == 0.0


def test_one_who_mostly_stands_where_it_does_not_matter_is_not_taken_for_steady() -> None:
    level = quiet(5, 1600) - 9.0
    level[1500:, 2] = np.log(0.6)  # a little above what matters
    assert np.nanmax(scores(made(material=0.5, sd_min=0.3), level)) < 3.0
    assert np.nanmax(scores(made(material=0.5), level)) > 6.0


def test_unknown_is_no_opinion_and_the_detector_says_whether_it_was_ever_fed() -> None:
    detector = made()
    scores(detector, np.full((64, 4), np.nan))
    assert not detector.fed
    known = quiet(6, 16 * 40, 4)
    found = scores(detector, known)
    assert np.isnan(found[: WARM_S - 48]).all()
    assert np.isfinite(found[-1]).all()
    assert np.isnan(scores(detector, np.full((16, 4), np.nan))).all()
    assert detector.fed


def test_before_it_is_warm_it_says_so() -> None:
    detector = made()
    scores(detector, quiet(7, 64))
    assert detector.fed
    assert not detector.warm.any()


@pytest.mark.parametrize("seed", range(2))
def test_quiet_levels_that_wander_keep_their_promise(seed: int) -> None:
    """An hour of forty symbols that wander over minutes: no one may reach once in 10^6 bins."""
    rng = np.random.default_rng(seed)
    steps, keep = rng.normal(0.0, 1.0, (3600, 40)), np.exp(-1.0 / 60.0)
    level = np.empty_like(steps)
    level[0] = steps[0]
    for t in range(1, len(level)):
        level[t] = keep * level[t - 1] + np.sqrt(1.0 - keep**2) * steps[t]
    assert np.nanmax(scores(made(), 5.0 + 0.3 * level)) < 6.0, f"seed {seed}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sd": 0.0}, "sd_min must be positive"),
        ({"sd_min": 1.0}, "at most 0.5"),
        ({"looks_min": 300}, "looks_min must be 1 to 256"),
        ({"reach": 0.0}, "reach must be positive"),
        ({"material": -1.0}, "material must be positive"),
    ],
)
def test_options_that_make_no_sense_are_named(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LevelOptions(gauge="x", rising=True, **options)  # type: ignore[arg-type]


def test_levels_that_are_judged_together_come_to_what_each_alone_comes_to() -> None:
    rng = np.random.default_rng(8)
    gauges = {each.gauge: rng.normal(0.0, 1.0, (600, 12)) for each in LEVELS.values()}
    for values in gauges.values():
        values[rng.random(values.shape) < 0.1] = np.nan
        values[500:, 3] += 4.0
    together = LevelSignals(LEVELS, SECOND)
    alone = {name: Level(name, options, SECOND) for name, options in LEVELS.items()}
    for first in range(0, 592, 16):
        frame = look(Frame(first, np.zeros((16, 12, 1)), ("order",)), gauges, every=1)
        found = together.update(frame)
        for name, level in alone.items():
            one = level.update(frame)
            assert one.score.tobytes() == found[name].score.tobytes(), name
            whose = np.flatnonzero(one.score[15] > 0.0)
            ours, theirs = found[name].detail(15, whose), one.detail(15, whose)
            assert ours.onset_bin.tolist() == theirs.onset_bin.tolist()
            assert ours.observed.tobytes() == theirs.observed.tobytes()
