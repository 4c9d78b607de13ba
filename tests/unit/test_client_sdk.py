"""The SDK against a served API, on trio and on asyncio: calls, errors, and streams that outlive a restart."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
import p2pd_client
import p2pd_client.sync
import pytest
import trio
from p2pd_client import ApiError, Client, ConnectionLost, DaemonNotRunning
from p2pd_client.export_shapes import Gone
from p2pd_client.link import Address
from p2pd_client.shapes import Reaction
from p2pd_daemon.api import http11
from unit.api_control import ADA, ME, MemoryControl
from unit.api_served import open_api

Scenario = Callable[[Client], Awaitable[None]]


@pytest.fixture(params=["trio", "asyncio"])
def play(request: pytest.FixtureRequest) -> Callable[..., Awaitable[None]]:
    """Runs a scenario in a thread and an event loop of its own, while the API is served in the test's."""

    async def main(scenario: Scenario, where: dict[str, Any]) -> None:
        with anyio.fail_after(15):
            async with p2pd_client.connect(**where) as node:
                await scenario(node)

    async def run(scenario: Scenario, **where: str) -> None:
        await trio.to_thread.run_sync(lambda: anyio.run(main, scenario, where, backend=request.param))

    return run


async def test_every_call(tmp_path: Path, play: Callable[..., Awaitable[None]]) -> None:
    async def scenario(node: Client) -> None:
        assert (await node.status()).peer_id == ME == (await node.id()).peer_id
        assert (await node.config())[0].key == "mdns"
        assert (await node.peers())[0].peer_id == ADA
        assert (await node.connect("ada")).peer_id == ADA
        assert (await node.ping("ada")).rtt_ms == [0.5] * 3
        await node.disconnect("ada")
        assert (await node.join("a b/é")).room == "a b/é"
        sent = await node.send("a b/é", "hello")
        assert (sent.room, sent.state) == ("a b/é", "stored")
        await node.send("a b/é", "waves", "action")
        assert [m.text for m in await node.history("a b/é")] == ["hello", "waves"]
        assert [m.from_ for m in await node.history(room="a b/é", search="wav", limit=1)] == [ME]
        assert await node.history(room="a b/é", before=sent.id) == []
        assert [m.text for m in await node.history(room="a b/é", after=sent.id)] == ["waves"]
        last = (await node.rooms())[0].last
        assert last is not None
        assert (last.from_, last.text, last.kind) == (ME, "waves", "action")
        assert [(one.peer_id, one.me) for one in await node.members("a b/é")] == [(ME, True)]
        assert (await node.status()).newest_event == 2
        assert (await node.page_link("send")).path.startswith("/send?token=")
        assert (await node.reset_token()).link is not None
        manifest, *lines = [line async for line in node.export("a b/é", since_ms=7)]
        assert isinstance(manifest, p2pd_client.ExportManifest)
        assert manifest.since_ms == 7
        assert [(line.text, line.raw) for line in lines] == [("hello", None), ("waves", None)]
        taken = await node.import_records("t", ["AAAA"], gone=[Gone("0" * 64, 1)], peers=["p"])
        assert (taken.room, taken.peer, taken.new, taken.known, taken.skipped[0].reason) == (
            *("t", "p", 1, 1),
            "no",
        )
        await node.mark_read("a b/é")
        assert (await node.rooms())[0].room == "a b/é"
        assert (await node.msg("ada", "psst")).to == ADA
        assert (await node.history(peer="ada"))[0].peer == ADA
        assert (await node.conversations())[0].peer_id == ADA
        assert await node.set_nick("me") == "me" == await node.nick()
        assert (await node.set_petname("ada", "A.")).name == "A."
        await node.remove_contact("ada")
        await node.block("ada")
        assert (await node.blocks())[0].blocked
        await node.unblock("ada")
        assert not (await node.contacts())[0].blocked
        await node.leave("a b/é")
        await node.stop()

    async with open_api(tmp_path) as api:
        await play(scenario, socket=str(api.bound.socket))
        await api.control.stopped.wait()


