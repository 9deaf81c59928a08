"""How quiet flow of one kind of venue behaves: rates, clustering, and the mix of events."""

from typing import Final

from msgspec import Struct


class Profile(Struct, frozen=True, kw_only=True):
    """Parameters of quiet flow.

    symbol_events_per_s: orders, cancels and fills of an average symbol.
    order_share: orders that come to rest, among them. Cancels are as many, less what trades away.
    market_share: market orders, over all of the above. order_usd: typical value of one.
    cluster_mean: re-quotes that come in one breath, geometric; 1 is one at a time.
    fast_sd, slow_sd: of the symbol's log rate, two AR(1) with memories of fast_s and slow_s.
    common_sd: of the log rate that all symbols share, memory common_s.
    alert: chance in a slice that the owner of a quote on the wrong side of the price renews it.
    branching: share of re-quotes that answer earlier ones (Hawkes), over excite_s.
    season: amplitude of the time of day.
    skew: exponent of the symbols' shares by rank; 0 makes all alike.
    silent_share: of the symbols, those where next to nothing happens.
    """

    symbol_events_per_s: float = 167.0
    order_share: float = 0.485
    market_share: float = 0.03
    order_usd: float = 3_000.0
    cluster_mean: float = 1.7
    alert: float = 0.6
    fast_sd: float = 0.2
    fast_s: float = 5.0
    slow_sd: float = 0.15
    slow_s: float = 120.0
    common_sd: float = 0.15
    common_s: float = 30.0
    branching: float = 0.35
    excite_s: float = 1.0
    season: float = 0.3
    skew: float = 0.7
    silent_share: float = 0.1


PROFILES: Final[dict[str, Profile]] = {
    "perp": Profile(),
}
