"""What the API does in bad moments: failing and hanging calls, slow, many and vanishing clients, and its own stop."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import trio
from p2pd_daemon.api import app, http11
from p2pd_daemon.errors import NoSuchPeer
from unit.api_control import MemoryControl
from unit.api_served import ask_on, open_api, read_answer, read_until


async def test_a_failing_call_is_answered_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(MemoryControl):
        async def id(self) -> None:  # type: ignore[override]  # fails like a bug would
            raise ZeroDivisionError("secret")

        async def nick(self) -> None:  # type: ignore[override]
            raise ExceptionGroup("one task failed", [NoSuchPeer("nobody is there")])

    async with open_api(tmp_path, Failing()) as api:
        answer = await api.ask("GET", "/v1/id")
        assert (answer.status, answer.code) == (500, "internal")
        assert b"secret" not in answer.content
        assert "ZeroDivisionError" in caplog.text
        answer = await api.ask("GET", "/v1/nick")
        assert (answer.status, answer.code) == (404, "no_such_peer")
        assert (await api.ask("GET", "/health")).status == 200


async def test_a_call_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging(MemoryControl):
        async def id(self) -> None:  # type: ignore[override]
            await trio.sleep_forever()

    monkeypatch.setattr(app, "CALL_SECONDS", 0.05)
    async with open_api(tmp_path, Hanging()) as api:
        answer = await api.ask("GET", "/v1/id")
        assert (answer.status, answer.code) == (504, "timeout")


async def test_slow_clients_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_api(tmp_path) as api:
        with monkeypatch.context() as shorter:
            shorter.setattr(http11, "IDLE_SECONDS", 0.05)
            async with await api.raw_unix() as stream:
                assert await stream.receive_some() == b""  # closed without a word
        with monkeypatch.context() as shorter:
            shorter.setattr(http11, "HEAD_SECONDS", 0.05)
            async with await api.raw_unix() as stream:
                await stream.send_all(b"GET / HTTP/1.1\r\nHost:")
                assert (await read_answer(stream)).status == 408
        monkeypatch.setattr(http11, "BODY_SECONDS", 0.05)
        async with await api.raw_unix() as stream:
            half = b"POST /v1/join HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
            await stream.send_all(half)
            assert (await read_answer(stream)).status == 408


async def test_too_many_clients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("p2pd_daemon.api.serve.MAX_CONNECTIONS", 2)
    async with open_api(tmp_path) as api, await api.raw_unix() as one, await api.raw_unix() as two:
        assert (await ask_on(one, "GET", "/health")).status == 200
        assert (await ask_on(two, "GET", "/health")).status == 200
        async with await api.raw_unix() as three:
            refused = await ask_on(three, "GET", "/health")
            assert (refused.status, refused.json["error"]["code"]) == (503, "busy")
        assert "refusing another" in caplog.text
        await one.aclose()
        while (await api.ask("GET", "/health")).status != 200:
            await trio.lowlevel.checkpoint()


async def test_nothing_is_logged_or_printed_for_a_good_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    async with open_api(tmp_path) as api:
        await api.ask("POST", "/v1/join", {"room": "private things"})
    assert capfd.readouterr() == ("", "")
    assert caplog.text == ""


async def test_stop_answers_before_the_node_stops(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api:
        answer = await api.ask("POST", "/v1/stop", {})
        assert answer.json == {"ok": True}
        await api.control.stopped.wait()


async def test_a_client_that_hangs_up_costs_nothing(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api:
        for raw in (
            b"",
            b"GET",
            b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n",
            b"POST /v1/join HTTP/1.1\r\n",
        ):
            stream = await api.raw_unix()
            if raw:
                await stream.send_all(raw)
            await trio.aclose_forcefully(stream)
        assert (await api.ask("GET", "/health")).status == 200


async def test_stopping_is_quick_and_lets_answers_finish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p2pd_daemon.api.serve.GRACE_SECONDS", 15)

    class Slow(MemoryControl):
        def __init__(self) -> None:
            super().__init__()
            self.begun = trio.Event()
            self.go_on = trio.Event()

        async def nick(self) -> object:  # type: ignore[override]
            self.begun.set()
            await self.go_on.wait()
            return await super().nick()

    control = Slow()
    async with trio.open_nursery() as nursery:
        async with open_api(tmp_path, control) as api:
            idle, busy, stuck = [await api.raw_unix() for _ in range(3)]
            await busy.send_all(b"GET /v1/nick HTTP/1.1\r\nHost: x\r\n\r\n")
            await stuck.send_all(b"GET /v1/events?after=0 HTTP/1.1\r\nHost: x\r\n\r\n")  # never reads on
            await read_until(stuck, b"id: 0")
            for _ in range(3000):
                control.add_event("message", {"text": "x" * 1000})
            await control.begun.wait()
            nursery.start_soon(_set_later, control.go_on)
            started = trio.current_time()
        assert trio.current_time() - started < 10
        assert json.loads((await read_answer(busy)).content) == {"nick": ""}
        assert await idle.receive_some() == b""
        for stream in (idle, busy, stuck):
            await trio.aclose_forcefully(stream)


async def _set_later(event: trio.Event) -> None:
    await trio.sleep(0.05)
    event.set()
