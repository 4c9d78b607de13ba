"""The chat without its terminal: where one is, what is said there, and the daemon's events.

Lines go out through `show`, so that tests can read them and the terminal can put them above its prompt.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import anyio
from anyio.abc import TaskGroup
from p2pd_client import ApiError, Client, ConnectionLost, DaemonNotRunning, Event

from p2pd_cli.chat.names import ChatCompleter
from p2pd_cli.chat.on_way import OnWay
from p2pd_cli.chat.shown import Shown
from p2pd_cli.chat.view import (
    WORTH_A_BAR,
    change_line,
    delivery_text,
    failure,
    notice,
    progress_bar,
    show_place,
)
from p2pd_cli.failures import CliError
from p2pd_cli.live import BEYOND
from p2pd_cli.output import Whereabouts, coloured, message_lines
from p2pd_cli.places import Place, find_place, read_back

log = logging.getLogger(__name__)

SCROLLBACK = 30  # messages shown when a place is entered
PROGRESS_S = 1.0  # between two looks at what is being caught up with, which gives no events
REFRESH_S = 0.5  # between two looks at the counts, however many events there are
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
CHANGES = frozenset({"edit", "delete", "reaction"})
KINDS = (
    "message",
    *sorted(CHANGES),
    "delivery",
    "held",
    "member",
    "missed_chat",
    "peer",
    "profile",
    "room",
    "synced",
)


class Session:
    """`place` is where lines go; None before the first one."""

    def __init__(self, client: Client, show: Callable[[str], None]) -> None:
        self.client = client
        self.show = show
        self.place: Place | None = None
        self.completer = ChatCompleter()
        self.last_state = ""
        self.away = False
        self._progress = ""  # of catching up in this room
        self._empty = True  # nothing that was said here is on the screen
        self._peers = 0
        self._members = 0
        self.shown = Shown()
        self._scrollback: set[str] = set()  # ids of scrollback: an event may bring them once more
        self._on_way = OnWay(show)
        self._whereabouts = Whereabouts()
        self._stale = anyio.Event()

    @property
    def members(self) -> int:
        """How many are in this room, ourselves included."""
        return self._members

    def toolbar(self) -> str:
        """What the terminal shows below the prompt."""
        if self.away:
            return "the daemon is not running; waiting for it"
        peers = f"{self._peers} peer{'s' * (self._peers != 1)} connected"
        if self.place is None:
            return f"{peers} · /join ROOM or /msg PEER to begin, /help for more"
        members = f" · {self._members} in the room" if self.place.room is not None else ""
        state = f" · last: {self.last_state}" if self.last_state else ""
        progress = f" · {self._progress}" if self._progress else ""
        return f"{show_place(self.place)}{members} · {peers}{progress or state}"

    # Places

    async def enter(self, place: Place) -> None:
        """Makes it the place where lines go, and shows what was said there last."""
        await self.mark_read()
        self.place = place
        self.last_state = ""
        if not await self._show_scrollback(place):
            self.show(notice(f"{show_place(place)}: nothing was said here yet"))
        await self.refresh()

    async def _show_scrollback(self, place: Place) -> bool:
        """False, and nothing shown, when nothing was said there."""
        messages = await read_back(self.client, place, SCROLLBACK)
        self._scrollback = {message["id"] for message in messages}
        self._empty = not messages
        if messages:
            self.show(notice(show_place(place)))
        for message in messages:
            self.show_message(message)
        return bool(messages)

    def show_message(self, message: dict[str, Any], *, where: str = "", state: bool = True) -> None:
        """With the number by which the person can mean it."""
        number = coloured(f"^{self.shown.add(message)}", "2")
        self.show(f"{number} {message_lines(message, where=where, state=state)}")

    def last(self, *, own: bool) -> str:
        """The id of the last message said here, by oneself or by others. Raises ValueError."""
        return self.shown.last(self.place, own=own)

    def note(self, state: str) -> None:
        """What became of what was said last, for the toolbar."""
        self.last_state = state

    async def mark_read(self) -> None:
        """What was shown here is read."""
        if self.place is not None:
            await self.client.mark_read(self.place.room or self.place.peer or "")

    async def open_target(self, target: str, wire: str | None = None) -> None:
        """Enters a room or a conversation by what the person calls it; joins a room that is not joined. With a wire it
        is a room.
        """
        if wire is not None:
            await self.join(target, wire)
            return
        try:
            place = await find_place(self.client, target)
        except (ApiError, CliError) as error:
            if isinstance(error, ApiError) and error.code not in {"no_such_peer", "no_such_room"}:
                raise
            await self.join(target)
            return
        await self.enter(place)

    async def join(self, room: str, wire: str | None = None) -> None:
        """Joins a room and enters it."""
        joined = await self.client.join(room, wire)
        self.show(notice(f"joined the room {joined.room}"))
        await self.enter(Place(room=joined.room, name=joined.room))

    async def refresh(self) -> None:
        """Fetches the counts and names that the toolbar and the completion show."""
        rooms = await self.client.rooms()
        self.completer.rooms = {room.room for room in rooms}
        self._members = next(
            (room.members for room in rooms if self.place and room.room == self.place.room), 0
        )
        self._peers = len(await self.client.peers())
        await self._look_at_progress()
        await self._look_at_last()
        contacts = await self.client.contacts()
        self._whereabouts = Whereabouts({contact.peer_id: contact.name for contact in contacts})
        self.completer.people = {contact.name for contact in contacts if contact.name and not contact.blocked}

    async def _look_at_progress(self) -> None:
        here = self.place.room if self.place else None
        syncing = [one for one in (await self.client.status()).syncing if one.room == here]
        self._progress = max((progress_bar(one.got, one.total) for one in syncing), key=len, default="")
        if self._empty and self.place and any(one.got for one in syncing):
            await self._show_scrollback(
                self.place
            )  # the newest page comes first: no need to wait for the rest

    async def _look_at_last(self) -> None:
        """Who is known to have what was said here last."""
        try:
            last = self.shown.last(self.place, own=True)
        except ValueError:  # nothing of ours is on the screen
            return
        message = (await self.client.message(last)).message
        self.last_state = delivery_text(message.delivery, message.state)

    # Saying things

    async def say(self, text: str, kind: str = "text") -> None:
        if self.place is None:
            self.show(failure("you are in no room yet", "/join ROOM, or /msg PEER TEXT."))
        elif self.place.room is not None:
            self.last_state = (await self.client.send(self.place.room, text, kind)).state
        else:
            self.last_state = (await self.client.msg(self.place.peer or "", text, kind)).state

    # Events

    async def follow(self) -> None:
        """Shows what happens until cancelled. When the daemon goes away it says so, and goes on when it is back."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._refresh_when_stale)
            after = BEYOND
            while True:
                events = self.client.events(after, kinds=KINDS, reconnect=False)
                try:
                    async for event in events:
                        self._handle(event, tasks, first=after == BEYOND)
                        after = event.n
                except ApiError as error:
                    log.debug("the event stream ended: %s", error)  # _await_daemon tells the person
                finally:
                    after = events.last_id if events.last_id is not None else after
                    await events.aclose()
                await self._await_daemon()

    async def _await_daemon(self) -> None:
        """Returns once the daemon answers. Tells the person when it is gone, and when it is back."""
        pause = FIRST_PAUSE_S
        while True:
            await anyio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
            try:
                await self.client.status()
            except ApiError as error:
                if not self.away:
                    self.away = True
                    gone = isinstance(error, (DaemonNotRunning, ConnectionLost))
                    what = "the daemon has stopped" if gone else error.message
                    self.show(notice(f"{what}; waiting for it (p2pd start --detach)"))
                continue
            if self.away:
                self.away = False
                self.show(notice("the daemon is back"))
                self._stale.set()
            return

    async def _refresh_when_stale(self) -> None:
        while True:
            with anyio.move_on_after(PROGRESS_S) as waiting:
                await self._stale.wait()
            try:
                if waiting.cancelled_caught:
                    await self._look_at_progress()
                    continue
                self._stale = anyio.Event()
                await self.refresh()
            except ApiError as error:
                log.debug("no counts now: %s", error)  # `follow` makes us look again when the daemon is back
            await anyio.sleep(REFRESH_S)

    def _handle(self, event: Event, tasks: TaskGroup, *, first: bool) -> None:
        if event.kind == "message":
            self._handle_message(event.data, tasks)
        elif event.kind in CHANGES:
            name = self.shown.update(event.data)
            self.show(change_line(event.kind, event.data, name, where=self._where(event.data)))
        elif event.kind == "synced":
            self._handle_synced(event.data)
        elif event.kind == "delivery":
            self._handle_delivery(event.data)
        elif event.kind == "missed_chat":
            caller = event.data["peer_id"][-6:]
            self.show(notice(f"…{caller} called to chat by lines: `p2pd chat --stream` waits for such calls"))
        elif event.kind != "gap":
            self._stale.set()
        elif not first:
            self.show(notice("some messages came in the meantime; /history shows them"))

    def _handle_synced(self, session: dict[str, Any]) -> None:
        """Older messages came in without an event each."""
        if self.place is None or session["room"] != self.place.room or session["got"] < WORTH_A_BAR:
            return
        self._stale.set()
        self.show(notice(f"caught up: {session['got']:,} messages from before; /history shows more of them"))

    def _handle_message(self, message: dict[str, Any], tasks: TaskGroup) -> None:
        if message["id"] in self._scrollback:
            return
        self._empty = self._empty and not (self.place is not None and self.place.has(message))
        self.show_message(message, where=self._where(message), state=False)
        if message["room"] is None and message["state"] in {"queued", "sent"}:
            self._on_way.add(message)
            tasks.start_soon(self._on_way.tell_waiting, message["id"])

    def _where(self, message: dict[str, Any]) -> str:
        """Empty for what was said in the place where one is."""
        here = self.place is not None and self.place.has(message)
        return "" if here else coloured(f"[{self._whereabouts.of(message)}]", "2")

    def _handle_delivery(self, event: dict[str, Any]) -> None:
        if self.place is not None and self.place.has(event):
            self.last_state = event["state"]
        self._on_way.handle_delivery(event)
