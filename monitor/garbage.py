"""How often Python's collector looks for cycles in a process that reads records."""

import gc
from typing import Final

ALLOCATIONS: Final = 500_000  # more objects than one poll brings, several times over


def collect_rarely() -> None:
    """Once, as a process begins to read.

    Records come by the ten thousand and all go by their reference counts. Looking through them for
    cycles every 700 objects, as Python does by default, costs more than decoding them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS, *gc.get_threshold()[1:])