async def test_what_can_be_done_with_a_message(tmp_path: Path, play: Callable[..., Awaitable[None]]) -> None:
    async def scenario(node: Client) -> None:
        await node.join("lobby")
        sent = await node.send("lobby", "helo")
        assert (await node.edit(sent.id[:8], "hello")).room == "lobby"
        await node.react(sent.id, "+1")
        [message] = await node.history("lobby")
        assert (message.text, message.edited) == ("hello", True)
        assert message.reactions == [Reaction("+1", 1, mine=True, by=[ME])]
        await node.react(sent.id, "+1", remove=True)
        reply = await node.reply(sent.id, "indeed")
        shown = await node.message(reply.id)
        assert (shown.message.reply_to, shown.versions[0].text) == (sent.id, "indeed")
        await node.delete(sent.id)
        assert (await node.history("lobby"))[0].deleted
        with pytest.raises(ApiError) as caught:
            await node.edit(sent.id, "again")
        assert (caught.value.code, caught.value.exit_code) == ("refused", 6)
        kinds = ["edit", "reaction", "reaction", "delete"]
        events = node.events(after=0, kinds=set(kinds))
        assert [(await anext(events)).kind for _ in kinds] == kinds

    async with open_api(tmp_path) as api:
        await play(scenario, socket=str(api.bound.socket))


async def test_errors_say_what_the_daemon_said(tmp_path: Path, play: Callable[..., Awaitable[None]]) -> None:
    async def scenario(node: Client) -> None:
        with pytest.raises(ApiError) as caught:
            await node.send("nowhere", "x")
        error = caught.value
        assert (error.code, error.status, error.exit_code) == ("no_such_room", 404, 4)
        assert "nowhere" in error.message
        assert error.hint
        with pytest.raises(ApiError) as caught:
            await anext(node.events(kinds=["NOT A KIND"]))
        assert caught.value.code == "bad_request"
        assert (await node.status()).peer_id == ME  # the client goes on

    async with open_api(tmp_path) as api:
        await play(scenario, socket=str(api.bound.socket))


async def test_tcp_with_a_token(tmp_path: Path, play: Callable[..., Awaitable[None]]) -> None:
    async def good(node: Client) -> None:
        assert (await node.id()).peer_id == ME

    async def bad(node: Client) -> None:
        with pytest.raises(ApiError) as caught:
            await node.id()
        assert (caught.value.code, caught.value.exit_code) == ("unauthorized", 6)

    async with open_api(tmp_path, http=True) as api:
        url = str(api.bound.http)
        await play(good, url=url, token=api.token)
        await play(bad, url=url)


@pytest.mark.slow
async def test_requests_at_the_same_time(tmp_path: Path, play: Callable[..., Awaitable[None]]) -> None:
    async def scenario(node: Client) -> None:
        await node.join("lobby")
        async with anyio.create_task_group() as tasks:
            for n in range(200):
                tasks.start_soon(node.send, "lobby", str(n))
        said = await node.history("lobby", limit=1000)
        assert sorted(int(m.text) for m in said) == list(range(200))

    async with open_api(tmp_path) as api:
        await play(scenario, socket=str(api.bound.socket))


@pytest.mark.slow
async def test_an_idle_connection_that_the_daemon_closed_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, play: Callable[..., Awaitable[None]]
) -> None:
    monkeypatch.setattr(http11, "IDLE_SECONDS", 0.5)  # also what a first request has from the connection on

    async def scenario(node: Client) -> None:
        for _ in range(2):
            await node.id()
            await anyio.sleep(0.7)
        await node.id()

    async with open_api(tmp_path) as api:
        await play(scenario, socket=str(api.bound.socket))


async def test_nobody_there(tmp_path: Path, play: Callable[..., Awaitable[None]]) -> None:
    async def scenario(node: Client) -> None:
        with pytest.raises(DaemonNotRunning) as caught:
            await node.status()
        assert caught.value.exit_code == 3
        with pytest.raises(DaemonNotRunning):
            await anext(node.events())

    await play(scenario, socket=str(tmp_path / "nothing"))
    await play(scenario, home=str(tmp_path))
    await play(scenario, url="http://127.0.0.1:1")


