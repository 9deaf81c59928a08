"""Panels of books and liquidation bands: what rests near the touch, and what could be forced."""

from typing import Final

from grafana.joined import Joined
from grafana.panels import Panel, sorted_by
from grafana.queries import SEEN_EVERY, Query, of
from grafana.visualizations import CALM, Limits, Lines, Table

BY: Final = "symbol, side"
LEGEND: Final = "{{symbol}} {{side}}"
SHOWN_MAX: Final = 5
NEAR_BPS: Final = 50
_OVER_TIME: Final = f"[$__range:{SEEN_EVERY}] @ end()"


def _chosen(metric: str, *matchers: str) -> str:
    """One series a symbol and side, of the chosen symbols."""
    picked = of(metric, 'symbol=~"$symbol"', *matchers)
    return f"max by ({BY}) ({picked})"


_WITHIN: Final = f'within_bps="{NEAR_BPS}"'
_NOW: Final = _chosen("foreshock_depth_quote", _WITHIN)
_USUAL: Final = _chosen("foreshock_depth_usual_quote", _WITHIN)
_OF_USUAL: Final = f"{_NOW} / {_USUAL}"
_FORCED: Final = _chosen("foreshock_band_forced_quote")
_RESTING: Final = _chosen("foreshock_band_resting_quote")
_AWAY: Final = _chosen("foreshock_band_distance_ratio")
_TIMES: Final = f"{_FORCED} / clamp_min({_RESTING}, 1)"
_PRESSURE: Final = _chosen("foreshock_band_pressure_ratio")


def books() -> list[Panel]:
    """Depth near the touch against its usual level."""
    thinnest = f"min by ({BY}) (min_over_time(({_OF_USUAL}){_OVER_TIME}))"
    joined = Joined(
        row="book",
        labels={"symbol": "Symbol", "side": "Side"},
        values={"Of usual": _OF_USUAL, "Rests now": _NOW, "Usual": _USUAL},
    )
    return [
        Panel(
            "Depth near the touch",
            f"What rests within {NEAR_BPS} basis points of the touch, as a share of what usually "
            "does over half an hour (dashed: as usual). Of the chosen symbols the five sides "
            "that were thinnest within this time; only of symbols that were loud or in an open "
            "incident, while they were.",
            [Query(f"({_OF_USUAL}) and on ({BY}) bottomk({SHOWN_MAX}, {thinnest})", LEGEND)],
            Lines(),
            unit="percentunit",
            limits=Limits(CALM, ((1, CALM),)),
            decimals=0,
        ),
        Panel(
            "Depth now against usual",
            f"In quote currency within {NEAR_BPS} basis points of the touch, the thinnest side "
            "first. thin_book judges the thinner side over 10 to 100 basis points.",
            joined.queries(),
            Table(nothing="–"),
            unit="short",
            decimals=1,
            width=12,
            overrides={
                "Side": {"custom.width": 90},
                "Of usual": {"unit": "percentunit", "decimals": 0},
            },
            transformations=[*joined.transformations(), sorted_by("Of usual", least_first=True)],
        ),
    ]


def bands() -> list[Panel]:
    """The worst liquidation band of each symbol against what rests there."""
    return [_worst_bands(), _pressure()]


def _worst_bands() -> Panel:
    joined = Joined(
        row="band",
        labels={"symbol": "Symbol", "side": "Taken by"},
        values={
            "Times": _TIMES,
            "Away": _AWAY,
            "Forced": _FORCED,
            "Rests there": _RESTING,
            "Pressure": _PRESSURE,
        },
    )
    return Panel(
        "Liquidation bands",
        "The worst band of each chosen symbol: what would be forced if the mark moved so far "
        "away, what rests within it to take it, in quote currency, and how many times the one "
        "is the other: from 1x on the wave would go on by itself. Taken by bids: a fall forces "
        "longs to sell. Taken by asks: a rise forces shorts to buy. Sorted by pressure, which "
        "is the same but less beyond 3 %, by the square of the distance.",
        joined.queries(),
        Table(nothing="–"),
        unit="short",
        decimals=1,
        width=12,
        overrides={
            "Taken by": {"custom.width": 90},
            "Times": {"unit": "suffix:x", "decimals": 2},
            "Away": {"unit": "percentunit", "decimals": 1},
            "Pressure": {"unit": "none", "decimals": 2},
        },
        transformations=[*joined.transformations(), sorted_by("Pressure")],
    )


def _pressure() -> Panel:
    worst = f"max by ({BY}) (max_over_time({_PRESSURE}{_OVER_TIME}))"
    return Panel(
        "Pressure of the worst band",
        "Forced over resting, less the farther the mark would have to move: what "
        "liquidation_band judges. Of the chosen symbols the five that were worst within "
        "this time.",
        [Query(f"{_PRESSURE} and on ({BY}) topk({SHOWN_MAX}, {worst})", LEGEND)],
        Lines(),
        unit="none",
        decimals=2,
    )
