"""Many messages by the SDK: a receipt for each, on trio, asyncio and without either, and a bound on what is taken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import anyio
import anyio.lowlevel
import p2pd_client
import p2pd_client.sync
import pytest
import trio
from p2pd_client import ApiError, Client, ConnectionLost
from p2pd_client.receipts import UNDER_WAY
from unit.api_served import open_api

Scenario = Callable[[Client], Awaitable[None]]


@pytest.fixture(params=["trio", "asyncio"])
def play(request: pytest.FixtureRequest) -> Callable[..., Awaitable[None]]:
    """Runs a scenario in a thread and an event loop of its own, while the API is served in the test's."""

    async def main(scenario: Scenario, socket: str) -> None:
        with anyio.fail_after(15):
            async with p2pd_client.connect(socket=socket) as node:
                await scenario(node)

    async def run(scenario: Scenario, socket: object) -> None:
        await trio.to_thread.run_sync(lambda: anyio.run(main, scenario, str(socket), backend=request.param))

    return run


async def test_a_receipt_for_each(tmp_path: Path, play: Callable[..., Awaitable[None]]) -> None:
    texts = [f"text {number}" for number in range(2000)]
    texts[700] = ""

    async def slowly() -> AsyncIterator[str]:
        for text in texts[:3]:
            await anyio.lowlevel.checkpoint()
            yield text

    async def scenario(node: Client) -> None:
        await node.join("lobby")
        async with node.send_many("lobby", texts, "action") as receipts:
            found = [receipt async for receipt in receipts]
        assert [receipt.line for receipt in found] == list(range(1, 2001))
        assert [receipt.line for receipt in found if receipt.error] == [701]
        said = await node.history("lobby", limit=1000)
        assert [message.id for message in said] == [receipt.id for receipt in found[-1000:]]
        assert {message.kind for message in said} == {"action"}
        async with node.send_many("lobby", slowly()) as receipts:
            assert [receipt.state async for receipt in receipts] == ["stored"] * 3
        async with node.send_many("lobby", []) as receipts:
            assert await receipts.batch() == []
        assert (await node.status()).rooms == 1

    async with open_api(tmp_path) as api:
        await play(scenario, api.bound.socket)


async def test_a_receipt_comes_before_the_next_text(
    tmp_path: Path, play: Callable[..., Awaitable[None]]
) -> None:
    async def scenario(node: Client) -> None:
        await node.join("lobby")
        say, said = anyio.create_memory_object_stream[str](0)
        async with said, node.send_many("lobby", said) as receipts:
            for number in range(1, 4):
                await say.send("x")
                assert (await anext(receipts)).line == number
            await say.aclose()
            assert await receipts.batch() == []

    async with open_api(tmp_path) as api:
        await play(scenario, api.bound.socket)


async def test_no_more_is_taken_than_is_under_way(
    tmp_path: Path, play: Callable[..., Awaitable[None]]
) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield "x"

    async def scenario(node: Client) -> None:
        await node.join("lobby")
        async with node.send_many("lobby", endless()) as receipts:
            await receipts.batch()
            with anyio.move_on_after(0.2):
                await anyio.sleep_forever()  # it may take in this time what it can: nobody takes receipts
            assert taken <= receipts.received + UNDER_WAY + 1
            for _ in range(2 * UNDER_WAY):
                await anext(receipts)
            assert taken > 2 * UNDER_WAY

    async with open_api(tmp_path) as api:
        await play(scenario, api.bound.socket)


async def test_errors(tmp_path: Path, play: Callable[..., Awaitable[None]]) -> None:
    async def failing() -> AsyncIterator[str]:
        yield "one"
        raise KeyError("mine")

    async def scenario(node: Client) -> None:
        with pytest.raises(ApiError) as caught:
            async with node.send_many("nowhere", ["x"]):
                pass
        assert caught.value.code == "no_such_room"
        await node.join("lobby")
        found = []
        with pytest.raises(KeyError, match="mine"):
            async with node.send_many("lobby", failing()) as receipts:
                found = [receipt async for receipt in receipts] or found
        assert [message.text for message in await node.history("lobby")] == ["one"]
        with pytest.raises(ZeroDivisionError):  # as it is, not in a group
            async with node.send_many("lobby", ["two"]):
                raise ZeroDivisionError
        await node.leave("lobby")

    async with open_api(tmp_path) as api:
        await play(scenario, api.bound.socket)


async def test_the_daemon_goes_away(tmp_path: Path, play: Callable[..., Awaitable[None]]) -> None:
    ended = trio.Event()
    token = trio.lowlevel.current_trio_token()

    async def scenario(node: Client) -> None:
        await node.join("lobby")

        async def texts() -> AsyncIterator[str]:
            yield "one"
            await anyio.sleep_forever()

        async with node.send_many("lobby", texts()) as receipts:
            assert (await anext(receipts)).line == 1
            token.run_sync_soon(ended.set)
            with pytest.raises(ConnectionLost):
                await anext(receipts)

    async with trio.open_nursery() as nursery, open_api(tmp_path) as api:
        nursery.start_soon(play, scenario, api.bound.socket)
        await ended.wait()


async def test_without_a_loop(tmp_path: Path) -> None:
    def scenario(socket: str) -> None:
        with p2pd_client.sync.connect(socket=socket) as node:
            node.join("lobby")
            for texts in (["a", "", "b"], iter(["a", "", "b"])):
                receipts = list(node.send_many("lobby", texts))
                assert [(one.line, one.error is None) for one in receipts] == [
                    (1, True),
                    (2, False),
                    (3, True),
                ]
            first = next(node.send_many("lobby", map(str, range(10))))  # and no further
            assert first.line == 1
            with pytest.raises(ApiError):
                next(node.send_many("nowhere", ["a"]))
            assert node.history("lobby")[0].text == "a"

    async with open_api(tmp_path) as api:
        with trio.fail_after(15):
            await trio.to_thread.run_sync(partial(scenario, str(api.bound.socket)))
