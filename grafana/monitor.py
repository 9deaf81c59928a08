"""Dashboard "Monitor": does the monitor itself keep up, see everything, and mean what it says?"""

from grafana.dashboard import Dashboard, Section, incidents_over_time
from grafana.panels import Panel, columns, matrix
from grafana.queries import Query, each_monitor, of, quantiles, rate
from grafana.visualizations import ALARM, CALM, PLAIN, WARN, Limits, Lines, Stat, Table


def _at_work() -> list[Panel]:
    return [
        Panel(
            "Monitors up",
            "Processes of the monitor that Prometheus can scrape, and those that it cannot.",
            [
                Query(f"sum({of('up')})", "up", instant=True),
                Query(f"count({of('up')} == 0) or 0 * count({of('up')})", "down", instant=True),
            ],
            Stat(named=True),
            unit="none",
            decimals=0,
        ),
        Panel(
            "Events a second",
            "Good events read, of all types.",
            [Query(rate("foreshock_events_total"), "events", instant=True)],
            Stat(),
            unit="cps",
        ),
    ]


def _in_time() -> list[Panel]:
    return [
        Panel(
            "Behind",
            "The clock less the venue time up to which everything was judged.",
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
        ),
        Panel(
            "Lag",
            "Records between what was read and the end of the topics.",
            [Query(f"sum({of('foreshock_consumer_lag_records')})", "records", instant=True)],
            Stat(),
            unit="short",
            decimals=0,
            limits=Limits(CALM, ((50_000, WARN), (1_000_000, ALARM))),
        ),
        Panel(
            "Late share",
            "Late events over all, of the last minutes. Late events are not judged.",
            [
                Query(
                    f"{rate('foreshock_late_events_total')} / "
                    f"({rate('foreshock_late_events_total')} + {rate('foreshock_events_total')})",
                    "late",
                    instant=True,
                )
            ],
            Stat(),
            unit="percentunit",
            limits=Limits(CALM, ((0.001, WARN), (0.01, ALARM))),
        ),
    ]


def _version() -> Panel:
    return Panel(
        "Version",
        "The running versions.",
        [Query(f"count by (version) ({of('foreshock_build_info')})", "{{version}}", True)],
        Stat(names=True),
        unit="none",
    )


def _input() -> list[Panel]:
    lag = f"sum by (topic) ({of('foreshock_consumer_lag_records')})"
    watermark = of("foreshock_watermark_timestamp_seconds")
    return [
        Panel(
            "Events",
            "Good events read a second, by type.",
            [Query(rate("foreshock_events_total", by="type"), "{{type}}")],
            Lines(stacked=True),
            unit="cps",
        ),
        Panel(
            "Event delay",
            "Wall time less venue time as events are read: what the venue and Kafka add.",
            quantiles("foreshock_event_delay_seconds"),
            Lines(),
            unit="s",
            limits=Limits(CALM, ((2, WARN), (10, ALARM))),
        ),
        Panel(
            "Consumer lag",
            "Records between what was read and the end, by topic. It matters when it is high and "
            "grows; after a restart it is high and falls.",
            [Query(lag, "{{topic}}")],
            Lines(stacked=True),
            unit="short",
        ),
        Panel(
            "Watermark age",
            "The clock less the venue time up to which everything was judged. A slope of one means "
            "that event time stands still: a partition is silent, or nothing is read.",
            [Query(f"time() - max by (instance) ({watermark} > 0)", "{{instance}}")],
            Lines(),
            unit="s",
            limits=Limits(CALM, ((10, WARN), (30, ALARM))),
        ),
    ]


def _lost() -> list[Panel]:
    return [
        Panel(
            "Bad records",
            "Records passed over a second, by reason. They are in the dead letters, if configured.",
            [Query(rate("foreshock_bad_records_total", by="reason") + " > 0", "{{reason}}")],
            Lines(),
            unit="cps",
            width=8,
        ),
        Panel(
            "Late events",
            "Events a second whose bin had closed for their own partition, by topic.",
            [Query(rate("foreshock_late_events_total", by="topic"), "{{topic}}")],
            Lines(),
            unit="cps",
            width=8,
        ),
        Panel(
            "Refused and dropped",
            "Events of symbols beyond the configured number, and messages that a full queue of an "
            "output dropped. Both should be zero.",
            [
                Query(rate("foreshock_refused_events_total"), "refused events"),
                Query(rate("foreshock_dropped_messages_total"), "dropped messages"),
            ],
            Lines(),
            unit="cps",
            width=8,
            limits=Limits(CALM, ((0.001, ALARM),)),
        ),
    ]


