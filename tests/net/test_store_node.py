"""A store node on real streams: who may fetch what, and what a hostile peer costs. Loopback, port 0, fail_after."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import trio
from kept_rooms import sealed
from libp2p.custom_types import TProtocol
from net.point import open_point
from net.support import LOOPBACK, Node, new_key, open_node, until
from p2pd_bootstrap.options import parse_options
from p2pd_bootstrap.page import About as Page
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.push import encode_frame
from p2pd_daemon.core.record import decode_record
from p2pd_daemon.core.store_frames import (
    MAX_DEPOSIT,
    MAX_REQUEST_BYTES,
    PROTOCOL_ID,
    About,
    AskAbout,
    Deposit,
    Deposited,
    Drop,
    Dropped,
    Fetch,
    Kept,
    Mail,
    mailbox_tag,
)
from p2pd_daemon.errors import BadConfig, NetworkError
from p2pd_daemon.keeper.keeper import open_keeper
from p2pd_daemon.net.host import OpenHost, open_host
from p2pd_daemon.net.interface import NetworkConfig
from p2pd_daemon.net.store_node import STREAMS_PER_PEER, StoreResponder
from p2pd_daemon.net.streams import FOREIGN, open_stream, read_some

pytestmark = pytest.mark.slow

NOW_MS = 1_800_000_000_000


@asynccontextmanager
async def open_store_node(folder: Path, key: SigningKey | None = None) -> AsyncIterator[OpenHost]:
    """A host that keeps, as a bootstrap node is one."""
    async with (
        open_keeper(folder / "kept.sqlite3", Limits(), lambda: NOW_MS) as keeper,
        open_host(key or new_key(), NetworkConfig(listen=LOOPBACK)) as opened,
    ):
        responder = StoreResponder(keeper.on_request, opened.dropped)
        opened.host.set_stream_handler(TProtocol(PROTOCOL_ID), responder.handle_stream)
        yield opened


@asynccontextmanager
async def open_client(store: OpenHost, key: SigningKey | None = None) -> AsyncIterator[Node]:
    async with open_node(key=key) as node:
        await node.network.connect(store.addrs()[0])
        yield node


async def test_a_letter_is_for_its_owner_alone(tmp_path: Path) -> None:
    ann, bob = new_key(), new_key()
    letters = tuple(sealed(f"letter {i}", NOW_MS + i, key=ann, to=bob, seqno=i + 1) for i in range(40))
    with trio.fail_after(60):
        async with open_store_node(tmp_path) as store, open_client(store, ann) as sender:
            await until(lambda: sender.network.is_store_node(store.peer_id))
            async with sender.network.open_store(store.peer_id) as channel:
                assert await channel.ask(AskAbout()) == About.of(Limits())
                answer = await channel.ask(Deposit(mailbox_tag(bob.peer_id), letters))
                assert answer == Deposited((Kept.KEPT,) * 40)
                assert await channel.ask(Fetch()) == Mail(())
            async with open_client(store) as eve, eve.network.open_store(store.peer_id) as channel:
                assert await channel.ask(Fetch()) == Mail(())
                ids = tuple(decode_record(raw).id for raw in letters)
                assert await channel.ask(Drop(ids)) == Dropped()
            async with open_client(store, bob) as owner:
                async with owner.network.open_store(store.peer_id) as channel:
                    assert await channel.ask(Fetch()) == Mail(letters)
                    assert await channel.ask(Drop(ids)) == Dropped()
                async with owner.network.open_store(store.peer_id) as channel:
                    assert await channel.ask(Fetch()) == Mail(())


async def test_a_node_that_keeps_nothing_says_so(tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with open_node() as plain, open_node() as other:
            await other.network.connect(plain.addr)
            with pytest.raises(NetworkError):
                async with other.network.open_store(plain.peer_id) as channel:
                    await channel.ask(AskAbout())
            assert not other.network.is_store_node(plain.peer_id)


async def test_a_hostile_peer_costs_its_own_streams_only(tmp_path: Path) -> None:
    attacks = (
        b"\xff\xff\xff\xff\xff\xff",  # no length
        encode_frame(b"\xff" * 50),  # no request
        encode_frame(b"\x12\x00"),  # a deposit of nothing
        b"\x81\x80\x80\x01" + b"x" * 100,  # longer than allowed
        encode_frame(b"\x1a\x02\x08\x01"),  # a fetch from half a place
    )
    with trio.fail_after(60):
        async with open_store_node(tmp_path) as store, open_client(store) as eve:
            for number, attack in enumerate(attacks, 1):
                try:
                    async with open_stream(eve.opened, store.peer_id, PROTOCOL_ID, 5) as stream:
                        await stream.write(attack)
                        assert await read_some(stream, 5) == b""
                except (NetworkError, *FOREIGN):
                    pass  # it was reset
                await until(lambda n=number: store.dropped["store protocol"] == n)
            async with open_client(store) as ann, ann.network.open_store(store.peer_id) as channel:
                assert await channel.ask(Fetch()) == Mail(())


async def test_streams_of_one_peer_are_bounded(tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with open_store_node(tmp_path) as store, open_client(store) as eve, AsyncExitStack() as held:
            for _ in range(STREAMS_PER_PEER):
                channel = await held.enter_async_context(eve.network.open_store(store.peer_id))
                assert await channel.ask(Fetch()) == Mail(())
            with pytest.raises(NetworkError):
                async with eve.network.open_store(store.peer_id) as one_more:
                    await one_more.ask(Fetch())
            assert store.dropped["store streams"] == 1
            async with open_client(store) as ann, ann.network.open_store(store.peer_id) as channel:
                assert await channel.ask(Fetch()) == Mail(())


def test_a_deposit_of_large_letters_fits() -> None:
    assert MAX_DEPOSIT * Limits().record_bytes * 2 <= MAX_REQUEST_BYTES


async def test_a_peer_that_comes_back_is_asked_again_what_it_is(tmp_path: Path) -> None:
    """libp2p remembers; a node restarted with --store would not be known as a store node until we restart too."""
    key = new_key()
    with trio.fail_after(60):
        async with open_node() as ann:
            async with open_node(key=key) as plain:
                await ann.network.connect(plain.addr)
                await until(lambda: "/p2pd/push/1.0.0" in ann.network.peers()[0].protocols)
                assert not ann.network.is_store_node(plain.peer_id)
            await until(lambda: not ann.network.peers())
            async with open_store_node(tmp_path, key) as store:
                await ann.network.connect(store.addrs()[0])
                await until(lambda: ann.network.is_store_node(store.peer_id))


def test_a_bootstrap_node_keeps_when_told_to(tmp_path: Path) -> None:
    home = {"P2PD_HOME": str(tmp_path)}
    assert not parse_options([], home).store
    assert parse_options(["--store"], home).store
    given = parse_options(
        [], home | {"P2PD_BOOTSTRAP_STORE": "yes", "P2PD_BOOTSTRAP_LIMITS_STORE_BYTES": "0"}
    )
    assert given.store
    assert (given.store_limits.store_bytes, given.store_limits.store_days) == (0, Limits().store_days)
    for name, value in (("STORE", "perhaps"), ("LIMITS_STORE_DAYS", "-1")):
        with pytest.raises(BadConfig, match=name):
            parse_options([], home | {f"P2PD_BOOTSTRAP_{name}": value})


async def test_a_bootstrap_node_tells_how_much_it_keeps(tmp_path: Path) -> None:
    ann = new_key()
    async with open_keeper(tmp_path / "kept.sqlite3", Limits(), lambda: NOW_MS) as keeper:
        letter = sealed("letter", NOW_MS, key=ann, to=new_key())
        await keeper.on_request(Deposit(mailbox_tag(ann.peer_id), (letter,)), ann.peer_id)
        async with open_point() as point:
            about = Page(point.opened, point.service, 10, keeper)
            await about.refresh()
            store = about.as_json()["store"]
            assert (store["rooms"], store["mailboxes"], store["records"]) == (0, 1, 1)
            assert "p2pd_bootstrap_kept_records 1" in about.as_metrics()
