"""Every scenario and decoy in every size, on scoring seeds, with the defaults and a calibration on
five quiet hours of a tuning seed, as a venue would have it."""

from pathlib import Path
from typing import Final

import msgspec

from monitor import calibration
from monitor.commands.score import progress
from monitor.config import Config, Detectors
from monitor.demo.show import QUIET
from monitor.scoring.plan import planned_logs
from monitor.scoring.score import score
from monitor.scoring.table import table
from tests.quality.study import Study

PLAN: Final = Path(__file__).parent / "plan.toml"


def run(jobs: int) -> Study:
    """What `foreshock score --simulate tests/quality/plan.toml` says with that calibration."""
    logs = planned_logs(PLAN)
    with progress(len(logs)) as advance:
        config = Config(detectors=Detectors(calibration=str(QUIET)))
        taught = calibration.seeds(config)
        card = score(logs, config, calibrated=taught, jobs=jobs, on_log=lambda _: advance())
    return Study(
        name="scenarios",
        title="Scenarios and decoys of the simulated venue",
        table=table(card),
        data=msgspec.to_builtins(card),
    )
