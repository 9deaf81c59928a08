"""Debian's Chromium, headless, driven by Playwright; it asks nothing of the outside."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from playwright.async_api import Browser, async_playwright

ARGUMENTS: Final = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-quic"),
)


def unavailable() -> str | None:
    """Why there is no Chromium here, None where there is one."""
    if shutil.which("chromium") is None:
        return "chromium is not installed: apt-get install chromium"
    return None


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser for the length of the block."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=ARGUMENTS
        )
        try:
            yield browser
        finally:
            await browser.close()
