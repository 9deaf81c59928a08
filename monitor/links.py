"""Addresses of the venue's own pages, with gaps that an incident fills."""

import re
from typing import Final

GAP: Final = re.compile(r"\{([^{}]*)\}")
GAPS: Final = ("id", "signal", "symbol", "from_ms", "to_ms")


def check_link(key: str, url: str) -> None:
    """Raises ValueError where an address is none, or has gaps that nothing fills."""
    if not re.match(r"https?://[^/\s]", url):
        raise ValueError(f"{key} = {url!r}: must begin with http:// or https:// and a host")
    unknown = [gap for gap in GAP.findall(url) if gap not in GAPS]
    if unknown:
        known = ", ".join(f"{{{gap}}}" for gap in GAPS)
        raise ValueError(f"{key} = {url!r}: {{{unknown[0]}}} is unknown; known are {known}")
