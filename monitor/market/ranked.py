"""Arrays in order: each value once, and more put in. numpy takes several times as long for few."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bools, Ints

_Of = TypeVar("_Of", bound=np.generic)


def distinct(values: NDArray[_Of]) -> NDArray[_Of]:
    """(k,) the same in order, each once."""
    ranked = np.sort(values)
    return np.asarray(ranked[_new(ranked)])


def numbered(values: NDArray[_Of]) -> tuple[NDArray[_Of], Ints]:
    """(k,) the same in order, each once, and (n,) which of them each is."""
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    new = _new(ranked)
    number = np.empty(values.size, np.int64)
    number[order] = np.cumsum(new) - 1
    return ranked[new], number


def inserted(at: Ints, *pairs: tuple[Ints, Ints]) -> list[Ints]:
    """Arrays of one size, each with something more before the places given, ascending."""
    size = pairs[0][0].size + at.size
    new = at + np.arange(at.size)
    old = np.ones(size, np.bool_)
    old[new] = False
    found = [np.empty(size, np.int64) for _ in pairs]
    for array, (held, more) in zip(found, pairs, strict=True):
        array[old], array[new] = held, more
    return found


def _new(ranked: NDArray[_Of]) -> Bools:
    """(n,) where values in order are others than the ones before."""
    new = np.ones(ranked.size, np.bool_)
    np.not_equal(ranked[1:], ranked[:-1], out=new[1:])
    return new
