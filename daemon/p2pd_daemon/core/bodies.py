"""What an event can say: one class a kind.

`fault_of` gives the rule that a body breaks; `check_text` and `check_nick` speak to the person.
"""

from __future__ import annotations

import unicodedata
from enum import IntEnum
from typing import TypeAlias

from msgspec import Struct

from p2pd_daemon.core.limits import DEFAULT_LIMITS
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.terminal import BIDI_CONTROLS
from p2pd_daemon.errors import BadText, TooLarge

ID_BYTES = 32
MAX_NICK = 32  # characters
MAX_STATUS = 140  # characters
MAX_TITLE = 140  # characters
MAX_DESCRIPTION_BYTES = 2048
MAX_SYMBOL_BYTES = 64
MAX_EDITS = 256  # of one message: as many as one Delete names in 16 KiB, with room to spare
MAX_FILE_NAME_BYTES = 255
MAX_MEDIA_TYPE_BYTES = 127
NONCE_BYTES = 24
TAG_BYTES = 16


class Text(Struct, frozen=True):
    text: str
    reply_to: bytes | None = None  # record id


class NamedText(Text, frozen=True):
    """A text that says itself who its author is (`--wire chat-room`), truly or not."""

    nick: str = ""
    sender_id: str = ""


class Action(Struct, frozen=True):
    text: str


class Edit(Struct, frozen=True):
    target: bytes
    text: str


class Delete(Struct, frozen=True):
    target: bytes
    edits: tuple[bytes, ...] = ()  # edits of the target


class Reaction(Struct, frozen=True):
    target: bytes
    symbol: str
    remove: bool = False


class File(Struct, frozen=True):
    name: str
    media_type: str
    size: int  # bytes
    sha256: bytes


class Profile(Struct, frozen=True):
    nick: str  # empty: none
    status: str = ""


class RoomSettings(Struct, frozen=True):
    title: str
    description: str = ""


class Change(IntEnum):
    INVITED = 1
    JOINED = 2
    LEFT = 3
    REMOVED = 4


class Membership(Struct, frozen=True):
    member: PeerId
    change: Change


class Sealed(Struct, frozen=True):
    nonce: bytes
    box: bytes
    epoch: int = 0


class Unknown(Struct, frozen=True):
    """A body this version does not know: `raw` are its protobuf fields, to be written back as they are."""

    raw: bytes = b""


Body: TypeAlias = (
    Text | Action | Edit | Delete | Reaction | File | Profile | RoomSettings | Membership | Sealed | Unknown
)

_KINDS: dict[type, str] = {
    Text: "text",
    NamedText: "text",
    Action: "action",
    Edit: "edit",
    Delete: "delete",
    Reaction: "reaction",
    File: "file",
    Profile: "profile",
    RoomSettings: "settings",
    Membership: "membership",
    Sealed: "sealed",
    Unknown: "unknown",
}


def kind_of(body: Body) -> str:
    """Stable names: they are in the store, in the API's `kind` and the oneof's field names of event.proto."""
    return _KINDS[type(body)]


def check_text(text: str, *, max_bytes: int = DEFAULT_LIMITS.text_bytes) -> str:
    """The text a person wants to send, unchanged. BadText or TooLarge say why not.

    `max_bytes` of UTF-8; 0: no limit.
    """
    if not text.strip():
        raise BadText("the text is empty", hint="write something")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise BadText(
            "the text holds a lone surrogate, which is not a character", hint="send valid UTF-8"
        ) from None
    if max_bytes and size > max_bytes:
        hint = f"at most {max_bytes} bytes of UTF-8 fit in a message; split it"
        raise TooLarge(f"the text has {size} bytes", hint=hint)
    return text


def check_nick(nick: str) -> str:
    """NFC of the nickname a person chose; empty takes it back. BadText says why not."""
    nick = unicodedata.normalize("NFC", nick)
    if nick != nick.strip():
        raise BadText("the nickname begins or ends with white space", hint="leave the white space out")
    fault = _label_fault(nick, MAX_NICK)
    if fault:
        raise BadText(f"the nickname {fault}", hint=f"1 to {MAX_NICK} letters, digits, signs or emoji")
    return nick


