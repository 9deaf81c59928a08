"""Dashboard "Incident": one incident, from its sentence down to single streams."""

from detectors.registry import BURSTS
from grafana.books import bands, books
from grafana.dashboard import Annotation, Dashboard, Section, Variable
from grafana.panels import Panel, columns, sorted_by, wrapped
from grafana.queries import SEEN_EVERY, Query, of
from grafana.severity import DECADES
from grafana.streams import PICKED, streams
from grafana.visualizations import ALARM, CALM, NOTE, WARN, Json, Limits, Lines, Stat, Table

CHOSEN = 'id="$incident"'  # the venue is part of what an identity is made from


def _of(metric: str, *matchers: str) -> str:
    return of(f"foreshock_incident_{metric}", CHOSEN, *matchers)


def _last(metric: str, *matchers: str) -> str:
    """The newest value within the dashboard's time, also of an incident that has closed."""
    return f"max(last_over_time({_of(metric, *matchers)}[$__range]))"


def _seen(metric: str) -> str:
    """When each series of a metric was last seen, in seconds; one where a label changed is old."""
    return f"max_over_time(timestamp({_of(metric)})[$__range:{SEEN_EVERY}])"


def _how_bad() -> list[Panel]:
    ranks = " or ".join(
        f"{rank} * max(max_over_time({_of('open', f'severity={chr(34)}{severity}{chr(34)}')}"
        "[$__range]) > 0)"
        for severity, rank in (("page", 3), ("warning", 2), ("info", 1))
    )
    return [
        Panel(
            "Severity",
            "The worst that this incident came to. Severity never falls while one is open.",
            [Query(ranks, "severity", instant=True)],
            Stat(
                words={1: ("info", NOTE), 2: ("warning", WARN), 3: ("page", ALARM)}, background=True
            ),
            unit="none",
            width=3,
            limits=Limits(NOTE, ((2, WARN), (3, ALARM))),
        ),
        Panel(
            "Score",
            "The greatest surprise of the incident, in decades of the whole venue.",
            [Query(f"max(max_over_time({_of('score')}[$__range]))", "decades", instant=True)],
            Stat(),
            unit="none",
            width=3,
            decimals=1,
            limits=Limits(CALM, DECADES),
        ),
        Panel(
            "Times expected",
            "Events of the lead signal since the onset, over what was expected of them; of a "
            "level, such as depth, what it came to over what is usual: a thin book is below 1.",
            [Query(_last("ratio"), "ratio", instant=True)],
            Stat(),
            unit="none",
            decimals=1,
            limits=Limits(WARN, ((0.67, CALM), (1.5, NOTE), (3, WARN), (10, ALARM))),
        ),
    ]


def _since_when() -> list[Panel]:
    onset = _last("onset_timestamp_seconds")
    return [
        Panel(
            "Onset",
            "When the anomaly is estimated to have begun. It may move as more is seen.",
            [Query(f"{onset} * 1000", "onset", instant=True)],
            Stat(),
            unit="dateTimeAsIsoNoDateIfToday",
        ),
        Panel(
            "Lasts",
            "From the onset until it was last seen open.",
            [Query(f"max({_seen('score')}) - {onset}", "lasts", instant=True)],
            Stat(),
            unit="dtdurations",
            decimals=0,
        ),
        Panel(
            "First mover",
            "The stream whose onset is the earliest.",
            [Query(f"topk(1, {_seen('info')})", "{{first}}", instant=True)],
            Stat(names=True),
            unit="none",
            width=6,
        ),
    ]


def _story() -> Panel:
    return Panel(
        "What was said",
        "The sentence as it read at each time, the newest first, with the symbols it is about and "
        "the share of the leading account.",
        [
            Query(
                f"1000 * max by (summary, symbols, accounts_share) ({_seen('info')})",
                instant=True,
            )
        ],
        Table(),
        unit="none",
        height=6,
        overrides={
            "What": wrapped(least=340),
            "Until": {"unit": "dateTimeAsIsoNoDateIfToday", "custom.width": 160},
            "Symbols": wrapped(width=220),
            "Accounts": wrapped(width=180),
        },
        transformations=[
            columns(
                {
                    "summary": "What",
                    "Value": "Until",
                    "symbols": "Symbols",
                    "accounts_share": "Accounts",
                },
                hidden=("Time",),
            ),
            sorted_by("Until"),
        ],
    )


