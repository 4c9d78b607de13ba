"""The page in a real browser: Debian's Chromium, driven by Playwright, before daemons that are real too.

`Pages` opens pages, each in a context (cookies, storage) of its own, logged in by a one-time link. A page must stay
without errors on its console: a script that fails, a breach of the Content-Security-Policy, a request elsewhere. A
test that expects some says so by `Opened.expect_errors`. What pages showed when a test failed is in build/web/.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from e2e.harness import Daemon, Net, run_cli
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    expect,
    sync_playwright,
)

CHROMIUM = os.environ.get("P2PD_CHROMIUM") or shutil.which("chromium") or ""
REQUIRED = "P2PD_WEB_REQUIRED"  # set where Chromium is expected: that it is missing fails, not skips
HTTP = ("--http", "127.0.0.1:0")
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
WAIT_MS = 30_000  # the machine may be busy; nothing waits that long when all is well
NODE_MODULES = Path(__file__).parent / "node_modules"
FAILURES = Path(__file__).parents[2] / "build" / "web"
ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    # A name for the test of DNS rebinding; no other name is found, so nothing leaves this machine.
    "--host-resolver-rules=MAP rebound.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)

expect.set_options(timeout=WAIT_MS)


def require(path: str | Path, missing: str) -> None:
    if path and Path(path).exists():
        return
    if os.environ.get(REQUIRED):
        pytest.fail(missing)
    pytest.skip(missing)


@contextlib.contextmanager
def open_browser() -> Iterator[Browser]:
    require(CHROMIUM, "Chromium is missing: apt install chromium, or name it by P2PD_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGS))
        yield browser
        browser.close()


@dataclass
class Opened:
    """One page: Playwright's, the daemon that it belongs to, and what went wrong in it."""

    page: Page
    daemon: Daemon
    errors: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        return str(self.daemon.ready["http"])

    def expect_errors(self, *patterns: str) -> None:
        """Errors that match are part of the test."""
        self.expected.extend(patterns)

    def unexpected(self) -> list[str]:
        return [one for one in self.errors if not any(re.search(pattern, one) for pattern in self.expected)]

    def show(self, where: str) -> None:
        """`#network`, `#settings`, `#start`, or a place as of `room` and `peer`."""
        self.page.evaluate("where => { location.hash = where }", where)

    @property
    def box(self) -> Locator:
        """Where one writes."""
        return self.page.get_by_role("textbox", name=re.compile("^Message to "))

    def say(self, text: str) -> None:
        self.box.fill(text)
        self.box.press("Enter")
        expect(self.box).to_have_value("")

    def message(self, text: str) -> Locator:
        """The messages whose text is exactly this."""
        body = self.page.locator(".body").get_by_text(text, exact=True)
        return self.page.get_by_role("log").get_by_role("article").filter(has=body)

    def act(self, text: str, what: str) -> None:
        """Points at a message and presses one of its buttons."""
        message = self.message(text)
        message.hover()
        message.get_by_role("button", name=what, exact=True).click()

    def entry(self, title: str) -> Locator:
        """A place in the list of them."""
        title_of_it = self.page.get_by_text(title, exact=True)
        return self.page.get_by_role("navigation").get_by_role("link").filter(has=title_of_it)

    def watch(self) -> None:
        page = self.page
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self.errors.append(f"error: {error}\n{error.stack or ''}"))
        page.on("request", self._note_request)
        page.on("dialog", self._note_dialog)

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning", "assert"}:
            where = message.location.get("url", "")
            self.errors.append(f"console: {message.type}: {message.text} ({where})")

    def _note_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https"} and f"http://{parts.netloc}" != self.base:
            self.errors.append(f"request elsewhere: {request.method} {request.url}")

    def _note_dialog(self, dialog: Any) -> None:
        self.errors.append(f"dialog: {dialog.message}")
        dialog.dismiss()


def room(name: str) -> str:
    return f"#room/{quote(name, safe='')}"


def peer(peer_id: str) -> str:
    return f"#peer/{peer_id}"


class Pages:
    """The pages of one test, closed with it."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.all: list[Opened] = []

    def context(self, **options: Any) -> BrowserContext:
        """A browser profile of its own."""
        context = self._browser.new_context(**{"locale": "en-US", "viewport": DESKTOP, **options})
        context.set_default_timeout(WAIT_MS)
        self._contexts.append(context)
        return context

    def blank(self, daemon: Daemon, context: BrowserContext | None = None, **options: Any) -> Opened:
        """A page that is nowhere yet."""
        opened = Opened((context or self.context(**options)).new_page(), daemon)
        opened.watch()
        self.all.append(opened)
        return opened

    def open(self, daemon: Daemon, where: str = "", path: str = "", **options: Any) -> Opened:
        """A page logged in, at `where` behind the #, of the paths "", "receive" and "send"."""
        opened = self.blank(daemon, **options)
        opened.page.goto(daemon.api("POST", "/v1/page-link", {"page": path})["url"])
        if where:
            opened.show(where)
        return opened

    def check(self) -> None:
        for opened in self.all:
            assert not opened.unexpected(), f"{opened.page.url}: " + "\n".join(opened.unexpected())

    def keep(self, name: str) -> None:
        """What the pages show, for whoever looks why a test failed."""
        FAILURES.mkdir(parents=True, exist_ok=True)
        for number, opened in enumerate(self.all):
            stem = FAILURES / f"{re.sub(r'[^A-Za-z0-9._-]+', '_', name)}-{number}"
            with contextlib.suppress(Exception):
                opened.page.screenshot(path=f"{stem}.png", timeout=5000)
            with contextlib.suppress(Exception):
                Path(f"{stem}.html").write_text(opened.page.content(), encoding="utf-8")
            Path(f"{stem}.log").write_text("\n".join(opened.errors), encoding="utf-8")

    def close(self) -> None:
        for context in self._contexts:
            context.close()


def web_link(daemon: Daemon, *options: str) -> str:
    """What `p2pd web --print` prints."""
    done = run_cli("web", "--print", *options, home=daemon.home)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def two_daemons(net: Net, names: Sequence[str] = ("ana", "ben")) -> list[Daemon]:
    """Nodes with a page, that know each other's nickname."""
    daemons = net.daemons(*names, options=HTTP)
    for daemon, name in zip(daemons, names, strict=True):
        daemon.api("POST", "/v1/nick", {"nick": name})
    return daemons
