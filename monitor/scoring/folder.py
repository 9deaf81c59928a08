"""A folder of logs and labels: every `X.labels.json` beside one `X.jsonl[.zst|.gz]` or parquet."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from monitor.errors import UserError
from monitor.labels import Labels, read_labels
from monitor.replay import Log
from monitor.seeds import purpose
from monitor.sources.files import open_log

LABELS_SUFFIX: Final = ".labels.json"
LOG_SUFFIXES: Final = (".jsonl", ".jsonl.zst", ".jsonl.gz", ".parquet")


class FolderError(UserError):
    """A folder that cannot be scored; the message is one line for the user."""


@dataclass(frozen=True, slots=True)
class StoredLog:
    """A log and its labels as files."""

    path: Path
    labels: Labels

    @property
    def seed(self) -> int:
        return self.labels.seed

    def open(self) -> tuple[Log, Callable[[], Labels]]:
        """The log, to be read once, and what happened in it."""
        return open_log(self.path), lambda: self.labels


def stored_logs(folder: Path) -> list[StoredLog]:
    """All labelled logs of a folder, by name.

    Raises FolderError where a log or its labels lack the other, LabelError where labels are none.
    """
    if not folder.is_dir():
        raise FolderError(f"{folder}: no such folder")
    names = sorted(path.name for path in folder.iterdir())
    labels = [name for name in names if name.endswith(LABELS_SUFFIX)]
    if not labels:
        raise FolderError(f"{folder}: holds no labels (X{LABELS_SUFFIX} beside X.jsonl.zst)")
    logs = {name: _log_of(folder, name, names) for name in labels}
    for name in names:
        if name.endswith(LOG_SUFFIXES) and name not in logs.values():
            raise FolderError(f"{folder / name}: has no labels (X{LABELS_SUFFIX}) beside it")
    return [StoredLog(folder / log, _labels(folder / name)) for name, log in logs.items()]


def _labels(path: Path) -> Labels:
    """Labels that say of their seed what the seed itself says."""
    labels = read_labels(path)
    if labels.purpose != purpose(labels.seed):
        told, true = labels.purpose, purpose(labels.seed)
        raise FolderError(f"{path}: says {told}, but seed {labels.seed} is for {true}")
    return labels


def _log_of(folder: Path, labels: str, names: list[str]) -> str:
    """The one log that labels stand beside."""
    stem = labels.removesuffix(LABELS_SUFFIX)
    found = [f"{stem}{suffix}" for suffix in LOG_SUFFIXES if f"{stem}{suffix}" in names]
    if len(found) != 1:
        many = f"has several logs beside it: {', '.join(found)}"
        raise FolderError(f"{folder / labels}: {many if found else 'has no log beside it'}")
    return found[0]
