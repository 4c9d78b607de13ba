"""Chats by lines, /chat/1.0.0: unsigned, unnumbered, and nothing of them is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from p2pd_daemon.core.stream_chat import PROTOCOL_ID
from p2pd_daemon.errors import Blocked, NetworkError, NotSpoken, PeerUnreachable
from p2pd_daemon.net.stream_chat import LineChat
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.references import References


class Chat:
    """An open chat, with the other one's name as it is shown here."""

    def __init__(self, lines: LineChat, name: str, agent: str) -> None:
        self.peer_id: str = lines.peer
        self.name = name
        self.agent = agent
        self._lines = lines
        self._heard = False

    async def receive(self) -> list[str]:
        """The next lines; none when the other side says no more. Raises NetworkError, RemoteProtocolError."""
        try:
            lines = await self._lines.receive()
        except NetworkError as error:
            raise (error if self._heard else _unanswered(self.name)) from error
        self._heard = True
        return lines

    async def say(self, text: str) -> None:
        """Raises NetworkError."""
        await self._lines.say(text)

    async def finish(self) -> None:
        """Raises NetworkError."""
        await self._lines.finish()


class Chats:
    def __init__(self, parts: Parts, references: References) -> None:
        self._parts = parts
        self._references = references

    @asynccontextmanager
    async def open(self, peer: str | None) -> AsyncIterator[Chat]:
        """With a peer as it was typed, who is dialled if need be; with None the next one who calls.

        Raises what looking a peer up and dialling raise, Blocked, NotSpoken, PeerUnreachable.
        """
        network = self._parts.network
        if peer is None:
            async with network.accept_line_chat() as lines:
                yield self._chat(lines)
            return
        found = await self._references.reach(peer)
        name = self._parts.people.name_of(found)
        if found in self._parts.people.blocked:
            raise Blocked(f"{name} is blocked here", hint=f"p2pd unblock {found}")
        spoken = await network.protocols(found)
        if spoken and PROTOCOL_ID not in spoken:
            program = network.agent(found) or "their program"
            raise NotSpoken(
                f"{name} does not chat by lines: {program} does not speak {PROTOCOL_ID}",
                hint="Write to them: p2pd msg.",
            )
        opening = network.open_line_chat(found)
        try:
            lines = await opening.__aenter__()
        except NetworkError as error:
            raise _unanswered(name) from error
        try:
            yield self._chat(lines)
        except BaseException as error:
            if not await opening.__aexit__(type(error), error, error.__traceback__):
                raise
        else:
            await opening.__aexit__(None, None, None)

    def _chat(self, lines: LineChat) -> Chat:
        people, network = self._parts.people, self._parts.network
        return Chat(lines, people.name_of(lines.peer), network.agent(lines.peer))


def _unanswered(name: str) -> PeerUnreachable:
    return PeerUnreachable(
        f"{name} does not answer: nobody waits for a chat there",
        hint="They have to be at it: `p2pd chat --stream` with a p2pd. Or write to them: p2pd msg.",
    )
