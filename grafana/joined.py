"""Several queries as one table, joined by labels that they share."""

from collections.abc import Mapping
from dataclasses import dataclass

from grafana.panels import columns
from grafana.queries import Query
from grafana.visualizations import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A row for each set of labels, a column for each query.

    row: what a row is; Grafana joins by it. labels: two or more, and the heading of each.
    values: heading -> expression whose series have exactly these labels.
    """

    row: str
    labels: Mapping[str, str]
    values: Mapping[str, str]

    def queries(self) -> list[Query]:
        """The newest values."""
        names = ", ".join(f'"{name}"' for name in self.labels)
        return [
            Query(f'label_join({expr}, "{self.row}", " ", {names})', instant=True)
            for expr in self.values.values()
        ]

    def transformations(self) -> list[Json]:
        """One column a label, then one a query; what Grafana numbers to tell apart is hidden."""
        numbers = range(1, len(self.values) + 1)
        headed = {f"{name} 1": heading for name, heading in self.labels.items()}
        headed |= {f"Value #{chr(ord('A') + i)}": heading for i, heading in enumerate(self.values)}
        times = [f"Time {i}" for i in numbers]
        repeated = [f"{name} {i}" for name in self.labels for i in numbers[1:]]
        return [
            {"id": "joinByField", "options": {"byField": self.row, "mode": "outer"}},
            columns(headed, hidden=[self.row, *times, *repeated]),
        ]
