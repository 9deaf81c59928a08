"""Panels of single streams: one signal on one symbol each, as the dashboard's variables choose."""

from typing import Final

from grafana.panels import Json, Limits, Panel, columns, joined_by, lines, sorted_by, table
from grafana.queries import Query, loudest, of
from grafana.severity import DECADES

PICKED: Final = ('signal=~"$signal"', 'symbol=~"$symbol"')


def streams() -> list[Panel]:
    """Scores, ratios and counts of the chosen streams."""
    score = f"max by (signal, symbol) ({of('foreshock_signal_score', *PICKED)})"
    observed = f"max by (signal, symbol) ({of('foreshock_signal_observed', *PICKED)})"
    expected = f"max by (signal, symbol) ({of('foreshock_signal_expected', *PICKED)} > 0)"
    loud = of("foreshock_signal_score", *PICKED)
    peaks = f"max by (signal, symbol) (max_over_time({loud}[$__range] @ end()))"
    stream = "label_join({}, 'stream', ' ', 'symbol', 'signal')"
    return [
        lines(
            "Who follows whom",
            "Decades of surprise of the chosen streams, each alone; the eight that were loudest "
            "within this time.",
            Query(
                loudest(8, "signal, symbol", of("foreshock_signal_score", *PICKED)),
                "{{symbol}} {{signal}}",
            ),
            unit="none",
            height=10,
            decimals=1,
        ),
        lines(
            "Times expected, by stream",
            "Observed over expected since each stream's onset, of the same streams. Logarithmic.",
            Query(
                f"({observed} / {expected}) and on (signal, symbol) topk(8, {peaks})",
                "{{symbol}} {{signal}}",
            ),
            unit="none",
            decimals=1,
            height=10,
            log=True,
        ),
        table(
            "Streams now",
            "The chosen streams that are loud now, the most surprising first. A symbol leads to "
            "itself alone.",
            *(
                Query(stream.format(expr).replace("'", '"'), instant=True)
                for expr in (score, observed, expected, f"{observed} / {expected}")
            ),
            unit="none",
            height=9,
            nothing="–",
            overrides={
                "Symbol": {"links": [_only()]},
                "Score": {
                    "decimals": 1,
                    "thresholds": Limits("transparent", DECADES).json(),
                    "custom.cellOptions": {"type": "color-background", "mode": "basic"},
                },
                "Observed": {"unit": "short", "decimals": 0},
                "Expected": {"unit": "short", "decimals": 1},
                "Ratio": {"unit": "suffix:x", "decimals": 1},
            },
            transformations=[
                joined_by("stream"),
                columns(
                    {
                        "symbol 1": "Symbol",
                        "signal 1": "Signal",
                        "Value #A": "Score",
                        "Value #B": "Observed",
                        "Value #C": "Expected",
                        "Value #D": "Ratio",
                    },
                    hidden=(
                        "stream",
                        *(f"Time {i}" for i in range(1, 5)),
                        *(f"{name} {i}" for name in ("symbol", "signal") for i in range(2, 5)),
                    ),
                ),
                sorted_by("Score"),
            ],
        ),
    ]


def _only() -> Json:
    """A link to this dashboard with one symbol chosen."""
    kept = "&".join(f"${{{name}:queryparam}}" for name in ("datasource", "job", "instance"))
    kept += "&${venue:queryparam}&${incident:queryparam}&${__url_time_range}"
    return {
        "title": "This symbol alone",
        "url": f"/d/foreshock-incident/incident?var-symbol=${{__value.raw}}&{kept}",
    }
