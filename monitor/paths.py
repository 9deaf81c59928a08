"""Whether files that will be written can be, asked before long work begins."""

import os
from pathlib import Path

from monitor.errors import UserError


def check_writable(key: str, path: Path, *, made: bool = False) -> None:
    """A file that is there, or the folder that it will be made in. Raises UserError."""
    if path.is_dir():
        raise UserError(f"{key} {path}: is a folder")
    if not path.exists():
        check_folder(key, path.parent, made=made)
    elif not os.access(path, os.W_OK):
        raise UserError(f"{key} {path}: cannot be written")


def check_folder(key: str, path: Path, *, made: bool = False) -> None:
    """A folder that is there, or, where it is `made` on the way, one that it can be made in.
    Raises UserError."""
    while made and not path.exists() and path != path.parent:
        path = path.parent
    if not path.is_dir() or not os.access(path, os.W_OK):
        raise UserError(f"{key} {path}: no folder that can be written to")
