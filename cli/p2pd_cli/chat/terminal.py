"""The chat's terminal: a prompt at the bottom, everything else above it in the ordinary scrollback."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import anyio
from anyio.abc import ObjectReceiveStream, ObjectSendStream
from p2pd_client import ApiError, connect
from prompt_toolkit import Application, PromptSession
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.styles import Style

from p2pd_cli.chat.actions import handle_line
from p2pd_cli.chat.session import Session
from p2pd_cli.chat.view import show_place

LINES_WAITING = 100  # typed or pasted faster than the daemon takes them; beyond it the prompt waits
LAST_LINES_S = 5.0  # for what was typed just before quitting

STYLE = Style.from_dict({"prompt": "bold", "bottom-toolbar": "noreverse fg:ansigray"})


class LinesAbove:
    """Shows lines above the prompt, all of one turn of the loop at once.

    Not by `patch_stdout` or `run_in_terminal`: they put the terminal in line mode for the time of writing, and a
    Ctrl-D or Ctrl-C that is typed then goes to the terminal's driver, not to the prompt.
    """

    def __init__(self) -> None:
        self.app: Application[str] | None = None
        self._lines: list[str] = []

    def show(self, line: str) -> None:
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._write)
        self._lines.append(line)

    def _write(self) -> None:
        text = "".join(f"{line}\n" for line in self._lines)
        self._lines.clear()
        if self.app is None:
            sys.stdout.write(text)
            return
        if self.app.is_running:
            self.app.renderer.erase()
        self.app.output.write_raw(text)
        self.app.output.flush()
        if self.app.is_running:
            self.app.renderer.request_absolute_cursor_position()
            self.app.invalidate()


async def run_chat(home: Path | None, target: str | None, wire: str | None = None) -> None:
    """Chats until Ctrl-D or /quit. Raises ApiError when there is no daemon, or the target cannot be entered."""
    above = LinesAbove()
    async with connect(home) as client:
        session = Session(client, above.show)
        await session.refresh()
        async with anyio.create_task_group() as tasks:
            send, receive = anyio.create_memory_object_stream[str](LINES_WAITING)
            tasks.start_soon(session.follow)
            if target is not None:
                await session.open_target(target, wire)
            done = anyio.Event()
            tasks.start_soon(_work, session, receive, done)
            prompt = _prompt(session)
            above.app = prompt.app
            await _read_lines(prompt, send)
            with (
                anyio.move_on_after(LAST_LINES_S),
                contextlib.suppress(ApiError),
            ):  # no daemon, nothing to mark
                await done.wait()
                await session.mark_read()
            tasks.cancel_scope.cancel()


async def _read_lines(prompt: PromptSession[str], send: ObjectSendStream[str]) -> None:
    """Until Ctrl-D or /quit; closes the stream."""
    async with send:
        while True:
            try:
                line = await prompt.prompt_async()
            except EOFError:
                return
            except KeyboardInterrupt:  # from outside: Ctrl-C itself is a key here
                continue
            if line.strip().lower() in {"/quit", "/exit"}:
                return
            if line.strip():
                await send.send(line)


async def _work(session: Session, receive: ObjectReceiveStream[str], done: anyio.Event) -> None:
    """One line after the other, so that messages keep their order, while the prompt stays usable."""
    async with receive:
        async for line in receive:
            await handle_line(session, line)
    done.set()


def _prompt(session: Session) -> PromptSession[str]:
    def text() -> FormattedText:
        return FormattedText([("class:prompt", f"{show_place(session.place) if session.place else ''}> ")])

    is_command = Condition(lambda: prompt.default_buffer.text.startswith("/"))
    prompt: PromptSession[str] = PromptSession(
        message=text,
        bottom_toolbar=lambda: f" {session.toolbar()}",
        completer=session.completer,
        complete_while_typing=is_command,
        key_bindings=_keys(),
        erase_when_done=True,  # what was said comes back as a message, with its time and in its order
        style=STYLE,
        refresh_interval=0.5,
        reserve_space_for_menu=4,
    )
    return prompt


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("c-c")
    def _clear(event: KeyPressEvent) -> None:
        event.current_buffer.reset()

    @keys.add("escape", "enter")
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys
