"""Open incidents as metrics: one series each to alert on, and their text for messages.

As an incident grows, only severity and scope change in the labels of `foreshock_incident_open`.
What it says changes often: that is in `foreshock_incident_info`, which messages look up by id.
Accounts are counted there, never named.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric

from monitor.incidents import SEVERITIES, VENUE, Incident

SERIES_MAX: Final = 50  # open incidents that have series; pages first, then the loudest
SYMBOLS_MAX: Final = 5
TEXT_MAX: Final = 1_000  # characters of a label
WIDE_SIGNAL: Final = "market_wide"
_FIRST: Final = re.compile(r", first (\S.*? on \S+?)(?=[,;.](?:\s|$))")


class IncidentMetrics:
    """Follows the changes of incidents.

    open: by id. known: whether `open` is all there is; it is not between a start and the moment
    when what was open before is known again.
    """

    def __init__(self, signals: Sequence[str], registry: CollectorRegistry, *, venue: str) -> None:
        self.open: dict[str, Incident] = {}
        self.known = False
        self._venue = venue
        self._signals = signals
        self._leads: dict[str, str] = {}  # id -> the signal it was opened with
        self._told: set[tuple[str, str]] = set()
        self._total = Counter(
            "foreshock_incidents",
            "Incidents opened, by their lead signal; one counts again where it turns worse.",
            ["severity", "signal"],
            registry=registry,
        )
        for severity in SEVERITIES:
            for signal in signals:
                self._total.labels(severity, signal)

    def know(self, incidents: Sequence[Incident] | None) -> None:
        """After a start: all that is open, told before; None while nobody can say."""
        self.known = incidents is not None
        self.open = {incident.id: incident for incident in incidents or ()}
        self._leads = {i.id: self._leads.get(i.id, i.signals[0]) for i in self.open.values()}
        self._told = {(i.id, i.severity) for i in self.open.values()}

    def tell(self, incident: Incident) -> None:
        """Take in one change."""
        if incident.change == "close":
            self.open.pop(incident.id, None)
            self._leads.pop(incident.id, None)
        else:
            self.open[incident.id] = incident
            self._leads.setdefault(incident.id, incident.signals[0])
        if (incident.id, incident.severity) not in self._told:
            self._told.add((incident.id, incident.severity))
            self._total.labels(incident.severity, incident.signals[0]).inc()
        if incident.change == "close":
            self._told -= {(incident.id, severity) for severity in SEVERITIES}

    def symbols(self) -> list[str]:
        """Symbols of what is open, the loudest of each incident first, the worst incident first."""
        places = [
            (place, rank, seen.symbol)
            for rank, incident in enumerate(_ranked(self.open.values()))
            for place, seen in enumerate(incident.symbols)
            if seen.symbol != VENUE
        ]
        return list(dict.fromkeys(symbol for *_, symbol in sorted(places)))

    def collect(self) -> Iterator[Metric]:
        """Gauges as they stand at this scrape."""
        opened = list(self.open.values())
        yield self._count(opened)
        yield from incident_metrics(
            opened, venue=self._venue, leads=dict(self._leads), known=self.known
        )

    def _count(self, opened: Sequence[Incident]) -> Metric:
        counts = {(severity, signal): 0 for severity in SEVERITIES for signal in self._signals}
        for incident in opened:
            for signal in incident.signals:
                counts[incident.severity, signal] = counts.get((incident.severity, signal), 0) + 1
        return _gauge(
            "foreshock_incidents_open",
            "Open incidents by severity and every signal that is part of them.",
            ["severity", "signal"],
            counts.items(),
        )


def _ranked(incidents: Iterable[Incident]) -> list[Incident]:
    """Pages first, then the loudest."""
    return sorted(incidents, key=lambda i: (-SEVERITIES.index(i.severity), -i.score, i.id))


def incident_metrics(
    incidents: Iterable[Incident], *, venue: str, leads: dict[str, str], known: bool
) -> Iterator[Metric]:
    """Series of the open incidents; leads and known: see IncidentMetrics."""
    ranked = _ranked(incidents)
    shown = ranked[:SERIES_MAX]
    yield _gauge(
        "foreshock_incidents_known",
        "1 once all open incidents are known, also those from before a restart.",
        ["venue"],
        [([venue], float(known))],
    )
    yield _gauge(
        "foreshock_incidents_unlisted",
        "Open incidents beyond those that have series.",
        [],
        [([], float(len(ranked) - len(shown)))],
    )
    yield _gauge(
        "foreshock_incident_open",
        "1 for an open incident. scope: venue where the whole market moves, else symbols.",
        ["venue", "id", "severity", "signal", "scope"],
        [
            ([venue, i.id, i.severity, leads.get(i.id, i.signals[0]), scope_of(i)], 1.0)
            for i in shown
        ],
    )
    yield _gauge(
        "foreshock_incident_info",
        "What an open incident says, without account names.",
        [
            *("venue", "id", "summary", "symbols", "first"),
            *("accounts_share", "signals", "onset"),
        ],
        [([venue, i.id, *_texts(i)], 1.0) for i in shown],
    )
    yield from _numbers(shown)


def _numbers(shown: Sequence[Incident]) -> Iterator[Metric]:
    """Of each incident, by id alone: what it says may change, its series stay."""
    yield _gauge(
        "foreshock_incident_onset_timestamp_seconds",
        "Venue time at which an open incident is estimated to have begun.",
        ["id"],
        [([i.id], i.onset_ns / 1e9) for i in shown],
    )
    yield _gauge(
        "foreshock_incident_score",
        "Decades of surprise of an open incident: k is once in 10^k quiet bins.",
        ["id"],
        [([i.id], i.score) for i in shown],
    )
    ratios = ((i.id, ratio_of(i)) for i in shown)
    yield _gauge(
        "foreshock_incident_ratio",
        "Observed over expected of an open incident's loudest signal; none without expectation.",
        ["id"],
        [([name], ratio) for name, ratio in ratios if ratio is not None],
    )


def scope_of(incident: Incident) -> str:
    """Whether the whole market is part of an incident."""
    return "venue" if WIDE_SIGNAL in incident.signals else "symbols"


def ratio_of(incident: Incident) -> float | None:
    """Observed over expected, summed over the streams of the loudest signal."""
    alike = [s for s in incident.symbols if s.signal == incident.signals[0]]
    expected = sum(s.expected for s in alike)
    return sum(s.observed for s in alike) / expected if expected > 0 else None


def symbols_of(incident: Incident) -> str:
    """The loudest symbols, by commas."""
    names = list(dict.fromkeys(s.symbol for s in incident.symbols))
    symbols = [name for name in names if name != VENUE] or names
    return ",".join(symbols[:SYMBOLS_MAX])


def first_of(incident: Incident) -> str:
    """What moved first, in the summary's words; where it does not say, the loudest stream."""
    found = _FIRST.search(nameless(incident))
    if found is not None:
        return found[1]
    where = incident.symbols[0].symbol if incident.symbols else VENUE
    return f"{incident.signals[0]} on {'the whole venue' if where == VENUE else where}"


