"""What an audit of fairness says, as it is written in JSON."""

from typing import Final, Literal

from msgspec import Struct

LISTED_MAX: Final = 100


class Group(Struct, frozen=True, kw_only=True):
    """Forced orders of a wave, of a symbol, of an account, or all. Values in quote currency.

    liquidated, deleveraged: value cut. judged: of the liquidated value, what could be judged for
    overshoot; beyond: of that, what went beyond what restored margin; early: cut while margin
    sufficed. fee_added: of what was needed, what only the fee made necessary.
    cuts, waits, violations: forced orders that could be compared as the earlier one, as the later
    one, and that came before a riskier account.
    top_share, top_account, hhi: concentration over accounts of the value cut.
    priced: value of liquidations whose price could be judged; worse_bps: how much worse than the
    mark was paid for it, by value; worst_bps: the worst. adl_bps: the same when deleveraged.
    fee: paid. loss: price paid against entry, where that is known, and loss_fee the fee on it.
    """

    name: str
    start_ns: int
    end_ns: int
    forced: int
    accounts: int
    symbols: int
    liquidated: float
    deleveraged: float
    judged: float
    beyond: float
    early: int
    fee_added: float
    cuts: int
    waits: int
    violations: int
    top_account: str
    top_share: float
    hhi: float
    priced: float
    worse_bps: float | None
    worst_bps: float | None
    worst_account: str | None
    adl_bps: float | None
    fee: float
    loss: float | None
    loss_fee: float


class Violation(Struct, frozen=True, kw_only=True):
    """account was cut at at_ns, before one that was riskier and was cut waited_s later.

    safer, riskier: equity over maintenance margin, where less is riskier; for auto-deleveraging
    queue scores, where more comes first.
    """

    kind: Literal["liquidation", "adl"]
    wave: int
    symbol: str
    at_ns: int
    account: str
    safer: float
    riskier_account: str
    riskier: float
    waited_s: float


class Cut(Struct, frozen=True, kw_only=True):
    """One forced order that took more than restored margin. shares: of the position."""

    wave: int
    symbol: str
    at_ns: int
    account: str
    cut_share: float
    needed_share: float
    beyond: float


class Unknown(Struct, frozen=True, kw_only=True):
    """What could not be judged: so many, of how many; what says which and why."""

    count: int
    of: int
    what: str


class Fairness(Struct, frozen=True, kw_only=True):
    """The audit of a log. Lists hold the worst LISTED_MAX, counts count all.

    doubtful_ratios: most margin ratios are below 1, as if they were equity over maintenance margin.
    wrong_size: forced orders that did not reduce the position, or took more than there was.
    """

    schema: Literal[1] = 1
    events: int
    bad_records: int
    fee_bps: float
    wave_gap_s: float
    total: Group | None
    kinds: dict[str, int]
    doubtful_ratios: bool
    wrong_size: int
    waves_total: int
    waves: list[Group]
    symbols: list[Group]
    accounts: list[Group]
    violations: list[Violation]
    cuts: list[Cut]
    unknown: list[Unknown]
