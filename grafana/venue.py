"""Dashboard "Venue": is something wrong now? To be answered in ten seconds, from the top."""

from grafana.dashboard import Dashboard, Section, incidents_over_time
from grafana.panels import Panel, columns, joined_by, matrix, sorted_by, wrapped
from grafana.queries import ON_INCIDENT, Query, loudest, of, or_zero, speaking
from grafana.severity import DECADES, drill_down, severity_cell
from grafana.visualizations import ALARM, CALM, WARN, Limits, Lines, Stat, Table


def _open(severity: str) -> str:
    opened = of("foreshock_incident_open", f'severity="{severity}"')
    return or_zero(f"count(max by (venue, id) ({opened} > 0))")


def _open_now() -> Panel:
    return Panel(
        "Open now",
        "Pages: worth waking somebody for; at most one wrong one a week is promised by default. "
        "Warnings: to look at within the hour. No monitor, no number.",
        [
            Query(_open("page"), "pages", instant=True),
            Query(_open("warning"), "warnings", instant=True),
        ],
        Stat(named=True, background=True, nothing="no monitor"),
        unit="none",
        decimals=0,
        limits=Limits(CALM, ((1, ALARM),)),
        width=4,
        height=8,
        overrides={"warnings": {"thresholds": Limits(CALM, ((1, WARN),)).json()}},
    )


def _venue_now() -> list[Panel]:
    return [
        Panel(
            "Surprise",
            "Decades of surprise of the whole venue in the last bin: 6.4 means that a quiet venue "
            "shows this once in 10^6.4 bins, which is once a week.",
            [Query(f"max({of('foreshock_venue_score')})", "decades", instant=True)],
            Stat(),
            unit="none",
            decimals=1,
            limits=Limits(CALM, DECADES),
            width=6,
            height=3,
        ),
        Panel(
            "Behind",
            "How far what was judged is behind the clock. A few seconds are usual: events may be "
            "late by as much as is configured.",
            [
                Query(
                    f"time() - max({of('foreshock_watermark_timestamp_seconds')} > 0)",
                    "behind",
                    instant=True,
                )
            ],
            Stat(),
            unit="s",
            decimals=1,
            limits=Limits(CALM, ((10, WARN), (30, ALARM))),
            width=6,
            height=3,
        ),
    ]


def _doubts() -> list[Panel]:
    return [
        Panel(
            "Blind signals",
            "Signals that cannot speak: no input, still warming up, or event time stands still. "
            "While a signal is blind, its silence says nothing.",
            [Query(f"sum({speaking('signal')})", "blind", instant=True)],
            Stat(),
            unit="none",
            decimals=0,
            limits=Limits(CALM, ((1, WARN),)),
            width=6,
            height=3,
        ),
        Panel(
            "Calibration",
            "How often the mark of once an hour is passed, over its promise. Near 1 scores mean "
            "what they say; above 3 flow has left what was calibrated, and pages are less rare.",
            [Query(f"max({of('foreshock_null_check_ratio')})", "ratio", instant=True)],
            Stat(),
            unit="none",
            decimals=1,
            limits=Limits(CALM, ((2, WARN), (3, ALARM))),
            width=6,
            height=3,
        ),
    ]


def _asked_of_open() -> list[Query]:
    """Of each open incident its story, its age and its ratio."""
    names = "venue, id, severity, signal, summary, first"
    opened = f"({of('foreshock_incident_open')} > 0)"
    story = (
        f"max by ({names}) ({of('foreshock_incident_score')}"
        f" * {ON_INCIDENT} group_left (venue, severity, signal) {opened}"
        f" * {ON_INCIDENT} group_left (summary, first)"
        f" {of('foreshock_incident_info')})"
    )
    age = f"time() - max by (id) ({of('foreshock_incident_onset_timestamp_seconds')})"
    ratio = f"max by (id) ({of('foreshock_incident_ratio')})"
    return [Query(expr, instant=True) for expr in (story, age, ratio)]


def _open_incidents() -> Panel:
    return Panel(
        "Open incidents",
        "What is open now, the most surprising first. The identity leads to the details.",
        _asked_of_open(),
        Table(nothing="No incident is open."),
        unit="none",
        width=20,
        height=8,
        overrides={
            "Severity": severity_cell(),
            "Score": {"decimals": 1, "custom.width": 70},
            "Since": {"unit": "dtdurations", "decimals": 0, "custom.width": 110},
            "Ratio": {
                "unit": "suffix:x",
                "decimals": 1,
                "noValue": "–",
                "custom.width": 80,
            },
            "Incident": {
                "links": [drill_down(incident="${__value.raw}")],
                "custom.width": 150,
            },
            "What": wrapped(least=360),
            "First mover": wrapped(width=140),
        },
        transformations=[
            joined_by("id"),
            columns(
                {
                    "severity": "Severity",
                    "summary": "What",
                    "Value #A": "Score",
                    "Value #C": "Ratio",
                    "Value #B": "Since",
                    "first": "First mover",
                    "id": "Incident",
                },
                hidden=("Time", "Time 1", "Time 2", "Time 3", "venue", "signal"),
            ),
            sorted_by("Score"),
        ],
    )


