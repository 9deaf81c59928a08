"""Plans, and logs that come straight from the simulator."""

from pathlib import Path

import pytest

from monitor.config import Config
from monitor.scoring.folder import StoredLog
from monitor.scoring.plan import PlanError, planned_logs
from monitor.scoring.purpose import agreed_purpose
from monitor.scoring.simulated import SimulatedLog
from monitor.scoring.watch import watch
from monitor.simulator import SCENARIOS, Options, Simulation
from monitor.simulator.options import SimulationError
from tests.quality.scenarios import PLAN

SMALL = """
first_seed = 7
[[logs]]
scenarios = ["quiet", "cascade"]
sizes = ["small", "large"]
count = 2
duration_s = 60
onset_s = 20
symbols = 3
rate = 50
[[logs]]
scenarios = ["news"]
count = 1
duration_s = 30
symbols = ["A", "B"]
rate = 20
"""


def plan(folder: Path, text: str) -> Path:
    path = folder / "plan.toml"
    path.write_text(text)
    return path


def test_a_plan_is_every_scenario_in_every_size_each_log_with_a_seed_of_its_own(
    tmp_path: Path,
) -> None:
    options = [log.options for log in planned_logs(plan(tmp_path, SMALL))]
    assert [o.seed for o in options] == list(range(7, 16))
    kinds = [(o.scenario, o.size) for o in options]
    assert kinds[::2] == [
        *(("quiet", "small"), ("quiet", "large"), ("cascade", "small"), ("cascade", "large")),
        ("news", "medium"),
    ]
    assert options[0] == Options(
        seed=7, scenario="quiet", size="small", duration_s=60, onset_s=20, symbols=3, rate=50
    )
    assert options[-1].symbols == ("A", "B")


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (("first_seed = 7", ""), PlanError, "missing required field `first_seed`"),
        (("rate = 20", "rates = 20"), PlanError, "unknown field `rates`"),
        (("count = 1", "count = 0"), PlanError, r"Expected `int` >= 1 - at `\$.logs"),
        (("= 7", "="), PlanError, "not a plan"),
        (('"news"', '"gossip"'), SimulationError, "gossip"),
        (("onset_s = 20", "onset_s = 90"), SimulationError, "onset"),
    ],
)
def test_a_plan_that_cannot_be_is_one_line(
    tmp_path: Path, change: tuple[str, str], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says) as raised:
        planned_logs(plan(tmp_path, SMALL.replace(*change)))
    assert "\n" not in str(raised.value)
    with pytest.raises(PlanError, match="cannot be read"):
        planned_logs(tmp_path / "nowhere.toml")


def test_the_plan_of_make_score_scores_everything_on_scoring_seeds() -> None:
    logs = planned_logs(PLAN)
    assert agreed_purpose([log.seed for log in logs], calibrated=(), tuning=False) == "scoring"
    asked = {(log.options.scenario, log.options.size) for log in logs}
    sizes = ("small", "medium", "large")
    assert asked == {("quiet", "medium"), *((s, size) for s in SCENARIOS for size in sizes)}
    cascades = [log for log in logs if log.options.scenario == "cascade"]
    assert sum(log.options.size == "medium" for log in cascades) >= 20


def test_a_log_that_is_simulated_as_it_is_read_scores_as_if_it_had_been_stored(
    tmp_path: Path,
) -> None:
    options = Options(seed=3, scenario="maker_withdrawal", duration_s=90, symbols=4, rate=120)
    seen = watch(SimulatedLog(options), Config())
    stored = tmp_path / "x.jsonl"
    simulation = Simulation(options)
    stored.write_bytes(b"".join(simulation.chunks()))
    again = watch(StoredLog(stored, simulation.labels()), Config())
    assert (seen.events, seen.bad, seen.late) == (again.events, 0, again.late)
    assert seen.events == simulation.events_total
    assert (seen.alarms, seen.covered, seen.labels) == (again.alarms, again.covered, again.labels)
    assert (seen.moves.size == again.moves.size).all()
    assert seen.moves.size.shape == (90, 4)
