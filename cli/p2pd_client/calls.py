"""Every call of the API, once: what to ask, and the shape of the answer. Both faces of the SDK use these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

import msgspec

from . import asked, export_shapes, shapes, status_shapes
from .errors import ApiError, error_from
from .page_shapes import PageLink, PageLinkRequest, TokenReset

T = TypeVar("T")


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request: `body` is None for GET."""

    method: str
    target: str
    answer: type[T]
    body: bytes | None = None

    def decode(self, status: int, content: bytes) -> T:
        """The answer as its shape. Raises ApiError for an error answer, or one that is not this API's."""
        try:
            if not 200 <= status < 300:
                raise error_from(status, msgspec.json.decode(content))
            return msgspec.json.decode(content, type=self.answer)
        except msgspec.DecodeError as error:
            raise ApiError(
                "internal", f"the daemon's answer makes no sense: {error}", status=status
            ) from error


def _get(path: str, answer: type[T], **query: Any) -> Call[T]:
    given = {name: value for name, value in query.items() if value is not None}
    return Call("GET", f"{path}?{urlencode(given)}" if given else path, answer)


def _post(path: str, answer: type[T], body: msgspec.Struct) -> Call[T]:
    return Call("POST", path, answer, msgspec.json.encode(body))


def status() -> Call[status_shapes.Status]:
    return _get("/v1/status", status_shapes.Status)


def node_id() -> Call[shapes.Id]:
    return _get("/v1/id", shapes.Id)


def config() -> Call[list[status_shapes.ConfigValue]]:
    return _get("/v1/config", list[status_shapes.ConfigValue])


def stop() -> Call[shapes.Ok]:
    return _post("/v1/stop", shapes.Ok, asked.NoArguments())


def peers() -> Call[list[shapes.Peer]]:
    return _get("/v1/peers", list[shapes.Peer])


def connect(addr: str) -> Call[shapes.Connected]:
    return _post("/v1/connect", shapes.Connected, asked.ConnectRequest(addr))


def disconnect(peer: str) -> Call[shapes.Ok]:
    return _post("/v1/disconnect", shapes.Ok, asked.PeerRequest(peer))


def ping(peer: str, count: int) -> Call[shapes.Pinged]:
    return _post("/v1/ping", shapes.Pinged, asked.PingRequest(peer, count))


def rooms() -> Call[list[shapes.Room]]:
    return _get("/v1/rooms", list[shapes.Room])


def members(room: str) -> Call[list[shapes.Member]]:
    return _get("/v1/members", list[shapes.Member], room=room)


def join(room: str, wire: str | None, announce: bool | None) -> Call[shapes.Joined]:
    return _post("/v1/join", shapes.Joined, asked.JoinRequest(room, wire, announce))


def leave(room: str) -> Call[shapes.Ok]:
    return _post("/v1/leave", shapes.Ok, asked.RoomRequest(room))


def send(room: str, text: str, kind: str) -> Call[shapes.Sent]:
    return _post("/v1/send", shapes.Sent, asked.SendRequest(room, text, kind))


def chat_lines(peer: str | None) -> Call[None]:
    """Its body and its answer are lines, see `line_chat.py`."""
    query = f"?{urlencode({'peer': peer})}" if peer is not None else ""
    return Call("POST", f"/v1/chat/lines{query}", type(None))


def send_lines(room: str) -> Call[None]:
    """Its body and its answer are lines, see `receipts.py`."""
    return Call("POST", f"/v1/send/lines?{urlencode({'room': room})}", type(None))


def msg(to: str, text: str, kind: str) -> Call[shapes.Sent]:
    return _post("/v1/msg", shapes.Sent, asked.MsgRequest(to, text, kind))


def conversations() -> Call[list[shapes.Conversation]]:
    return _get("/v1/conversations", list[shapes.Conversation])


def history(query: asked.HistoryQuery) -> Call[list[shapes.Message]]:
    return _get("/v1/history", list[shapes.Message], **msgspec.structs.asdict(query))


def message(ref: str) -> Call[shapes.MessageVersions]:
    return _get("/v1/message", shapes.MessageVersions, id=ref)


def edit(ref: str, text: str) -> Call[shapes.Sent]:
    return _post("/v1/edit", shapes.Sent, asked.EditRequest(ref, text))


def delete(ref: str) -> Call[shapes.Sent]:
    return _post("/v1/delete", shapes.Sent, asked.DeleteRequest(ref))


def react(ref: str, symbol: str, remove: bool) -> Call[shapes.Sent]:
    return _post("/v1/react", shapes.Sent, asked.ReactRequest(ref, symbol, remove))


def reply(ref: str, text: str) -> Call[shapes.Sent]:
    return _post("/v1/reply", shapes.Sent, asked.ReplyRequest(ref, text))


def export(query: export_shapes.ExportQuery) -> Call[export_shapes.ExportPage]:
    return _get("/v1/export", export_shapes.ExportPage, **msgspec.structs.asdict(query))


def import_records(batch: export_shapes.ImportRequest) -> Call[export_shapes.Imported]:
    return _post("/v1/import", export_shapes.Imported, batch)


def mark_read(target: str) -> Call[shapes.Ok]:
    return _post("/v1/read", shapes.Ok, asked.ReadRequest(target))


def page_link(page: str) -> Call[PageLink]:
    return _post("/v1/page-link", PageLink, PageLinkRequest(page))


def reset_token() -> Call[TokenReset]:
    return _post("/v1/token/reset", TokenReset, asked.NoArguments())


def nick() -> Call[shapes.NickSet]:
    return _get("/v1/nick", shapes.NickSet)


def set_nick(nick: str) -> Call[shapes.NickSet]:
    return _post("/v1/nick", shapes.NickSet, asked.NickRequest(nick))


def contacts() -> Call[list[shapes.Contact]]:
    return _get("/v1/contacts", list[shapes.Contact])


def set_petname(peer: str, petname: str) -> Call[shapes.Contact]:
    return _post("/v1/contacts", shapes.Contact, asked.ContactRequest(peer, petname))


def remove_contact(peer: str) -> Call[shapes.Ok]:
    return _post("/v1/contacts/remove", shapes.Ok, asked.PeerRequest(peer))


def block(peer: str) -> Call[shapes.Ok]:
    return _post("/v1/block", shapes.Ok, asked.PeerRequest(peer))


def unblock(peer: str) -> Call[shapes.Ok]:
    return _post("/v1/unblock", shapes.Ok, asked.PeerRequest(peer))


def blocks() -> Call[list[shapes.Contact]]:
    return _get("/v1/blocks", list[shapes.Contact])


def events(after: int | None, kinds: str | None, room: str | None) -> Call[None]:
    """The event stream; its answer is no JSON, see `sse.py`."""
    return _get("/v1/events", type(None), after=after, kinds=kinds, room=room)
