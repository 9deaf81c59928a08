"""A real exporter behind HTTP whose incidents a test makes up."""

import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Self

from monitor.detection import Step
from monitor.exporter import Exporter
from monitor.incidents import AccountEvidence, Change, Incident, Severity, SymbolEvidence
from tests.processes import free_ports

SIGNALS: Final = ("order_burst", "cancel_burst", "leverage_burst", "market_wide", "drift")
ONSET_NS: Final = 1_795_551_000_250_000_000  # 2026-11-24 20:10:00.250 UTC
STEP_S: Final = 0.1


class Monitor:
    """Answers /metrics inside the `with` block, and judges an empty bin every now and then.

    It may go and come back on the same port; what it exports is then that of a new process.
    """

    def __init__(self, *, venue: str = "venue") -> None:
        self.venue = venue
        self.address = f"127.0.0.1:{free_ports(1)[0]}"
        self.exporter = self._new()
        self._server: ThreadingHTTPServer | None = None
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        self.come(known=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.go()

    def come(self, *, known: bool) -> None:
        """Start as a new process does; known: whether it can say which incidents are open."""
        self.exporter = exporter = self._new()
        if known:
            exporter.know([])

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body, content_type = exporter.exposition()
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        host, port = self.address.split(":")
        self._server = ThreadingHTTPServer((host, int(port)), Handler)
        self._ended = threading.Event()
        serve = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        serve.start()
        threading.Thread(target=self._turn, args=(exporter, self._ended), daemon=True).start()

    def go(self) -> None:
        """Stop answering, as a killed process does."""
        self._ended.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def tell(self, *incidents: Incident) -> None:
        """Judge a bin that tells changes of incidents."""
        self.exporter.stepped(_step(incidents), ["BTC-PERP"], 0.001)

    def _new(self) -> Exporter:
        return Exporter(["orders", "cancels"], SIGNALS, scores_max=5, venue=self.venue)

    def _turn(self, exporter: Exporter, ended: threading.Event) -> None:
        while not ended.wait(STEP_S):
            exporter.stepped(_step(()), ["BTC-PERP"], 0.001)


def incident(
    change: Change = "open",
    severity: Severity = "page",
    *,
    id: str = "c3f82f7498bdef1e",  # noqa: A002 - the field's name
    signals: Sequence[str] = ("cancel_burst", "order_burst"),
    summary: str | None = None,
) -> Incident:
    """An incident on six symbols, mostly made by an account called whale-7."""
    names = [f"{name}-PERP" for name in ("XRP", "DOGE", "SOL", "ETH", "BTC", "LTC")]
    return Incident(
        schema=1,
        id=id,
        change=change,
        at_ns=ONSET_NS + 3_000_000_000,
        onset_ns=ONSET_NS,
        severity=severity,
        signals=list(signals),
        symbols=[
            SymbolEvidence(name, signals[0], 7.5 - i / 4, 40.0, 2.0, 20.0)
            for i, name in enumerate(names)
        ],
        accounts=[
            AccountEvidence("whale-7", signals[0], 0.62, 149),
            AccountEvidence("20", signals[0], 0.21, 50),
        ],
        score=7.5,
        summary=summary
        or "Cancels at 20.0x the expected rate on 6 symbols (XRP-PERP, DOGE-PERP, SOL-PERP and 3 "
        "more) since 20:10:00.250 UTC, first orders on SOL-PERP, with order_burst; whale-7 made "
        "62% of them.",
        trust={},
    )


def _step(incidents: Sequence[Incident]) -> Step:
    return Step(1, ONSET_NS, 0, [], 0.0, incidents)
