"""All scenarios by name: what each is, in a sentence, and how it is cast."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from monitor.simulator import cascades, decoys, ingredients
from monitor.simulator.casting import Casting, Plot

QUIET: Final = "quiet"


@dataclass(frozen=True, slots=True)
class Scenario:
    """sentence: for people. decoy: it must not page."""

    sentence: str
    cast: Callable[[Casting], Plot]
    decoy: bool = False


SCENARIOS: Final[dict[str, Scenario]] = {
    "maker_withdrawal": Scenario(
        "Several makers pull their quotes on a few symbols at once.", ingredients.maker_withdrawal
    ),
    "quote_stuffing": Scenario(
        "One account places and cancels at many times its usual rate.", ingredients.quote_stuffing
    ),
    "leverage_ramp": Scenario(
        "Accounts raise their leverage over minutes.", ingredients.leverage_ramp
    ),
    "crowding": Scenario("A crowd of accounts builds up one side.", ingredients.crowding),
    "book_thinning": Scenario(
        "Quotes come back smaller and farther away, over minutes.", ingredients.book_thinning
    ),
    "liquidation_clustering": Scenario(
        "Liquidation prices of many accounts gather in one place.",
        ingredients.liquidation_clustering,
    ),
    "cascade": Scenario(
        "Leverage, crowd, thin book, makers gone, a shock: forced orders feed on themselves.",
        cascades.cascade,
    ),
    "retry_storm": Scenario(
        "A refused account tries again, and again, without pause.", ingredients.retry_storm
    ),
    "index_lag": Scenario(
        "The index of a few symbols stands still while they trade on.", ingredients.index_lag
    ),
    "slow_drift": Scenario("A few symbols grow busier over half an hour.", ingredients.slow_drift),
    "adl_wave": Scenario(
        "A cascade over most symbols that exhausts the insurance fund.", cascades.adl_wave
    ),
    "news": Scenario(
        "Prices jump, quotes vanish for seconds, the book refills.", decoys.news, decoy=True
    ),
    "funding_surge": Scenario(
        "The minute of funding, busier than most.", decoys.funding_surge, decoy=True
    ),
    "maker_restart": Scenario(
        "One maker cancels everything and comes back.", decoys.maker_restart, decoy=True
    ),
    "listing": Scenario("A new symbol starts to trade.", decoys.listing, decoy=True),
}
