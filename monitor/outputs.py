"""Where incidents and bad records go."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import structlog

from monitor.config import Config
from monitor.incidents import Incident, encode
from monitor.records import BadRecord
from monitor.sinks.files import AuditLog, DeadLetterFile
from monitor.sinks.kafka import KafkaSink
from monitor.sinks.letters import letter
from monitor.sources.kafka import client_options

FLUSH_S: Final = 10.0
VALUE_BYTES_MAX: Final = 128 << 10  # of a bad record in a message; escaped, a broker takes it still
_log = structlog.get_logger(__name__)


class Outputs:
    """Tells the audit log first, then the rest."""

    def __init__(self, config: Config, on_incident: Callable[[Incident], None]) -> None:
        out = config.output
        self._on_incident = on_incident
        self.audit = AuditLog(Path(out.audit_log)) if out.audit_log else None
        self._letters = DeadLetterFile(Path(out.dead_letter_file)) if out.dead_letter_file else None
        self._unwritten = 0
        options = client_options(config.kafka)
        self.sinks = {
            topic: KafkaSink(options, topic, queue_max=out.queue_max)
            for topic in (out.alerts_topic, out.dead_letter_topic)
            if topic is not None
        }
        self._alerts = self.sinks.get(out.alerts_topic or "")
        self._dead_letters = self.sinks.get(out.dead_letter_topic or "")

    def start(self) -> None:
        for sink in self.sinks.values():
            sink.start()

    def tell(self, incidents: Sequence[Incident]) -> None:
        """Send changes of incidents on; one that the audit log holds already is not news."""
        for incident in incidents:
            news = self.audit is None or self.audit.write(incident)
            if self._alerts is not None:
                self._alerts.send(incident.id.encode(), encode(incident))
            if news:
                self._on_incident(incident)

    def bury(self, bad: Sequence[BadRecord]) -> None:
        """Send bad records to the dead letters, if there are any."""
        for record in bad:
            if self._dead_letters is not None:
                key, value = record.origin.topic.encode(), letter(record, VALUE_BYTES_MAX)
                self._dead_letters.send(key, value)
        if self._letters is not None:
            self._write(self._letters, bad)

    def _write(self, letters: DeadLetterFile, bad: Sequence[BadRecord]) -> None:
        """Into the file; where that has no room, they are counted, and detection goes on."""
        for done, record in enumerate(bad):
            try:
                letters.write(record)
            except OSError as error:
                self._unwritten += len(bad) - done
                _log.error("dead letters not written", reason=error.strerror, records=len(bad))
                return

    @property
    def dropped_total(self) -> int:
        return self._unwritten + sum(sink.dropped_total for sink in self.sinks.values())

    async def flush(self, timeout_s: float) -> bool:
        """Whether every sink has delivered what it was given, after waiting so long at most."""
        return all(await asyncio.gather(*(sink.flush(timeout_s) for sink in self.sinks.values())))

    async def stop(self) -> None:
        await asyncio.gather(*(sink.stop(FLUSH_S) for sink in self.sinks.values()))
        for file in (self.audit, self._letters):
            if file is not None:
                file.close()
