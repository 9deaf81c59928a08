"""Panels of single streams: one signal on one symbol each, as the dashboard's variables choose."""

from typing import Final

from grafana.joined import Joined
from grafana.panels import Panel, sorted_by
from grafana.queries import Query, loudest, of
from grafana.severity import DECADES
from grafana.visualizations import Json, Limits, Lines, Table

PICKED: Final = ('signal=~"$signal"', 'symbol=~"$symbol"')


BY: Final = "signal, symbol"
LEGEND: Final = "{{symbol}} {{signal}}"
SHOWN_MAX: Final = 8
_SCORE: Final = of("foreshock_signal_score", *PICKED)
_OBSERVED: Final = f"max by ({BY}) ({of('foreshock_signal_observed', *PICKED)})"
_EXPECTED: Final = f"max by ({BY}) ({of('foreshock_signal_expected', *PICKED)} > 0)"
_RATIO: Final = f"{_OBSERVED} / {_EXPECTED}"


def streams() -> list[Panel]:
    """Scores, ratios and counts of the chosen streams."""
    return [_scores(), _ratios(), _now()]


def _scores() -> Panel:
    return Panel(
        "Who follows whom",
        "Decades of surprise of the chosen streams, each alone; the eight that were loudest "
        "within this time.",
        [Query(loudest(SHOWN_MAX, BY, _SCORE), LEGEND)],
        Lines(),
        unit="none",
        height=10,
        decimals=1,
    )


def _ratios() -> Panel:
    peaks = f"max by ({BY}) (max_over_time({_SCORE}[$__range] @ end()))"
    return Panel(
        "Times expected, by stream",
        "Observed over expected since each stream's onset, of the same streams. Logarithmic.",
        [Query(f"({_RATIO}) and on ({BY}) topk({SHOWN_MAX}, {peaks})", LEGEND)],
        Lines(log=True),
        unit="none",
        decimals=1,
        height=10,
    )


def _now() -> Panel:
    joined = Joined(
        row="stream",
        labels={"symbol": "Symbol", "signal": "Signal"},
        values={
            "Score": f"max by ({BY}) ({_SCORE})",
            "Observed": _OBSERVED,
            "Expected": _EXPECTED,
            "Ratio": _RATIO,
        },
    )
    return Panel(
        "Streams now",
        "The chosen streams that are loud now, the most surprising first. A symbol leads to "
        "itself alone.",
        joined.queries(),
        Table(nothing="–"),
        unit="none",
        height=9,
        overrides={
            "Symbol": {"links": [_only()]},
            "Signal": {"custom.minWidth": 150},
            "Score": {
                "decimals": 1,
                "thresholds": Limits("transparent", DECADES).json(),
                "custom.cellOptions": {"type": "color-background", "mode": "basic"},
            },
            "Observed": {"unit": "short", "decimals": 0},
            "Expected": {"unit": "short", "decimals": 1},
            "Ratio": {"unit": "suffix:x", "decimals": 1},
        },
        transformations=[*joined.transformations(), sorted_by("Score")],
    )


def _only() -> Json:
    """A link to this dashboard with one symbol chosen."""
    kept = "&".join(f"${{{name}:queryparam}}" for name in ("datasource", "job", "instance"))
    kept += "&${venue:queryparam}&${incident:queryparam}&${__url_time_range}"
    return {
        "title": "This symbol alone",
        "url": f"/d/foreshock-incident/incident?var-symbol=${{__value.raw}}&{kept}",
    }
