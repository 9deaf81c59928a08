"""Drift of shares: what creeps is found and dated, what all do together is not."""

from dataclasses import dataclass

import numpy as np
import pytest

from detectors.base import Floats
from detectors.drift import Drift
from detectors.options import BurstOptions
from tests.detectors.flow import BIN_NS, frames


@dataclass(frozen=True, slots=True)
class Drifted:
    """One alarm."""

    bin: int
    stream: int
    onset_bin: int
    observed: float
    expected: float


def drifts(x: Floats) -> list[Drifted]:
    """Alarms over aggregates: one bin is one aggregate of ten seconds."""
    drift = Drift("order", BurstOptions(bin_ns=40 * BIN_NS))
    found = []
    for frame in frames(x):
        verdict = drift.update(frame)
        for t, stream in zip(*np.nonzero(np.isfinite(verdict.score)), strict=True):
            why = verdict.detail(int(t), np.array([stream]))
            numbers = int(why.onset_bin[0]), float(why.observed[0]), float(why.expected[0])
            found.append(Drifted(frame.bin + int(t), int(stream), *numbers))
    return found


def alarmed(found: list[Drifted]) -> set[int]:
    return {alarm.stream for alarm in found}


@pytest.mark.parametrize("seed", range(3))
def test_a_creeping_share_is_found_and_only_that(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rise = np.ones((1200, 12))
    rise[400:, 5] = np.linspace(1.0, 2.0, 800)
    found = drifts(rng.poisson(200.0 * rise).astype(np.float64))
    assert alarmed(found) == {5}, f"seed {seed}"
    assert found[-1].onset_bin >= 400
    assert found[-1].observed > 1.05 * found[-1].expected


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
    first = next(alarm for alarm in drifts(x) if alarm.stream == 5)
    assert abs(first.onset_bin - 500) <= 2
    assert first.observed / first.expected == pytest.approx(1.5, rel=0.1)


def test_drift_dates_a_second_step_apart_from_the_first() -> None:
    x = np.random.default_rng(2).poisson(200.0, (500, 12)).astype(np.float64)
    x[100:, 5] *= 3.0
    x[400:, 5] *= 1.5
    second = next(alarm for alarm in drifts(x) if alarm.bin >= 400 and alarm.stream == 5)
    assert abs(second.onset_bin - 400) <= 2
    assert second.observed / second.expected == pytest.approx(1.5, rel=0.1)
