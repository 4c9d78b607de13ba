"""Who may use the API over TCP: the token, the cookie, the Host header and the Origin."""

from __future__ import annotations

from pathlib import Path

import pytest
from p2pd_daemon.api.token import load_or_create_token
from unit.api_served import open_api

PAGES = ("/", "/receive", "/send")


async def test_the_token_as_bearer_and_the_cookie(tmp_path: Path) -> None:
    async with open_api(tmp_path, http=True) as api:
        name, _, value = api.cookie.partition("=")
        for headers in (
            {},
            {"authorization": "Bearer wrong"},
            {"authorization": f"Basic {api.token}"},
            {"authorization": "Bearer"},
            {"authorization": "Bearer \xff"},
            {"authorization": f"Bearer {value}"},
            {"authorization": "Bearer wrong", "cookie": api.cookie},
            {"cookie": "p2pd_page=1"},
            {"cookie": f"{name}="},
            {"cookie": f"{name}={api.token}"},
        ):
            answer = await api.ask_tcp("GET", "/v1/status", **headers)
            assert (answer.status, answer.code) == (401, "unauthorized")
            assert answer.headers["www-authenticate"] == 'Bearer realm="p2pd"'
            for path in ("/v1/join", "/v1/page-link", "/v1/token/reset"):
                assert (await api.ask_tcp("POST", path, {}, **headers)).status == 401
        assert api.control.topics == {}
        bearer = f"bearer {api.token}"
        assert (await api.ask_tcp("GET", "/v1/status", authorization=bearer)).status == 200
        assert (await api.ask_tcp("GET", "/v1/status", cookie=f"a=b; {api.cookie}")).status == 200
        assert (await api.ask("GET", "/v1/status")).status == 200  # the unix socket needs none


async def test_everything_but_the_page_needs_it(tmp_path: Path) -> None:
    async with open_api(tmp_path, http=True) as api:
        for path in (await api.ask_tcp("GET", "/openapi.json")).json["paths"]:
            if path.startswith("/v1/"):
                for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS"):
                    assert (await api.ask_tcp(method, path)).status == 401, path


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "LOCALHOST:80", "[::1]:8080"])
async def test_a_host_that_names_this_machine(tmp_path: Path, host: str) -> None:
    async with open_api(tmp_path, http=True) as api:
        assert (await api.ask_tcp("GET", "/health", host=host)).status == 200


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example:80", "127.0.0.1.nip.io", "0.0.0.0"]
)
async def test_dns_rebinding_is_refused(tmp_path: Path, host: str) -> None:
    async with open_api(tmp_path, http=True) as api:
        code = api.control.access.new_code()
        pages = (*PAGES, *(f"{page}?token={code}" for page in PAGES), "/web/js/main.js")
        for path in (*pages, "/health", "/openapi.json", "/v1/status"):
            answer = await api.ask_tcp("GET", path, host=host, cookie=api.cookie)
            assert (answer.status, answer.code) == (403, "refused")
            assert "set-cookie" not in answer.headers
        for path in ("/v1/page-link", "/v1/token/reset"):
            assert (await api.ask_tcp("POST", path, {}, host=host, cookie=api.cookie)).code == "refused"
        assert api.control.access.spend(code)  # nobody could use it up


async def test_requests_of_other_sites_are_refused(tmp_path: Path) -> None:
    async with open_api(tmp_path, http=True) as api:
        own = f"http://127.0.0.1:{api.bound.port}"
        ask = {"cookie": api.cookie}
        token = api.token
        for path, body in (("/v1/join", {"room": "x"}), ("/v1/page-link", {}), ("/v1/token/reset", {})):
            for origin in (
                "http://evil.example",
                "null",
                "http://127.0.0.1:1",
                own.replace("http:", "https:"),
            ):
                answer = await api.ask_tcp("POST", path, body, origin=origin, **ask)
                assert (answer.status, answer.code) == (403, "refused")
            for site in ("cross-site", "same-site"):
                answer = await api.ask_tcp("POST", path, body, sec_fetch_site=site, **ask)
                assert (answer.status, answer.code) == (403, "refused")
        assert api.control.topics == {}
        assert api.token == token
        accepted = await api.ask_tcp(
            "POST", "/v1/join", {"room": "x"}, origin=own, sec_fetch_site="same-origin", **ask
        )
        assert accepted.status == 200


async def test_a_form_of_another_site_is_no_request(tmp_path: Path) -> None:
    """What a form can send without asking first; browsers that send neither Origin nor Sec-Fetch-Site exist."""
    async with open_api(tmp_path, http=True) as api:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            answer = await api.ask_tcp(
                "POST", "/v1/join", b'{"room": "x"}', content_type=kind, cookie=api.cookie
            )
            assert answer.code == "unsupported_media_type"
        assert api.control.topics == {}


@pytest.mark.parametrize("page", PAGES)
async def test_a_link_to_the_page_may_be_anywhere_but_nothing_may_embed_it(tmp_path: Path, page: str) -> None:
    async with open_api(tmp_path, http=True) as api:
        followed = await api.ask_tcp("GET", page, sec_fetch_site="cross-site", sec_fetch_mode="navigate")
        assert followed.status == 200
        assert "frame-ancestors 'none'" in followed.headers["content-security-policy"]
        for mode in ("no-cors", "cors"):
            for path in (page, "/web/js/main.js"):
                taken = await api.ask_tcp("GET", path, sec_fetch_site="cross-site", sec_fetch_mode=mode)
                assert taken.code == "refused"
        posted = await api.ask_tcp("POST", page, sec_fetch_site="cross-site", sec_fetch_mode="navigate")
        assert posted.code == "refused"


async def test_no_cross_origin_headers_are_ever_given(tmp_path: Path) -> None:
    async with open_api(tmp_path, http=True) as api:
        for path in ("/v1/join", "/", "/web/js/main.js"):
            preflight = await api.ask_tcp(
                "OPTIONS", path, origin="http://evil.example", access_control_request_method="POST"
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
