"""Pages as HTML: templates, filled with what a status knows. Everything in them is escaped."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from monitor.casebook import Entry
from monitor.events import NS_PER_S
from monitor.incidents import VENUE, AccountEvidence, Incident
from monitor.pages.chart import Chart, chart
from monitor.pages.health import notices
from monitor.pages.links import filled
from monitor.pretty import clock, count, duration
from monitor.rarity import rarity
from monitor.status import Status

REFRESH_S: Final = 10
FIRST_SHOWN: Final = 5
ROWS_SHOWN: Final = 12  # the rest is there when asked for
TRUST_SHOWN: Final = 5  # streams without an opinion, or late partitions
LEADING_SHARE: Final = 0.2  # of an account, to be named in the list
SHARE_MIN: Final = 0.05  # of an account, to be shown at once
_ROOM: Final = files("monitor.pages") / "templates"
_CSS: Final = (_ROOM / "page.css").read_text(encoding="utf-8")
_SCRIPT: Final = (_ROOM / "page.js").read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src {_hash(_CSS)}; script-src {_hash(_SCRIPT)}; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Vary": "Accept",
}


@dataclass(frozen=True, slots=True)
class Row:
    """An incident in the list. stands: in a word, whether it goes on. leading: who stands out."""

    incident: Incident
    stands: str
    leading: AccountEvidence | None
    chart: Chart | None


@dataclass(frozen=True, slots=True)
class First:
    """Streams of one signal that began in the same bin."""

    onset_ns: int
    signal: str
    symbols: list[str]


def list_page(status: Status, now_ns: int, *, still: bool) -> str:
    """Open incidents, then recent ones. now_ns: wall time. still: it does not load itself anew."""
    open_now = sorted(status.exporter.open.values(), key=lambda i: (-i.score, i.id))
    rows = {entry.incident.id: _row(entry, status) for entry in status.casebook}
    past = [row for id_, row in rows.items() if id_ not in status.exporter.open]
    return _render(
        "incidents.html",
        status,
        now_ns,
        still=still,
        open=[rows[incident.id] for incident in open_now if incident.id in rows],
        past=past,
        venue_chart=chart(status.venue.points, status.config),
    )


def incident_page(status: Status, entry: Entry, now_ns: int, *, still: bool) -> str:
    """One incident, with all that is known of it."""
    incident = entry.incident
    stands = _stands(incident, status)
    opened_ns = entry.changes[0].at_ns
    moments = [("onset", incident.onset_ns // NS_PER_S), ("told", opened_ns // NS_PER_S)]
    if stands == "over":
        moments.append(("over", incident.at_ns // NS_PER_S))
    slot_s = entry.line.slot_s
    links = status.config.http
    return _render(
        "incident.html",
        status,
        now_ns,
        still=still or stands == "over",
        incident=incident,
        stands=stands,
        began_ns=opened_ns,
        changes=list(reversed(entry.changes)),
        chart=chart(entry.line, status.config, slot_s=slot_s, moments=moments),
        charts={s: chart(line, status.config, slot_s=slot_s) for s, line in entry.streams.items()},
        first=_first(entry),
        rows_shown=ROWS_SHOWN,
        accounts=sorted(incident.accounts, key=lambda a: -a.share),
        share_min=SHARE_MIN,
        trust_shown=TRUST_SHOWN,
        onsets_ns=entry.onsets_ns,
        rarity=rarity(incident.score, status.config.bin_ns),
        grafana=links.grafana_url and filled(links.grafana_url, incident),
        runbook=links.runbook_url and filled(links.runbook_url, incident),
    )


def missing_page(status: Status, id_: str, now_ns: int) -> str:
    """An incident that is not known, or not any more."""
    return _render("missing.html", status, now_ns, still=True, id=id_)


def _render(template: str, status: Status, now_ns: int, *, still: bool, **known: Any) -> str:
    found = notices(status, now_ns)
    return _ENVIRONMENT.get_template(template).render(
        venue=status.config.venue,
        now_ns=now_ns,
        today=_moment(now_ns).date(),
        watermark_ns=status.exporter.watermark_ns,
        notices=found,
        calm=all(notice.level == "note" for notice in found),
        signals=[s for s in status.exporter.signals if s not in status.exporter.blind],
        refresh_s=None if still else REFRESH_S,
        still=still,
        **known,
    )


def _row(entry: Entry, status: Status) -> Row:
    line = chart(entry.line, status.config, slot_s=entry.line.slot_s)
    incident = entry.incident
    top = max(incident.accounts, key=lambda account: account.share, default=None)
    leading = top if top is not None and top.share >= LEADING_SHARE else None
    return Row(incident, _stands(incident, status), leading, line)


def _stands(incident: Incident, status: Status) -> str:
    if incident.id in status.exporter.open:
        return "open"
    return "over" if incident.change == "close" else "left"


def _first(entry: Entry) -> list[First]:
    """What began first, in its order; the venue's own streams are no symbol's."""
    together: dict[tuple[int, str], list[str]] = {}
    for (signal, symbol), onset_ns in sorted(entry.onsets_ns.items(), key=lambda item: item[1]):
        if symbol != VENUE and onset_ns >= entry.incident.onset_ns:
            together.setdefault((onset_ns, signal), []).append(symbol)
    shown = list(together.items())[:FIRST_SHOWN]
    return [First(onset_ns, signal, symbols) for (onset_ns, signal), symbols in shown]


def _moment(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // NS_PER_S, UTC)


def _iso(ns: int) -> str:
    return f"{_moment(ns):%Y-%m-%dT%H:%M:%S}.{ns % NS_PER_S // 1_000_000:03d}Z"


_ENVIRONMENT: Final = Environment(
    loader=PackageLoader("monitor.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals |= {
    # files of this package, and what is allowed to run by their very bytes
    "css": Markup(_CSS),  # noqa: S704
    "script": Markup(_SCRIPT),  # noqa: S704
    "venue_symbol": VENUE,
}
_FILTERS: dict[str, Callable[..., object]] = {
    "iso": _iso,
    "clock": clock,
    "seconds_clock": lambda at_s: clock(at_s * NS_PER_S)[:8],
    "date": lambda ns: _moment(ns).date(),
    "duration": lambda ns: duration(ns / NS_PER_S),
    "count": count,
}
_ENVIRONMENT.filters |= _FILTERS
