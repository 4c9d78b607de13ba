"""`p2pd chat --stream` in a pipe: how long it listens, and that nobody thinks something was said which was not."""

from __future__ import annotations

from typing import cast

import pytest
import trio
import trio.testing
from p2pd_cli import line_chat
from p2pd_cli.failures import CliError
from p2pd_client import ConnectionLost
from p2pd_client.line_chat import LineChat


class Other:
    """Whom one chats with: says `lines`, one a second, and leaves as soon as something is said to them."""

    name = "ann"

    def __init__(self, lines: int) -> None:
        self._lines = [f"line {number}" for number in range(lines)]
        self._leaving = trio.Event()

    def __aiter__(self) -> Other:
        return self

    async def __anext__(self) -> str:
        await trio.sleep(1 if self._lines else 0)
        return await next_of(self._lines)

    async def say(self, _text: str) -> None:
        self._leaving.set()
        await trio.sleep_forever()

    async def finish(self) -> None:
        await trio.lowlevel.checkpoint()

    async def wait_over(self) -> None:
        await self._leaving.wait()
        raise ConnectionLost("gone")


class Said:
    """Standard input."""

    def __init__(self, *lines: str) -> None:
        self._lines = list(lines)

    def __aiter__(self) -> Said:
        return self

    async def __anext__(self) -> str:
        return await next_of(self._lines)


async def next_of(lines: list[str]) -> str:
    await trio.lowlevel.checkpoint()
    if not lines:
        raise StopAsyncIteration
    return lines.pop(0)


async def run(monkeypatch: pytest.MonkeyPatch, other: Other, wait: float, *said: str) -> None:
    monkeypatch.setattr(line_chat, "_stdin_lines", lambda *_: Said(*said))
    await line_chat._in_pipe(cast(LineChat, other), wait)


def test_it_listens_on_while_something_comes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def listen() -> float:
        begun = trio.current_time()
        await run(monkeypatch, Other(5), 2)
        return trio.current_time() - begun

    took = trio.run(listen, clock=trio.testing.MockClock(autojump_threshold=0))
    assert capsys.readouterr().out.splitlines() == [f"line {number}" for number in range(5)]
    assert took == pytest.approx(7)


async def test_who_leaves_while_we_talk_costs_us_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    with trio.fail_after(5), pytest.RaisesGroup(pytest.RaisesExc(CliError, match="left before all was said")):
        await run(monkeypatch, Other(0), 60, "hello")
