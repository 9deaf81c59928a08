"""`foreshock audit -c FILE`."""

import asyncio
from pathlib import Path

import msgspec
from aiokafka.errors import KafkaError

from monitor.calibration import configured, read
from monitor.config import Config
from monitor.deployment import Cluster, judge
from monitor.deployment.cluster import groups, topics
from monitor.deployment.controls import Taught
from monitor.deployment.text import audit_text
from monitor.logs import configure
from monitor.sources.cluster import describe


def audit_deployment(config: Config, *, connect: bool, as_json: bool) -> tuple[str, bool]:
    """The audit as text or JSON, and whether something is critical."""
    cluster = _ask(config) if connect else None
    audit = judge(config, taught=_taught(config), cluster=cluster)
    text = msgspec.json.encode(audit).decode() if as_json else audit_text(audit)
    return text, audit.critical


def _taught(config: Config) -> Taught | None:
    """What the calibration says of itself; raises CalibrationError where it cannot be used."""
    name = config.detectors.calibration
    if configured(config) is None or name is None:
        return None
    calibration = read(Path(name))
    return Taught(quiet_hours=calibration.quiet_hours, simulated=bool(calibration.seeds))


def _ask(config: Config) -> Cluster | str:
    """What the brokers say, or why they do not."""
    configure(quiet=True)
    try:
        return asyncio.run(describe(config.kafka, topics(config), groups(config)))
    except (KafkaError, TimeoutError, OSError) as error:
        return " ".join(str(error).split()) or type(error).__name__
