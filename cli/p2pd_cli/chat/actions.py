"""What each chat command does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from p2pd_client import ApiError
from p2pd_daemon.core.peer_id import decode_peer_id, short_peer_id
from p2pd_daemon.errors import P2pdError

from p2pd_cli.chat.lines import Command, Say, help_lines, parse_line
from p2pd_cli.chat.session import SCROLLBACK, Session
from p2pd_cli.chat.view import failure, notice, show_place
from p2pd_cli.failures import CliError
from p2pd_cli.output import one_line
from p2pd_cli.places import find_place, read_back

LONGEST_HISTORY = 1000  # what the API gives in one answer


async def handle_line(session: Session, line: str) -> None:
    """Does what a line says; errors are shown, and a text that was not sent with them."""
    try:
        parsed = parse_line(line)
        if isinstance(parsed, Say):
            await session.say(parsed.text)
        else:
            await ACTIONS[parsed.name](session, parsed)
    except ValueError as error:
        session.show(failure(str(error)))
    except (ApiError, CliError, P2pdError) as error:
        unsent = f"\n   not sent: {line.strip()}" if not line.strip().startswith("/") else ""
        session.show(failure(error.message, error.hint + unsent))


async def join(session: Session, command: Command) -> None:
    if not command.rest:
        raise ValueError("/join needs the name of a room")
    room, _, wire = command.rest.partition(" --wire ")
    await session.join(room.strip().removeprefix("#") or room, wire.strip() or None)


async def leave(session: Session, command: Command) -> None:
    here = session.place
    room = command.rest or (here.room if here else None)
    if room is None:
        raise ValueError("/leave needs the name of a room")
    await session.client.leave(room)
    session.show(notice(f"left #{room}"))
    if here is not None and here.room == room:
        session.place = None
    await session.refresh()


async def msg(session: Session, command: Command) -> None:
    peer, text = command.words()
    if not peer:
        raise ValueError("/msg needs a name or a peer ID")
    peer = peer.removeprefix("@")
    if text:
        session.last_state = (await session.client.msg(peer, text)).state
        return
    place = await find_place(session.client, peer)
    if place.room is not None:
        raise ValueError(f"{peer} is a room; /join {peer} goes there")
    await session.enter(place)


async def me(session: Session, command: Command) -> None:
    if not command.rest:
        raise ValueError("/me needs what you do")
    await session.say(command.rest, "action")


async def reply(session: Session, command: Command) -> None:
    message, text = session.shown.split(command.rest)
    if not text:
        raise ValueError("/reply needs what you say")
    session.note((await session.client.reply(message or session.last(own=False), text)).state)


async def react(session: Session, command: Command) -> None:
    await _react(session, command, remove=False)


async def unreact(session: Session, command: Command) -> None:
    await _react(session, command, remove=True)


async def _react(session: Session, command: Command, *, remove: bool) -> None:
    words = command.rest.split()
    if not 1 <= len(words) <= 2:
        raise ValueError(f"/{command.name} needs an emoji or a short word")
    message = session.shown.find(words[0]) if len(words) == 2 else session.last(own=False)
    await session.client.react(message, words[-1], remove=remove)


async def edit(session: Session, command: Command) -> None:
    message, text = session.shown.split(command.rest)
    if not text:
        raise ValueError("/edit needs the new text")
    session.note((await session.client.edit(message or session.last(own=True), text)).state)


async def delete(session: Session, command: Command) -> None:
    message = session.shown.find(command.rest) if command.rest else session.last(own=True)
    session.note((await session.client.delete(message)).state)


async def nick(session: Session, command: Command) -> None:
    if command.rest:
        await session.client.set_nick(command.rest)
    mine = await session.client.nick()
    session.show(notice(f"you are {mine}" if mine else "you have no nickname; /nick NAME takes one"))


async def who(session: Session, _command: Command) -> None:
    await session.refresh()
    if session.place is None or session.place.room is None:
        raise ValueError("you are in no room")
    spoke = {
        message.get("name") or message["nick"] or message["from"][-6:]: None
        for message in await read_back(session.client, session.place, 200)
    }
    names = ", ".join(sorted(spoke, key=str.casefold)) or "nobody"
    session.show(notice(f"{session.members} here now; who spoke lately: {names}"))


async def peers(session: Session, _command: Command) -> None:
    found = await session.client.peers()
    for peer in found:
        rtt = "" if peer.rtt_ms is None else f", {peer.rtt_ms:.0f} ms"
        name = peer.name or peer.nick or short_peer_id(decode_peer_id(peer.peer_id))
        session.show(notice(f"{one_line(name)}  {peer.peer_id}  ({peer.direction}{rtt})"))
    if not found:
        session.show(notice("nobody is connected; p2pd connect MULTIADDR, or a bootstrap node, changes that"))


async def rooms(session: Session, _command: Command) -> None:
    await session.mark_read()
    for room in await session.client.rooms():
        unread = f", {room.unread} unread" if room.unread else ""
        session.show(notice(f"#{one_line(room.room)}  {room.members} here{unread}"))
    for talk in await session.client.conversations():
        unread = f", {talk.unread} unread" if talk.unread else ""
        queued = f", {talk.queued} waiting" if talk.queued else ""
        session.show(notice(f"@{one_line(talk.name)}{unread}{queued}"))


async def history(session: Session, command: Command) -> None:
    if session.place is None:
        raise ValueError("you are in no room")
    if command.rest and not (command.rest.isdecimal() and 0 < int(command.rest) <= LONGEST_HISTORY):
        raise ValueError(f"/history takes a number up to {LONGEST_HISTORY}")
    count = int(command.rest) if command.rest else 2 * SCROLLBACK
    session.show(notice(f"the last {count} messages of {show_place(session.place)}"))
    for message in await read_back(session.client, session.place, count):
        session.show_message(message)


async def show_help(session: Session, _command: Command) -> None:
    for line in help_lines():
        session.show(notice(line))


async def quit_chat(_session: Session, _command: Command) -> None:
    """The terminal sees to it before it gets here."""


ACTIONS: dict[str, Callable[[Session, Command], Awaitable[None]]] = {
    "join": join,
    "leave": leave,
    "msg": msg,
    "me": me,
    "reply": reply,
    "react": react,
    "unreact": unreact,
    "edit": edit,
    "delete": delete,
    "nick": nick,
    "who": who,
    "peers": peers,
    "rooms": rooms,
    "history": history,
    "help": show_help,
    "quit": quit_chat,
}
