"""What peers of other programs may send to a room of their format: what is sound is taken, the rest costs itself."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import trio
from e2e.harness import LOOPBACK, Daemon, Net, eventually
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.pubsub.pb import rpc_pb2
from multiaddr import Multiaddr
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.push import encode_frame
from p2pd_daemon.core.record import sign_record
from p2pd_daemon.net.host import open_host
from p2pd_daemon.net.interface import NetworkConfig

pytestmark = pytest.mark.slow

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "wires.json").read_text())
UC, CHAT = "universal-connectivity", "awesome-chat-room"
KEY = SigningKey.from_seed(b"\x09" * 32)
EVE = SigningKey.from_seed(b"\x0a" * 32).peer_id


async def publish(target: Daemon, messages: list[rpc_pb2.Message]) -> None:
    """As a peer whose host speaks nothing but gossip; waits until the last one is there, or is dropped."""
    with trio.fail_after(180):
        async with open_host(KEY, NetworkConfig(listen=(LOOPBACK,))) as opened:
            await opened.host.connect(info_from_p2p_addr(Multiaddr(target.addr)))
            peer = ID.from_string(target.peer_id)
            stream = await opened.host.new_stream(peer, [TProtocol("/meshsub/1.1.0")])
            for message in messages:
                await stream.write(encode_frame(rpc_pb2.RPC(publish=[message]).SerializeToString()))
            await trio.to_thread.run_sync(lambda: eventually(lambda: "the end" in target.texts(UC)))


def signed(topic: str, data: bytes, seqno: int) -> rpc_pb2.Message:
    return rpc_pb2.Message.FromString(sign_record(KEY, time.time_ns() + seqno, topic, data).raw)


def line(message: str, sender_id: str, nick: str) -> bytes:
    return json.dumps({"Message": message, "SenderID": sender_id, "SenderNick": nick}).encode()


async def test_all_that_is_sound_is_taken_and_the_rest_costs_itself(net: Net) -> None:
    node = net.daemon("node")
    for room, wire in ((UC, "text"), (CHAT, "chat-room")):
        node.api("POST", "/v1/join", {"room": room, "wire": wire})
    keys = [vector for vector in VECTORS["records"] if vector["why"] != "Ed25519, chat-room"]
    unsigned = signed(UC, b"unsigned", 1)
    unsigned.ClearField("signature")
    forged = signed(UC, b"forged", 2)
    forged.data = b"changed"
    bad = [
        bytes.fromhex(vector["data"]) for vector in VECTORS["refused"] if len(vector["data"]) < 20_000
    ]  # what has more is too large for a record at all
    bad_texts = [b"\xff\xfe", b"\xed\xa0\x80", b"x" * 8193]
    chat = f"chat-room:{CHAT}"
    await publish(
        node,
        [
            *(rpc_pb2.Message.FromString(bytes.fromhex(vector["raw"])) for vector in keys),
            unsigned,
            forged,
            *(signed(UC, data, 10 + at) for at, data in enumerate(bad_texts)),
            *(signed(chat, data, 50 + at) for at, data in enumerate(bad) if data),
            signed(chat, line("as myself", KEY.peer_id, "eve\x1b[31m"), 100),
            signed(chat, line("as somebody else", EVE, "eve"), 101),
            signed(UC, b"\x1b[2Jhello", 102),
            signed(UC, b"the end", 103),
        ],
    )
    said = node.history(UC)
    assert [(one["from"], one["text"]) for one in said] == [
        *((vector["author"], vector["text"]) for vector in keys),
        (KEY.peer_id, "\x1b[2Jhello"),
        (KEY.peer_id, "the end"),
    ]
    short = KEY.peer_id[-6:]
    assert [(one["text"], one["name"], one["sender"]) for one in node.history(CHAT)] == [
        ("as myself", f"eve[31m~{short}", {"nick": "eve[31m", "claims": None}),
        ("as somebody else", f"eve~{short}", {"nick": "eve", "claims": EVE}),
    ]
    shown = node.cli("history", CHAT).splitlines()
    assert "not true" not in shown[0]
    assert f"eve~{short} (who calls themself {EVE[-6:]}, which is not true): as somebody else" in shown[1]
    dropped = node.api("GET", "/v1/status")["dropped"]
    assert dropped["bad_record"] == 1  # the unsigned one
    assert dropped["bad_signature"] == 1
    assert dropped["bad_event"] == len(bad_texts) + len([data for data in bad if data])
    assert "Traceback" not in node.stderr()
