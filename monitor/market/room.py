"""Arrays that grow at their ends, with room to spare, so that what is added costs by itself."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LEAST: Final = 64


class Room:
    """The memory behind named arrays of a thing, which are the beginnings of it."""

    def __init__(self) -> None:
        self._held: dict[str, NDArray[Any]] = {}

    def extend(self, thing: object, fills: Mapping[str, float], more: int) -> None:
        """Make each named array longer, new places holding its fill. Arrays that were replaced
        meanwhile are taken as they are; what was looked at before stays as it is."""
        for name, fill in fills.items():
            array: NDArray[Any] = getattr(thing, name)
            size, held = array.size, self._held.get(name)
            if held is None or array.base is not held or held.size < size + more:
                held = np.empty(max(LEAST, 2 * size, size + more), array.dtype)
                held[:size] = array
                self._held[name] = held
            held[size : size + more] = fill
            setattr(thing, name, held[: size + more])
