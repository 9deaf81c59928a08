"""Names and other text as plain arrays, so that a checkpoint is nothing but arrays."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")


def from_text(value: Any) -> NDArray[np.generic]:
    """Anything that msgspec can write, as (bytes,) uint8."""
    return np.frombuffer(msgspec.json.encode(value), np.uint8)


def to_text(array: NDArray[np.generic], wanted: type[T]) -> T:
    """What `from_text` wrote."""
    return msgspec.json.decode(array.tobytes(), type=wanted)


def from_names(names: Sequence[str]) -> NDArray[np.generic]:
    """A list of names as an array."""
    return from_text(list(names))


def to_names(array: NDArray[np.generic]) -> list[str]:
    """What `from_names` wrote."""
    return to_text(array, list[str])
