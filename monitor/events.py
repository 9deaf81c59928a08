"""The eight event types of the contract, typed, and the bounds that a value must keep."""

from enum import IntEnum
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

NS_PER_S = 1_000_000_000


class Kind(IntEnum):
    """Event types by number; the number indexes rows of count matrices and never changes."""

    ORDER = 0
    CANCEL = 1
    LEVERAGE = 2
    FILL = 3
    BOOK = 4
    MARK = 5
    LIQUIDATION = 6
    REJECT = 7


KINDS: tuple[str, ...] = tuple(kind.name.lower() for kind in Kind)

Nanoseconds = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Symbol = Annotated[str, Meta(min_length=1, max_length=128)]
Account = Annotated[str, Meta(max_length=256)]
MOST = 1e18  # of any number: products of three are numbers still; what may be absent is, beyond it
Quantity = Annotated[float, Meta(ge=0.0, le=MOST)]
Price = Annotated[float, Meta(ge=0.0, le=MOST)]
Leverage = Annotated[float, Meta(ge=0.0, le=MOST)]
Side = Literal["buy", "sell"]
OrderId = str | int
Level = tuple[Price, Quantity]


class Order(Struct, tag="order", gc=False):
    """A new order. price in quote currency, qty in base units."""

    code: ClassVar[int] = Kind.ORDER.value
    ts: Nanoseconds
    symbol: Symbol
    account: Account
    order_id: OrderId
    side: Side
    price: Price
    qty: Quantity
    order_type: str | None = None
    reduce_only: bool | None = None


class Cancel(Struct, tag="cancel", gc=False):
    """An order, or a part of it, leaves the book unfilled; qty is what leaves."""

    code: ClassVar[int] = Kind.CANCEL.value
    ts: Nanoseconds
    symbol: Symbol
    account: Account
    order_id: OrderId
    side: Side
    price: Price
    qty: Quantity
    reason: str | None = None


class LeverageChange(Struct, tag="leverage", gc=False):
    """An account sets its leverage (a multiple) on a symbol; position is signed base units."""

    code: ClassVar[int] = Kind.LEVERAGE.value
    ts: Nanoseconds
    symbol: Symbol
    account: Account
    old_leverage: Leverage
    new_leverage: Leverage
    position: float | None = None
    entry_price: Price | None = None
    collateral_pool: str | None = None
    maintenance_margin_rate: float | None = None


class Fill(Struct, tag="fill", gc=False):
    """A resting order trades; side is the resting order's."""

    code: ClassVar[int] = Kind.FILL.value
    ts: Nanoseconds
    symbol: Symbol
    order_id: OrderId
    side: Side
    price: Price
    qty: Quantity
    account: Account | None = None
    taker: str | None = None


class Book(Struct, tag="book", gc=False):
    """Depth that replaces what was known: [price, qty] pairs, best first."""

    code: ClassVar[int] = Kind.BOOK.value
    account: ClassVar[str | None] = None
    ts: Nanoseconds
    symbol: Symbol
    bids: list[Level]
    asks: list[Level]


class Mark(Struct, tag="mark", gc=False):
    """Mark and index price in quote currency; funding_rate is a fraction per interval."""

    code: ClassVar[int] = Kind.MARK.value
    account: ClassVar[str | None] = None
    ts: Nanoseconds
    symbol: Symbol
    mark: Price
    index: Price
    index_ts: Nanoseconds | None = None
    funding_rate: float | None = None
    open_interest: Quantity | None = None


class Liquidation(Struct, tag="liquidation", gc=False):
    """A forced order; qty is what it takes out of position_before (signed base units)."""

    code: ClassVar[int] = Kind.LIQUIDATION.value
    ts: Nanoseconds
    symbol: Symbol
    account: Account
    side: Side
    price: Price
    qty: Quantity
    position_before: float | None = None
    margin_ratio: float | None = None
    kind: Literal["partial", "full", "adl"] | None = None


class Reject(Struct, tag="reject", gc=False):
    """The venue refused a request."""

    code: ClassVar[int] = Kind.REJECT.value
    ts: Nanoseconds
    symbol: Symbol
    account: Account
    reason: str
    order_id: OrderId | None = None


Event = Order | Cancel | LeverageChange | Fill | Book | Mark | Liquidation | Reject
EVENT_TYPES: dict[str, type[Struct]] = dict(
    zip(KINDS, (Order, Cancel, LeverageChange, Fill, Book, Mark, Liquidation, Reject), strict=True)
)
