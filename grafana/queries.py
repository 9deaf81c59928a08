"""PromQL over Foreshock's metrics: every selector follows the dashboard's job and instance."""

from dataclasses import dataclass
from typing import Final

ON_INCIDENT: Final = "on (job, instance, id)"
BY_MONITOR: Final = "job, instance"
SEEN_EVERY: Final = "5s"  # an incident is open for longer, as it takes quiet time to close one


@dataclass(frozen=True, slots=True)
class Query:
    """One target of a panel. legend: may name labels as {{label}}.

    instant: only the newest value, as stats and tables want it.
    """

    expr: str
    legend: str = ""
    instant: bool = False


def of(metric: str, *matchers: str) -> str:
    """A selector of a metric, for instance of("up", 'mode="x"')."""
    labels = ", ".join(['job=~"$job"', 'instance=~"$instance"', *matchers])
    return f"{metric}{{{labels}}}"


def rate(metric: str, *matchers: str, by: str = "") -> str:
    """What a counter gains a second, summed."""
    summed = f"sum by ({by})" if by else "sum"
    return f"{summed} (rate({of(metric, *matchers)}[$__rate_interval]))"


def quantiles(histogram: str) -> list[Query]:
    """Median and tail of a histogram over all monitors."""
    buckets = rate(f"{histogram}_bucket", by="le")
    return [
        Query(f"histogram_quantile({q}, {buckets})", name)
        for q, name in ((0.5, "median"), (0.9, "90 %"), (0.99, "99 %"))
    ]


def each_monitor(metric: str) -> list[Query]:
    """A gauge of every process."""
    return [Query(f"max by (instance) ({of(metric)})", "{{instance}}")]


def loudest(count: int, by: str, selector: str) -> str:
    """The series that came highest within the time shown, from its begin to its end."""
    peaks = f"max by ({by}) (max_over_time({selector}[$__range] @ end()))"
    return f"max by ({by}) ({selector}) and on ({by}) topk({count}, {peaks})"


def or_zero(expr: str) -> str:
    """Zero where there is nothing, but only while a monitor is scraped: no news from a monitor
    that is gone must not look like good news."""
    return f"({expr}) or 0 * max({of('foreshock_build_info')})"


def speaking(by: str) -> str:
    """1 for each of `by` that no monitor can tell of, 0 where one can. A standby is blind, and no
    harm is done: what counts is the monitor that sees best."""
    each = f"max by ({BY_MONITOR}, {by}) ({of('foreshock_blind')})"
    return f"min by (job, {by}) ({each})"
