"""What `foreshock calibrate` learned of a venue's quiet flow, as a file of plain numbers."""

from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct

from detectors.base import State
from monitor.config import Config
from monitor.detection import Detection
from monitor.errors import UserError
from monitor.pipeline import Pipeline

SCHEMA: Final = 5  # of what scores are made of: another one would be read in the wrong unit


class CalibrationError(UserError):
    """A calibration cannot be used; the message is one line for the user."""


class Calibration(Struct, frozen=True, kw_only=True):
    """Sums over quiet flow, by the part of the detection that they calibrate.

    seeds: of the simulated logs that it was learned from; empty for real ones.
    quiet_hours: how much flow it rests on. taught: part and number -> values, one a scale.
    """

    schema: int = SCHEMA
    venue: str
    bin_ms: int
    seeds: list[int]
    quiet_hours: float
    taught: dict[str, list[float]]

    def state(self) -> State:
        """What Detection.calibrate takes."""
        return {name: np.array(values)[:, None] for name, values in self.taught.items()}


def of_detection(detection: Detection, config: Config, seeds: list[int]) -> Calibration:
    """What a detection has been taught."""
    taught = {name: array[:, 0].tolist() for name, array in detection.calibration().items()}
    return Calibration(
        venue=config.venue,
        bin_ms=config.bin_ms,
        seeds=seeds,
        quiet_hours=round(detection.quiet_hours, 3),
        taught=taught,
    )


def write(calibration: Calibration, path: Path) -> None:
    """Write the file; raises CalibrationError."""
    text = msgspec.json.format(msgspec.json.encode(calibration), indent=1)
    try:
        path.write_bytes(text + b"\n")
    except OSError as error:
        raise CalibrationError(f"{path}: cannot be written: {error.strerror or error}") from error


def read(path: Path) -> Calibration:
    """The calibration in a file; raises CalibrationError."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Calibration)
    except OSError as error:
        raise CalibrationError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CalibrationError(f"{path}: is no calibration: {error}") from error
    if found.schema != SCHEMA:
        raise CalibrationError(
            f"{path}: is of other scores (schema {found.schema}, not {SCHEMA}); "
            "run foreshock calibrate again"
        )
    return found


def seeds(config: Config) -> frozenset[int]:
    """The simulated logs that the configured calibration was learned from."""
    name = config.detectors.calibration
    return frozenset() if name is None else frozenset(read(Path(name)).seeds)


def configured(config: Config) -> State | None:
    """What detectors.calibration names, checked against the configuration, None where it names
    nothing. Raises CalibrationError."""
    name = config.detectors.calibration
    if name is None:
        return None
    found = read(Path(name))
    if found.bin_ms != config.bin_ms:
        raise CalibrationError(
            f"detectors.calibration = {name!r}: is for bin_ms = {found.bin_ms}, "
            f"not {config.bin_ms}; run foreshock calibrate again"
        )
    fresh = Pipeline(config).detection.calibration()
    state = found.state()
    shapes = {part: array.shape for part, array in fresh.items()}
    if any(array.shape != shapes.get(part) for part, array in state.items()):
        raise CalibrationError(
            f"detectors.calibration = {name!r}: is of other detectors than are configured; "
            "run foreshock calibrate again"
        )
    return fresh | state  # a detector that is younger than the file begins with its prior
