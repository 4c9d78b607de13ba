"""Exported rooms: JSON lines that hold the exact signed bytes, and a signed manifest before them (PROTOCOL.md).

This is the format: what a line holds, and how it is read strictly. `core/export_check.py` says whether it is true.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TypeAlias

from p2pd_daemon.core.event import Action, Body, ChatEvent, Edit, Profile, Reaction, Text, kind_of
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.peer_id import PeerId, decode_peer_id, public_key_of
from p2pd_daemon.core.record import Record
from p2pd_daemon.core.terminal import json_line
from p2pd_daemon.errors import BadPeerId

EXPORT_VERSION = 1
VERSION_KEY = "p2pd_export"
SIGNING_PREFIX = b"p2pd-export:"
ID_BYTES = 32

Fields: TypeAlias = dict[str, object]


class BadLine(ValueError):
    """A line that is none of an export; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the exporter `by` signed to have had at `exported_ms`. `peer` and not `room` in a direct conversation."""

    room: str | None
    peer: PeerId | None
    topic: str
    exported_ms: int
    by: PeerId
    since_ms: int | None  # only records from then on
    after: str | None  # only records after the one with this id (hexadecimal)
    count: int
    first_ts_ms: int | None  # None without records
    last_ts_ms: int | None
    records_sha256: str  # hexadecimal, of `PlacesHash`
    signature: str = ""  # base64


@dataclass(frozen=True, slots=True)
class Line:
    """A record's line as it is written. `raw` None: its author took it back, and only its place is left."""

    id: bytes
    ts_ms: int
    author: str = ""
    kind: str = ""
    text: str | None = None
    raw: bytes | None = None
    opened_sha256: str | None = None


class PlacesHash:
    """SHA-256 over ts (8 bytes, big endian), id, and 1 for a deleted one or 0 of each record, in order.

    With the last one nobody can make a record disappear by saying that it was deleted.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, ts_ms: int, record_id: bytes, *, gone: bool) -> None:
        self._hash.update(ts_ms.to_bytes(8) + record_id + bytes((gone,)))

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


# Manifests


def manifest_fields(manifest: Manifest) -> Fields:
    return {VERSION_KEY: EXPORT_VERSION, **asdict(manifest)}


def sign_manifest(key: SigningKey, manifest: Manifest) -> Manifest:
    return replace(manifest, signature=encode_base64(key.sign(_signing_bytes(manifest))))


def is_signed(manifest: Manifest) -> bool:
    """Whether the signature is that of `by`."""
    key = public_key_of(manifest.by)
    try:
        signature = decode_base64(manifest.signature)
    except BadLine:
        return False
    return key is not None and key.verify(signature, _signing_bytes(manifest))


def _signing_bytes(manifest: Manifest) -> bytes:
    """The prefix and the manifest's line without its signature: fields in this order, no white space, as json_line."""
    fields = manifest_fields(manifest)
    del fields["signature"]
    return SIGNING_PREFIX + json_line(fields).encode()


def read_manifest(fields: Fields) -> Manifest:
    """BadLine when it is none, or one of another version."""
    version = fields.get(VERSION_KEY)
    if VERSION_KEY in fields and (type(version) is not int or version != EXPORT_VERSION):
        raise UnknownVersion(
            f"version {json_line(version)[:20]} of the export format; this p2pd reads version {EXPORT_VERSION}"
        )
    _check_fields(fields, _MANIFEST)
    if not isinstance(fields["by"], str) or not isinstance(fields["peer"], str | None):
        raise BadLine("the manifest names no exporter")
    given = {name: value for name, value in fields.items() if name != VERSION_KEY}
    given["by"] = _peer(fields["by"])
    given["peer"] = None if fields["peer"] is None else _peer(fields["peer"])
    return Manifest(**given)  # type: ignore[arg-type]  # _check_fields has seen to the types


class UnknownVersion(BadLine):
    """Nothing more can be said about such a file."""


# Records


def export_line(record: Record, event: ChatEvent, *, sealed: bool) -> Line:
    """The line of a record whose event, where it was `sealed`, the exporter could open."""
    kind, text = shown_of(event.body)
    opened = opened_sha256(record.id, kind, text) if sealed else None
    return Line(record.id, event.ts_ms, record.author, kind, text, record.raw, opened)


def line_fields(line: Line) -> Fields:
    if line.raw is None:
        return {"id": line.id.hex(), "ts_ms": line.ts_ms, "gone": True}
    fields: Fields = {"id": line.id.hex(), "ts_ms": line.ts_ms, "from": line.author, "kind": line.kind}
    if line.text is not None:
        fields["text"] = line.text
    fields["raw"] = encode_base64(line.raw)
    if line.opened_sha256 is not None:
        fields["opened_sha256"] = line.opened_sha256
    return fields


