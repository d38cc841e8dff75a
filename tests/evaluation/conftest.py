"""A real browser for the pages, where this machine has one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    with sync_playwright() as browsers:
        opened = browsers.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()
