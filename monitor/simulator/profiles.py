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


def _fitted(
    *,
    rate: float,
    orders: float,
    market: float,
    usd: float,
    cluster: float,
    fast: float,
    slow: float,
) -> Profile:
    """One symbol like another, without moods in common: what a single symbol's log can tell."""
    return Profile(
        symbol_events_per_s=rate,
        order_share=orders,
        market_share=market,
        order_usd=usd,
        cluster_mean=cluster,
        alert=0.6 if cluster > 2.0 else 0.02,
        fast_sd=fast,
        fast_s=4.0,
        slow_sd=slow,
        slow_s=150.0,
        common_sd=0.0,
        branching=0.0,
        season=0.0,
        skew=0.0,
        silent_share=0.0,
    )


# All but the first are what `python -m tests.simulator.fit` made of real order logs.
PROFILES: Final[dict[str, Profile]] = {
    "perp": Profile(),
    "lobster-aapl": _fitted(
        rate=5.14, orders=0.418, market=0.1045, usd=22_300.0, cluster=4.88, fast=0.880, slow=0.509
    ),
    "lobster-amzn": _fitted(
        rate=6.74, orders=0.409, market=0.01615, usd=34_800.0, cluster=6.37, fast=0.706, slow=0.390
    ),
    "bitstamp": _fitted(
        rate=2.86, orders=0.319, market=0.00132, usd=60_000.0, cluster=1.076, fast=0.078, slow=0.040
    ),
    "binance": _fitted(
        rate=1264.0, orders=0.4805, market=0.0518, usd=300.0, cluster=239.0, fast=0.264, slow=0.135
    ),
}
