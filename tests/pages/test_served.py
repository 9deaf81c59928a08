"""What /incidents and /incidents/ID answer, to programs and to browsers."""

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import aiohttp
import msgspec
import pytest

from monitor.blindness import Reason
from monitor.config import Config, Http, Scale
from monitor.detection import Step
from monitor.exporter import Exporter
from monitor.incidents import Incident, SymbolEvidence
from monitor.pages.health import WHY_BLIND, notices
from monitor.pages.links import filled
from monitor.replay import Replay
from monitor.settings import ConfigError, load
from monitor.status import Status
from tests.live import minutes_of_trouble
from tests.pages.conftest import last
from tests.pages.served import Watched, served

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Links(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if tag == "a" and name == "href"]


async def get(url: str, headers: dict[str, str] | None = None) -> tuple[int, str, str, str]:
    """Status, content type, policy and text."""
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        policy = answer.headers.get("Content-Security-Policy", "")
        return answer.status, answer.content_type, policy, await answer.text()


async def test_programs_get_json_and_browsers_get_a_page(ongoing: Watched) -> None:
    id_ = last(ongoing).id
    async with served(ongoing.status) as url:
        for path in ("/incidents", f"/incidents/{id_}"):
            assert (await get(url + path))[:2] == (200, "application/json")
            assert (await get(url + path, HTML))[:2] == (200, "text/html")
        told = json.loads((await get(f"{url}/incidents/{id_}"))[3])
        assert told["open"]
        assert told["changes"][0]["change"] == "open"
        assert told["incident"] == json.loads(msgspec.json.encode(last(ongoing)))
        listed = json.loads((await get(f"{url}/incidents"))[3])
        assert [incident["id"] for incident in listed["open"]] == [id_]
        assert listed["recent"][0] == told["incident"]


async def test_what_an_incident_could_not_see_is_said(over: Watched) -> None:
    trust: dict[str, float | str | list[str]] = {
        "blind": [],
        "blind_for": [f"thin_book on S{i}" for i in range(7)],
        "late": ["orders/0"],
    }
    over.status.casebook.note(msgspec.structs.replace(last(over), trust=trust))
    async with served(over.status) as url:
        text = (await get(f"{url}/incidents/{last(over).id}", HTML))[3]
    assert "No opinion, so no sign of calm: thin_book on S0, " in text
    assert "thin_book on S4 and 2 more." in text
    assert "orders/0. Bursts are larger than they look." in text


def test_every_reason_to_be_blind_has_its_words() -> None:
    assert set(WHY_BLIND) | {"stalled"} == set(get_args(Reason))


async def test_an_unknown_incident_is_404_as_json_and_as_a_page(ongoing: Watched) -> None:
    async with served(ongoing.status) as url:
        status, kind, _, text = await get(f"{url}/incidents/%3Cb%3E")
        assert (status, kind, json.loads(text)["id"]) == (404, "application/json", "<b>")
        status, kind, _, text = await get(f"{url}/incidents/%3Cb%3E", HTML)
        assert (status, kind) == (404, "text/html")
        assert "No incident &lt;b&gt; is known here" in text


async def test_pages_allow_nothing_but_their_own_bytes(ongoing: Watched) -> None:
    async with served(ongoing.status) as url:
        _, _, policy, text = await get(f"{url}/incidents/{last(ongoing).id}", HTML)
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "style=" not in text
    assert all(src not in text for src in (" src=", "@import", "url("))


async def test_links_are_there_only_where_they_were_configured(ongoing: Watched) -> None:
    incident = last(ongoing)
    path = f"/incidents/{incident.id}"
    async with served(ongoing.status) as url:
        links = Links((await get(url + path, HTML))[3]).found
    assert f"https://runbooks.example/{incident.signals[0]}.md" in links
    assert any(link.startswith("https://grafana.example/d/foreshock-incident?") for link in links)
    plain = Status(ongoing.exporter, Config(http=Http(port=0)))
    plain.casebook.note(incident)
    async with served(plain) as url:
        text = (await get(url + path, HTML))[3]
    assert not [link for link in Links(text).found if link.startswith("http")]


def test_a_monitor_is_warming_up_from_its_first_bin_on(tmp_path: Path) -> None:
    config = Config(http=Http(port=0))
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(v for _, _, v in minutes_of_trouble(3, seconds=4.0)) + b"\n")
    reasons: list[list[str]] = []

    def take(step: Step) -> None:
        status.stepped(step, replay.pipeline.detection)
        reasons.append(status.not_ready())

    replay = Replay(config, [path], on_step=take)
    signals = replay.pipeline.detection.signals
    status = Status(Exporter(config.input_topics, signals, scores_max=5), config)
    status.assigned = True
    assert not list(replay.incidents())
    assert reasons
    assert all("warming up" in said for said in reasons)


def test_a_link_is_filled_with_what_can_stand_in_an_address() -> None:
    symbols = [
        SymbolEvidence("*", "market_wide", 9.0, 9.0, 1.0, 9.0),
        SymbolEvidence("A&B", "cancel_burst", 7.0, 9.0, 1.0, 9.0),
    ]
    ns = 1_700_000_000_000_000_000
    incident = Incident(
        1, "x", "open", ns, ns, "page", ["market_wide", "cancel_burst"], symbols, [], 9.0, "", {}
    )
    url = "https://g/{id}?s={signal}&v={symbol}&from={from_ms}&to={to_ms}"
    assert filled(url, incident) == (
        "https://g/x?s=market_wide&v=A%26B&from=1699999700000&to=1700000120000"
    )


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("javascript:alert(1)", "must begin with http:// or https://"),
        ("https://g/{account}", "{account} is unknown; known are {id}, {signal}, {symbol}"),
    ],
)
def test_a_link_that_cannot_be_is_refused_in_one_line(url: str, says: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(None, {"FORESHOCK_HTTP__RUNBOOK_URL": url})
    assert says in str(error.value)


def fresh(config: Config | None = None) -> Iterator[str]:
    config = config or Config()
    return (
        notice.text for notice in notices(Status(Exporter([], ["drift"], scores_max=1), config), 0)
    )


def test_a_standby_and_a_fresh_start_say_that_they_know_nothing() -> None:
    texts = list(fresh())
    assert any("reads nothing" in text for text in texts)
    assert any("Nothing was judged yet" in text for text in texts)


def test_a_shard_says_where_incidents_are() -> None:
    assert "role detection" in next(fresh(Config(scale=Scale(role="shard"))))


def test_what_is_judged_late_is_said_to_be_behind(quiet: Watched) -> None:
    assert quiet.exporter.watermark_ns is not None
    found = notices(quiet.status, quiet.exporter.watermark_ns + 600_000_000_000)
    assert found[0].level == "bad"
    assert "10 min 00 s behind" in found[0].text
