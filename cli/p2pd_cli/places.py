"""What a person means by a name: a joined room, or somebody; and what was said there."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

import msgspec
from p2pd_client import Client
from p2pd_daemon.core.peer_id import decode_peer_id, short_peer_id
from p2pd_daemon.errors import BadPeerId

from p2pd_cli.failures import CliError
from p2pd_cli.since import Since

PAGE = 500  # messages in one request: at 8 KiB each it stays a few megabytes


@dataclass(frozen=True, slots=True)
class Place:
    """A joined room, or the conversation with a peer: exactly one of `room` and `peer` (its ID) is set."""

    room: str | None = None
    peer: str | None = None
    name: str = ""  # how to show it

    def has(self, message: dict[str, Any]) -> bool:
        """Whether the message (as JSON has it) was said here."""
        if self.room is not None:
            return bool(message["room"] == self.room)
        return bool(message["room"] is None and message.get("peer") == self.peer)


async def find_place(client: Client, target: str) -> Place:
    """Raises ApiError (exit code 4) when it is neither a known room nor a known peer, CliError for a left room."""
    name = unicodedata.normalize("NFC", target)
    if any(room.room == name for room in await client.rooms()):
        return Place(room=name, name=name)
    page = await client.history(target, limit=1)  # the daemon says what is wrong with it
    if page and page[0].room is not None:
        raise CliError(
            f"you have left the room {name}", hint=f"`p2pd join {name}` brings you back.", exit_code=4
        )
    return await _find_person(client, target, page[0].peer if page else None)


async def _find_person(client: Client, target: str, peer: str | None) -> Place:
    for contact in await client.contacts():
        names = {contact.peer_id, contact.name, contact.petname, contact.nick} - {""}
        if contact.peer_id == peer or (peer is None and target in names):
            return Place(
                peer=contact.peer_id, name=contact.name or short_peer_id(decode_peer_id(contact.peer_id))
            )
    try:
        found = decode_peer_id(peer or target.rpartition("/")[2])  # of a multiaddr its last part
    except BadPeerId as error:
        raise CliError(
            f"there is no room and no peer {target}",
            hint="See `p2pd rooms` and `p2pd contacts`.",
            exit_code=4,
        ) from error
    return Place(peer=found, name=short_peer_id(found))


async def all_places(client: Client) -> list[Place]:
    """Every joined room and every conversation."""
    rooms = [Place(room=room.room, name=room.room) for room in await client.rooms()]
    return rooms + [Place(peer=talk.peer_id, name=talk.name) for talk in await client.conversations()]


async def read_back(
    client: Client, place: Place, limit: int, before: str | None = None
) -> list[dict[str, Any]]:
    """The newest `limit` messages there, as JSON has them, oldest first."""
    found = await client.history(room=place.room, peer=place.peer, limit=limit, before=before)
    return [msgspec.to_builtins(message) for message in found]


async def read_since(client: Client, place: Place, since: Since) -> list[dict[str, Any]]:
    """The messages from then on, oldest first. After an id that is not in this place: all of them."""
    found: list[dict[str, Any]] = []
    before: str | None = None
    while True:
        page = await read_back(client, place, PAGE, before)
        start = _start(page, since)
        found = page[start:] + found
        if start or len(page) < PAGE:
            return found
        before = page[0]["id"]


def _start(page: list[dict[str, Any]], since: Since) -> int:
    """The index of the first message that belongs; 0 means that the page before may have more."""
    for index in range(len(page) - 1, -1, -1):
        message = page[index]
        if message["id"] == since.id or (since.ts_ms is not None and message["ts_ms"] < since.ts_ms):
            return index + 1
    return 0
