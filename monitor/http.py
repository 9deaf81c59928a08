"""The HTTP side: /metrics, /healthz, /readyz, /incidents."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from html import escape
from typing import Final

import msgspec
import structlog
from aiohttp import web

from monitor.config import Http
from monitor.detection import Detection
from monitor.exporter import Exporter
from monitor.incidents import FEED, Incident

RECENT_MAX: Final = 200
STALLED_S: Final = 15.0  # without a closed bin, event time stands still
DEAD_S: Final = 60.0
CAUGHT_UP_RECORDS: Final = 50_000
_log = structlog.get_logger(__name__)


class Status:
    """What the HTTP side shows; the service keeps it current. Times are monotonic seconds."""

    def __init__(self, exporter: Exporter) -> None:
        self.exporter = exporter
        self.assigned = False
        self.ticked_s = time.monotonic()
        self.stepped_s: float | None = None
        self.recent: deque[Incident] = deque(maxlen=RECENT_MAX)
        self.port = 0
        self.serving = asyncio.Event()

    def tell(self, incidents: Sequence[Incident]) -> None:
        """Remember changes of incidents."""
        self.recent.extend(incidents)

    def tell_open(self, detection: Detection) -> None:
        """After a restart: what is open is shown again, as a page must stay up."""
        self.exporter.open = {incident.id: incident for incident in detection.open_incidents()}

    def not_ready(self) -> list[str]:
        """Why the monitor cannot be relied on yet; empty when it can."""
        reasons = []
        if not self.assigned:
            reasons.append("no partitions assigned")
        if sum(self.exporter.lag.values()) > CAUGHT_UP_RECORDS:
            reasons.append("catching up")
        if self.stepped_s is None:
            reasons.append("no bin judged yet")
        elif time.monotonic() - self.stepped_s > STALLED_S:
            reasons.append("event time stands still")
        blind = [reason for signal, reason in self.exporter.blind.items() if signal not in FEED]
        if self.stepped_s is None or "warming_up" in blind:
            reasons.append("warming up")
        return reasons

    def blind(self) -> None:
        """When no bin closes, every signal is blind, whatever it said last."""
        stepped_s = self.stepped_s
        if stepped_s is None or time.monotonic() - stepped_s > STALLED_S:
            self.exporter.blind = dict.fromkeys(self.exporter.signals, "stalled")


@asynccontextmanager
async def serve(options: Http, status: Status) -> AsyncIterator[None]:
    """Serve until the block ends. Raises OSError when the address is taken."""
    app = web.Application()
    app.add_routes(
        [
            web.get("/metrics", _metrics),
            web.get("/healthz", _healthz),
            web.get("/readyz", _readyz),
            web.get("/incidents", _incidents),
        ]
    )
    app[STATUS] = status
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, options.host, options.port)
        await site.start()
        status.port = runner.addresses[0][1]
        status.serving.set()
        _log.info("serving", url=f"http://{options.host}:{status.port}/metrics")
        yield
    finally:
        await runner.cleanup()


STATUS: Final = web.AppKey("status", Status)


async def _metrics(request: web.Request) -> web.Response:
    status = request.app[STATUS]
    status.blind()
    body, content_type = await asyncio.to_thread(status.exporter.exposition)
    return web.Response(body=body, headers={"Content-Type": content_type})


async def _healthz(request: web.Request) -> web.Response:
    """Alive: the loop answers, and the consumer has turned within the last minute."""
    silent_s = time.monotonic() - request.app[STATUS].ticked_s
    if silent_s > DEAD_S:
        return web.json_response({"alive": False, "silent_s": round(silent_s)}, status=503)
    return web.json_response({"alive": True})


async def _readyz(request: web.Request) -> web.Response:
    reasons = request.app[STATUS].not_ready()
    return web.json_response(
        {"ready": not reasons, "reasons": reasons}, status=503 if reasons else 200
    )


async def _incidents(request: web.Request) -> web.Response:
    status = request.app[STATUS]
    open_now = sorted(status.exporter.open.values(), key=lambda i: (-i.score, i.id))
    recent = list(reversed(status.recent))
    if "text/html" in request.headers.get("Accept", ""):
        return web.Response(text=_page(open_now, recent), content_type="text/html")
    body = msgspec.json.encode({"open": open_now, "recent": recent})
    return web.Response(body=body, content_type="application/json")


def _page(open_now: Sequence[Incident], recent: Sequence[Incident]) -> str:
    """A plain page; the incident pages proper are built on the same JSON."""
    rows = "".join(
        f"<tr><td>{escape(i.severity)}</td><td>{escape(i.change)}</td>"
        f"<td>{i.score:.1f}</td><td>{escape(i.summary)}</td></tr>"
        for i in recent
    )
    now = "".join(f"<li><b>{escape(i.severity)}</b> {escape(i.summary)}</li>" for i in open_now)
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Foreshock</title>"
        "<style>body{font:16px/1.5 system-ui;margin:2rem;max-width:60rem}"
        "td{padding:.2rem .8rem;vertical-align:top;border-top:1px solid #8884}</style>"
        f"<h1>Open incidents</h1><ul>{now or '<li>none</li>'}</ul>"
        f"<h2>Recent changes</h2><table>{rows}</table></html>"
    )
