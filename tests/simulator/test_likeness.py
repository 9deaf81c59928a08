"""Profiles are like the real logs that they were fitted to (see `tests.simulator.fit`)."""

import pytest

from monitor.simulator import PROFILES
from tests.simulator.fit import DATA, LOGS, real, simulated, size_of_trial

SEED = 77


@pytest.mark.data
@pytest.mark.parametrize("name", LOGS)
def test_a_fitted_profile_has_the_dispersion_of_its_log(name: str) -> None:
    path = DATA / LOGS[name][1]
    if not path.exists():
        pytest.skip(f"needs the real data, absent here: ../shared/data/{LOGS[name][1]}")
    target = real(name)
    symbols, seconds = size_of_trial(target)
    achieved = simulated(PROFILES[name], seed=SEED, symbols=symbols, seconds=min(seconds, 400))
    # Of heavy-tailed counts over minutes, a ratio of variances is known to a third at best.
    assert achieved.vmr_1s == pytest.approx(target.vmr_1s, rel=0.3), SEED
    assert achieved.vmr_10s == pytest.approx(target.vmr_10s, rel=0.4), SEED
    assert achieved.per_s == pytest.approx(target.per_s, rel=0.25), SEED
    assert achieved.order == pytest.approx(target.order, abs=0.05), SEED
    assert achieved.fill == pytest.approx(target.fill, abs=0.05), SEED
