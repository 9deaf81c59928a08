"""`foreshock audit --fairness` as a user meets it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from monitor.cli import main
from tests.fairness.made import cut, fill, geared, marks


def foreshock(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["audit", *arguments], env={"FORESHOCK_CONFIG": None})


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "unfair.jsonl"
    events = [
        *marks(40),
        *(geared(0.0, name) for name in ("safe", "bold")),
        cut(10.0, "safe", 25.0, ratio=1.05),
        fill(10.5, "safe", 25.0, 99.0),
        cut(18.0, "bold", 100.0, ratio=2.0, kind="full"),
        *(cut(20.0, f"other-{n}", 1.0, symbol=f"A-VERY-LONG-NAME-{n}-PERP") for n in range(12)),
    ]
    path.write_text("\n".join(map(json.dumps, events)) + "\nnot json\n")
    return path


def test_the_text_names_what_is_unfair_in_80_columns(log: Path) -> None:
    said = foreshock("--fairness", str(log), "--fee-bps", "50")
    assert said.exit_code == 0, said.output
    lines = said.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(said.stdout.split())
    assert "order: UNFAIR: 1 of 2 forced orders came before a riskier account's" in text
    assert "1 bad" in text
    assert "12 of 14 liquidations carry no margin_ratio" in text
    row = next(line for line in lines if "safe" in line and "bold" in line)
    assert row.split() == ["1", "X", "22:13:30", "safe", "0.95", "bold", "0.50", "8.0", "s"]
    assert "fee: 50 bps" in text


def test_json_is_one_object_and_the_same_each_time(log: Path) -> None:
    said = foreshock("--fairness", str(log), "--json")
    verdict = json.loads(said.stdout)
    assert verdict["schema"] == 1
    assert verdict["total"]["violations"] == 1
    assert foreshock("--fairness", str(log), "--json").stdout == said.stdout


def test_a_venues_own_names_are_mapped_by_the_configuration(tmp_path: Path) -> None:
    log = tmp_path / "venue.jsonl"
    log.write_text(
        '{"t":1700000000000,"s":"X","who":"a","S":"SELL","p":"9.5","q":"3","had":"12","mr":"1.5"}\n'
    )
    config = tmp_path / "foreshock.toml"
    config.write_text(
        '[topics."venue.jsonl"]\ntype = "liquidation"\nts_unit = "ms"\n'
        '[topics."venue.jsonl".fields]\nts = "t"\nsymbol = "s"\naccount = "who"\nside = "S"\n'
        'price = "p"\nqty = "q"\nposition_before = "had"\nmargin_ratio = "mr"\n'
        '[topics."venue.jsonl".side]\nbuy = ["BUY"]\nsell = ["SELL"]\n'
    )
    said = foreshock("--fairness", str(log), "-c", str(config), "--json")
    verdict = json.loads(said.stdout)
    assert verdict["total"]["liquidated"] == 28.5
    assert verdict["total"]["judged"] == 28.5


def test_a_log_without_liquidations_says_so(tmp_path: Path) -> None:
    log = tmp_path / "calm.jsonl"
    log.write_text(json.dumps(marks(0)[0]) + "\n")
    assert "nothing to judge" in foreshock("--fairness", str(log)).stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "say what to audit"),
        (("x.jsonl",), "logs need --fairness"),
        (("--fairness",), "--fairness needs a log"),
        (("--fairness", "--connect", "x.jsonl"), "--connect is for a deployment"),
        (("--fairness", "nowhere.jsonl"), "nowhere.jsonl: no such file"),
        (("--fairness", "x.jsonl", "--fee-bps", "-1"), "--fee-bps"),
        (("--fairness", "x.jsonl", "--wave-gap", "soon"), "is not a length of time"),
    ],
)
def test_what_cannot_be_audited_teaches_and_exits_2(arguments: tuple[str, ...], says: str) -> None:
    said = foreshock(*arguments)
    assert said.exit_code == 2
    assert says in said.stderr
    assert said.stdout == ""
