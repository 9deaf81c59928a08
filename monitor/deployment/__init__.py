"""An audit of how a monitor is deployed: what is set, and what the brokers say, as findings."""

from monitor.deployment.cluster import Cluster, Topic
from monitor.deployment.findings import Audit, Finding
from monitor.deployment.rules import judge

__all__ = ["Audit", "Cluster", "Finding", "Topic", "judge"]
