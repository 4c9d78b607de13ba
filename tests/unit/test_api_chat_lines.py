"""A chat by lines through the API: both ways at once, ended by either side, and errors where they can still be told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio
from p2pd_client import ApiError, connect
from unit.api_control import ADA
from unit.api_served import Served, open_api, read_answer, read_until

HEAD = (
    b"POST /v1/chat/lines%s HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


def chunk(line: object) -> bytes:
    raw = (line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n"
    return b"%x\r\n%s\r\n" % (len(raw), raw)


async def begin(api: Served, query: bytes = b"?peer=ada") -> trio.SocketStream:
    stream = await api.raw_unix()
    await stream.send_all(HEAD % query)
    return stream


async def open_chats(api: Served, count: int) -> None:
    with trio.fail_after(10):
        while api.control.chats_open != count:  # noqa: ASYNC110 - it has no event
            await trio.sleep(0.01)


async def test_lines_come_while_others_go(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api, await begin(api) as stream:
        met = await read_until(stream, b"\n")
        met += await read_until(stream, b"}\n") if ADA.encode() not in met else b""
        for text in ("hello", "☕"):
            await stream.send_all(chunk({"text": text}))
            await read_until(stream, json.dumps(text, ensure_ascii=False).encode() + b"}\n")
        await stream.send_all(b"0\r\n\r\n")
        assert b'{"ended":true}' in await read_until(stream, b"0\r\n\r\n")
        await open_chats(api, 0)


async def test_who_is_unknown_is_an_error_as_of_any_request(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api, await begin(api, b"?peer=zoe") as stream:
        answer = await read_answer(stream)
        assert answer.status == 404
        assert b"no_such_peer" in answer.content


async def test_what_breaks_is_the_last_line(tmp_path: Path) -> None:
    for said, code in (
        ({"text": "break"}, b'"network"'),
        (b"{", b'"bad_request"'),
        ({"t": 1}, b'"bad_request"'),
    ):
        async with open_api(tmp_path) as api, await begin(api) as stream:
            await stream.send_all(chunk(said))
            assert code in await read_until(stream, b"0\r\n\r\n")
            await open_chats(api, 0)


async def test_hanging_up_ends_it_and_the_waiting_for_it(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api:
        for query in (b"?peer=ada", b""):
            async with await begin(api, query):
                await open_chats(api, 1)
            await open_chats(api, 0)


async def test_the_sdk_waits_for_a_call_says_and_hears(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api, connect(socket=api.bound.socket) as client:
        api.control.ada_calls.set()
        async with client.chat_lines() as chat:
            assert (chat.peer_id, chat.name, chat.agent) == (ADA, "ada", "test/1")
            await chat.say("one")
            assert await anext(chat) == "one"
            await chat.finish()
            assert [line async for line in chat] == []
        async with client.chat_lines("ada") as chat:
            await chat.say("break")
            with pytest.raises(ApiError, match="it broke"):
                await anext(chat)
