"""Every scenario and decoy in every size, on scoring seeds, with the default configuration."""

from pathlib import Path
from typing import Final

import msgspec

from monitor.commands.score import progress
from monitor.config import Config
from monitor.scoring.plan import planned_logs
from monitor.scoring.score import score
from monitor.scoring.table import table
from tests.quality.study import Study

PLAN: Final = Path(__file__).parent / "plan.toml"


def run(jobs: int) -> Study:
    """What `foreshock score --simulate tests/quality/plan.toml` says."""
    logs = planned_logs(PLAN)
    with progress(len(logs)) as advance:
        card = score(logs, Config(), jobs=jobs, on_log=lambda _: advance())
    return Study(
        name="scenarios",
        title="Scenarios and decoys of the simulated venue",
        table=table(card),
        data=msgspec.to_builtins(card),
    )
