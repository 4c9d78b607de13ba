"""The frames of PROTOCOL.md, section 7: the same bytes in both directions, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from p2pd_daemon.core.sync_frames import (
    CaughtUp,
    Done,
    Frame,
    Hello,
    PageRequest,
    Reconcile,
    Records,
    Refusal,
    Want,
    decode_sync_frame,
    encode_sync_frame,
    sync_tag,
)
from p2pd_daemon.errors import RemoteProtocolError

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[1] / "vectors/sync.json").read_text(encoding="utf-8")
)
h = bytes.fromhex


def frame_of(kind: str, fields: dict[str, Any]) -> Frame:  # noqa: PLR0911 - one return a kind
    match kind:
        case "hello":
            return Hello(**{**fields, "tag": h(fields["tag"])})
        case "refusal":
            return Refusal(**fields)
        case "page":
            before = fields["before"]
            return PageRequest((before[0], h(before[1])) if before else None)
        case "reconcile":
            return Reconcile(h(fields["message"]))
        case "want":
            return Want(tuple(map(h, fields["ids"])))
        case "records":
            gone = tuple((ts, h(record_id)) for ts, record_id in fields["gone"])
            seen = tuple(fields.get("seen", ()))
            return Records(tuple(map(h, fields["raws"])), gone, fields["more"], seen)
        case "caught_up":
            return CaughtUp()
    return Done()


@pytest.mark.parametrize(("topic", "tag"), VECTORS["tags"])
def test_tags(topic: str, tag: str) -> None:
    assert sync_tag(topic) == h(tag)


@pytest.mark.parametrize("vector", VECTORS["frames"], ids=lambda vector: vector["kind"])
def test_frames(vector: dict[str, Any]) -> None:
    frame = frame_of(vector["kind"], vector["fields"])
    assert encode_sync_frame(frame) == h(vector["raw"])
    assert decode_sync_frame(h(vector["raw"])) == frame


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["why"])
def test_what_is_refused(vector: dict[str, str]) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_sync_frame(h(vector["raw"]))
