"""Single dangers, each alone; the cascade is made of them."""

import numpy as np

from monitor.simulator.arrays import Ints
from monitor.simulator.book import MAKERS
from monitor.simulator.casting import Casting, Plot, ramp
from monitor.simulator.controls import Controls, Gearing, Pressing, Refusing

FLICKER_KEEP = 0.35  # a maker that pulls back still tries now and then
CROWD_SHARE = 0.008  # market orders of a crowd of strength 1, over all events of a symbol


def pull(controls: Controls, symbols: Ints, makers: Ints, *, haste: float, keep: float) -> None:
    """Makers cancel `haste` times as often and put back a share `keep` of their quotes."""
    cells = np.ix_(symbols, makers)
    controls.quoting[cells] *= haste
    controls.keep[cells] *= keep


def maker_withdrawal(cast: Casting) -> Plot:
    symbols, makers = cast.symbols(2, 5, 8), cast.makers(3, 4, 6)
    haste, lasts_s = cast.by_size(8.0, 12.0, 16.0), float(cast.rng.uniform(40.0, 80.0))

    def turn(controls: Controls, since_s: float) -> None:
        calm = ramp(since_s, 0.5 * lasts_s, lasts_s)
        hasty = haste + (2.0 - haste) * calm
        pull(controls, symbols, makers, haste=hasty, keep=FLICKER_KEEP)

    return Plot(lasts_s, turn, symbols, cast.maker_names(makers))


def quote_stuffing(cast: Casting) -> Plot:
    symbols, makers = cast.symbols(1, 2, 3), cast.rng.choice(MAKERS, 1)
    haste, lasts_s = cast.by_size(15.0, 25.0, 50.0), float(cast.rng.uniform(30.0, 90.0))

    def turn(controls: Controls, _: float) -> None:
        controls.quoting[np.ix_(symbols, makers)] *= haste

    return Plot(lasts_s, turn, symbols, cast.maker_names(makers), detail={"times_as_many": haste})


def gear_up(
    cast: Casting, symbols: Ints, cohort: Ints, *, leverage: tuple[float, float]
) -> list[Gearing]:
    """The cohort's accounts, each with the leverage it will come to; per_s is one a symbol."""
    wanted = np.round(cast.rng.uniform(*leverage, cohort.shape))
    return [Gearing(h, w, 1.0) for _, h, w in zip(symbols, cohort, wanted, strict=True)]


def on_the_way(geared: list[Gearing], per_s: float, share: float) -> list[Gearing]:
    """Changes while a share of the way is gone: more and more of them, to higher and higher."""
    return at_height(geared, per_s * (0.2 + 0.8 * share), share)


def at_height(geared: list[Gearing], per_s: float, share: float) -> list[Gearing]:
    """Changes to what the cohort sets when a share of the way is gone."""
    height = 0.4 + 0.6 * share
    return [Gearing(g.holders, np.ceil(height * g.leverage), per_s) for g in geared]


def leverage_ramp(cast: Casting) -> Plot:
    symbols = cast.symbols(2, 4, 8)
    cohort = cast.traders(symbols, 40)
    geared = gear_up(cast, symbols, cohort, leverage=(20.0, 45.0))
    per_s, lasts_s = cast.by_size(1.0, 2.0, 4.0), 60.0 * float(cast.rng.uniform(4.0, 8.0))

    def turn(controls: Controls, since_s: float) -> None:
        controls.geared += on_the_way(geared, per_s, ramp(since_s, 0.0, lasts_s))

    return Plot(lasts_s, turn, symbols, cast.names(cohort))


def crowd_in(cast: Casting, symbols: Ints, cohort: Ints, *, strength: float) -> list[Pressing]:
    """The cohort buys, each order with the margin that it needs."""
    rate = cast.venue.rate[symbols]
    return [
        Pressing(h, 0, 5_000.0, CROWD_SHARE * strength * float(r))
        for h, r in zip(cohort, rate, strict=True)
    ]


