"""The event stream: nothing is missed, nothing is queued, and whoever does not read is dropped."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio
import trio.testing
from p2pd_client.shapes import Event
from p2pd_client.sse import EventDecoder
from p2pd_daemon.api import http11, stream
from unit.api_control import MemoryControl
from unit.api_served import Served, open_api, read_until


async def open_stream(api: Served, query: str = "", headers: str = "") -> trio.SocketStream:
    connection = await api.raw_unix()
    await connection.send_all(f"GET /v1/events{query} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
    return connection


async def numbers(connection: trio.SocketStream, last: int) -> list[int]:
    """The numbers of the events (`data:` lines) up to `last`."""
    received = await read_until(connection, b'data: {"n":%d,' % last)
    return [int(n) for n in re.findall(rb'data: {"n":(\d+),', received)]


async def test_only_new_events_unless_asked_for_old_ones(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api:
        for n in range(3):
            api.control.add_event("message", {"text": str(n)})
        async with await open_stream(api) as connection:
            head = await read_until(connection, b"id: 3\n\n")
            assert b"content-type: text/event-stream" in head
            assert b"data:" not in head
            api.control.add_event("message", {"text": "new"})
            assert await numbers(connection, 4) == [4]
        async with await open_stream(api, "?after=1") as connection:
            assert await numbers(connection, 4) == [2, 3, 4]
        async with await open_stream(api, "?after=1", "Last-Event-ID: 2\r\n") as connection:
            assert await numbers(connection, 4) == [3, 4]


async def test_ten_thousand_behind_and_still_all_in_order(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api:
        for n in range(10_000):
            api.control.add_event("message", {"text": f"number {n}"})
        async with await open_stream(api, "", "Last-Event-ID: 0\r\n") as connection:
            assert await numbers(connection, 10_000) == list(range(1, 10_001))


async def test_filters_move_the_cursor_past_what_they_leave_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.02)
    async with open_api(tmp_path) as api:
        api.control.add_event("message", {"room": "a", "text": "1"})
        api.control.add_event("message", {"room": "b", "text": "2"})
        api.control.add_event("peer", {"peer": "x"})
        api.control.add_event("profile", {"room": "a"})
        async with await open_stream(api, "?after=0&kinds=message,peer&room=a") as connection:
            received = await read_until(connection, b"id: 4\n\n")
            assert re.findall(rb'data: {"n":(\d+)', received) == [b"1"]
        async with await open_stream(api, "?after=0&kinds=peer") as connection:
            assert await numbers(connection, 3) == [3]


async def test_a_gap_is_told(tmp_path: Path) -> None:
    async with open_api(tmp_path, MemoryControl(keep=5)) as api:
        for n in range(20):
            api.control.add_event("message", {"text": str(n)})
        async with await open_stream(api, "?after=3") as connection:
            received = await read_until(connection, b'data: {"n":20,')
            decoder = EventDecoder()
            events = decoder.feed(received.partition(b"retry")[2] + b"\n\n")
        assert [(e.n, e.kind) for e in events] == [(15, "gap"), *((n, "message") for n in range(16, 21))]
        assert events[0].data == {"after": 3, "oldest": 16}
        async with await open_stream(api, "?after=15") as connection:  # right at the edge: nothing is missing
            assert b"gap" not in await read_until(connection, b'data: {"n":20,')


async def test_a_number_from_the_future_is_a_gap_and_does_not_silence_the_stream(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api, await open_stream(api, "?after=99") as connection:
        await read_until(connection, b"event: gap")
        api.control.add_event("message", {})
        assert 1 in await numbers(connection, 1)


async def test_a_silent_stream_has_a_heartbeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.02)
    async with open_api(tmp_path) as api, await open_stream(api) as connection:
        await read_until(connection, b"id: 0\n\n")
        await read_until(connection, b": \n\n")


async def test_head_and_a_bad_last_event_id(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api:
        assert (await api.ask("HEAD", "/v1/events")).content == b""
        for bad in ("x", "-1", "1" * 30, "²"):
            answer = await api.ask("GET", "/v1/events", last_event_id=bad)
            assert (answer.status, answer.code) == (400, "bad_request")


@pytest.mark.slow
async def test_who_does_not_read_is_dropped_and_slows_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(http11, "WRITE_SECONDS", 1)
    async with open_api(tmp_path) as api:
        stuck = await open_stream(api, "?after=0")
        async with await open_stream(api, "?after=0") as reader:
            for _ in range(3000):
                api.control.add_event("message", {"text": "x" * 1000})
            assert await numbers(reader, 3000) == list(range(1, 3001))
        received = 0
        await trio.sleep(1.2)  # the write limit runs out
        while part := await stuck.receive_some():
            received += len(part)
        assert received < 3000 * 1000  # what the kernel had taken, and then the end
        await stuck.aclose()
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


async def test_frames_are_plain_json_lines(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api, await open_stream(api, "?after=0") as connection:
        api.control.add_event("message", {"text": "two\nlines\r\n\x1b[31m é 🎈"})
        received = await read_until(connection, b'"data"')
        line = next(line for line in received.split(b"\n") if line.startswith(b"data: "))
        assert json.loads(line[6:])["data"]["text"] == "two\nlines\r\n\x1b[31m é 🎈"


async def test_events_that_the_node_hides_are_passed_over_in_silence(tmp_path: Path) -> None:
    """Of a blocked author, say: the cursor moves on, and the stream does not ask for them again and again."""

    class Hiding(MemoryControl):
        asked = 0

        async def events_after(self, n: int, limit: int) -> Sequence[Event]:
            self.asked += 1
            return [event for event in await super().events_after(n, limit) if "hidden" not in event.data]

    control = Hiding()
    async with open_api(tmp_path, control) as api, await open_stream(api) as connection:
        await read_until(connection, b"id: 0\n\n")
        for _ in range(3):
            control.add_event("message", {"hidden": True})
            await trio.testing.wait_all_tasks_blocked()
        assert control.asked < 20
        control.add_event("message", {})
        assert await numbers(connection, 4) == [4]
