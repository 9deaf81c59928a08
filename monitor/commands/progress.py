"""A progress bar over logs, on stderr where that is a terminal."""

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from monitor.replay import ReplayTotals


class Bar:
    """A bar that is gone when the work ends, and that no file or pipe ever sees."""

    def __init__(self, what: str) -> None:
        self.total_bytes = 0
        self._progress = Progress(
            TextColumn(what),
            BarColumn(),
            TextColumn("{task.percentage:3.0f}%"),
            TextColumn("{task.fields[events]:,} events"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._progress.add_task(what, total=1, events=0)

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def make_way(self) -> None:
        """Vanish for a line of output; the next `show` brings the bar back."""
        self._progress.stop()

    def show(self, totals: ReplayTotals) -> None:
        """Move the bar to where the logs have been read."""
        self._progress.start()
        self._progress.update(
            self._task,
            completed=totals.read_bytes,
            total=max(self.total_bytes, 1),
            events=totals.events,
        )
