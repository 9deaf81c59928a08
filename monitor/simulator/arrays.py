"""Short names for the array types of the simulated venue."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Names = NDArray[np.object_]


def named(values: list[str]) -> Names:
    """Strings as an array that is indexed by codes."""
    return np.array(values, dtype=object)


def starts(sorted_keys: NDArray[Any]) -> Bools:
    """(n,) whether each element of a sorted array is the first of its key."""
    first = np.ones(sorted_keys.size, np.bool_)
    np.not_equal(sorted_keys[1:], sorted_keys[:-1], out=first[1:])
    return first
