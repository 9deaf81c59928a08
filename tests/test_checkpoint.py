"""Checkpoints are whole, plain, and refused when they are of another making."""

import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest

from monitor.checkpoint import CheckpointError, CheckpointStore
from monitor.clocks import Resume
from monitor.config import Config, Input, Kafka
from monitor.records import Partition

STATE = {"a": np.arange(4), "b.c": np.array([True, False]), "n": np.array(3.5)}
RESUMES = {Partition("orders", 1): Resume(5, 7, 9), Partition("cancels", 0): Resume(1, -(2**62), 1)}


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "new" / "folder", Config())
    assert store.load() is None
    store.save(STATE, RESUMES)
    found = store.load()
    assert found is not None
    assert found.resumes == RESUMES
    assert found.state.keys() == STATE.keys()
    assert all(np.array_equal(found.state[name], array) for name, array in STATE.items())


def test_nothing_but_arrays_without_pickles_is_written(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, Config())
    with pytest.raises(ValueError, match="allow_pickle"):
        store.save({"bad": np.array([object()])}, {})
    assert list(tmp_path.iterdir()) == [], "a checkpoint that failed leaves nothing"


def test_a_setting_that_decides_makes_the_old_state_unusable(tmp_path: Path) -> None:
    CheckpointStore(tmp_path, Config()).save(STATE, RESUMES)
    other = Config(input=Input(lateness_s=3.0))
    with pytest.raises(CheckpointError, match="digest was"):
        CheckpointStore(tmp_path, other).load()


def test_a_setting_that_does_not_decide_changes_nothing(tmp_path: Path) -> None:
    CheckpointStore(tmp_path, Config()).save(STATE, RESUMES)
    moved = Config(kafka=Kafka(bootstrap_servers="elsewhere:9092", group_id="x"))
    assert CheckpointStore(tmp_path, moved).load() is not None


def test_another_numpy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    CheckpointStore(tmp_path, Config()).save(STATE, RESUMES)
    monkeypatch.setattr(np, "__version__", "9.9")
    with pytest.raises(CheckpointError, match=r"numpy was .*, is 9\.9"):
        CheckpointStore(tmp_path, Config()).load()


@pytest.mark.parametrize("wreck", ["cut", "garbage", "headless"])
def test_a_broken_file_is_refused_in_words(tmp_path: Path, wreck: str) -> None:
    store = CheckpointStore(tmp_path, Config())
    store.save(STATE, RESUMES)
    whole = store.path.read_bytes()
    if wreck == "cut":
        store.path.write_bytes(whole[: len(whole) // 2])
    elif wreck == "garbage":
        store.path.write_bytes(b"not a checkpoint")
    else:
        with zipfile.ZipFile(store.path, "w") as empty:
            empty.writestr("x.npy", msgspec.json.encode([1]))
    with pytest.raises(CheckpointError):
        store.load()
