"""Tests of the page. Those in a browser are marked `all`: they need Chromium, and `make web` for axe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.harness import Net, open_net
from playwright.sync_api import Browser
from web.harness import Pages, open_browser

HERE = Path(__file__).parent
FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(tryfirst=True)  # before -m chooses by marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.all)
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture(scope="module")  # while one is open, asyncio believes that its loop runs in this thread
def browser() -> Iterator[Browser]:
    with open_browser() as found:
        yield found


@pytest.fixture
def pages(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Pages]:
    """Pages of this test's own; that they stayed without errors is part of every test."""
    found = Pages(browser)
    try:
        yield found
        if not request.node.stash.get(FAILED, False):
            found.check()
    finally:
        if request.node.stash.get(FAILED, False) or any(one.unexpected() for one in found.all):
            found.keep(request.node.name)
        found.close()


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    """Daemons of this test's own."""
    with open_net(tmp_path) as found:
        yield found