@pytest.mark.slow
async def test_a_daemon_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pd_daemon.api.serve.GRACE_SECONDS", 0)

    class Hanging(MemoryControl):
        async def nick(self) -> None:  # type: ignore[override]
            await trio.sleep_forever()

    async with (
        open_api(tmp_path, Hanging()) as api,
        Client(Address(socket=api.bound.socket), timeout=1) as node,
    ):
        with pytest.raises(ConnectionLost, match="within"):
            await node.nick()
        assert (await node.id()).peer_id == ME


async def test_messages_and_breaking_off(tmp_path: Path, play: Callable[..., Awaitable[None]]) -> None:
    async def scenario(node: Client) -> None:
        await node.join("a")
        await node.join("b")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk, node)
            async for message in node.messages("a", after=0):
                assert message.room == "a"
                if message.text == "9":
                    tasks.cancel_scope.cancel()
                    break
        for _ in range(20):  # streams that are given up leave nothing behind
            await anext(node.events(after=0))

    async def talk(node: Client) -> None:
        for n in range(10):
            await node.send("b", str(n))
            await node.send("a", str(n))

    async with open_api(tmp_path) as api:
        await play(scenario, socket=str(api.bound.socket))


def write_run_file(home: Path, socket: Path) -> None:
    run = {"pid": 1, "socket": str(socket), "http": None, "peer_id": ME, "started_ms": 1}
    (home / "run.json").write_text(json.dumps(run))


async def test_a_stream_outlives_a_restart_and_a_move(tmp_path: Path) -> None:
    """The second daemon has the same events on another socket: none is missed, none comes twice."""
    control = MemoryControl()
    received: list[int] = []
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()
    all_here = trio.Event()

    async def listen(*, task_status: Any) -> None:
        async with p2pd_client.connect(home=tmp_path) as node:
            events = node.events(after=0)
            async for event in events:
                received.append(event.n)
                if event.n == 1:
                    task_status.started()
                if event.n == 30:
                    assert events.last_id == 30
                    all_here.set()

    async with trio.open_nursery() as nursery:
        async with open_api(first, control) as api:
            write_run_file(tmp_path, api.bound.socket)
            control.add_event("message", {})
            await nursery.start(listen)
            for _ in range(9):
                control.add_event("message", {})
        for _ in range(10):
            control.add_event("message", {})
        async with open_api(second, control) as api:
            write_run_file(tmp_path, api.bound.socket)
            for _ in range(10):
                control.add_event("message", {})
            await all_here.wait()
            nursery.cancel_scope.cancel()
    assert received == list(range(1, 31))


async def test_without_reconnect_the_stream_ends_with_the_daemon(tmp_path: Path) -> None:
    control = MemoryControl()
    control.add_event("message", {})
    with trio.fail_after(10):
        async with open_api(tmp_path, control) as api:
            node = p2pd_client.connect(socket=api.bound.socket)
            events = node.events(after=0, reconnect=False)
            assert (await anext(events)).n == 1
        assert [event async for event in events] == []
        await node.aclose()


async def test_the_synchronous_face(tmp_path: Path) -> None:
    def use(socket: Path) -> Sequence[object]:
        with p2pd_client.sync.connect(socket=socket) as node:
            node.join("lobby")
            node.send("lobby", "one")
            node.msg("ada", "two")
            reply = node.reply(node.history("lobby")[0].id, "three").id
            node.react(reply, "+1")
            node.edit(reply, "four")
            assert node.message(reply).message.text == "four"
            node.delete(reply)
            with pytest.raises(ApiError):
                node.leave("nowhere")
            events = node.events(after=0)
            messages = node.messages(after=0)
            return [next(events).n, next(events).n, next(messages).text, node.history("lobby")[0].text]

    async with open_api(tmp_path) as api:
        assert await trio.to_thread.run_sync(use, api.bound.socket) == [1, 2, "one", "one"]


def test_the_two_faces_have_the_same_calls() -> None:
    def calls(face: type) -> set[str]:
        return {name for name in vars(face) if not name.startswith("_")}

    assert calls(Client) - {"aclose"} == calls(p2pd_client.sync.Client)
