"""The venue's time goes in slices; everything within one is drawn together."""

from typing import Final

from monitor.events import NS_PER_S

SLICE_NS: Final = 200_000_000
SLICE_S: Final = SLICE_NS / NS_PER_S
