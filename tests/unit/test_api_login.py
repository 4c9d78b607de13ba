"""One-time codes, the cookie that one is traded for, and taking all of it back."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from p2pd_daemon.api.access import CODE_SECONDS, MAX_CODES, Access
from unit.api_served import open_api, read_until


@pytest.mark.parametrize("page", ["/", "/receive", "/send"])
async def test_a_code_opens_the_page_once(tmp_path: Path, page: str) -> None:
    async with open_api(tmp_path, http=True) as api:
        link = (await api.ask("POST", "/v1/page-link", {"page": page[1:]})).json
        assert link["path"].startswith(f"{page}?token=")
        assert link["url"].endswith(link["path"])
        answer = await api.ask_tcp("GET", link["path"])
        assert (answer.status, answer.headers["location"], answer.content) == (303, page, b"")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        cookie, *attributes = answer.headers["set-cookie"].split("; ")
        assert {"httponly", "samesite=strict", "path=/"} <= {one.lower() for one in attributes}
        assert api.token not in cookie
        assert (await api.ask_tcp("GET", "/v1/status", cookie=cookie)).status == 200
        assert (await api.ask_tcp("GET", page, cookie=cookie)).status == 200

        spent = await api.ask_tcp("GET", link["path"])
        assert (spent.status, spent.headers["content-type"]) == (401, "text/html; charset=utf-8")
        assert b"<code>p2pd web</code>" in spent.content
        assert "set-cookie" not in spent.headers
        assert "script-src 'self'" in spent.headers["content-security-policy"]
        known = await api.ask_tcp("GET", link["path"], cookie=cookie)  # the link again, in the same browser
        assert (known.status, known.headers["location"]) == (303, page)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("de-AT,de;q=0.9,en;q=0.8", "de"), ("it, fr;q=0.5", "fr"), ("it", "en"), ("", "en"), ("<script>", "en")],
)
async def test_a_spent_link_says_so_in_the_reader_s_language(
    tmp_path: Path, accepted: str, language: str
) -> None:
    async with open_api(tmp_path, http=True) as api:
        spent = await api.ask_tcp("GET", "/?token=x", accept_language=accepted)
        assert f'<html lang="{language}">' in spent.content.decode()
        assert b"<code>p2pd web</code>" in spent.content
        assert b"{" not in spent.content
        assert b"style=" not in spent.content


@pytest.mark.parametrize("wrong", ["", "wrong", "%ff", "TOKEN", "COOKIE"])
async def test_nothing_else_does(tmp_path: Path, wrong: str) -> None:
    async with open_api(tmp_path, http=True) as api:
        offered = {"TOKEN": api.token, "COOKIE": api.control.access.cookie}.get(wrong, wrong)
        answer = await api.ask_tcp("GET", f"/?token={offered}")
        assert answer.status == (200 if wrong == "" else 401)
        assert "set-cookie" not in answer.headers


async def test_looking_whether_the_link_is_good_does_not_spend_it(tmp_path: Path) -> None:
    async with open_api(tmp_path, http=True) as api:
        code = api.control.access.new_code()
        for method in ("HEAD", "POST", "OPTIONS"):
            assert "set-cookie" not in (await api.ask_tcp(method, f"/?token={code}")).headers
        assert (await api.ask_tcp("GET", f"/web/js/main.js?token={code}")).status == 200
        assert (await api.ask_tcp("GET", f"/?token={code}")).status == 303


def test_codes_end_and_are_few(tmp_path: Path) -> None:
    now = [0.0]
    access = Access(tmp_path / "token", clock=lambda: now[0])
    lasting, first = access.lasting_code(), access.new_code()
    now[0] = 1.0
    others = [access.new_code() for _ in range(MAX_CODES - 1)]
    assert not access.spend(first)  # it would have ended first, and made room
    assert access.spend(others[0])
    assert not access.spend(others[0])
    now[0] += CODE_SECONDS
    assert not access.spend(others[1])
    assert access.spend(lasting)
    assert not access.spend(lasting)


def test_the_cookie_outlives_the_daemon_but_not_the_token(tmp_path: Path) -> None:
    access = Access(tmp_path / "token")
    assert Access(tmp_path / "token").is_cookie(access.cookie)
    old, token = access.cookie, (tmp_path / "token").read_text().strip()
    assert access.is_token(token)
    code = access.lasting_code()
    access.reset()
    assert not access.is_cookie(old)
    assert not access.is_token(token)
    assert not access.spend(code)
    assert access.is_token((tmp_path / "token").read_text().strip())
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600


async def test_a_reset_ends_whoever_came_by_the_old_token(tmp_path: Path) -> None:
    async with open_api(tmp_path, http=True) as api:
        old = {"cookie": api.cookie, "bearer": f"Bearer {api.token}"}
        ask = (
            f"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{api.bound.port}\r\nCookie: {old['cookie']}\r\n\r\n"
        )
        async with await api.raw_tcp() as page, await api.raw_unix() as own, await api.raw_tcp() as idle:
            await page.send_all(ask.encode())
            await own.send_all(b"GET /v1/events HTTP/1.1\r\nHost: p2pd\r\n\r\n")
            await idle.send_all(ask.replace("/v1/events", "/health").encode())
            for stream in (page, own):
                await read_until(stream, b"id: 0\n\n")
            await read_until(idle, b'{"ok":true}')

            answer = await api.ask_tcp("POST", "/v1/token/reset", {}, cookie=old["cookie"])
            assert answer.status == 200
            assert answer.headers["connection"] == "close"
            for stream in (page, idle):
                assert await end_of(stream) == b""
            api.control.add_event("message", {"room": "x"})
            await read_until(own, b"event: message")  # the unix socket knows no token

        for headers in ({"cookie": old["cookie"]}, {"authorization": old["bearer"]}):
            assert (await api.ask_tcp("GET", "/v1/status", **headers)).status == 401
        assert (await api.ask_tcp("GET", "/v1/status", authorization=f"Bearer {api.token}")).status == 200
        again = await api.ask_tcp("GET", answer.json["link"]["path"], cookie=old["cookie"])
        cookie = again.headers["set-cookie"].partition(";")[0]
        assert (await api.ask_tcp("GET", "/v1/status", cookie=cookie)).status == 200


async def end_of(stream: trio.SocketStream) -> bytes:
    """What comes before the end, without the end of the chunked answer."""
    received = b""
    while part := await stream.receive_some():
        received += part
    return received.removesuffix(b"0\r\n\r\n")
