"""Cascades: the ingredients come in order, a modest shock falls, and the rest is mechanics.

    minutes before the shock   8 … 4            leverage rises, a crowd buys
                               last 60 %        books thin
                               last 20 %        makers pull back
    0                          the index falls by a percent or two, one large seller sells
    after                      whatever the liquidation engine makes of it

Shaped like 10 October 2025, when depth fell for half an hour before forced orders rose. Nothing
here sets a price or a liquidation: without leverage or with a full book the same shock passes.
"""

from dataclasses import dataclass

import numpy as np

from monitor.simulator.arrays import Ints
from monitor.simulator.casting import Casting, Plot, ramp
from monitor.simulator.controls import Controls, Pressing
from monitor.simulator.ingredients import crowd_in, gear_up, on_the_way, pull, thin

FALL_S = 12.0  # the shock takes this long
SELLER_S = 40.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """How strong each ingredient gets. fall: log index change of the shock. fund: see Controls."""

    symbols: Ints
    makers: Ints
    lead_s: float
    gear_per_s: float
    leverage: tuple[float, float]
    crowd: float
    thinning: float
    haste: float
    fall: float
    seller: float
    after_s: float
    fund: float = 1.0


def cascade(cast: Casting) -> Plot:
    lead_s = 60.0 * cast.by_size(4.5, 6.0, 7.5) * float(cast.rng.uniform(0.85, 1.15))
    recipe = Recipe(
        symbols=cast.symbols(3, 5, 8),
        makers=cast.makers(6, 6, 8),
        lead_s=lead_s,
        gear_per_s=cast.by_size(1.5, 2.0, 4.0),
        leverage=(30.0, 50.0),
        crowd=cast.by_size(1.5, 1.75, 2.5),
        thinning=cast.by_size(0.85, 0.9, 1.0),
        haste=cast.by_size(6.0, 8.0, 10.0),
        fall=-cast.by_size(0.019, 0.02, 0.024),
        seller=cast.by_size(1.5, 1.5, 2.0),
        after_s=90.0,
    )
    return _cook(cast, recipe)


def adl_wave(cast: Casting) -> Plot:
    active = cast.venue.traded.active.size
    count = max(1, round(cast.by_size(0.4, 0.6, 0.9) * active))
    lead_s = 60.0 * cast.by_size(4.5, 6.0, 7.5) * float(cast.rng.uniform(0.85, 1.15))
    recipe = Recipe(
        symbols=cast.symbols(count, count, count),
        makers=cast.makers(8, 8, 8),
        lead_s=lead_s,
        gear_per_s=cast.by_size(2.0, 3.0, 4.0),
        leverage=(25.0, 50.0),
        crowd=cast.by_size(1.0, 1.5, 2.5),
        thinning=1.0,
        haste=cast.by_size(6.0, 8.0, 10.0),
        fall=-cast.by_size(0.03, 0.04, 0.06),
        seller=cast.by_size(1.5, 2.0, 3.0),
        after_s=150.0,
        fund=0.05,
    )
    return _cook(cast, recipe)


def _cook(cast: Casting, recipe: Recipe) -> Plot:
    symbols, lead_s = recipe.symbols, recipe.lead_s
    cohort = cast.traders(symbols, 60)
    geared = gear_up(cast, symbols, cohort, leverage=recipe.leverage)
    crowd = crowd_in(cast, symbols, cohort[:, :40], strength=recipe.crowd)
    sellers = cast.traders(symbols, 1)
    rate = cast.venue.rate[symbols]

    def lead(controls: Controls, since_s: float) -> None:
        near = ramp(since_s, 0.0, 0.8 * lead_s)
        controls.geared += on_the_way(geared, recipe.gear_per_s, ramp(since_s, 0.0, lead_s))
        controls.pressing += [Pressing(c.holders, 0, c.usd, near * c.per_s) for c in crowd]
        thin(controls, symbols, share=recipe.thinning * ramp(since_s, 0.4 * lead_s, lead_s))
        if since_s > 0.8 * lead_s:
            pull(controls, symbols, recipe.makers, haste=recipe.haste, keep=0.5)

    def fall(controls: Controls, after_s: float) -> None:
        back = ramp(after_s, 0.6 * recipe.after_s, recipe.after_s)
        thin(controls, symbols, share=recipe.thinning * (1.0 - back))
        keep = 0.2 + 0.8 * back
        pull(controls, symbols, recipe.makers, haste=recipe.haste * (1.0 - back) + back, keep=keep)
        controls.follow[symbols] *= 0.3 + 0.7 * back
        controls.fund = recipe.fund
        if after_s < FALL_S:
            controls.drift[symbols] += recipe.fall / FALL_S
        if after_s < SELLER_S:
            per_s = 0.02 * recipe.seller * rate
            controls.pressing += [
                Pressing(h, 1, 5_000.0, float(r)) for h, r in zip(sellers, per_s, strict=True)
            ]

    def turn(controls: Controls, since_s: float) -> None:
        if since_s < lead_s:
            lead(controls, since_s)
        else:
            fall(controls, since_s - lead_s)

    return Plot(
        lasts_s=lead_s + recipe.after_s,
        turn=turn,
        symbols=symbols,
        accounts=tuple(
            sorted(
                {
                    *cast.maker_names(recipe.makers),
                    *cast.names(cohort),
                    *cast.names(np.asarray(sellers)),
                }
            )
        ),
        detail={"shock_after_s": lead_s, "shock": recipe.fall},
    )
