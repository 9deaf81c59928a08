"""Runbooks: one for every signal and alert, short, with real queries and no dead link."""

import re
from pathlib import Path
from typing import Final

import msgspec
import pytest

from detectors.registry import DETECTORS
from monitor.cli import main
from tests.oncall.programs import run
from tests.oncall.prometheus import DEPLOY
from tests.oncall.test_rules import alerts, metrics, rules

FOLDER: Final = DEPLOY / "runbooks"
SIGNALS: Final = (
    *("order_burst", "cancel_burst", "leverage_burst", "liquidation_burst", "reject_storm"),
    *("leverage_shift", "thin_book", "thin_book_clustering", "liquidation_band", "cascade"),
    *("drift", "index_lag", "mark_divergence", "crowding", "market_wide"),
    *("feed_gap", "clock_skew"),
)
OF_MONITOR: Final = sorted({a["alert"] for a in alerts() if a["labels"]["about"] != "venue"})
PAGES: Final = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
PARTS: Final = [
    "What it means",
    "Confirm in two minutes",
    "What can be done",
    "What usually is a false alarm",
    "What to write down",
]
WORDS_MAX: Final = 320


def test_every_signal_and_every_alert_has_its_page_and_no_page_is_left_over() -> None:
    assert {path.stem for path in PAGES} == {*SIGNALS, *OF_MONITOR}
    assert {name.partition(".")[0] for name in DETECTORS} <= set(SIGNALS)


def test_every_alert_links_to_a_page_that_is_there() -> None:
    for alert in alerts():
        url = alert["annotations"]["runbook_url"]
        name = url.rpartition("/")[2]
        ours = alert["labels"]["about"] == "venue"
        assert name == ("{{ $labels.signal }}.md" if ours else f"{alert['alert']}.md")
        assert 'label "runbooks"' in url


def test_the_index_lists_every_page() -> None:
    listed = set(
        re.findall(r"^\| \[\w+\]\((\w+\.md)\)", (FOLDER / "README.md").read_text(), re.MULTILINE)
    )
    assert listed == {path.name for path in PAGES}


@pytest.mark.parametrize("path", [*PAGES, FOLDER / "README.md"], ids=lambda path: path.stem)
def test_no_link_is_dead(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        file, _, section = target.partition("#")
        there = path.parent / file if file else path
        assert there.is_file(), f"{path.name} links to {target}"
        assert not section or section in _sections(there), f"{path.name} links to {target}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_is_short_and_answers_the_five_questions(path: Path) -> None:
    text = path.read_text()
    assert text.startswith(f"# {path.stem}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == PARTS
    assert len(text.split()) <= WORDS_MAX


def test_queries_are_promql_over_metrics_that_are_there(tmp_path: Path) -> None:
    queries = [q for path in PAGES for q in _fenced(path.read_text())]
    assert len(queries) > len(PAGES)
    made = [{"record": f"runbook:query:{i}", "expr": query} for i, query in enumerate(queries)]
    (tmp_path / "rules.yml").write_bytes(
        msgspec.yaml.encode({"groups": [{"name": "runbooks", "rules": made}]})
    )
    run("promtool", "check", "rules", "--lint=none", tmp_path / "rules.yml")
    there = metrics()
    there |= {rule["record"] for rule in rules() if "record" in rule}
    for query in queries:
        asked = set(re.findall(r"\bforeshock[_:][a-z0-9_:]+", query))
        assert asked, query
        assert asked <= there, f"{query} asks for {asked - there}"


def test_signals_and_commands_that_pages_name_exist() -> None:
    commands = main.commands
    for path in PAGES:
        text = path.read_text()
        for command in re.findall(r"`foreshock (\w+)", text):
            assert command in commands, f"{path.name}: foreshock {command}"
        for selected in re.findall(r'signal=~?"([^"]+)"', text):
            assert set(selected.split("|")) <= set(SIGNALS), f"{path.name}: {selected}"


def _fenced(text: str) -> list[str]:
    return [found.strip() for found in re.findall(r"```promql\n(.*?)```", text, re.DOTALL)]


def _sections(path: Path) -> set[str]:
    """Headings as links write them."""
    return {
        heading.lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    }
