"""The way into the page: the link that `p2pd start` prints, `p2pd web`, and taking every link back."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from e2e.harness import LOOPBACK, Net, eventually, run_cli

pytestmark = pytest.mark.slow

DESKTOP = {"DISPLAY": ":77", "WAYLAND_DISPLAY": ""}
NO_DESKTOP = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}


def get(url: str, cookie: str = "") -> http.client.HTTPResponse:
    parts = urlsplit(url)
    link = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        target = url.removeprefix(f"http://{parts.netloc}")
        link.request("GET", target, headers={"Cookie": cookie} if cookie else {})
        answer = link.getresponse()
        answer.read()
        return answer
    finally:
        link.close()


def cookie_from(url: str) -> str:
    answer = get(url)
    assert answer.status == 303
    return (answer.getheader("set-cookie") or "").partition(";")[0]


def test_links_open_the_page_once_and_can_be_taken_back(net: Net) -> None:
    node = net.daemon("ana", "--http", "127.0.0.1:0")
    base, home = node.ready["http"], node.home
    assert node.ready["page"].startswith(f"{base}/?token=")
    first = cookie_from(node.ready["page"])
    assert get(node.ready["page"]).status == 401

    printed = run_cli("web", home=home, environment=NO_DESKTOP)
    assert printed.returncode == 0, printed.stderr
    second = cookie_from(printed.stdout.strip())
    link = json.loads(run_cli("web", "send", "--json", home=home, environment=DESKTOP).stdout)
    assert link["url"].startswith(f"{base}/send?token=")
    for cookie in (first, second):
        assert get(f"{base}/v1/status", cookie).status == 200

    node.stop()
    node.options = tuple(
        base.removeprefix("http://") if one == "127.0.0.1:0" else one for one in node.options
    )
    node.start()
    assert get(f"{base}/v1/status", first).status == 200  # the browser stays known
    assert get(link["url"]).status == 401  # links end with the daemon

    unused = run_cli("web", "--print", home=home).stdout.strip()
    token = (home / "token").read_text()
    renewed = run_cli("web", "--new-token", "--print", home=home)
    assert renewed.returncode == 0, renewed.stderr
    assert (home / "token").read_text() != token
    assert get(f"{base}/v1/status", first).status == 401
    for old in (unused, node.ready["page"]):
        assert get(old).status == 401
    assert get(f"{base}/v1/status", cookie_from(renewed.stdout.strip())).status == 200


def test_a_desktop_gets_a_browser(tmp_path: Path, net: Net) -> None:
    node = net.daemon("ana", "--http", "127.0.0.1:0")
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {seen}.new && mv {seen}.new {seen}\n')
    browser.chmod(0o755)
    opened = run_cli("web", "receive", home=node.home, environment=DESKTOP | {"BROWSER": str(browser)})
    assert opened.returncode == 0, opened.stderr
    assert "token=" not in opened.stdout
    eventually(seen.exists)
    assert seen.read_text().startswith(f"{node.ready['http']}/receive?token=")
    assert cookie_from(seen.read_text())
    none_there = DESKTOP | {"BROWSER": "/nowhere/browser", "PATH": "/nowhere"}
    no_browser = run_cli("web", home=node.home, environment=none_there)
    assert no_browser.stdout.startswith(f"{node.ready['http']}/?token="), no_browser.stderr


def test_without_a_page_and_without_a_daemon(tmp_path: Path, net: Net) -> None:
    node = net.daemon("ana", "--http", "off")
    refused = run_cli("web", home=node.home)
    assert refused.returncode == 6
    assert "--http" in refused.stderr
    token = (node.home / "token").read_text()
    assert run_cli("web", "--new-token", home=node.home).returncode == 0
    assert (node.home / "token").read_text() != token
    node.stop()
    assert run_cli("web", home=node.home).returncode == 3
    assert run_cli("web", "--new-token", home=node.home).returncode == 0
    assert not (node.home / "token").exists()  # the next start makes another
    assert run_cli("web", "--new-token", home=tmp_path / "nowhere").returncode == 0
    assert not (tmp_path / "nowhere").exists()


def test_a_person_is_told_the_link(tmp_path: Path) -> None:
    quiet = ("--detach", "--listen", LOOPBACK, "--http", "127.0.0.1:0", "--no-mdns", "--no-bootstrap")
    started = run_cli("start", *quiet, home=tmp_path)
    try:
        [page] = [line.split()[1] for line in started.stdout.splitlines() if line.startswith("  page ")]
        assert started.stdout.splitlines()[-1].startswith("Open the page by this link")
        assert cookie_from(page)
    finally:
        assert run_cli("stop", home=tmp_path).returncode == 0
