"""What would have been sent: takes every message, keeps it in a file, shows it in a browser.

    python -m monitor.demo.inbox FILE

Each POST is one line of JSON: when it came, for whom (the path), and what it said. GET / shows the
latest, and /runbooks/NAME.md a file of the folder that messages link to.
"""

import json
import threading
from collections import deque
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import click

SHOWN_MAX: Final = 50
FILE_BYTES_MAX: Final = 20_000_000
MESSAGE_BYTES_MAX: Final = 1_000_000


class Inbox:
    """Messages in a file of JSON lines; what is full is kept as FILE.1, and that one is dropped."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self.latest: deque[str] = deque(maxlen=SHOWN_MAX)

    def take(self, to: str, body: bytes) -> None:
        """One message for someone."""
        try:
            message = json.loads(body)
        except ValueError:
            message = body.decode(errors="replace")
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"at": at, "to": to, "message": message})
        with self._lock:
            if self._file.exists() and self._file.stat().st_size > FILE_BYTES_MAX:
                self._file.replace(f"{self._file}.1")
            with self._file.open("a") as file:
                file.write(line + "\n")
            self.latest.appendleft(f"{at}  {to:18}  {gist(message)}")


def gist(message: Any) -> str:
    """The line of a message that a person would read first; of other forms than a webhook's, their
    title."""
    if not isinstance(message, dict):
        return str(message)[:200]
    for alert in message.get("alerts", ()):
        what = alert.get("annotations", {}).get("summary", "")
        return f"{message.get('status', '')}: {what}"
    for part in message.get("attachments", ()):
        return str(part.get("title", ""))
    payload = message.get("payload") or {}
    return f"{message.get('event_action', '')}: {payload.get('summary', '')}"


def server(address: tuple[str, int], inbox: Inbox, runbooks: Path | None) -> ThreadingHTTPServer:
    """An HTTP server over an inbox; the caller runs it. Raises OSError where the port is taken."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if length > MESSAGE_BYTES_MAX:
                self._answer(413, b"too long\n", "text/plain")
                return
            inbox.take(self.path, self.rfile.read(length))
            self._answer(200, b'{"status": "success", "message": "ok"}', "application/json")

        def do_GET(self) -> None:
            found = page(self.path, inbox, runbooks)
            if found is None:
                self._answer(404, b"nothing here\n", "text/plain")
            else:
                self._answer(200, found.encode(), "text/plain; charset=utf-8")

        def _answer(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: what came is in the file."""

    return ThreadingHTTPServer(address, Handler)


def page(path: str, inbox: Inbox, runbooks: Path | None) -> str | None:
    """What a GET shows, None where there is nothing."""
    if path == "/":
        return "\n".join(inbox.latest or ["Nothing was sent yet."]) + "\n"
    folder, _, name = path.removeprefix("/").partition("/")
    if folder == "runbooks" and runbooks is not None:
        listed = {file.name: file for file in runbooks.glob("*.md")}  # and no other file
        return listed[name].read_text(encoding="utf-8") if name in listed else None
    return None


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=9095, show_default=True)
@click.option("--runbooks", type=click.Path(path_type=Path, file_okay=False), default=None)
def main(file: Path, host: str, port: int, runbooks: Path | None) -> None:
    """Take messages until ended."""
    try:
        with server((host, port), Inbox(file), runbooks) as running:
            running.serve_forever()
    except OSError as error:
        raise click.ClickException(f"{host}:{port}: {error.strerror or error}") from error


if __name__ == "__main__":
    main()
