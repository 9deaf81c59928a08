"""The pages as a reader meets them: Chromium, with and without JavaScript, wide and narrow."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.async_api import Browser, Page

from monitor.incidents import AccountEvidence, SymbolEvidence
from tests.pages.conftest import last
from tests.pages.served import Watched, served

pytestmark = pytest.mark.asyncio(loop_scope="module")
FAINT = (Path(__file__).parent / "look.js").read_text(encoding="utf-8")
PHONE = {"width": 360, "height": 740}
EVIL = "<img src=x onerror=alert(1)>'\"&{{7*7}}"


@asynccontextmanager
async def reader(
    browser: Browser, watched: Watched, *, complains: bool = True, **options: Any
) -> AsyncIterator[tuple[Page, str]]:
    """A browser's page and the address of the pages; whatever goes wrong on them fails."""
    wrong: list[str] = []
    async with served(watched.status) as url:
        context = await browser.new_context(locale="en-GB", **options)
        page = await context.new_page()
        page.on("request", lambda r: wrong.append(r.url) if not r.url.startswith(url) else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.on("console", lambda said: wrong.append(said.text) if complains else None)
        try:
            yield page, url
        finally:
            await context.close()
    assert not [text for text in wrong if not text.startswith("data:,")]


async def test_the_open_incident_is_there_with_and_without_javascript(
    browser: Browser, ongoing: Watched
) -> None:
    incident = last(ongoing)
    for javascript in (True, False):
        async with reader(browser, ongoing, java_script_enabled=javascript) as (page, url):
            await page.goto(f"{url}/incidents")
            assert await page.inner_text("h1") == "1 open incident"
            assert await page.locator("article .spark .line").count() == 1
            await page.click("article a")
            assert page.url == f"{url}/incidents/{incident.id}"
            assert await page.inner_text("h1") == incident.summary
            text = await page.inner_text("main")
            for said in ("What moved first", "a quiet venue shows this", "are blind"):
                assert said in text
            for seen in incident.symbols[:5]:
                name = "whole venue" if seen.symbol == "*" else seen.symbol
                assert name in text
                assert f"{seen.ratio:.1f}x" in text


async def test_times_are_utc_and_with_javascript_the_readers_own_too(
    browser: Browser, ongoing: Watched
) -> None:
    path = f"/incidents/{last(ongoing).id}"
    async with reader(browser, ongoing, timezone_id="Asia/Tokyo") as (page, url):
        await page.goto(url + path)
        began = await page.inner_text("dl div:first-child dd")
        assert "UTC (" in began.replace("\xa0", " ")
        assert "GMT+9)" in began
        utc, local = (int(began.split("(")[part][:2]) for part in (0, 1))
        assert (local - utc) % 24 == 9
    async with reader(browser, ongoing, java_script_enabled=False) as (page, url):
        await page.goto(url + path)
        assert "GMT" not in await page.inner_text("main")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_read_well_on_a_phone_and_in_both_themes(
    browser: Browser, ongoing: Watched, scheme: str
) -> None:
    for size in (PHONE, {"width": 1100, "height": 900}):
        options = {"color_scheme": scheme, "viewport": size, "timezone_id": "America/New_York"}
        async with reader(browser, ongoing, complains=False, **options) as (page, url):
            for path in ("/incidents", f"/incidents/{last(ongoing).id}", "/incidents/0123"):
                await page.goto(url + path)
                width = await page.evaluate("document.documentElement.scrollWidth")
                assert width <= size["width"], path
                assert await page.evaluate(FAINT) == [], path


async def test_pages_have_a_language_an_order_of_headings_and_named_columns(
    browser: Browser, ongoing: Watched
) -> None:
    async with reader(browser, ongoing) as (page, url):
        for path in ("/incidents", f"/incidents/{last(ongoing).id}"):
            await page.goto(url + path)
            assert await page.get_attribute("html", "lang") == "en"
            levels = await page.eval_on_selector_all("h1, h2, h3", "all => all.map(h => h.tagName)")
            assert levels.count("H1") == 1
            assert levels[0] == "H1"
            assert await page.locator("th:not([scope])").count() == 0
            assert await page.locator("svg[role=img]:not([aria-label])").count() == 0
            assert await page.locator("main").count() == 1


async def test_a_page_is_never_calm_while_event_time_stands_still(
    browser: Browser, quiet: Watched
) -> None:
    quiet.exporter.blind = {}
    async with reader(browser, quiet) as (page, url):
        await page.goto(f"{url}/incidents")
        assert await page.inner_text("h1") == "No open incident"
        assert await page.locator(".calm").count() == 1
        assert await page.locator("[role=alert]").count() == 0
        assert quiet.status.stepped_s is not None
        quiet.status.stepped_s -= 1_000.0
        await page.reload()
        assert await page.inner_text("h1") == "No open incident is known"
        assert await page.locator(".calm").count() == 0
        assert "Event time stands still" in await page.inner_text("[role=alert]")


async def test_a_blind_signal_is_said_before_anything_else(
    browser: Browser, quiet: Watched
) -> None:
    quiet.exporter.blind = {"leverage_burst": "no_input"}
    async with reader(browser, quiet) as (page, url):
        await page.goto(f"{url}/incidents")
        assert await page.locator(".calm").count() == 0
        text = await page.inner_text("main")
        assert text.index("leverage_burst is blind") < text.index("No open incident")


async def test_names_from_the_venue_are_text_and_nothing_else(
    browser: Browser, over: Watched
) -> None:
    evil = msgspec.structs.replace(
        over.incidents[-1],
        id=EVIL,
        change="open",
        summary=EVIL,
        symbols=[SymbolEvidence(EVIL, "cancel_burst", 7.0, 9.0, 1.0, 9.0)],
        accounts=[AccountEvidence(EVIL, "cancel_burst", 0.5, 9)],
        trust={"blind": [EVIL], "calibration": EVIL, "quiet_hours": 1.0, "null_check": 1.0},
    )
    over.exporter.incidents.open = {EVIL: evil}
    over.status.casebook.note(evil)
    async with reader(browser, over) as (page, url):
        await page.goto(f"{url}/incidents")
        await page.click("article a")
        assert await page.inner_text("h1") == EVIL
        assert await page.locator("main img").count() == 0
        assert await page.locator("tbody th", has_text=EVIL).count() == 2


async def test_an_open_page_loads_itself_anew_until_it_is_told_to_hold_still(
    browser: Browser, ongoing: Watched
) -> None:
    refresh = "meta[http-equiv=refresh]"
    async with reader(browser, ongoing, java_script_enabled=False) as (page, url):
        await page.goto(f"{url}/incidents")
        assert await page.locator(refresh).count() == 1
        await page.click("text=hold still")
        assert await page.locator(refresh).count() == 0


async def test_a_page_left_open_says_how_old_it_is(browser: Browser, ongoing: Watched) -> None:
    async with reader(browser, ongoing) as (page, url):
        await page.clock.install()
        await page.goto(f"{url}/incidents?still")
        await page.clock.fast_forward(180_000)
        assert "This page is 3 min old" in await page.inner_text("#age")
