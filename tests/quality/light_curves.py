"""Photon counts around gamma-ray bursts, as the archive of light curves holds them.

One member a detector, `lc_BURST_DETECTOR_ONSET_T90_SNR.txt`: onset and T90 (the time in which 90 %
of the burst arrives) in seconds from the trigger; row 1 the centres of 2.048 s bins in seconds from
the trigger, row 2 the counts. Bins of all detectors lie on one grid whose edge is at the trigger.
A count of 0, where hundreds are usual, is a detector switched off: not observed.
"""

import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final
from zlib import crc32

import numpy as np

from detectors.base import Floats

ARCHIVE: Final = Path(__file__).parents[2] / "../shared/data/grb/lightcurves.tar.xz"
BIN_S: Final = 2.048
_NAME: Final = re.compile(
    r"lc_(?P<burst>[^_/]+)_(?P<detector>[^_/]+)_(?P<onset>-?[\d.]+)_(?P<t90>[\d.]+)"
    r"_(?P<snr>[\d.]+)\.txt"
)


@dataclass(frozen=True, slots=True)
class LightCurve:
    """One burst: counts (T, D), NaN not observed; onset in bins from the curve's start.

    t90_s: duration. snr: of the detector that saw it best.
    """

    burst: str
    detectors: tuple[str, ...]
    counts: Floats
    onset: int
    t90_s: float
    snr: float

    @property
    def tuning(self) -> bool:
        """Whether this burst may be tuned on: half of them, by a hash of the name."""
        return crc32(self.burst.encode()) % 2 == 0


@dataclass(frozen=True, slots=True)
class _Member:
    """One detector's curve. first: the grid's number of its first bin, 0 begins at the trigger."""

    burst: str
    detector: str
    onset_s: float
    t90_s: float
    snr: float
    first: int
    counts: Floats


def parse(name: str, text: str) -> _Member:
    """One member of the archive; raises ValueError for another name or form."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"not the name of a light curve: {name!r}")
    centres_s, counts = (np.array(row.split(), float) for row in text.strip().splitlines())
    if centres_s.shape != counts.shape or not np.allclose(np.diff(centres_s), BIN_S):
        raise ValueError(f"{name}: not one count for each bin of {BIN_S} s")
    return _Member(
        found["burst"],
        found["detector"],
        float(found["onset"]),
        float(found["t90"]),
        float(found["snr"]),
        int(np.floor(centres_s[0] / BIN_S)),
        np.where(counts > 0, counts, np.nan),
    )


def read(path: Path = ARCHIVE) -> list[LightCurve]:
    """All bursts of the archive by name."""
    return [_joined(list(group)) for _, group in groupby(_members(path), lambda m: m.burst)]


def _members(path: Path) -> Iterable[_Member]:
    return sorted(_unpacked(path), key=lambda m: (m.burst, m.detector))


def _unpacked(path: Path) -> Iterator[_Member]:
    with tarfile.open(path, "r:xz") as archive:
        for info in archive:
            file = archive.extractfile(info)
            if file is not None:
                yield parse(Path(info.name).name, file.read().decode())


def _joined(members: list[_Member]) -> LightCurve:
    """The detectors of one burst on their common grid."""
    first = min(m.first for m in members)
    last = max(m.first + m.counts.size for m in members)
    counts = np.full((last - first, len(members)), np.nan)
    for at, m in enumerate(members):
        counts[m.first - first : m.first - first + m.counts.size, at] = m.counts
    return LightCurve(
        members[0].burst,
        tuple(m.detector for m in members),
        counts,
        int(np.floor(members[0].onset_s / BIN_S)) - first,
        members[0].t90_s,
        max(m.snr for m in members),
    )
