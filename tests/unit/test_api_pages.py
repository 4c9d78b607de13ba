"""The page's files: what is served, how, and that nothing else is."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest
from p2pd_daemon.api.pages import FOLDER, TYPES
from unit.api_served import open_api

VENDOR = FOLDER / "vendor"


@pytest.mark.parametrize("path", ["/", "/receive", "/send"])
async def test_the_page_needs_no_token(tmp_path: Path, path: str) -> None:
    async with open_api(tmp_path, http=True) as api:
        page = await api.ask_tcp("GET", path)
        assert page.status == 200
        assert page.content == (FOLDER / "index.html").read_bytes()
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["cache-control"] == "no-cache"
        assert (await api.ask("GET", path)).content == page.content
        head = await api.ask_tcp("HEAD", path)
        assert (head.status, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(page.content))
        assert (await api.ask_tcp("POST", path)).status == 405


async def test_every_file_is_served_with_its_type(tmp_path: Path) -> None:
    async with open_api(tmp_path, http=True) as api:
        for path in FOLDER.rglob("*"):
            if not path.is_file():
                continue
            answer = await api.ask_tcp("GET", f"/web/{path.relative_to(FOLDER).as_posix()}")
            assert answer.content == path.read_bytes()
            assert answer.headers["content-type"] == TYPES[path.suffix]


@pytest.mark.parametrize(
    "path",
    [
        "/web/",
        "/web/js",
        "/web/../version.py",
        "/web/%2e%2e/version.py",
        "/web/..%2fversion.py",
        "/web/js/../../version.py",
        "/web/js/../index.html",
        "/web//etc/passwd",
        "/web/%2fetc%2fpasswd",
        "/web/js/main.js%00",
        "/web/js/main.js/",
        "/receive/",
    ],
)
async def test_nothing_else_is(tmp_path: Path, path: str) -> None:
    async with open_api(tmp_path, http=True) as api:
        answer = await api.ask_tcp("GET", path)
        assert answer.code == ("not_found" if path.startswith("/web/") else "unauthorized")
        assert (await api.ask("GET", path)).code == "not_found"


async def test_compressed_for_who_takes_it(tmp_path: Path) -> None:
    async with open_api(tmp_path, http=True) as api:
        plain = await api.ask_tcp("GET", "/web/js/main.js")
        assert "content-encoding" not in plain.headers
        for accepted in ("gzip", "br, GZIP;q=0.5", "*"):
            packed = await api.ask_tcp("GET", "/web/js/main.js", accept_encoding=accepted)
            assert packed.headers["content-encoding"] == "gzip"
            assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
            assert packed.headers["etag"] != plain.headers["etag"]
            assert len(packed.content) < len(plain.content)
            assert gzip.decompress(packed.content) == plain.content
        for refused in ("br", "gzip;q=0", "*, gzip; q=0.0"):
            answer = await api.ask_tcp("GET", "/web/js/main.js", accept_encoding=refused)
            assert answer.content == plain.content


async def test_what_the_browser_has_is_not_sent_again(tmp_path: Path) -> None:
    async with open_api(tmp_path, http=True) as api:
        tag = (await api.ask_tcp("GET", "/")).headers["etag"]
        for known in (tag, f'"other", W/{tag}', "*"):
            again = await api.ask_tcp("GET", "/", if_none_match=known)
            assert (again.status, again.content, again.headers["etag"]) == (304, b"", tag)
            assert "content-security-policy" in again.headers
        packed = await api.ask_tcp("GET", "/", if_none_match=tag, accept_encoding="gzip")
        assert packed.status == 200


async def test_every_answer_says_what_a_browser_may_do_with_it(tmp_path: Path) -> None:
    async with open_api(tmp_path, http=True) as api:
        for path in ("/", "/receive", "/web/js/main.js", "/health", "/v1/status", "/nowhere", "/web/nowhere"):
            answer = await api.ask_tcp("GET", path)
            policy = answer.headers["content-security-policy"].split("; ")
            assert {"default-src 'none'", "frame-ancestors 'none'"} <= set(policy)
            assert "unsafe" not in answer.headers["content-security-policy"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
            if path != "/web/js/main.js":
                assert {"base-uri 'none'", "form-action 'none'"} <= set(policy)
                assert answer.headers["x-frame-options"] == "DENY"
                assert answer.headers["referrer-policy"] == "no-referrer"
                assert answer.headers["cross-origin-opener-policy"] == "same-origin"


def test_the_page_keeps_to_its_policy() -> None:
    for path in (*FOLDER.glob("*.html"), *FOLDER.glob("js/**/*.js")):
        text = path.read_text()
        assert not re.search(r"\bstyle=|<style|\bon\w+=\"|javascript:", text), path
        assert not re.search(r"innerHTML|unsafeHTML|insertAdjacentHTML|\beval\(|new Function", text), path
        assert not re.search(r"(src|href|from|import\()\s*=?\s*[\"']https?:", text), path


def test_other_peoples_code_is_as_they_published_it() -> None:
    vendored = json.loads((VENDOR / "VENDORED.json").read_text())
    listed = {name: digest for one in vendored for name, digest in one["files"].items()}
    there = {path.relative_to(VENDOR).as_posix(): path for path in VENDOR.rglob("*") if path.is_file()}
    assert set(listed) | {"VENDORED.json"} == set(there)
    for name, digest in listed.items():
        assert hashlib.sha256(there[name].read_bytes()).hexdigest() == digest, name
    for one in vendored:
        assert {"name", "version", "license", "source", "files"} == set(one)
        assert f"{one['name']}/LICENSE" in one["files"]
