"""Who may use the API over TCP: the token, the Host header, the Origin, and the file that holds the token."""

from __future__ import annotations

from pathlib import Path

import pytest
from p2pd_daemon.api import load_or_create_token
from unit.api_served import Served, open_api


def cookie_of(api: Served) -> str:
    return f"p2pd_token_{api.bound.port}={api.token}"


async def test_the_token_as_bearer_and_as_cookie(tmp_path: Path) -> None:
    async with open_api(tmp_path, http=True) as api:
        for headers in (
            {},
            {"authorization": "Bearer wrong"},
            {"authorization": f"Basic {api.token}"},
            {"authorization": "Bearer"},
            {"authorization": "Bearer \xff"},
            {"cookie": "p2pd_token=1"},
            {"cookie": f"p2pd_token_{api.bound.port}="},
        ):
            answer = await api.ask_tcp("GET", "/v1/status", **headers)
            assert (answer.status, answer.code) == (401, "unauthorized")
            assert answer.headers["www-authenticate"] == 'Bearer realm="p2pd"'
            assert (await api.ask_tcp("POST", "/v1/join", {"room": "x"}, **headers)).status == 401
        assert api.control.topics == {}
        bearer = f"bearer {api.token}"
        assert (await api.ask_tcp("GET", "/v1/status", authorization=bearer)).status == 200
        assert (await api.ask_tcp("GET", "/v1/status", cookie=f"a=b; {cookie_of(api)}")).status == 200
        assert (await api.ask("GET", "/v1/status")).status == 200  # the unix socket needs none


async def test_the_page_trades_the_token_for_a_cookie(tmp_path: Path) -> None:
    async with open_api(tmp_path, http=True) as api:
        answer = await api.ask_tcp("GET", f"/?token={api.token}")
        assert (answer.status, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(cookie_of(api))
        assert {"httponly", "samesite=strict", "path=/"} <= set(cookie.lower().split("; "))
        assert (await api.ask_tcp("GET", "/?token=wrong")).code == "unauthorized"
        page = await api.ask_tcp("GET", "/")
        assert page.status == 200
        assert api.token.encode() not in page.content
        assert "default-src 'none'" in page.headers["content-security-policy"]
        for path in ("/health", "/openapi.json"):
            assert (await api.ask_tcp("GET", path)).status == 200


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "LOCALHOST:80", "[::1]:8080"])
async def test_a_host_that_names_this_machine(tmp_path: Path, host: str) -> None:
    async with open_api(tmp_path, http=True) as api:
        assert (await api.ask_tcp("GET", "/health", host=host)).status == 200


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example:80", "127.0.0.1.nip.io", "0.0.0.0"]
)
async def test_dns_rebinding_is_refused(tmp_path: Path, host: str) -> None:
    async with open_api(tmp_path, http=True) as api:
        for path in ("/", "/health", "/v1/status", f"/?token={api.token}"):
            answer = await api.ask_tcp("GET", path, host=host, cookie=cookie_of(api))
            assert (answer.status, answer.code) == (403, "refused")
            assert "set-cookie" not in answer.headers


async def test_requests_of_other_sites_are_refused(tmp_path: Path) -> None:
    async with open_api(tmp_path, http=True) as api:
        own = f"http://127.0.0.1:{api.bound.port}"
        ask = {"cookie": cookie_of(api)}
        for origin in ("http://evil.example", "null", "http://127.0.0.1:1", own.replace("http:", "https:")):
            answer = await api.ask_tcp("POST", "/v1/join", {"room": "x"}, origin=origin, **ask)
            assert (answer.status, answer.code) == (403, "refused")
        for site in ("cross-site", "same-site"):
            answer = await api.ask_tcp("POST", "/v1/join", {"room": "x"}, sec_fetch_site=site, **ask)
            assert (answer.status, answer.code) == (403, "refused")
        assert api.control.topics == {}
        accepted = await api.ask_tcp(
            "POST", "/v1/join", {"room": "x"}, origin=own, sec_fetch_site="same-origin", **ask
        )
        assert accepted.status == 200
        followed = await api.ask_tcp("GET", "/", sec_fetch_site="cross-site", sec_fetch_mode="navigate")
        assert followed.status == 200


async def test_no_cross_origin_headers_are_ever_given(tmp_path: Path) -> None:
    async with open_api(tmp_path, http=True) as api:
        preflight = await api.ask_tcp(
            "OPTIONS", "/v1/join", origin="http://evil.example", access_control_request_method="POST"
        )
        assert preflight.status == 403
        assert not any(name.startswith("access-control") for name in preflight.headers)


def test_the_token_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = load_or_create_token(path)
    assert len(token) >= 43  # 32 random bytes
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_create_token(path) == token
    path.chmod(0o644)
    assert load_or_create_token(path) != token  # others may have read it
    for damaged in (b"", b"short", b"\xff" * 50, b"with a \x00 in the middle of it, which is no token"):
        path.write_bytes(damaged)
        assert len(load_or_create_token(path)) >= 43
