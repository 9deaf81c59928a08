"""All rules, one after another."""

from monitor.config import Config
from monitor.deployment.cluster import Cluster, single_points
from monitor.deployment.controls import Taught, controls
from monitor.deployment.findings import Audit, ranked
from monitor.deployment.inputs import inputs
from monitor.deployment.outputs import outputs


def judge(
    config: Config, *, taught: Taught | None = None, cluster: Cluster | str | None = None
) -> Audit:
    """Every finding on a deployment, the worst first.

    taught: what detectors.calibration says of itself. cluster: what the brokers said, why they
    did not answer, or None where they were not asked.
    """
    found = [
        *inputs(config),
        *controls(config, taught),
        *outputs(config),
        *single_points(config, cluster),
    ]
    return Audit(venue=config.venue, findings=ranked(found))
