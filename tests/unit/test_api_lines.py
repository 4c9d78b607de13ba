"""Many messages in one request: receipts while lines still come, bounded, and no line lost by another's fault."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
from p2pd_daemon.api import lines as api_lines
from unit.api_served import Served, open_api, read_answer, read_until

HEAD = (
    b"POST /v1/send/lines?room=lobby HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


def chunk(*lines: object) -> bytes:
    raw = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    return b"%x\r\n%s\r\n" % (len(raw), raw)


def says(*texts: str) -> Sequence[dict[str, str]]:
    return [{"text": text} for text in texts]


async def begin(api: Served) -> trio.SocketStream:
    await api.ask("POST", "/v1/join", {"room": "lobby"})
    stream = await api.raw_unix()
    await stream.send_all(HEAD)
    return stream


async def rest(stream: trio.SocketStream) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (await read_answer(stream)).content.splitlines()]


async def test_a_receipt_comes_while_the_next_line_is_still_to_be_said(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api, await begin(api) as stream:
        said = b""
        for text in ("one", "two"):
            await stream.send_all(chunk({"text": text, "kind": "action"}))
            said += await read_until(stream, b'"state":"stored"}\n')
        assert [message.text for message in api.control.topics["lobby"]] == ["one", "two"]
        await stream.send_all(b"0\r\n\r\n")
        assert (await read_until(stream, b"0\r\n\r\n")).endswith(b"0\r\n\r\n")
        assert b'{"line":2,"id":"%s"' % api.control.topics["lobby"][1].id.encode() in said
        assert api.control.topics["lobby"][1].kind == "action"


async def test_what_is_wrong_with_a_line_costs_only_that_line(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api, await begin(api) as stream:
        wrong: list[object] = [
            *(b"{", b"[]", {"text": ""}, {"text": "x", "more": 1}, {"text": "x", "kind": "shout"}),
            *(b'{"text": "\xff"}', b'{"text": "\\ud800"}', {"text": "x" * 9000}, {"text": "x" * 200_000}),
        ]
        for line in wrong:
            await stream.send_all(chunk(line, b"", {"text": "good"}))
        await stream.send_all(chunk(b'{"text": "no end of line"}')[:-3] + b" \r\n0\r\n\r\n")
        receipts = await rest(stream)
    codes = [receipt["error"]["code"] for receipt in receipts if "error" in receipt]
    assert codes == ["bad_request"] * 7 + ["too_large"] * 2
    assert [receipt["line"] for receipt in receipts if "error" in receipt] == [
        1,
        4,
        7,
        10,
        13,
        16,
        19,
        22,
        25,
    ]
    assert [receipt["line"] for receipt in receipts if "id" in receipt] == [
        3,
        6,
        9,
        12,
        15,
        18,
        21,
        24,
        27,
        28,
    ]


async def test_it_reads_no_further_than_it_can_send(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api, await begin(api) as stream:
        api.control.taking = trio.Event()
        sent = 0
        with trio.move_on_after(10):
            for _ in range(1000):  # 40 MB: far beyond what sockets hold
                with trio.move_on_after(0.5) as stuck:
                    await stream.send_all(chunk(*says(*["x" * 4000] * 10)))
                    sent += 10
                if stuck.cancelled_caught:
                    break
        held = 3 * api_lines.WAITING_LINES
        assert api.control.begun <= held
        assert sent <= held + 300  # in the sockets' buffers
        api.control.taking.set()
        received = b""
        while received.count(b'"state"') < sent:
            received += await stream.receive_some()
        assert len(api.control.topics["lobby"]) >= sent


async def test_a_client_that_hangs_up_has_said_what_it_said(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api:
        async with await begin(api) as stream:
            await read_until(stream, b"\r\n\r\n")
            api.control.taking = trio.Event()
            await stream.send_all(chunk(*says("one", "two")) + chunk({"text": "half"})[:-8])
        api.control.taking.set()
        while len(api.control.topics["lobby"]) < 2:
            await api.control.wait_events(await api.control.newest_event())
        assert (await api.ask("GET", "/health")).status == 200
        assert [message.text for message in api.control.topics["lobby"]] == ["one", "two"]


@pytest.mark.parametrize(
    ("target", "kind", "status", "code"),
    [
        ("/v1/send/lines?room=lobby", "application/x-ndjson", 404, "no_such_room"),
        ("/v1/send/lines?room=a%09b", "application/x-ndjson", 404, "no_such_room"),
        ("/v1/send/lines", "application/x-ndjson", 400, "bad_request"),
        ("/v1/send/lines?room=lobby&x=1", "application/x-ndjson", 400, "bad_request"),
        ("/v1/send/lines?room=lobby", "application/json", 415, "unsupported_media_type"),
    ],
)
async def test_what_is_wrong_from_the_start(
    *, tmp_path: Path, target: str, kind: str, status: int, code: str
) -> None:
    async with open_api(tmp_path) as api:
        answer = await api.ask("POST", target, b'{"text": "x"}\n', content_type=kind)
        assert (answer.status, answer.code) == (status, code)
        assert (await api.ask("GET", "/v1/send/lines")).status == 405


async def test_the_room_is_left_meanwhile(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api, await begin(api) as stream:
        await read_until(stream, b"\r\n\r\n")
        await api.ask("POST", "/v1/leave", {"room": "lobby"})
        await stream.send_all(chunk({"text": "x"}))
        assert b'"code":"no_such_room"' in await read_until(stream, b"}}\n")


async def test_the_daemon_stops_meanwhile(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api:
        stream = await begin(api)
        await read_until(stream, b"\r\n\r\n")
    with trio.fail_after(5):
        assert await stream.receive_some() == b""
    await stream.aclose()