def _scores() -> Panel:
    return Panel(
        "Score over time",
        "The incident's score, which only grows, and the surprise of the whole venue bin by "
        "bin. Dashed: where info, warning and page begin by the default budgets.",
        [
            Query(f"max({_of('score')})", "incident"),
            Query(f"max({of('foreshock_venue_score')})", "venue, last bin"),
        ],
        Lines(),
        unit="none",
        decimals=1,
        limits=Limits(CALM, DECADES),
    )


def _counts() -> Panel:
    counted = f'signal=~"{"|".join(BURSTS)}"'  # levels are no events: they are not added up
    observed = f"sum({of('foreshock_signal_observed', *PICKED, counted)})"
    expected = f"sum({of('foreshock_signal_expected', *PICKED, counted)})"
    return Panel(
        "Observed against expected",
        "Events of the chosen signals and symbols since each stream's onset, of those that are "
        "loud; of bursts and storms, since levels such as depth are no events: they are below. "
        "The band is three standard deviations of pure chance around what was expected; "
        "a stream's own noise may be wider. Choose one symbol to see it alone.",
        [
            Query(observed, "observed"),
            Query(expected, "expected"),
            Query(f"{expected} + 3 * sqrt({expected})", "band above"),
            Query(f"clamp_min({expected} - 3 * sqrt({expected}), 0)", "band below"),
        ],
        Lines(),
        unit="short",
        overrides={
            "observed": {"color": {"mode": "fixed", "fixedColor": WARN}},
            "expected": {
                "color": {"mode": "fixed", "fixedColor": NOTE},
                "custom.lineStyle": {"fill": "dash", "dash": [8, 6]},
                "custom.fillOpacity": 0,
            },
            "band above": _band(**{"custom.fillOpacity": 20, "custom.fillBelowTo": "band below"}),
            "band below": _band(**{"custom.fillOpacity": 0}),
        },
    )


def _band(**properties: object) -> Json:
    """Override of a line that only bounds an area."""
    unseen = {"legend": True, "tooltip": False, "viz": False}
    return {
        "color": {"mode": "fixed", "fixedColor": NOTE},
        "custom.lineWidth": 0,
        **properties,
        "custom.hideFrom": unseen,
    }


def _variables() -> list[Variable]:
    scored = of("foreshock_incident_score")
    of_venue = of("foreshock_incident_open", 'venue=~"$venue"')
    listed = (
        f"max by (id) (max_over_time({scored}[$__range]))"
        f" and on (id) last_over_time({of_venue}[$__range])"
    )
    score = of("foreshock_signal_score")
    picked = of("foreshock_signal_score", 'signal=~"$signal"')
    return [
        Variable(
            name="venue",
            label="Venue",
            description="The venue, as the monitor's configuration names it.",
            query=f"label_values({of('foreshock_incident_open')}, venue)",
            every=".+",
        ),
        Variable(
            name="incident",
            label="Incident",
            description="Incidents within the time that is shown, the most surprising first.",
            query=f"query_result(sort_desc({listed}))",
            regex='/id="([^"]+)"/',
            sort=0,
        ),
        Variable(
            name="signal",
            label="Signal",
            description="Kinds of behaviour.",
            query=f"label_values({score}, signal)",
            every=".+",
        ),
        Variable(
            name="symbol",
            label="Symbol",
            description="Only symbols that were loud within the time shown: never all that trade.",
            query=f"label_values({picked}, symbol)",
            every=".+",
        ),
    ]


def incident() -> Dashboard:
    """One incident, down to single streams."""
    return Dashboard(
        uid="foreshock-incident",
        title="Foreshock: Incident",
        description="One incident: what, how much, since when, who moved first, and its streams.",
        sections=[
            Section("What happened", [*_how_bad(), *_since_when(), _story()]),
            Section("How it went", [_scores(), _counts()]),
            Section("Signal by signal, symbol by symbol", streams()),
            Section("Depth and liquidation bands", [*books(), *bands()]),
        ],
        variables=_variables(),
        annotations=[
            Annotation(
                name="Onset",
                expr=f"1000 * max by (id) ({_of('onset_timestamp_seconds')})",
                colour="orange",
                title="estimated onset",
                text="incident {{id}}",
                at_value=True,
            ),
            Annotation(
                name="Open",
                expr=f"max by (id, severity, signal) ({_of('open')})",
                colour="red",
                title="{{severity}}: {{signal}}",
                text="incident {{id}}",
            ),
        ],
    )
