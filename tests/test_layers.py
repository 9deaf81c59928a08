"""The arrows of the design, held by reading what every file imports and calls."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
LAYER_0: Final = {"numpy", "scipy", "river", "detectors"}
CORE: Final = [
    *("events", "records", "schema", "codec", "keys", "columns", "arrival", "bins", "features"),
    *("accounts", "incidents", "explain", "detection", "pipeline", "config", "textstate"),
    *("intake", "frames", "merge", "shard", "rows", "settled", "links", "rarity"),
    *("blindness", "feeds", "market.state", "market.depth", "market.gauges", "market.prices"),
    *("market.clustering", "market.exposure", "market.bands", "market.survey", "market.carry"),
    *("market.findings", "market.notes", "market.risk", "market.room", "market.standing"),
    *("market.related", "market.apart", "market.looks", "market.ranked", "clocks", "partial"),
    *("retries", "sightings", "witnesses", "desk"),
]
CORE_MAY_IMPORT: Final = {"numpy", "scipy", "msgspec", "zstandard", "detectors", "monitor"}
# What reaches for the machine: the clock, chance, the network, files.
IMPURE_MODULES: Final = {
    *("time", "random", "secrets", "uuid", "asyncio", "threading", "multiprocessing"),
    *("subprocess", "socket", "ssl", "select", "selectors", "urllib", "http"),
    *("os", "io", "pathlib", "tempfile", "shutil", "glob", "pickle", "logging"),
}
IMPURE_CALLS: Final = {
    *("open", "input", "print", "now", "utcnow", "today", "default_rng"),
    *("fromfile", "tofile", "load", "save", "savez", "memmap", "loadtxt", "savetxt", "genfromtxt"),
}
AIOKAFKA: Final = {
    "monitor/sources/kafka.py": "the source",
    "monitor/sources/consumer.py": "the client, as both sources use it",
    "monitor/sources/positions.py": "where a moment is in the logs",
    "monitor/sources/assignor.py": "all partitions to one member",
    "monitor/sources/spread.py": "the same partitions of every topic to one member",
    "monitor/sinks/kafka.py": "the sink",
    "monitor/sinks/publisher.py": "the sink of a shard",
    "monitor/broker.py": "creates topics on the broker that demo and tests start",
    "monitor/sources/tap.py": "reads beside the group",
    "monitor/sources/topics.py": "asks brokers which topics there are",
    "monitor/sources/cluster.py": "asks brokers how they are set up",
    "monitor/commands/audit.py": "tells the errors of the client apart",
    "monitor/commands/check.py": "tells the errors of the client apart",
    "monitor/commands/record.py": "tells the errors of the client apart",
    "monitor/demo/publish.py": "plays the exchange that produces",
    "monitor/live.py": "tells the errors of the client apart",
}
PROMETHEUS: Final = {
    "monitor/exporter.py": "the metrics",
    "monitor/input_metrics.py": "those of what was read",
    "monitor/incident_metrics.py": "those of open incidents",
    "monitor/book_metrics.py": "those of books and liquidation bands",
    "monitor/streams.py": "those of single streams",
}


def files(folder: str) -> list[str]:
    return sorted(str(p.relative_to(ROOT)) for p in (ROOT / folder).rglob("*.py"))


def tree_of(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), path)


def imports(path: str) -> Iterator[str]:
    """Dotted names that a file imports, at its top or inside functions."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(path: str) -> Iterator[tuple[str, int]]:
    """Last name and line of everything that a file calls."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id, node.lineno
            elif isinstance(node.func, ast.Attribute):
                yield node.func.attr, node.lineno


def top(name: str) -> str:
    return name.partition(".")[0]


def importers(package: str) -> set[str]:
    return {
        path
        for folder in ("detectors", "monitor")
        for path in files(folder)
        if package in map(top, imports(path))
    }


def core_files() -> list[str]:
    return [f"monitor/{name.replace('.', '/')}.py" for name in CORE]


def test_detectors_import_only_numbers() -> None:
    for path in files("detectors"):
        foreign = {top(name) for name in imports(path)} - LAYER_0 - sys.stdlib_module_names
        assert not foreign, f"{path} imports {foreign}"


@pytest.mark.parametrize("path", [*files("detectors"), *core_files()])
def test_the_core_has_no_clock_no_chance_and_no_io(path: str) -> None:
    impure = {name for name in imports(path) if top(name) in IMPURE_MODULES}
    impure |= {name for name in imports(path) if name.startswith("numpy.random")}
    assert not impure, f"{path} imports {impure}"
    reached = [(name, line) for name, line in calls(path) if name in IMPURE_CALLS]
    assert not reached, f"{path} calls {reached}"
    chance = [
        node.lineno
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("np.random")
    ]
    assert not chance, f"{path} uses np.random in lines {chance}"


@pytest.mark.parametrize("path", core_files())
def test_the_core_imports_nothing_outside_the_core(path: str) -> None:
    allowed = {f"monitor.{name}" for name in CORE}
    for name in imports(path):
        assert top(name) in CORE_MAY_IMPORT | sys.stdlib_module_names, f"{path} imports {name}"
        if top(name) == "monitor" and name != "monitor":
            assert {name, name.rpartition(".")[0]} & allowed, f"{path} imports {name}"


@pytest.mark.parametrize("path", files("monitor/simulator"))
def test_the_simulated_venue_has_no_clock_and_no_chance_but_its_seed(path: str) -> None:
    impure = {name for name in imports(path) if top(name) in IMPURE_MODULES}
    assert not impure, f"{path} imports {impure}"
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("default_rng"):
            assert "options.seed" in ast.unparse(node), f"{path}:{node.lineno} draws without a seed"


@pytest.mark.parametrize("path", [*files("monitor/deployment"), *files("monitor/fairness")])
def test_audits_judge_what_they_are_handed(path: str) -> None:
    # Tables are printed into memory, and paths only looked at.
    impure = {name for name in imports(path) if top(name) in IMPURE_MODULES}
    assert impure <= {"pathlib", "pathlib.PurePath", "io"}, f"{path} imports {impure}"
    reached = [(name, line) for name, line in calls(path) if name in IMPURE_CALLS - {"print"}]
    assert not reached, f"{path} calls {reached}"


def test_few_files_know_the_kafka_client() -> None:
    assert importers("aiokafka") <= AIOKAFKA.keys()


def test_few_files_know_the_metrics_library() -> None:
    assert importers("prometheus_client") <= PROMETHEUS.keys()


def test_sources_and_sinks_never_meet() -> None:
    for here, there in (("sources", "sinks"), ("sinks", "sources")):
        for path in files(f"monitor/{here}"):
            met = {name for name in imports(path) if name.startswith(f"monitor.{there}")}
            assert not met, f"{path} imports {met}"


def test_edges_do_not_import_the_shell() -> None:
    rooms = ("service", "replay", "cli", "commands", "demo", "scoring", "simulator", "hindsight")
    shell = tuple(f"monitor.{room}" for room in rooms)
    edges = [*files("monitor/sources"), *files("monitor/sinks"), *files("monitor/pages")]
    for path in [*edges, *PROMETHEUS, "monitor/status.py", "monitor/casebook.py"]:
        up = {name for name in imports(path) if name.startswith(shell)}
        assert not up, f"{path} imports {up}"