def accounts_share_of(incident: Incident) -> str:
    """How much few accounts did of the loudest signal that names any: "62% by one, 91% by five"."""
    by_signal = {
        a.signal: [b for b in incident.accounts if b.signal == a.signal] for a in incident.accounts
    }
    known = [by_signal[signal] for signal in incident.signals if signal in by_signal]
    if not known:
        return ""
    shares = sorted((a.share for a in known[0]), reverse=True)
    text = f"{shares[0]:.0%} by one account"
    if len(shares) > 1:
        text += f", {sum(shares):.0%} by {len(shares)}"
    return text


def nameless(incident: Incident) -> str:
    """The summary without account names. Names that are also part of other words stay words."""
    names = sorted({a.account for a in incident.accounts if a.account}, key=len, reverse=True)
    if not names:
        return incident.summary
    any_name = "|".join(map(re.escape, names))
    # An account may be called 24 or 20: neither "24.3x" nor "20:27:36" is about it.
    return re.sub(
        rf"(?<![\w-])(?<!\d[.:])(?:{any_name})(?![\w-]|[.:]\d)", "one account", incident.summary
    )


def _texts(incident: Incident) -> Sequence[str]:
    moment = datetime.fromtimestamp(incident.onset_ns // 1_000_000_000, UTC)
    millis = incident.onset_ns % 1_000_000_000 // 1_000_000
    texts = (
        nameless(incident),
        symbols_of(incident),
        first_of(incident),
        accounts_share_of(incident),
        ",".join(incident.signals),
        f"{moment:%Y-%m-%d %H:%M:%S}.{millis:03d} UTC",
    )
    return [text[:TEXT_MAX] for text in texts]


def _gauge(
    name: str, text: str, labels: Sequence[str], samples: Iterable[tuple[Sequence[str], float]]
) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
