"""The HTTP side: /metrics, /healthz, /readyz, /incidents, /incidents/ID."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec
import structlog
from aiohttp import web

from monitor.config import Http
from monitor.errors import UserError
from monitor.pages.render import HEADERS, incident_page, list_page, missing_page
from monitor.status import Status

DEAD_S: Final = 60.0
_log = structlog.get_logger(__name__)


@asynccontextmanager
async def serve(options: Http, status: Status) -> AsyncIterator[None]:
    """Serve until the block ends. Raises UserError when the address is taken."""
    app = web.Application()
    app.add_routes(
        [
            web.get("/metrics", _metrics),
            web.get("/healthz", _healthz),
            web.get("/readyz", _readyz),
            web.get("/incidents", _incidents),
            web.get("/incidents/{id:[^/]+}", _incident),
        ]
    )
    app[STATUS] = status
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, options.host, options.port)
        try:
            await site.start()
        except OSError as error:
            address = f"{options.host}:{options.port}"
            raise UserError(f"http {address}: {error.strerror or error}") from error
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
    silent_s = request.app[STATUS].stands_still_s()
    if silent_s > DEAD_S:
        return web.json_response({"alive": False, "silent_s": round(silent_s)}, status=503)
    return web.json_response({"alive": True})


async def _readyz(request: web.Request) -> web.Response:
    reasons = request.app[STATUS].not_ready()
    return web.json_response(
        {"ready": not reasons, "reasons": reasons}, status=503 if reasons else 200
    )


async def _incidents(request: web.Request) -> web.Response:
    """All that is open, then recent changes; a page where HTML is asked for."""
    status = request.app[STATUS]
    if _wants_page(request):
        status.blind()
        return _page(list_page(status, time.time_ns(), still="still" in request.query))
    open_now = sorted(status.exporter.open.values(), key=lambda i: (-i.score, i.id))
    return _json({"open": open_now, "recent": list(reversed(status.recent))})


async def _incident(request: web.Request) -> web.Response:
    """One incident with its changes, first to last; 404 where it is not known, or not any more."""
    status, id_ = request.app[STATUS], request.match_info["id"]
    entry = status.casebook.get(id_)
    if _wants_page(request):
        status.blind()
        now_ns = time.time_ns()
        if entry is None:
            return _page(missing_page(status, id_, now_ns), 404)
        return _page(incident_page(status, entry, now_ns, still="still" in request.query))
    if entry is None:
        return _json({"error": "no such incident is known here", "id": id_}, 404)
    is_open = id_ in status.exporter.open
    return _json({"incident": entry.incident, "open": is_open, "changes": entry.changes})


def _wants_page(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")


def _page(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)


def _json(body: object, status: int = 200) -> web.Response:
    headers = {"Vary": "Accept", "Cache-Control": "no-store"}
    encoded = msgspec.json.encode(body)
    return web.Response(
        body=encoded, status=status, content_type="application/json", headers=headers
    )
