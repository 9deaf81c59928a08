"""The dashboards as Grafana's own panels draw them, from data of a real run, as pictures.

    make screenshots                                # of a simulated venue; four minutes
    python -m tests.grafana --prometheus URL        # of a Prometheus that is there

Needs npm and Debian's chromium. Not a test: the pictures are for people.
"""

import json
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, sync_playwright

from grafana.build import FOLDER
from monitor.demo.exchange import Script
from tests.conftest import embedded_in_thread
from tests.grafana.prometheus import Prometheus
from tests.grafana.stored import NAMES, dashboard, filled, loudest_incident
from tests.grafana.watched import watched

RENDER: Final = FOLDER.parent / "render"
PICTURES: Final = FOLDER.parent / "screenshots"
LOOKS: Final = {"dark": ("dark", 1440), "light": ("light", 1440), "phone": ("dark", 390)}
SPAN_S: Final = 240.0
QUIET_S: Final = 100.0  # read at once, before anybody looks
STORY: Final = Script(
    leverage_from_s=190.0, pull_from_s=200.0, pull_until_s=600.0, leverage_per_s=12.0, haste=30.0
)
ENOUGH_S: Final = 45.0  # of trouble


def main(url: str | None) -> None:
    """Take pictures of a running Prometheus, or of a venue that is simulated for them."""
    for program in ("npm", "chromium"):
        if shutil.which(program) is None:
            raise SystemExit(f"there is no {program} on the path")
    _build()
    if url is not None:
        take(Prometheus(url))
        return
    with tempfile.TemporaryDirectory() as folder, embedded_in_thread() as broker:
        run = watched(broker.bootstrap, Path(folder), script=STORY, past_s=QUIET_S, within_s=SPAN_S)
        with run as server:
            time.sleep(ENOUGH_S)
            take(server)


def take(server: Prometheus) -> None:
    """Ask everything, draw it, and save a picture a dashboard and look."""
    answers = {name: _answered(name, server) for name in NAMES}
    (RENDER / "dist" / "data.json").write_text(json.dumps(answers), encoding="utf-8")
    PICTURES.mkdir(exist_ok=True)
    with _served(RENDER / "dist") as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name in NAMES:
            for look, (theme, width) in LOOKS.items():
                path = PICTURES / f"{name}-{look}.png"
                _draw(browser, f"{address}/?dashboard={name}&theme={theme}", width, path)
                print(path)  # noqa: T201
        browser.close()


def _draw(browser: Browser, url: str, width: int, path: Path) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    said: list[str] = []
    page.on("console", lambda line: said.append(line.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(url)
    page.wait_for_function("document.title == 'drawn' || document.title.startsWith('failed')")
    if page.title() != "drawn":
        raise SystemExit("\n".join([page.title(), *said]))
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": width, "height": height})  # tables draw what is in view
    page.wait_for_timeout(500)
    page.screenshot(path=path)
    page.close()


def _answered(name: str, server: Prometheus) -> dict[str, Any]:
    """A dashboard and what its panels' queries found, as a list of series a query."""
    end = time.time()
    span = f"{SPAN_S:.0f}s"
    incident = loudest_incident(server, span)
    stored = dashboard(name)
    answers = {}
    for panel in stored["panels"]:
        found = []
        for target in panel.get("targets", ()):
            expr = filled(target["expr"], incident=incident, __range=span)
            if target["instant"]:
                found.append([s | {"values": [s["value"]]} for s in server.now(expr)])
            else:
                found.append(server.over(expr, SPAN_S))
        answers[panel["id"]] = found
    return {"dashboard": stored, "answers": answers, "from": end - SPAN_S, "to": end}


def _build() -> None:
    """The page, anew."""
    if not (RENDER / "node_modules").is_dir():
        command = ["npm", "ci", "--legacy-peer-deps", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=RENDER, check=True)
    subprocess.run(
        ["npm", "run", "--silent", "build", "--", "--logLevel=warn"], cwd=RENDER, check=True
    )


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The address of a folder's files."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
