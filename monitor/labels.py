"""What truly happened in a simulated log: the labels that detection is scored against."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct, field

from monitor.errors import UserError
from monitor.seeds import Purpose

SCHEMA: Final = 1

Size = Literal["small", "medium", "large"]
Ns = Annotated[int, Meta(ge=0)]


class LabelError(UserError):
    """A label file cannot be used; the message is one line for the user."""


class LabelledEvent(Struct, frozen=True, kw_only=True):
    """One thing that happened. decoy: it must not page.

    onset_ns to end_ns: while it was being made, not how long its consequences lasted.
    first_forced_wave_ns: the first forced wave that came of it, None where none did.
    detail: what else the scenario tells of itself.
    """

    scenario: str
    decoy: bool
    size: Size
    onset_ns: Ns
    end_ns: Ns
    symbols: list[str]
    accounts: list[str]
    first_forced_wave_ns: Ns | None = None
    detail: dict[str, Any] = field(default_factory=dict)


class Labels(Struct, frozen=True, kw_only=True):
    """All that is known of one log. gaps: spans, in ns, of which the feed lost every event."""

    schema: Literal[1] = SCHEMA
    seed: Annotated[int, Meta(ge=0)]
    purpose: Purpose
    profile: str
    scenario: str
    start_ns: Ns
    end_ns: Ns
    symbols: list[str]
    events: list[LabelledEvent] = field(default_factory=list)
    gaps: list[tuple[Ns, Ns]] = field(default_factory=list)


_decode: Final = msgspec.json.Decoder(Labels).decode


def read_labels(path: Path) -> Labels:
    """The labels in a file; raises LabelError."""
    try:
        return _decode(path.read_bytes())
    except OSError as error:
        raise LabelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LabelError(f"{path}: is no label file: {error}") from error


def labels_bytes(labels: Labels) -> bytes:
    """Labels as the file's JSON, indented for people."""
    return msgspec.json.format(msgspec.json.encode(labels), indent=2) + b"\n"


def write_labels(labels: Labels, path: Path) -> None:
    """Write the file; raises LabelError."""
    try:
        path.write_bytes(labels_bytes(labels))
    except OSError as error:
        raise LabelError(f"{path}: cannot be written: {error.strerror or error}") from error