def check_symbol(symbol: str) -> str:
    """NFC of what a person reacts with: an emoji or a short word. BadText says why not."""
    symbol = unicodedata.normalize("NFC", symbol)
    hint = f"an emoji or a short word: at most {MAX_SYMBOL_BYTES} bytes, no white space"
    if not symbol or any(char.isspace() for char in symbol) or label_fault_char(symbol):
        raise BadText(f"{symbol!r} is no reaction", hint=hint)
    fault = _size_fault("the reaction", symbol, 1, MAX_SYMBOL_BYTES)
    if fault:
        raise BadText(fault, hint=hint)
    return symbol


def label_fault_char(text: str) -> str | None:
    """The first character that a name must not hold: controls, line separators, surrogates, and bidirectional
    controls, with which a name could pose as another. As `U+202E`, or None.
    """
    for char in text:
        if char in BIDI_CONTROLS or unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}:
            return f"U+{ord(char):04X}"
    return None


def fault_of(body: Body, *, text_bytes: int) -> str | None:  # noqa: PLR0911 -- one return a kind
    """The rule of PROTOCOL.md that the body breaks, or None. `text_bytes` 0: texts of any size."""
    match body:
        case Text():
            return _text_fault(body.text, text_bytes) or _id_fault(body.reply_to)
        case Action():
            return _text_fault(body.text, text_bytes)
        case Edit():
            return _text_fault(body.text, text_bytes) or _id_fault(body.target)
        case Delete():
            return _id_fault(body.target) or _edits_fault(body.edits)
        case Reaction():
            return _id_fault(body.target) or _size_fault(
                "a reaction's symbol", body.symbol, 1, MAX_SYMBOL_BYTES
            )
        case File():
            return _file_fault(body)
        case Profile():
            return _label_fault(body.nick, MAX_NICK) or _label_fault(body.status, MAX_STATUS)
        case RoomSettings():
            return _label_fault(body.title, MAX_TITLE) or _size_fault(
                "a description", body.description, 0, MAX_DESCRIPTION_BYTES
            )
        case Sealed():
            if len(body.nonce) != NONCE_BYTES or len(body.box) <= TAG_BYTES or not 0 <= body.epoch < 1 << 32:
                return (
                    "a sealed body has a 24-byte nonce, more than a tag in its box, and an epoch below 2^32"
                )
    return None


def _text_fault(text: str, max_bytes: int) -> str | None:
    return _size_fault("a text", text, 1, max_bytes)


def _size_fault(what: str, text: str, at_least: int, at_most: int) -> str | None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return f"{what} holds a lone surrogate"
    if size < at_least:
        return f"{what} is empty"
    return f"{what} has {size} bytes; the limit is {at_most}" if at_most and size > at_most else None


def _id_fault(record_id: bytes | None) -> str | None:
    return None if record_id is None or len(record_id) == ID_BYTES else "a record id has 32 bytes"


def _edits_fault(edits: tuple[bytes, ...]) -> str | None:
    if len(edits) > MAX_EDITS:
        return f"a delete names {len(edits)} edits; the limit is {MAX_EDITS}"
    return next((fault for fault in map(_id_fault, edits) if fault), None)


def _label_fault(label: str, max_chars: int) -> str | None:
    if len(label) > max_chars:
        return f"has {len(label)} characters; the limit is {max_chars}"
    char = label_fault_char(label)
    return f"holds the control character {char}" if char else None


def _file_fault(body: File) -> str | None:
    if "/" in body.name or body.name in {".", ".."} or label_fault_char(body.name):
        return "a file's name holds '/' or a control character, or is '.' or '..'"
    if len(body.sha256) != ID_BYTES or not 0 <= body.size < 1 << 53:
        return "a file has a SHA-256 of 32 bytes and a size below 2^53"
    return _size_fault("a file's name", body.name, 1, MAX_FILE_NAME_BYTES) or _size_fault(
        "a media type", body.media_type, 0, MAX_MEDIA_TYPE_BYTES
    )