def _work() -> list[Panel]:
    return [
        Panel(
            "Time to judge a bin",
            "From a closed bin to what it came to, all detectors. Dashed: a bin lasts 250 ms by "
            "default, and a monitor that needs more falls behind.",
            quantiles("foreshock_step_seconds"),
            Lines(),
            unit="s",
            limits=Limits(CALM, ((0.25, ALARM),)),
            width=8,
        ),
        Panel(
            "Memory",
            "Resident memory of each process. It grows with symbols and busy accounts, up to "
            "bounds; not with time.",
            each_monitor("process_resident_memory_bytes"),
            Lines(),
            unit="bytes",
            width=8,
        ),
        Panel(
            "CPU",
            "Cores that each process keeps busy. The monitor is one process with one loop: near 1 "
            "it is full, and shards are the way on.",
            [Query(rate("process_cpu_seconds_total", by="instance"), "{{instance}}")],
            Lines(),
            unit="none",
            decimals=2,
            limits=Limits(CALM, ((0.8, WARN),)),
            width=8,
        ),
    ]


def _blindness() -> Panel:
    return Panel(
        "Which signal is blind, and why",
        "1 where a signal cannot speak, by monitor and reason. A standby is blind to "
        "everything, as it should be.",
        [Query(f"max by (signal, reason) ({of('foreshock_blind')})", instant=True)],
        Table(coloured=True),
        unit="none",
        decimals=0,
        limits=Limits("transparent", ((1, WARN),)),
        width=8,
        height=9,
        overrides={"Signal": {"custom.cellOptions": {"type": "auto"}}},
        transformations=[
            matrix(column="reason", row="signal"),
            columns({"signal\\reason": "Signal"}),
        ],
    )


def _calibration() -> list[Panel]:
    return [
        Panel(
            "Null check",
            "How often the mark of once an hour is passed, over its promise: 1 is right. Above 3 "
            "flow has left what was calibrated: run `foreshock calibrate` on recent quiet logs.",
            each_monitor("foreshock_null_check_ratio"),
            Lines(),
            unit="none",
            decimals=1,
            limits=Limits(CALM, ((3, ALARM),)),
            width=8,
            height=9,
        ),
        Panel(
            "Calibrated on",
            "Quiet flow that scores rest on. From a day on (dashed) they are no longer held down.",
            each_monitor("foreshock_calibration_quiet_seconds"),
            Lines(),
            unit="s",
            limits=Limits(WARN, ((86_400, CALM),)),
            width=8,
            height=9,
        ),
    ]


def _pages() -> list[Panel]:
    return [
        Panel(
            "Pages a week",
            "Promised: wrong ones, by the budget. Achieved: all there were, over the time watched.",
            [Query(f"max by (rate) ({of('foreshock_pages_per_week')})", "{{rate}}")],
            Lines(),
            unit="none",
            decimals=1,
        ),
        Panel(
            "Incidents of an hour",
            "Incidents opened in the hour before, by severity; one counts again where it worsens.",
            [
                Query(
                    f"sum by (severity) (increase({of('foreshock_incidents_total')}[1h]))",
                    "{{severity}}",
                )
            ],
            Lines(),
            unit="none",
            decimals=1,
            limits=Limits(PLAIN),
        ),
    ]


def monitor() -> Dashboard:
    """Does the monitor keep up, see everything, and mean what it says?"""
    return Dashboard(
        uid="foreshock-monitor",
        title="Foreshock: Monitor",
        description="Does the monitor itself keep up, see everything, and mean what it says?",
        sections=[
            Section("Does it keep up?", [*_at_work(), *_in_time(), _version(), *_input()]),
            Section("What was lost on the way", _lost()),
            Section("What it costs", _work()),
            Section("Do scores mean what they say?", [_blindness(), *_calibration(), *_pages()]),
        ],
        annotations=[incidents_over_time()],
    )
