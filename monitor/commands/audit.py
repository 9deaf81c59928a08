"""`foreshock audit`: of a deployment, and of the fairness of forced orders."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
from aiokafka.errors import KafkaError

from monitor.calibration import configured, read
from monitor.codec import Codec
from monitor.commands.progress import Bar
from monitor.config import Config
from monitor.deployment import Cluster, judge
from monitor.deployment.cluster import groups, topics
from monitor.deployment.controls import Taught
from monitor.deployment.text import audit_text
from monitor.fairness import FairnessOptions, Gatherer
from monitor.fairness import judge as judge_fairness
from monitor.fairness.text import fairness_text
from monitor.logs import configure
from monitor.replay import ReplayTotals
from monitor.sources.cluster import describe
from monitor.sources.files import open_log


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


def audit_fairness(
    config: Config, logs: Sequence[Path], options: FairnessOptions, *, as_json: bool
) -> str:
    """The audit of forced orders in some logs, as text or JSON; raises LogError."""
    codec = Codec(config.topics, record_bytes_max=config.input.record_bytes_max)
    seen = Gatherer()
    opened = [open_log(path) for path in logs]
    totals = ReplayTotals()
    with Bar("audit") as bar:
        bar.total_bytes = 2 * sum(log.path.stat().st_size for log in opened)
        before = 0
        for take in (seen.first, seen.second):
            for log in opened:
                for raw in log.batches(record_bytes_max=config.input.record_bytes_max):
                    take(codec.decode(raw))
                    totals.events, totals.read_bytes = seen.events, before + log.read_bytes
                    bar.show(totals)
                before += log.read_bytes
    verdict = judge_fairness(seen, options)
    return msgspec.json.encode(verdict).decode() if as_json else fairness_text(verdict)
