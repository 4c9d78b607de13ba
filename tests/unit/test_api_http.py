"""The HTTP layer against a real client: what comes in wrong gets a JSON error, and costs only its own connection."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.api_control import ADA, MemoryControl
from unit.api_served import ask_on, open_api, read_answer, read_until


async def test_a_message_goes_in_and_comes_out(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api:
        assert (await api.ask("POST", "/v1/join", {"room": "a/b ü?&"})).json["room"] == "a/b ü?&"
        sent = (await api.ask("POST", "/v1/send", {"room": "a/b ü?&", "text": "hi\nthere"})).json
        assert sent == {"id": sent["id"], "ts_ms": sent["ts_ms"], "state": "stored", "room": "a/b ü?&"}
        said = await api.ask("GET", "/v1/history?room=a/b%20%C3%BC%3F%26&limit=1")
        assert [(m["from"], m["text"]) for m in said.json] == [(sent_from(api.control), "hi\nthere")]
        assert said.headers["cache-control"] == "no-store"


def sent_from(control: MemoryControl) -> str:
    return next(iter(control.topics.values()))[0].from_


async def test_every_call_of_the_node_has_a_route(tmp_path: Path) -> None:
    asks: list[tuple[str, str, object]] = [
        ("GET", "/v1/status", None),
        ("GET", "/v1/id", None),
        ("GET", "/v1/config", None),
        ("GET", "/v1/peers", None),
        ("POST", "/v1/connect", {"addr": "ada"}),
        ("POST", "/v1/disconnect", {"peer": "ada"}),
        ("POST", "/v1/ping", {"peer": "ada", "count": 2}),
        ("GET", "/v1/rooms", None),
        ("POST", "/v1/join", {"room": "lobby"}),
        ("POST", "/v1/send", {"room": "lobby", "text": "waves", "kind": "action"}),
        ("POST", "/v1/msg", {"to": "ada", "text": "hi"}),
        ("GET", "/v1/conversations", None),
        ("GET", f"/v1/history?peer={ADA}", None),
        ("GET", "/v1/history?target=lobby&search=waves", None),
        ("POST", "/v1/read", {"target": "lobby"}),
        ("POST", "/v1/nick", {"nick": "me"}),
        ("GET", "/v1/nick", None),
        ("POST", "/v1/contacts", {"peer": "ada", "petname": "A."}),
        ("GET", "/v1/contacts", None),
        ("POST", "/v1/contacts/remove", {"peer": "ada"}),
        ("POST", "/v1/block", {"peer": "ada"}),
        ("GET", "/v1/blocks", None),
        ("POST", "/v1/unblock", {"peer": "ada"}),
        ("POST", "/v1/leave", {"room": "lobby"}),
        ("GET", "/health", None),
    ]
    async with open_api(tmp_path) as api, await api.raw_unix() as stream:  # one connection for all
        for method, path, body in asks:
            answer = await ask_on(stream, method, path, body)
            assert answer.status == 200, (path, answer.content)
        head = await ask_on(stream, "HEAD", "/v1/status")
        assert (head.status, head.content) == (200, b"")


@pytest.mark.parametrize(
    ("method", "target", "body", "status", "code"),
    [
        ("GET", "/v1/nothing", None, 404, "not_found"),
        ("GET", "/v1/status/", None, 404, "not_found"),
        ("GET", "/v1/st%FFtus", None, 404, "not_found"),
        ("DELETE", "/v1/status", None, 405, "method_not_allowed"),
        ("BREW", "/v1/nick", None, 405, "method_not_allowed"),
        ("GET", "/v1/send", None, 405, "method_not_allowed"),
        ("GET", "/v1/status?colour=red", None, 400, "bad_request"),
        ("POST", "/v1/join?room=x", {"room": "x"}, 400, "bad_request"),
        ("GET", "/v1/history", None, 400, "bad_request"),
        ("GET", "/v1/history?room=a&peer=b", None, 400, "bad_request"),
        ("GET", f"/v1/history?room=a&before={'0' * 64}&after={'0' * 64}", None, 400, "bad_request"),
        ("GET", "/v1/history?room=a&after=", None, 400, "bad_request"),
        ("GET", "/v1/members", None, 400, "bad_request"),
        ("GET", "/v1/members?room=nowhere", None, 404, "no_such_room"),
        ("POST", "/v1/page-link", {"page": "network"}, 400, "bad_request"),
        ("GET", "/v1/history?room=a&room=b", None, 400, "bad_request"),
        ("GET", "/v1/history?room=", None, 400, "bad_request"),
        ("GET", "/v1/history?room=a&limit=0", None, 400, "bad_request"),
        ("GET", "/v1/history?room=a&limit=ten", None, 400, "bad_request"),
        ("GET", "/v1/history?room=a&limit=" + "9" * 5000, None, 400, "bad_request"),
        ("GET", "/v1/history?room=a&before=xyz", None, 400, "bad_request"),
        ("GET", "/v1/history?room=%ff", None, 400, "bad_request"),
        ("GET", "/v1/history?room=null", None, 404, "no_such_room"),
        ("GET", "/v1/history?room=" + "x" * 9000, None, 404, "no_such_room"),
        ("GET", "/v1/events?after=-1", None, 400, "bad_request"),
        ("GET", "/v1/events?kinds=,", None, 400, "bad_request"),
        ("POST", "/v1/send", None, 400, "bad_request"),
        ("POST", "/v1/send", {"room": "x"}, 400, "bad_request"),
        ("POST", "/v1/send", {"room": "x", "text": ""}, 400, "bad_request"),
        ("POST", "/v1/send", {"room": "x", "text": "x", "kind": "shout"}, 400, "bad_request"),
        ("POST", "/v1/send", {"room": "x", "text": "x", "more": 1}, 400, "bad_request"),
        ("POST", "/v1/send", {"room": "x", "text": "x"}, 404, "no_such_room"),
        ("POST", "/v1/send", [], 400, "bad_request"),
        ("POST", "/v1/send", b"{", 400, "bad_request"),
        ("POST", "/v1/send", b"\xff", 400, "bad_request"),
        ("POST", "/v1/send", b'{"room": "\\ud800", "text": "x"}', 400, "bad_request"),
        ("POST", "/v1/send", b"[" * 100_000, 400, "bad_request"),
        ("POST", "/v1/send", b" " * 200_000, 413, "too_large"),
        ("POST", "/v1/ping", {"peer": "ada", "count": 10**30}, 400, "bad_request"),
        ("POST", "/v1/connect", {"addr": "nobody"}, 404, "no_such_peer"),
        ("POST", "/v1/join", {"room": "a\tb"}, 400, "bad_room_name"),
    ],
)
async def test_wrong_requests_get_their_own_error(
    *, tmp_path: Path, method: str, target: str, body: object, status: int, code: str
) -> None:
    async with open_api(tmp_path) as api:
        answer = await api.ask(method, target, body)
        assert (answer.status, answer.code) == (status, code)
        assert answer.json["error"]["message"]
        assert (await api.ask("GET", "/health")).status == 200


async def test_content_types(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api:
        await api.ask("POST", "/v1/join", {"room": "x"})
        said = {"room": "x", "text": "é"}
        for accepted in ("application/json", "Application/JSON; charset=UTF-8"):
            assert (await api.ask("POST", "/v1/send", said, content_type=accepted)).status == 200
        for refused in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=latin1",
        ):
            answer = await api.ask("POST", "/v1/send", said, content_type=refused)
            assert (answer.status, answer.code) == (415, "unsupported_media_type")
        bare = await api.ask("POST", "/v1/send", None)
        assert (bare.status, bare.code) == (400, "bad_request")


async def test_405_says_what_is_allowed(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api:
        assert (await api.ask("PUT", "/v1/nick")).headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET http://elsewhere/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", 431),
        (b"POST /v1/join HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (
            b"POST /v1/join HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            400,
        ),
    ],
)
async def test_malformed_http(tmp_path: Path, raw: bytes, status: int) -> None:
    async with open_api(tmp_path) as api:
        async with await api.raw_unix() as stream:
            await stream.send_all(raw)
            answer = await read_answer(stream)
            assert (answer.status, answer.code) == (status, "bad_request")
            assert await stream.receive_some() == b""
        assert (await api.ask("GET", "/health")).status == 200


async def test_upgrades_are_not_taken_up(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api:
        for upgrade in ("websocket", "h2c"):
            answer = await api.ask("GET", "/health", connection="upgrade", upgrade=upgrade)
            assert answer.status == 200


async def test_chunked_bodies_expect_continue_and_pipelining(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api, await api.raw_unix() as stream:
        head = b"POST /v1/join HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        await stream.send_all(head + b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert b"100" in await read_until(stream, b"\r\n\r\n")
        await stream.send_all(b'8\r\n{"room":\r\n5\r\n "x"}\r\n0\r\n\r\n')
        assert (await read_answer(stream)).json["room"] == "x"
        await stream.send_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        received = b""
        while received.count(b'{"ok":true}') < 3:
            received += await stream.receive_some()