def crowding(cast: Casting) -> Plot:
    symbols = cast.symbols(2, 4, 8)
    cohort = cast.traders(symbols, 30)
    crowd = crowd_in(cast, symbols, cohort, strength=cast.by_size(1.0, 1.5, 2.5))
    geared = gear_up(cast, symbols, cohort, leverage=(8.0, 20.0))
    bias, lasts_s = cast.by_size(0.4, 0.7, 1.0), 60.0 * float(cast.rng.uniform(5.0, 9.0))

    def turn(controls: Controls, since_s: float) -> None:
        share = ramp(since_s, 0.0, 60.0)
        controls.bias[symbols] += bias * share
        controls.geared += on_the_way(geared, 0.3, share)
        controls.pressing += [Pressing(c.holders, 0, c.usd, share * c.per_s) for c in crowd]

    return Plot(lasts_s, turn, symbols, cast.names(cohort), detail={"side": "buy"})


def thin(controls: Controls, symbols: Ints, *, share: float) -> None:
    """Quotes are put back smaller, farther away, and not always."""
    controls.keep[symbols] *= 1.0 - 0.45 * share
    controls.depth[symbols] *= 1.0 - 0.6 * share
    controls.widen[symbols] *= 1.0 + 0.8 * share


def book_thinning(cast: Casting) -> Plot:
    symbols = cast.symbols(2, 4, 8)
    deepest, lasts_s = cast.by_size(0.6, 0.8, 1.0), 60.0 * float(cast.rng.uniform(5.0, 9.0))

    def turn(controls: Controls, since_s: float) -> None:
        thin(controls, symbols, share=deepest * ramp(since_s, 0.0, 0.7 * lasts_s))

    return Plot(lasts_s, turn, symbols)


def liquidation_clustering(cast: Casting) -> Plot:
    """Longs set their leverage so that all of a symbol's are liquidated at one price."""
    symbols = cast.symbols(2, 4, 8)
    cohort = cast.traders(symbols, int(cast.by_size(30, 50, 80)))
    away = cast.rng.uniform(0.02, 0.03, symbols.size)
    lasts_s = 60.0 * float(cast.rng.uniform(4.0, 8.0))
    ledger, prices = cast.venue.ledger, cast.venue.prices
    meet = prices.mark[symbols] - away

    def turn(controls: Controls, since_s: float) -> None:
        per_s = cast.by_size(0.5, 1.0, 2.0) * ramp(since_s, 0.0, 0.3 * lasts_s)
        # A loop over the few symbols of the cast.
        for symbol, holders, level in zip(symbols, cohort, meet, strict=True):
            longs = holders[ledger.position[holders] > 0]
            distance = float(prices.mark[symbol] - level)
            if distance > 0.005:
                margin = distance + ledger.margin_rate[longs]
                controls.geared.append(Gearing(longs, np.round(1.0 / margin, 1), per_s))

    return Plot(lasts_s, turn, symbols, cast.names(cohort), detail={"distance": away.tolist()})


def retry_storm(cast: Casting) -> Plot:
    symbols = cast.symbols(1, 2, 4)
    cohort = cast.traders(symbols, 1)
    times, lasts_s = cast.by_size(0.15, 0.4, 1.0), float(cast.rng.uniform(40.0, 120.0))
    rate = cast.venue.rate[symbols]

    def turn(controls: Controls, since_s: float) -> None:
        share = ramp(since_s, 0.0, 3.0)
        controls.refusing += [
            Refusing(holders, "rate_limited", times * share * float(r))
            for holders, r in zip(cohort, rate, strict=True)
        ]

    return Plot(lasts_s, turn, symbols, cast.names(cohort))


def index_lag(cast: Casting) -> Plot:
    symbols = cast.symbols(2, 4, 8)
    lasts_s = float(cast.rng.uniform(60.0, 180.0))

    def turn(controls: Controls, _: float) -> None:
        controls.frozen[symbols] = True

    return Plot(lasts_s, turn, symbols)


def slow_drift(cast: Casting) -> Plot:
    symbols = cast.symbols(2, 4, 8)
    most, lasts_s = cast.by_size(0.4, 0.7, 1.2), 60.0 * float(cast.rng.uniform(20.0, 40.0))

    def turn(controls: Controls, since_s: float) -> None:
        times = 1.0 + most * ramp(since_s, 0.0, lasts_s)
        controls.quoting[symbols] *= times
        controls.taking[symbols] *= times

    return Plot(lasts_s, turn, symbols, detail={"grows_to": 1.0 + most})
