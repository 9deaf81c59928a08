"""One integer an event, or a position: what kind, of which symbol, by which account.

    kind << 56 | symbol << 32 | account

Symbol and account are codes of name tables, or rows. A key without its account is a stream.
"""

from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

_ACCOUNT_BITS: Final = 32
_SYMBOL_BITS: Final = 24
_ACCOUNT_MASK: Final = (1 << _ACCOUNT_BITS) - 1
_SYMBOL_MASK: Final = (1 << _SYMBOL_BITS) - 1
_KIND_SHIFT: Final = _ACCOUNT_BITS + _SYMBOL_BITS

_Key = TypeVar("_Key", int, NDArray[np.int64])


def packed(kind: _Key | int, symbol: _Key | int, account: _Key | int = 0) -> _Key:
    """The key of these; (n,) each, or one for all."""
    # An int beside arrays is one for all, which a type variable cannot say.
    return kind << _KIND_SHIFT | symbol << _ACCOUNT_BITS | account  # type: ignore[return-value]


def kind_of(key: _Key) -> _Key:
    return key >> _KIND_SHIFT


def symbol_of(key: _Key) -> _Key:
    return key >> _ACCOUNT_BITS & _SYMBOL_MASK


def account_of(key: _Key) -> _Key:
    return key & _ACCOUNT_MASK


def stream_of(key: _Key) -> _Key:
    """The key without its account."""
    return key & ~_ACCOUNT_MASK