def _matrix() -> Panel:
    scores = f"max by (signal, symbol) ({of('foreshock_signal_score')})"
    return Panel(
        "Signals over symbols",
        "Decades of surprise of the loudest streams, now. One hot row is a symbol, one hot column "
        "a kind of behaviour, many of both the whole venue. * is the venue as a whole.",
        [Query(scores, instant=True)],
        Table(coloured=True, nothing="–"),
        unit="none",
        decimals=1,
        limits=Limits("transparent", DECADES),
        width=12,
        height=10,
        overrides={"Symbol": {"custom.cellOptions": {"type": "auto"}, "custom.width": 110}},
        transformations=[
            matrix(column="signal", row="symbol"),
            {
                "id": "calculateField",
                "options": {
                    "mode": "reduceRow",
                    "reduce": {"reducer": "max"},
                    "alias": "loudest",
                    "replaceFields": False,
                },
            },
            sorted_by("loudest"),
            columns({"symbol\\signal": "Symbol", "loudest": "Loudest"}),
        ],
    )


def _over_time() -> list[Panel]:
    streams = loudest(8, "signal, symbol", of("foreshock_signal_score"))
    return [
        Panel(
            "Loudest streams",
            "The eight streams that were loudest within this time, in decades of surprise of each "
            "alone.",
            [Query(streams, "{{symbol}} {{signal}}")],
            Lines(),
            unit="none",
            height=10,
            decimals=1,
        ),
        Panel(
            "Surprise of the venue",
            "Decades of all streams together. Dashed: where a wrong info an hour, a wrong warning "
            "a day and a wrong page a week begin, by the default budgets.",
            [Query(f"max by (job) ({of('foreshock_venue_score')})", "{{job}}")],
            Lines(),
            unit="none",
            decimals=1,
            limits=Limits(CALM, DECADES),
        ),
        Panel(
            "Market factor",
            "What all symbols do at once over about 16 s, over the usual rate. It is divided out "
            "of each symbol's score: a busy market is no anomaly of a symbol.",
            [Query(f"max by (signal) ({of('foreshock_market_factor')})", "{{signal}}")],
            Lines(),
            unit="none",
            decimals=2,
            limits=Limits(CALM, ((1, CALM),)),
        ),
    ]


def _trust() -> list[Panel]:
    return [
        Panel(
            "What can speak",
            "Every signal: whether it sees, or is blind. The reasons are on the dashboard Monitor.",
            [Query(speaking("signal"), "{{signal}}", instant=True)],
            Stat(words={0: ("sees", CALM), 1: ("blind", WARN)}, named=True, background=True),
            unit="none",
            limits=Limits(CALM, ((1, WARN),)),
            width=12,
        ),
        Panel(
            "Page budget",
            "Pages a week: what is promised of wrong ones, and all that there were, right and "
            "wrong, over the time watched. Within the first hours one page makes a high rate.",
            [Query(f"max by (rate) ({of('foreshock_pages_per_week')})", "{{rate}}", instant=True)],
            Stat(named=True),
            unit="none",
            decimals=1,
            width=6,
        ),
        Panel(
            "Calibrated on",
            "Quiet flow that scores rest on. Below a day scores are held down, so that the budget "
            "holds meanwhile.",
            [Query(f"min({of('foreshock_calibration_quiet_seconds')} > 0)", "quiet", instant=True)],
            Stat(),
            unit="s",
            decimals=1,
            limits=Limits(WARN, ((86_400, CALM),)),
            width=3,
        ),
        Panel(
            "Symbols",
            "Symbols that are watched.",
            [Query(f"max({of('foreshock_symbols')})", "symbols", instant=True)],
            Stat(),
            unit="none",
            decimals=0,
            width=3,
        ),
    ]


def venue() -> Dashboard:
    """Is something wrong now?"""
    return Dashboard(
        uid="foreshock-venue",
        title="Foreshock: Venue",
        description="Is something wrong now? Open incidents, loud streams, and whether to trust "
        "the silence.",
        sections=[
            Section(
                "Is something wrong now?",
                [_open_now(), _open_incidents(), *_venue_now(), *_doubts()],
            ),
            Section("Where", [_matrix(), *_over_time()]),
            Section("Can its silence be trusted?", _trust()),
        ],
        annotations=[incidents_over_time()],
    )
