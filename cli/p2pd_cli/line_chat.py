"""`p2pd chat --stream`: lines to and from one peer, at a terminal or in a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
from p2pd_client import ApiError, connect
from p2pd_client.errors import EXIT_CODES
from p2pd_client.line_chat import LineChat
from p2pd_client.ndjson import LineReader

from p2pd_cli.failures import CliError, report
from p2pd_cli.output import coloured, nick_code, note, one_line

LINE_BYTES = 64 * 1024  # as much as a peer's line may have
READ_BYTES = 64 * 1024


async def run_line_chat(home: Path | None, peer: str | None, wait: float) -> None:
    """Until both have said all, or Ctrl-D. `wait` is how many seconds to listen on after the end of standard input.

    Raises ApiError when there is no daemon, the peer cannot be reached, or the chat breaks.
    """
    async with connect(home) as client:

        def say_waiting() -> None:
            if peer is None:
                note("Waiting for somebody to call; Ctrl-C ends it.")

        async with client.chat_lines(peer, waiting=say_waiting) as chat:
            program = f" ({one_line(chat.agent)})" if chat.agent else ""
            note(f"Chatting with {one_line(chat.name)}{program}. Nothing of it is signed or stored.")
            if sys.stdin.isatty() and sys.stdout.isatty():
                await _at_terminal(chat)
            else:
                await _in_pipe(chat, wait)


async def _in_pipe(chat: LineChat, wait: float) -> None:
    listening = anyio.CancelScope()  # for `wait` after the last that was said or heard
    saying = False
    too_long: list[int] = []

    async def hear() -> None:
        async for line in chat:
            print(one_line(line))
            listening.deadline = anyio.current_time() + wait
        try:
            await chat.wait_over()
        except ApiError as error:  # they said all they wanted, and are gone
            if saying:
                raise _cut_off(chat.name, error) from error
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hear)
        with contextlib.suppress(ApiError):  # of a chat that broke: `hear` knows why
            async for line in _stdin_lines(too_long):
                saying = True
                await chat.say(line)
                saying = False
            await chat.finish()
        with listening:
            listening.deadline = anyio.current_time() + wait
            await anyio.sleep_forever()
        tasks.cancel_scope.cancel()
    if too_long:
        raise CliError(f"{len(too_long)} lines were not said", exit_code=EXIT_CODES["too_large"])


def _cut_off(name: str, error: ApiError) -> CliError:
    return CliError(
        f"{one_line(name)} has left before all was said",
        hint="What they have not read is lost: a chat by lines keeps nothing.",
        exit_code=error.exit_code,
    )


async def _stdin_lines(too_long: list[int]) -> AsyncIterator[str]:
    """Of standard input, as they come, without empty ones. What is not UTF-8 in one is replaced; the numbers of those
    that are too long go to `too_long`.
    """
    loop = asyncio.get_running_loop()
    parts: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)

    def read() -> None:
        # A thread that is never joined: nothing ends a read of a terminal or a pipe, and it holds no lock.
        part = b"x"
        while part:
            part = os.read(0, READ_BYTES)
            with contextlib.suppress(Exception):  # the loop has ended, and the process ends too
                asyncio.run_coroutine_threadsafe(parts.put(part), loop).result()

    threading.Thread(target=read, daemon=True).start()
    reader = LineReader(LINE_BYTES)
    number = 0
    ended = False
    while not ended:
        given = await parts.get()
        ended = not given
        for line in reader.finish() if ended else reader.feed(given):
            number += 1
            if line is None:
                too_long.append(number)
                report(f"line {number}: it has more than {LINE_BYTES} bytes", "Split it.")
            elif line:
                yield line.decode(errors="replace")


async def _at_terminal(chat: LineChat) -> None:
    from prompt_toolkit import PromptSession  # noqa: PLC0415 - not needed in a pipe, and slow to import

    from p2pd_cli.chat.terminal import LinesAbove  # noqa: PLC0415
    from p2pd_cli.chat.view import notice  # noqa: PLC0415

    above = LinesAbove()
    name = one_line(chat.name)
    prompt: PromptSession[str] = PromptSession(message=f"{name}> ", erase_when_done=True)
    above.app = prompt.app
    failed: ApiError | None = None

    async def hear() -> None:
        nonlocal failed
        shown = coloured(name, f"38;5;{nick_code(chat.peer_id)}")
        try:
            async for line in chat:
                above.show(f"{shown}: {one_line(line)}")
            above.show(notice(f"{name} has left"))
        except ApiError as error:
            failed = error
        if prompt.app.is_running:
            prompt.app.exit(exception=EOFError)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hear)
        with contextlib.suppress(EOFError, KeyboardInterrupt, ApiError):
            while failed is None:
                line = await prompt.prompt_async()
                if line.strip():
                    await chat.say(line)
                    above.show(f"you: {one_line(line)}")
            await chat.finish()
        tasks.cancel_scope.cancel()
    if failed is not None:
        raise failed
