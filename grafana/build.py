"""All dashboards, and the files they are kept in."""

import json
from pathlib import Path
from typing import Final

from grafana.dashboard import Dashboard
from grafana.incident import incident
from grafana.monitor import monitor
from grafana.venue import venue

FOLDER: Final = Path(__file__).parent / "dashboards"


def dashboards() -> list[Dashboard]:
    """Every dashboard, as it is now."""
    return [venue(), incident(), monitor()]


def built() -> dict[Path, str]:
    """The text of every file."""
    return {
        FOLDER / f"{dashboard.uid}.json": json.dumps(dashboard.json(), indent=2) + "\n"
        for dashboard in dashboards()
    }


def check() -> list[Path]:
    """Files that are not what is built, or that nothing builds."""
    files = built()
    found = {path: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    return sorted(path for path in files.keys() | found if files.get(path) != found.get(path))


def write() -> None:
    """Put every file in its place, and take away what nothing builds."""
    files = built()
    FOLDER.mkdir(exist_ok=True)
    for path in set(FOLDER.glob("*.json")) - files.keys():
        path.unlink()
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
