"""The rate function of a count, against its definition minimised by another library."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from detectors.excess import CERTAIN, nats


def deviance(c: float, mean: float, shape: float) -> float:
    """Half the negative-binomial deviance of a count from a mean."""
    return float(c * np.log(c / mean) - (c + shape) * np.log((c + shape) / (mean + shape)))


def definition(c: float, e: float, counting: float, wander2: float) -> float:
    """The least of what a raised rate costs and what is left over costs."""

    def cost(u: float) -> float:
        mean = e * np.exp(u)
        return float(u * u / (2.0 * wander2) + deviance(c, mean, mean / (counting - 1.0)))

    found = minimize_scalar(
        cost,
        bounds=(0.0, np.log(c / e)),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return float(found.fun)


def one(c: float, e: float, counting: float, wander2: float, known: float = CERTAIN) -> float:
    return float(nats(*(np.array([value]) for value in (c, e, counting, wander2, known)))[0])


@pytest.mark.parametrize("e", [0.02, 0.5, 7.0, 300.0, 60_000.0])
@pytest.mark.parametrize("ratio", [1.05, 1.5, 4.0, 30.0])
@pytest.mark.parametrize("counting", [1.05, 2.0, 30.0])
@pytest.mark.parametrize("wander2", [1e-3, 0.04, 1.0])
def test_nats_are_the_cheapest_explanation_of_an_excess(
    e: float, ratio: float, counting: float, wander2: float
) -> None:
    expected = definition(ratio * e, e, counting, wander2)
    assert one(ratio * e, e, counting, wander2) == pytest.approx(expected, rel=2e-3, abs=1e-6)


@pytest.mark.parametrize("c", [8.0, 20.0, 200.0])
def test_a_rate_that_does_not_wander_leaves_half_the_deviance(c: float) -> None:
    assert one(c, 7.0, 2.5, 1e-9) == pytest.approx(deviance(c, 7.0, 7.0 / 1.5), rel=1e-5)


def test_without_counting_noise_the_excess_is_log_normal() -> None:
    for ratio in (1.2, 2.0, 5.0):
        assert one(ratio * 1e9, 1e9, 1.1, 0.04) == pytest.approx(
            np.log(ratio) ** 2 / 0.08, rel=1e-4
        )


def test_more_is_more_surprising_and_noise_less() -> None:
    counts = np.linspace(10.1, 500.0, 400)
    same, sure = np.full(400, 10.0), np.full(400, CERTAIN)
    quiet = nats(counts, same, np.full(400, 2.0), np.full(400, 0.04), sure)
    assert (np.diff(quiet) > 0).all()
    assert (nats(counts, same, np.full(400, 4.0), np.full(400, 0.04), sure) < quiet).all()
    assert (nats(counts, same, np.full(400, 2.0), np.full(400, 0.08), sure) < quiet).all()
    assert one(10.0 + 1e-9, 10.0, 2.0, 0.04) == pytest.approx(0.0, abs=1e-9)


def test_noise_known_by_few_samples_makes_evidence_grow_by_its_logarithm_only() -> None:
    certain = one(80.0, 20.0, 2.0, 0.01)
    for known in (4.0, 50.0, 1e4):
        expected = known / 2.0 * np.log1p(2.0 * certain / known)
        assert one(80.0, 20.0, 2.0, 0.01, known) == pytest.approx(expected)
    assert one(80.0, 20.0, 2.0, 0.01, 4.0) < 0.5 * certain < one(80.0, 20.0, 2.0, 0.01, 1e4)
