"""The chat without its terminal: where one is, what is said there, and the daemon's events.

Lines go out through `show`, so that tests can read them and the terminal can put them above its prompt.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import anyio
from p2pd_client import ApiError, Client, ConnectionLost, DaemonNotRunning, Event

from p2pd_cli.chat.names import ChatCompleter
from p2pd_cli.chat.view import delivery_line, failure, message_elsewhere, message_here, notice, show_place
from p2pd_cli.failures import CliError
from p2pd_cli.places import Place, find_place, read_back

SCROLLBACK = 30  # messages shown when a place is entered
REMEMBERED_TEXTS = 200  # own messages whose later delivery can still be told with their text
KINDS = ("message", "delivery", "member", "peer", "profile", "room")
BEYOND = 2**62  # see p2pd_cli.live
LONGEST_PAUSE_S = 2.0


class Session:
    """`place` is where lines go. `toolbar` is what the terminal shows below the prompt."""

    def __init__(self, client: Client, show: Callable[[str], None]) -> None:
        self.client = client
        self.show = show
        self.place: Place | None = None
        self.completer = ChatCompleter()
        self.peers = 0
        self.members = 0
        self.last_state = ""
        self.away = False
        self._shown: set[str] = set()  # ids of scrollback: an event may bring them once more
        self._waiting: OrderedDict[str, str] = OrderedDict()  # id → text of own messages not yet delivered

    def toolbar(self) -> str:
        if self.away:
            return "the daemon is not running; waiting for it"
        peers = f"{self.peers} peer{'s' * (self.peers != 1)} connected"
        if self.place is None:
            return f"{peers} · /join ROOM or /msg PEER to begin, /help for more"
        where = show_place(self.place)
        members = f" · {self.members} in the room" if self.place.room is not None else ""
        state = f" · last: {self.last_state}" if self.last_state else ""
        return f"{where}{members} · {peers}{state}"

    # Places

    async def enter(self, place: Place, scrollback: int = SCROLLBACK) -> None:
        """Makes it the place where lines go, and shows what was said there last."""
        await self.leave_place()
        self.place = place
        self.last_state = ""
        messages = await read_back(self.client, place, scrollback)
        self._shown = {message["id"] for message in messages}
        self.show(notice(f"{show_place(place)}" + ("" if messages else ", nothing was said here yet")))
        for message in messages:
            self.note_name(message)
            self.show(message_here(message))
        await self.refresh()

    async def leave_place(self) -> None:
        """Marks what was shown as read."""
        if self.place is None:
            return
        try:
            await self.client.mark_read(self.place.room or self.place.peer or "")
        except ApiError as error:
            self.show(notice(f"could not mark it read: {error.message}"))

    async def open_target(self, target: str) -> None:
        """Enters a room or a conversation by what the person calls it; joins a room that is not joined."""
        try:
            place = await find_place(self.client, target)
        except (ApiError, CliError) as error:
            if error.exit_code != 4:
                raise
            joined = await self.client.join(target)
            place = Place(room=joined.room, name=joined.room)
        await self.enter(place)

    async def refresh(self) -> None:
        """Fetches the counts and names that the toolbar and the completion show."""
        rooms = await self.client.rooms()
        self.completer.rooms = {room.room for room in rooms}
        self.members = next(
            (room.members for room in rooms if self.place and room.room == self.place.room), 0
        )
        self.peers = len(await self.client.peers())
        names = {contact.name for contact in await self.client.contacts() if not contact.blocked}
        self.completer.people |= {name for name in names if name}

    def note_name(self, message: dict[str, Any]) -> None:
        name = message.get("name") or message["nick"]
        if name and message["state"] == "received":
            self.completer.people.add(name)

    # Saying things

    async def say(self, text: str, kind: str = "text") -> None:
        if self.place is None:
            self.show(failure("you are in no room yet", "/join ROOM, or /msg PEER TEXT."))
            return
        if self.place.room is not None:
            sent = await self.client.send(self.place.room, text, kind)
        else:
            sent = await self.client.msg(self.place.peer or "", text, kind)
        self.last_state = sent.state

    # Events

    async def follow(self) -> None:
        """Shows what happens until cancelled. When the daemon goes away it says so, and goes on when it is back."""
        after = BEYOND
        while True:
            events = self.client.events(after, kinds=KINDS, reconnect=False)
            try:
                async for event in events:
                    await self._handle(event, first=after == BEYOND)
                    after = event.n
            except (DaemonNotRunning, ConnectionLost):
                pass  # said below, as when the stream ends
            finally:
                after = events.last_id if events.last_id is not None else after
                await events.aclose()
            await self._await_daemon()

    async def _await_daemon(self) -> None:
        pause = 0.1
        while True:
            try:
                await self.client.status()
            except (DaemonNotRunning, ConnectionLost):
                if not self.away:
                    self.away = True
                    self.show(notice("the daemon has stopped; waiting for it (p2pd start --detach)"))
                await anyio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
                continue
            if self.away:
                self.away = False
                self.show(notice("the daemon is back"))
                await self.refresh()
            return

    async def _handle(self, event: Event, *, first: bool) -> None:
        if event.kind == "message":
            self._handle_message(event.data)
        elif event.kind == "delivery":
            self._handle_delivery(event.data)
        elif event.kind == "gap":
            if not first:
                self.show(notice("some messages came in the meantime; /history shows them"))
        else:
            await self.refresh()

    def _handle_message(self, message: dict[str, Any]) -> None:
        self.note_name(message)
        if message["state"] in {"queued", "sent", "stored"}:
            self._waiting[message["id"]] = message["text"]
            if len(self._waiting) > REMEMBERED_TEXTS:
                self._waiting.popitem(last=False)
        if message["id"] in self._shown:
            return
        here = self.place is not None and self.place.has(message)
        self.show(message_here(message) if here else message_elsewhere(message))

    def _handle_delivery(self, event: dict[str, Any]) -> None:
        if self.place is not None and self.place.has(event):
            self.last_state = event["state"]
        text = self._waiting.get(event["id"], "")
        line = delivery_line(event, text) if event["room"] is None else None
        if line is not None:
            self._waiting.pop(event["id"], None)
            self.show(line)
