"""The quick client, the SDK's laziness, and how a daemon is found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import p2pd_client
import pytest
import trio
from p2pd_client import ApiError, ConnectionLost, DaemonNotRunning, discover, quick
from p2pd_client.errors import error_from
from p2pd_client.sse import EventDecoder
from unit.api_control import ME, MemoryControl
from unit.api_served import open_api

HEAVY = {"anyio", "trio", "asyncio", "msgspec", "h11", "typing", "dataclasses", "http", "ssl", "pathlib"}


@pytest.mark.slow
async def test_quick_requests(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api:

        def use() -> None:
            socket = api.bound.socket
            assert quick.request(socket, "GET", "/v1/id")[1]["peer_id"] == ME
            assert quick.request(socket, "POST", "/v1/join", {"room": "é"}) == (
                200,
                {"room": "é", "topic": "p2pd/1/é", "wire": "p2pd", "announce": False},
            )
            for n in range(300):
                quick.request(socket, "POST", "/v1/send", {"room": "é", "text": f"{n} " + "ü" * 1000})
            _, said = quick.request(socket, "GET", "/v1/history?room=%C3%A9&limit=1000")
            assert [m["text"].split()[0] for m in said] == [str(n) for n in range(300)]
            status, answer = quick.request(socket, "GET", "/v1/nothing")
            assert (status, answer["error"]["code"]) == (404, "not_found")

        await trio.to_thread.run_sync(use)


async def test_ask_finds_the_daemon_and_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P2PD_HOME", str(tmp_path))
    async with open_api(tmp_path) as api:
        run = {"pid": 1, "socket": str(api.bound.socket), "http": None, "peer_id": ME, "started_ms": 1}
        (tmp_path / "run.json").write_text(json.dumps({**run, "of_a_newer_version": 1}))

        def use() -> None:
            assert quick.ask("GET", "/v1/nick") == {"nick": ""}
            with pytest.raises(ApiError) as caught:
                quick.ask("POST", "/v1/leave", {"room": "nowhere"})
            assert (caught.value.code, caught.value.exit_code) == ("no_such_room", 4)

        await trio.to_thread.run_sync(use)
        assert discover.load_token() == api.token
    with pytest.raises(DaemonNotRunning):  # run.json is still there, but nobody listens
        quick.ask("GET", "/v1/nick")


async def test_an_answer_that_does_not_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pd_daemon.api.serve.GRACE_SECONDS", 0)

    class Hanging(MemoryControl):
        async def nick(self) -> None:  # type: ignore[override]
            await trio.sleep_forever()

    async with open_api(tmp_path, Hanging()) as api:

        def use() -> None:
            with pytest.raises(ConnectionLost, match="within"):
                quick.request(api.bound.socket, "GET", "/v1/nick", timeout=0.05)

        await trio.to_thread.run_sync(use)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": 1}', "\xff"])
def test_a_damaged_run_file_means_no_daemon(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(DaemonNotRunning) as caught:
        discover.find_daemon(tmp_path)
    assert caught.value.exit_code == 3
    assert "p2pd start" in caught.value.hint


@pytest.mark.parametrize("answer", [None, [], {"error": "x"}, {"error": None}, "text"])
def test_an_error_answer_of_another_shape(answer: object) -> None:
    error = error_from(502, answer)
    assert (error.code, error.status, error.exit_code) == ("internal", 502, 1)


def test_an_error_code_of_a_newer_daemon() -> None:
    assert error_from(400, {"error": {"code": "new", "message": "m", "hint": "h"}}).exit_code == 1


@pytest.mark.slow
def test_quick_imports_next_to_nothing() -> None:
    shown = "import sys, p2pd_client.quick; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-S", "-c", shown], capture_output=True, text=True, check=False)
    if done.returncode:  # -S leaves out the editable install; then the path has to be given
        path = str(Path(p2pd_client.__file__).parent.parent)
        shown = f"import sys; sys.path.append({path!r}); {shown}"
        done = subprocess.run([sys.executable, "-S", "-c", shown], capture_output=True, text=True, check=True)
    assert HEAVY & {name.split(".")[0] for name in done.stdout.split()} == set()


def test_the_package_offers_its_names_lazily() -> None:
    assert set(p2pd_client.__all__) == set(dir(p2pd_client))
    for name in p2pd_client.__all__:
        assert getattr(p2pd_client, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = p2pd_client.nothing_such


def frame(n: int, text: str = "") -> bytes:
    shown = json.dumps({"n": n, "kind": "message", "ts_ms": 1, "data": {"text": text}})
    return f"id: {n}\nevent: message\ndata: {shown}\n\n".encode()


def test_the_decoder_takes_any_cut() -> None:
    whole = b"retry: 1000\n: \nid: 3\n\n" + frame(4, "é\n") + b": \n\n" + frame(5) + b": \nid: 9\n\n"
    for size in (1, 2, 7, len(whole)):
        decoder = EventDecoder()
        events = [e for i in range(0, len(whole), size) for e in decoder.feed(whole[i : i + size])]
        assert [(e.n, e.data["text"]) for e in events] == [(4, "é\n"), (5, "")]
        assert decoder.last_id == 9


def test_a_cut_off_frame_was_not_received() -> None:
    decoder = EventDecoder(last_id=3)
    assert decoder.feed(frame(4)[:-1]) == []
    assert decoder.last_id == 3
    assert [event.n for event in decoder.feed(b"\n")] == [4]


@pytest.mark.parametrize("wrong", [b"data: {}\n\n", b"id: x\n\n", b"data: \xff\n\n", b"x" * 2_000_000])
def test_what_is_no_stream_of_events_is_an_error(wrong: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # several kinds, and no more is promised
        EventDecoder().feed(wrong)
