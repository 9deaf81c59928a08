"""Every scenario and decoy in every size, on scoring seeds, with the default configuration."""

from pathlib import Path
from typing import Final

import msgspec

from monitor.config import Config
from monitor.scoring.plan import planned_logs
from monitor.scoring.score import score
from monitor.scoring.table import table
from tests.quality import Study

PLAN: Final = Path(__file__).parent / "plan.toml"


def run(jobs: int) -> Study:
    """What `foreshock score --simulate tests/quality/plan.toml` says."""
    card = score(planned_logs(PLAN), Config(), jobs=jobs)
    return Study(
        name="scenarios",
        title="Scenarios and decoys of the simulated venue",
        table=table(card),
        data=msgspec.to_builtins(card),
    )
