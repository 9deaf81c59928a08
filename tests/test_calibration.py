"""What quiet flow has taught, as a file: written, read, refused, and where a monitor begins."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from detectors.base import State
from monitor.calibration import Calibration, CalibrationError, configured, of_detection, read, write
from monitor.checkpoint import digest
from monitor.config import Config, Detectors
from monitor.pipeline import Pipeline
from tests import market


def naming(path: Path, config: Config | None = None) -> Config:
    """A configuration that begins with the calibration in a file."""
    config = config or market.config()
    named = msgspec.structs.replace(config.detectors, calibration=str(path))
    return msgspec.structs.replace(config, detectors=named)


def made(config: Config, hours: float = 30.0) -> Calibration:
    """As if that many hours had been seen, in which every twentieth maximum was in the tail."""
    detection = Pipeline(config).detection
    of_kind = {"seen": hours * 15.0, "exceeding": hours * 0.75, "excess": hours, "wander2": 0.04}
    of_kind |= {"samples": 900.0 * hours, "counting": 1.5, "events": 5000.0 * hours}
    of_kind |= {"far": hours * 0.1, "far_excess": hours * 0.13}
    detection.calibrate(
        {
            name: np.full_like(array, of_kind[name.rpartition(".")[2]])
            for name, array in detection.calibration().items()
        }
    )
    return of_detection(detection, config, [3, 4])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "calibration.json"
    write(made(market.config()), path)
    return path


def same(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all((one[name] == other[name]).all() for name in one)


def test_what_is_written_is_read_back_to_the_bit(file: Path) -> None:
    found = read(file)
    assert found == made(market.config())
    assert (found.venue, found.bin_ms, found.seeds, found.quiet_hours) == (
        "test",
        250,
        [3, 4],
        30.0,
    )
    assert "order_burst.seen" in found.taught
    assert "test.venue.excess" in found.taught


def test_without_a_calibration_named_there_is_none() -> None:
    assert configured(market.config()) is None


def test_a_calibrated_pipeline_begins_with_what_was_taught(file: Path) -> None:
    config = naming(file)
    taught = configured(config)
    detection = Pipeline(config, calibration=taught).detection
    assert detection.quiet_hours == pytest.approx(30.0)
    assert (detection.calibrated, Pipeline(config).detection.calibrated) == ("measured", "prior")
    assert taught is not None
    assert same(detection.calibration(), taught)
    tails = [Pipeline(config, calibration=c).detection.test.venue for c in (taught, None)]
    nats = np.array([[20.0]])
    assert tails[0].decades(nats)[0, 0] != tails[1].decades(nats)[0, 0]


def test_a_pipeline_that_forgets_everything_keeps_its_calibration(file: Path) -> None:
    pipeline = Pipeline(naming(file), calibration=configured(naming(file)))
    pipeline.reset()
    assert pipeline.detection.quiet_hours == pytest.approx(30.0)


def test_state_of_another_calibration_is_not_gone_on_from(file: Path) -> None:
    config = market.config()
    more = made(config, hours=31.0).state()
    digests = [digest(config, c) for c in (None, read(file).state(), more)]
    assert len(set(digests)) == 3
    assert digest(config, read(file).state()) == digests[1]


def test_a_calibration_for_other_bins_is_refused(file: Path) -> None:
    with pytest.raises(CalibrationError, match=r"is for bin_ms = 250, not 500; run foreshock"):
        configured(naming(file, market.config(bin_ms=500)))


def test_a_calibration_of_other_detectors_is_refused(file: Path) -> None:
    other = market.config(detectors=Detectors(disabled=["market_wide"]))
    with pytest.raises(CalibrationError, match=r"is of other detectors than are configured"):
        configured(naming(file, other))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "is no calibration: "),
        (b"\xff\xfe", "is no calibration: "),
        (b"{}", "is no calibration: Object missing required field"),
    ],
    ids=["no file", "empty", "not text", "no fields"],
)
def test_what_is_no_calibration_is_refused_in_one_line(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    path = tmp_path / "calibration.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CalibrationError) as refused:
        configured(naming(path))
    assert str(refused.value).startswith(f"{path}: {says}")
    assert "\n" not in str(refused.value)


def test_a_calibration_of_other_scores_is_refused(file: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_bytes(file.read_bytes().replace(b'"schema": 5', b'"schema": 1'))
    with pytest.raises(
        CalibrationError, match=r"of other scores \(schema 1, not 5\); run foreshock"
    ):
        configured(naming(old))


def test_a_calibration_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "calibration.json"
    with pytest.raises(CalibrationError, match="cannot be written: No such file or directory"):
        write(made(market.config()), path)
