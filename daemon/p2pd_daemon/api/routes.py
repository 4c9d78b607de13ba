"""The one table of routes: the application serves it, and OpenAPI describes it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from p2pd_client import asked, export_shapes, shapes, status_shapes
from p2pd_client.page_shapes import PageLink, PageLinkRequest, TokenReset

from p2pd_daemon import errors

from .control import Control
from .route import DIAL, NO_MESSAGE, NO_PEER, NO_ROOM, SAY, Route

# Of one request that imports: a thousand usual records, or a hundred of the largest size.
IMPORT_BYTES = 4 * 1024 * 1024


async def _ok(done: Awaitable[None]) -> shapes.Ok:
    await done
    return shapes.Ok()


async def _history(control: Control, query: asked.HistoryQuery) -> Any:
    given = [name for name in ("room", "peer", "target") if getattr(query, name) is not None]
    if len(given) != 1:
        raise errors.UsageError(
            "history needs exactly one of room, peer and target", hint="for example ?room=lobby&limit=20"
        )
    if query.before is not None and query.after is not None:
        raise errors.UsageError("history takes before or after, not both", hint="ask twice")
    return await control.history(
        room=query.room,
        peer=query.peer,
        target=query.target,
        limit=query.limit,
        before=query.before,
        after=query.after,
        search=query.search,
    )


async def _export(control: Control, query: export_shapes.ExportQuery) -> Any:
    places = [name for name in ("room", "peer", "target") if getattr(query, name) is not None]
    parts = [name for name in ("since_ms", "after") if getattr(query, name) is not None]
    if query.cursor is not None and not places and not parts:
        return await control.export_on(query.cursor)
    if len(places) != 1 or query.cursor is not None:
        raise errors.UsageError(
            "export needs exactly one of room, peer and target, and then only cursor",
            hint="for example ?room=lobby, and for the next page ?cursor= with its `next`",
        )
    return await control.export(
        room=query.room, peer=query.peer, target=query.target, since_ms=query.since_ms, after=query.after
    )


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/status", "The node at a glance", lambda c, _: c.status(), status_shapes.Status),
    Route("GET", "/v1/id", "Peer ID and addresses", lambda c, _: c.id(), shapes.Id),
    Route(
        "GET",
        "/v1/config",
        "Settings and their sources",
        lambda c, _: c.config(),
        list[status_shapes.ConfigValue],
    ),
    Route(
        "POST",
        "/v1/stop",
        "Stops the daemon",
        lambda c, _: _ok(c.stop()),
        shapes.Ok,
        asked.NoArguments,
        after_reply=True,
    ),
    Route(
        "POST",
        "/v1/page-link",
        "A link that opens the page in a browser, once",
        lambda c, r: c.page_link(r.page),
        PageLink,
        PageLinkRequest,
        (errors.Refused,),
    ),
    Route(
        "POST",
        "/v1/token/reset",
        "Makes the token and every cookie and link so far worth nothing, and ends the streams of who came by them",
        lambda c, _: c.reset_token(),
        TokenReset,
        asked.NoArguments,
    ),
    Route("GET", "/v1/peers", "The connected peers", lambda c, _: c.peers(), list[shapes.Peer]),
    Route(
        "POST",
        "/v1/connect",
        "Connects to a peer",
        lambda c, r: c.connect(r.addr),
        shapes.Connected,
        asked.ConnectRequest,
        NO_PEER + DIAL,
    ),
    Route(
        "POST",
        "/v1/disconnect",
        "Closes the connection to a peer",
        lambda c, r: _ok(c.disconnect(r.peer)),
        shapes.Ok,
        asked.PeerRequest,
        NO_PEER,
    ),
    Route(
        "POST",
        "/v1/ping",
        "Measures the round trip to a peer",
        lambda c, r: c.ping(r.peer, r.count),
        shapes.Pinged,
        asked.PingRequest,
        NO_PEER + DIAL,
    ),
    Route("GET", "/v1/rooms", "The joined rooms", lambda c, _: c.rooms(), list[shapes.Room]),
    Route(
        "GET",
        "/v1/members",
        "Who is in a joined room, as far as this node knows",
        lambda c, q: c.members(q.room),
        list[shapes.Member],
        asked.RoomRequest,
        NO_ROOM,
    ),
    Route(
        "POST",
        "/v1/join",
        "Joins a room",
        lambda c, r: c.join(r.room, r.wire, r.announce),
        shapes.Joined,
        asked.JoinRequest,
        (errors.BadRoomName, errors.OverLimit),
    ),
    Route(
        "POST",
        "/v1/leave",
        "Leaves a room",
        lambda c, r: _ok(c.leave(r.room)),
        shapes.Ok,
        asked.RoomRequest,
        NO_ROOM,
    ),
    Route(
        "POST",
        "/v1/send",
        "Says something in a joined room; answers once it is stored",
        lambda c, r: c.send(r.room, r.text, r.kind),
        shapes.Sent,
        asked.SendRequest,
        NO_ROOM + SAY,
    ),
    Route(
        "POST",
        "/v1/msg",
        "Says something to one peer; answers once it is stored",
        lambda c, r: c.msg(r.to, r.text, r.kind),
        shapes.Sent,
        asked.MsgRequest,
        NO_PEER + SAY + (errors.Refused, errors.Blocked, errors.NotSpoken),
    ),
    Route(
        "GET",
        "/v1/history",
        "Messages of a room or a conversation, oldest first",
        _history,
        list[shapes.Message],
        asked.HistoryQuery,
        NO_ROOM + NO_PEER + (errors.NoSuchMessage,),
    ),
    Route(
        "GET",
        "/v1/message",
        "One message and what it said before it was edited",
        lambda c, q: c.message(q.id),
        shapes.MessageVersions,
        asked.MessageQuery,
        (errors.NoSuchMessage, errors.AmbiguousMessage),
    ),
    Route(
        "POST",
        "/v1/edit",
        "Gives a message of one's own another text; answers once that is stored",
        lambda c, r: c.edit(r.id, r.text),
        shapes.Sent,
        asked.EditRequest,
        NO_MESSAGE + SAY + (errors.Refused, errors.Blocked),
    ),
    Route(
        "POST",
        "/v1/delete",
        "Takes a message of one's own back; answers once that is stored",
        lambda c, r: c.delete(r.id),
        shapes.Sent,
        asked.DeleteRequest,
        (*NO_MESSAGE, errors.Refused, errors.Blocked, errors.OverLimit),
    ),
    Route(
        "POST",
        "/v1/react",
        "Reacts to a message, or takes a reaction back; answers once that is stored",
        lambda c, r: c.react(r.id, r.symbol, r.remove),
        shapes.Sent,
        asked.ReactRequest,
        (*NO_MESSAGE, errors.BadText, errors.Refused, errors.Blocked, errors.OverLimit),
    ),
    Route(
        "POST",
        "/v1/reply",
        "Answers a message in its room or conversation; answers once that is stored",
        lambda c, r: c.reply(r.id, r.text),
        shapes.Sent,
        asked.ReplyRequest,
        NO_MESSAGE + SAY + (errors.Refused, errors.Blocked),
    ),
    Route(
        "GET",
        "/v1/export",
        "A room or a conversation as signed records, page by page",
        _export,
        export_shapes.ExportPage,
        export_shapes.ExportQuery,
        NO_ROOM + NO_PEER + (errors.NoSuchMessage,),
    ),
    Route(
        "POST",
        "/v1/import",
        "Takes in records of an export; answers once they are stored",
        lambda c, r: c.import_records(r.topic, r.records, r.gone, r.peers, r.seen_ms),
        export_shapes.Imported,
        export_shapes.ImportRequest,
        (errors.Refused,),
        body_bytes=IMPORT_BYTES,
    ),
    Route(
        "POST",
        "/v1/read",
        "Marks a room or a conversation as read",
        lambda c, r: _ok(c.mark_read(r.target)),
        shapes.Ok,
        asked.ReadRequest,
        NO_ROOM + NO_PEER,
    ),
    Route(
        "GET",
        "/v1/conversations",
        "The direct conversations",
        lambda c, _: c.conversations(),
        list[shapes.Conversation],
    ),
    Route("GET", "/v1/nick", "The own nickname", lambda c, _: c.nick(), shapes.NickSet),
    Route(
        "POST",
        "/v1/nick",
        "Sets or removes the own nickname",
        lambda c, r: c.set_nick(r.nick),
        shapes.NickSet,
        asked.NickRequest,
        (errors.BadText, errors.TooLarge),
    ),
    Route("GET", "/v1/contacts", "The people known by name", lambda c, _: c.contacts(), list[shapes.Contact]),
    Route(
        "POST",
        "/v1/contacts",
        "Gives a peer a petname",
        lambda c, r: c.set_petname(r.peer, r.petname),
        shapes.Contact,
        asked.ContactRequest,
        (*NO_PEER, errors.BadText),
    ),
    Route(
        "POST",
        "/v1/contacts/remove",
        "Removes a petname",
        lambda c, r: _ok(c.remove_contact(r.peer)),
        shapes.Ok,
        asked.PeerRequest,
        NO_PEER,
    ),
    Route("GET", "/v1/blocks", "The blocked peers", lambda c, _: c.blocks(), list[shapes.Contact]),
    Route(
        "POST",
        "/v1/block",
        "Blocks a peer",
        lambda c, r: _ok(c.block(r.peer)),
        shapes.Ok,
        asked.PeerRequest,
        NO_PEER,
    ),
    Route(
        "POST",
        "/v1/unblock",
        "Unblocks a peer",
        lambda c, r: _ok(c.unblock(r.peer)),
        shapes.Ok,
        asked.PeerRequest,
        NO_PEER,
    ),
)
