"""What is in a room's records, by its wire: p2pd's own events, or the texts of other people's programs.

    text       the payload is the text, in UTF-8                          (universal-connectivity)
    chat-room  {"Message": text, "SenderID": peer ID, "SenderNick": nick}  (go-libp2p, examples/pubsub/chat)

Other people's formats carry no time and name no records before them: their events have ts 0 and no parents, and
where such a record belongs in the room is for each node to say (the order of arrival).
"""

from __future__ import annotations

import json
import unicodedata

from p2pd_daemon.core.bodies import MAX_NICK, NamedText, label_fault_char
from p2pd_daemon.core.event import Body, ChatEvent, Text, decode_event
from p2pd_daemon.core.limits import DEFAULT_LIMITS
from p2pd_daemon.core.peer_id import PeerId, decode_peer_id
from p2pd_daemon.core.room import Wire
from p2pd_daemon.errors import BadPeerId, LocalProtocolError, RemoteProtocolError

_CLAIM_CHARS = 128  # no form of a peer ID is longer


def read_payload(data: bytes, wire: Wire, *, text_bytes: int = DEFAULT_LIMITS.text_bytes) -> ChatEvent:
    """The event in a record's payload. RemoteProtocolError when it is none of this wire. `text_bytes` 0: any size."""
    match wire:
        case Wire.TEXT:
            return ChatEvent(0, (), Text(_text(data, text_bytes)))
        case Wire.CHAT_ROOM:
            return ChatEvent(0, (), _decode_chat_room(data, text_bytes))
        case Wire.P2PD:
            return decode_event(data, text_bytes=text_bytes)


def write_payload(body: Body, wire: Wire, *, text_bytes: int = DEFAULT_LIMITS.text_bytes) -> bytes:
    """The inverse, for somebody else's wire. LocalProtocolError for what it cannot carry."""
    if wire is Wire.TEXT and type(body) is Text and body.reply_to is None:
        data = _utf8(body.text)
    elif wire is Wire.CHAT_ROOM and isinstance(body, NamedText) and body.reply_to is None:
        fields = {"Message": body.text, "SenderID": body.sender_id, "SenderNick": body.nick}
        data = _utf8(json.dumps(fields, ensure_ascii=False, separators=(",", ":")))
    else:
        raise LocalProtocolError(f"a {wire} room cannot carry a {type(body).__name__}")
    size = len(_utf8(body.text))
    if not size or (text_bytes and size > text_bytes):
        raise LocalProtocolError(f"a text of {size} bytes; there are 1 to {text_bytes}")
    return data


def shown_nick(nick: str) -> str:
    """A nickname as it can be shown: without what a p2pd nickname must not hold, and no longer."""
    clean = "".join(char for char in unicodedata.normalize("NFC", nick) if not label_fault_char(char))
    return clean.strip()[:MAX_NICK].rstrip()


def false_claim(body: NamedText, author: PeerId) -> str | None:
    """Who the text says it is from, where that is not its author: nobody has checked it."""
    if not body.sender_id:
        return None
    try:
        claimed = decode_peer_id(body.sender_id)
    except BadPeerId:
        return "".join(char for char in body.sender_id if not label_fault_char(char))[:_CLAIM_CHARS] or "?"
    return None if claimed == author else claimed


def _text(data: bytes, text_bytes: int) -> str:
    _check_size(len(data), text_bytes)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise RemoteProtocolError("a text that is not UTF-8") from None


def _check_size(size: int, text_bytes: int) -> None:
    if not size:
        raise RemoteProtocolError("an empty text")
    if text_bytes and size > text_bytes:
        raise RemoteProtocolError(f"a text has {size} bytes; the limit is {text_bytes}")


def _decode_chat_room(data: bytes, text_bytes: int) -> NamedText:
    """Fields that the example does not have are passed over; it writes all three, so none may be missing."""
    try:
        found = json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):  # not UTF-8, not JSON, too long a number, nested too deeply
        raise RemoteProtocolError("not the JSON of a chat room") from None
    if not isinstance(found, dict):
        raise RemoteProtocolError("not a JSON object")
    values = [found.get(name) for name in ("Message", "SenderID", "SenderNick")]
    if not all(isinstance(value, str) for value in values):
        raise RemoteProtocolError("a chat room's JSON has Message, SenderID and SenderNick, which are texts")
    message, sender_id, nick = (str(value) for value in values)
    try:
        _check_size(len(message.encode()), text_bytes)
        (sender_id + nick).encode()
    except UnicodeEncodeError:
        raise RemoteProtocolError("a text holds a lone surrogate") from None
    return NamedText(message, None, nick, sender_id)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field twice")
    return fields


def _no_constant(name: str) -> object:
    raise ValueError(name)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise LocalProtocolError("a text holds a lone surrogate") from None
