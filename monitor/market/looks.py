"""What looks found, kept by bin: what is told of a bin must not depend on how many were judged at
once."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Looks(Generic[T]):
    """The last look before a frame, and all looks of the frame. last: of them, with its bin."""

    def __init__(self, first: T, at_bin: int = 0) -> None:
        self._found: list[tuple[int, T]] = [(at_bin, first)]

    def begin(self) -> None:
        """A frame begins."""
        del self._found[:-1]

    def add(self, at_bin: int, found: T) -> None:
        """What a look at the end of a bin found."""
        self._found.append((at_bin, found))

    @property
    def last(self) -> tuple[int, T]:
        return self._found[-1]

    def at(self, bin_index: int) -> T:
        """What the last look up to the end of a bin found."""
        known = [found for look_bin, found in self._found if look_bin <= bin_index]
        return known[-1] if known else self._found[0][1]

    def all(self) -> list[T]:
        """What every look that is kept found."""
        return [found for _, found in self._found]

    def change(self, changed: Callable[[T], T]) -> None:
        """Put something else in the place of what each look found."""
        self._found = [(at_bin, changed(found)) for at_bin, found in self._found]
