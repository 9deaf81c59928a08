"""`foreshock run`."""

import asyncio
import signal

import structlog

from monitor.config import Config
from monitor.errors import UserError
from monitor.garbage import collect_rarely
from monitor.incidents import Incident
from monitor.logs import configure
from monitor.service import Service
from monitor.sharding import ShardService

_log = structlog.get_logger(__name__)


def run_until_signal(config: Config) -> None:
    """Run what the configuration's role says until SIGTERM or SIGINT, which drain it."""
    configure()
    shard = config.scale.role == "shard"
    try:
        asyncio.run(_run(ShardService(config) if shard else Service(config, on_incident=_tell)))
    except OSError as error:
        what = error.filename or "a file or connection"
        raise UserError(f"{what}: {error.strerror or error}") from error


async def _run(service: Service | ShardService) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.stop)
    collect_rarely()
    await service.run()
    _log.info("drained")


def _tell(incident: Incident) -> None:
    write = _log.warning if incident.severity == "page" else _log.info
    write(
        f"incident {incident.change}",
        id=incident.id,
        severity=incident.severity,
        score=incident.score,
        summary=incident.summary,
    )