def shown_of(body: Body) -> tuple[str, str | None]:
    """(kind, text) as a line shows them to people: the text of a nickname or a reaction is that."""
    match body:
        case Text() | Action() | Edit():
            return kind_of(body), body.text
        case Reaction():
            return kind_of(body), body.symbol
        case Profile():
            return kind_of(body), body.nick
    return kind_of(body), None


def opened_sha256(record_id: bytes, kind: str, text: str | None) -> str:
    """What shows damage to the kind and text of a sealed record to those who cannot open it."""
    said = json_line([kind, text]).encode()
    return hashlib.sha256(record_id + said).hexdigest()


def read_line(fields: Fields) -> Line:
    """BadLine when a field is missing, strange or of a wrong type. What it says is not checked here."""
    if "gone" in fields:
        _check_fields(fields, _GONE)
        if fields["gone"] is not True:
            raise BadLine('"gone" is not true')
        return Line(_id(fields["id"]), _ts(fields["ts_ms"]))
    _check_fields(fields, _RECORD, optional=_RECORD_OPTIONAL)
    return Line(
        _id(fields["id"]),
        _ts(fields["ts_ms"]),
        str(fields["from"]),
        str(fields["kind"]),
        None if fields.get("text") is None else str(fields["text"]),
        decode_base64(str(fields["raw"])),
        None if fields.get("opened_sha256") is None else str(fields["opened_sha256"]),
    )


# JSON, strictly: what two readers could take for different things is refused


def decode_object(line: bytes) -> Fields:
    """BadLine unless it is one JSON object in UTF-8 that names no field twice."""
    try:
        found = json.loads(line.decode(), object_pairs_hook=_object, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise BadLine(f"it is not UTF-8: byte {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise BadLine(f"it is not JSON: {error.msg}, at character {error.pos + 1}") from None
    except BadLine:
        raise
    except (ValueError, RecursionError):  # numbers and nesting that no reader should have to take
        raise BadLine("it is not JSON of an export: too long a number, or nested too deeply") from None
    if not isinstance(found, dict):
        raise BadLine("it is not a JSON object")
    return found


def _object(pairs: list[tuple[str, object]]) -> Fields:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadLine(f"it has the field {json_line(twice)[:40]} twice")
    return fields


def _no_constant(name: str) -> object:
    raise BadLine(f"it holds {name}, which is not JSON")


def encode_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def decode_base64(text: str) -> bytes:
    """BadLine unless it is the one encoding of some bytes."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadLine("its base64 is damaged") from None
    if encode_base64(raw) != text:
        raise BadLine("its base64 is damaged")
    return raw


_Types: TypeAlias = Mapping[str, tuple[type, ...]]
_MANIFEST: _Types = {
    VERSION_KEY: (int,),
    "room": (str, type(None)),
    "peer": (str, type(None)),
    "topic": (str,),
    "exported_ms": (int,),
    "by": (str,),
    "since_ms": (int, type(None)),
    "after": (str, type(None)),
    "count": (int,),
    "first_ts_ms": (int, type(None)),
    "last_ts_ms": (int, type(None)),
    "records_sha256": (str,),
    "signature": (str,),
}
_GONE: _Types = {"id": (str,), "ts_ms": (int,), "gone": (bool,)}
_RECORD: _Types = {"id": (str,), "ts_ms": (int,), "from": (str,), "kind": (str,), "raw": (str,)}
_RECORD_OPTIONAL: _Types = {"text": (str,), "opened_sha256": (str,)}


def _check_fields(fields: Fields, types: _Types, *, optional: _Types | None = None) -> None:
    known = {**types, **(optional or {})}
    for name, value in fields.items():
        if name not in known:
            raise BadLine(f"it has a field {json_line(name)[:40]}, which is none of an export")
        if type(value) not in known[name]:
            raise BadLine(f'its field "{name}" is of a wrong type')
    for name in types:
        if name not in fields:
            raise BadLine(f'it has no field "{name}"')


def _id(text: object) -> bytes:
    try:
        raw = bytes.fromhex(str(text))
    except ValueError:
        raw = b""
    if len(raw) != ID_BYTES or raw.hex() != text:
        raise BadLine("its id is not 64 hexadecimal digits in lower case")
    return raw


def _ts(value: object) -> int:
    if not isinstance(value, int) or not 0 < value < 1 << 53:
        raise BadLine("its ts_ms is not a time in ms between 1 and 2^53")
    return value


def _peer(text: str) -> PeerId:
    try:
        found = decode_peer_id(text)
    except BadPeerId as error:
        raise BadLine(error.message) from None
    if found != text:
        raise BadLine("a peer ID in the manifest is not in base58")
    return found
