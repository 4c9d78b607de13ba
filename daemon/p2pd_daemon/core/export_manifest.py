"""What an export's manifest says by itself: whether it is true, and whose conversation it opens."""

from __future__ import annotations

from p2pd_daemon.core.export import Manifest, is_signed
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.room import DIRECT_PREFIX, room_of_topic
from p2pd_daemon.core.seal import DirectBox, direct_box
from p2pd_daemon.errors import BadPeerId


def manifest_faults(manifest: Manifest) -> list[str]:
    faults = []
    if not is_signed(manifest):
        faults.append("the manifest was changed: its signature is not that of the exporter")
    if manifest.topic.startswith(DIRECT_PREFIX):
        if manifest.peer is None or manifest.room is not None:
            faults.append("the manifest of a direct conversation names the other peer, and no room")
    elif manifest.room is None or manifest.room != _room_name(manifest.topic) or manifest.peer is not None:
        faults.append("the manifest's topic is not that of its room")
    return faults


def _room_name(topic: str) -> str | None:
    found = room_of_topic(topic)
    return found[0] if found else None


def open_box(key: SigningKey | None, manifest: Manifest) -> DirectBox | None:
    """The box of the exported conversation, if `key` is of one of the two."""
    if key is None or manifest.peer is None or key.peer_id not in {manifest.by, manifest.peer}:
        return None
    try:
        box = direct_box(key, manifest.peer if key.peer_id == manifest.by else manifest.by, text_bytes=0)
    except BadPeerId:
        return None
    return box if box.topic == manifest.topic else None
