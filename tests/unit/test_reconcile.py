"""Sessions: floors, limits, states, and what a hostile peer can cost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from p2pd_daemon.core.reconcile import ClientState, ReconcileClient, ReconcileServer
from p2pd_daemon.core.reconcile_keys import MAX_TIMESTAMP
from p2pd_daemon.core.reconcile_storage import KeyTree, Position
from p2pd_daemon.core.reconcile_wire import INFINITY, IdList, MessageWriter, decode_message
from p2pd_daemon.errors import LocalProtocolError, RemoteProtocolError
from reconcile_sets import converse, id_of, ids_of, records, tree_of

ALL = records(range(2000))


class CountingTree(KeyTree):
    """Counts descents and the ids that were read one by one."""

    descents = 0
    read = 0

    def seek(self, bound: bytes) -> Position:
        self.descents += 1
        return super().seek(bound)

    def between(self, index: int) -> tuple[Position, bytes, bytes]:
        self.descents += 1
        return super().between(index)

    def ids(self, start: int, stop: int) -> Iterator[bytes]:
        for id_ in super().ids(start, stop):
            self.read += 1
            yield id_


def test_equal_sets_cost_one_short_round() -> None:
    client, server = CountingTree.from_sorted(ALL), CountingTree.from_sorted(ALL)
    outcome = converse(client, server)
    assert outcome.client.state is ClientState.COMPLETE
    assert (outcome.have, outcome.need, len(outcome.messages)) == ([], [], 2)
    assert sum(map(len, outcome.messages)) < 500
    assert (client.descents + server.descents, client.read + server.read) == (15 + 16 + 3, 0)


def test_the_floor_leaves_out_what_is_below() -> None:
    old, new = ALL[:1000], ALL[1000:]
    floor = new[0][0]
    client, server = tree_of(old[::3] + new[:-5]), tree_of(old[::2] + new[5:])
    outcome = converse(client, server, floor_ts=floor)
    assert (outcome.have, outcome.need) == ([i for _, i in new[:5]], [i for _, i in new[-5:]])
    assert converse(tree_of(new), tree_of(ALL), floor_ts=floor).messages[1:] == [b"\x61"]
    assert converse(tree_of(old), tree_of([]), floor_ts=MAX_TIMESTAMP).have == []


def test_a_peer_that_asks_below_the_floor_learns_nothing() -> None:
    floor = ALL[1000][0]
    out = MessageWriter()
    out.fingerprint(ALL[5][0].to_bytes(8), bytes(16))
    out.id_list(ALL[500][0].to_bytes(8), b"")
    answer = ReconcileServer(tree_of(ALL), floor_ts=floor).answer(out.message())
    assert [part.ids for part in decode_message(answer) if isinstance(part, IdList)] == [b"", b""]
    client = ReconcileClient(tree_of(ALL), floor_ts=floor)
    client.initiate()
    found = client.handle(out.message())
    assert (found.have, found.need) == ([], [])


def test_the_round_limit_ends_a_session_that_another_one_continues() -> None:
    client, server = tree_of(ALL[::2]), tree_of(ALL[1::2])
    differences = len(ALL)
    for _ in range(100):
        outcome = converse(client, server, limits=(4096, 4096), max_rounds=3)
        assert outcome.client.rounds <= 3
        assert ids_of(ALL[::2]) >= set(outcome.have)
        assert ids_of(ALL[1::2]) >= set(outcome.need)
        differences -= len(outcome.have) + len(outcome.need)
        for timestamp, id_ in ALL:
            if id_ in set(outcome.have):
                assert server.insert(timestamp, id_)
            if id_ in set(outcome.need):
                assert client.insert(timestamp, id_)
        if outcome.client.state is ClientState.COMPLETE:
            break
        assert outcome.have or outcome.need
    assert outcome.client.state is ClientState.COMPLETE
    assert differences == 0


def test_a_server_that_says_it_has_nothing_costs_no_more_than_max_ids() -> None:
    client = CountingTree.from_sorted(ALL)
    outcome = converse(client, tree_of([]), max_ids=150)
    assert outcome.client.state is ClientState.CUT
    assert outcome.have == [id_ for _, id_ in ALL[:150]]
    assert client.read == 150
    assert converse(tree_of(ALL[:150]), tree_of([]), max_ids=150).client.state is ClientState.COMPLETE


def test_what_was_not_looked_at_is_not_reported_as_missing() -> None:
    client = ReconcileClient(tree_of(ALL), max_ids=10)
    client.initiate()
    out = MessageWriter()
    out.id_list(INFINITY, id_of(3) + id_of(1999))
    found = client.handle(out.message())
    assert found.need == []
    assert found.have == [id_of(n) for n in range(10) if n != 3]
    assert (found.reply, client.state) == (None, ClientState.CUT)


def test_a_range_that_comes_again_is_reported_once() -> None:
    client = ReconcileClient(tree_of(records(range(40))))
    client.initiate()
    out = MessageWriter()
    half = ALL[20][0].to_bytes(8)
    out.id_list(half, id_of(1) + id_of(5000) + id_of(5000))
    out.fingerprint(INFINITY, bytes(16))
    first = client.handle(out.message())
    assert (len(first.have), first.need) == (19, [id_of(5000)])
    again = client.handle(out.message())
    assert (again.have, again.need) == ([], [])


def hostile(ranges: int, kind: str) -> bytes:
    out = MessageWriter()
    for n in range(ranges):
        upper = ALL[n * len(ALL) // ranges][0].to_bytes(8) + n.to_bytes(4)
        if kind == "fingerprints":
            out.fingerprint(upper, bytes(16))
        elif kind == "lists":
            out.id_list(upper, b"")
        else:
            out.skip(upper)
    return out.message()


@pytest.mark.parametrize("kind", ["fingerprints", "lists", "skips"])
def test_a_hostile_message_costs_one_descent_a_range_and_one_frame(kind: str) -> None:
    keys = CountingTree.from_sorted(ALL)
    message = hostile(1500, kind)
    answer = ReconcileServer(keys, frame_limit=4096).answer(message)
    assert len(answer) <= 4096
    assert keys.descents <= 1500 + 2 + 4096 // 19
    assert keys.read <= 4096 // 32


@pytest.mark.slow
def test_every_split_is_paid_for_by_the_frame_limit() -> None:
    """Wrong fingerprints, each of a range that is worth splitting: the answer is full after a few."""
    items = records(range(20_000))
    keys = CountingTree.from_sorted(items)
    out = MessageWriter()
    for n in range(400):
        out.fingerprint(items[n * 50][0].to_bytes(8), bytes(16))
    assert len(ReconcileServer(keys, frame_limit=4096).answer(out.message())) <= 4096
    assert keys.descents < 400


def test_the_server_counts_rounds() -> None:
    server = ReconcileServer(tree_of(ALL), max_rounds=2)
    server.answer(b"\x61")
    server.answer(b"\x62")
    with pytest.raises(RemoteProtocolError, match="2 rounds"):
        server.answer(b"\x61")


@pytest.mark.parametrize("message", [b"", b"\0", b"\x5f\0", b"\x70", b"\xff"])
def test_what_has_no_version_is_refused(message: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="no version"):
        ReconcileServer(tree_of([])).answer(message)


def test_a_server_of_another_version_is_refused() -> None:
    client = ReconcileClient(tree_of([]))
    client.initiate()
    with pytest.raises(RemoteProtocolError, match="0x60"):
        client.handle(b"\x60")


def test_a_client_is_good_for_one_session() -> None:
    client = ReconcileClient(tree_of([]))
    with pytest.raises(LocalProtocolError, match="NEW"):
        client.handle(b"\x61")
    client.initiate()
    with pytest.raises(LocalProtocolError, match="before"):
        client.initiate()
    assert client.handle(b"\x61").reply is None
    with pytest.raises(LocalProtocolError, match="COMPLETE"):
        client.handle(b"\x61")


@pytest.mark.parametrize(
    "options", [{"frame_limit": 4095}, {"frame_limit": -1}, {"floor_ts": -1}, {"floor_ts": 1 << 64}]
)
def test_senseless_options(options: dict[str, int]) -> None:
    with pytest.raises(LocalProtocolError):
        ReconcileClient(tree_of([]), **options)
    with pytest.raises(LocalProtocolError):
        ReconcileServer(tree_of([]), **options)


def test_records_that_arrive_during_a_session_do_no_harm() -> None:
    client_keys, server_keys = tree_of(ALL[:1000]), tree_of(ALL[:500] + ALL[600:1000])
    client, server = ReconcileClient(client_keys), ReconcileServer(server_keys)
    message: bytes | None = client.initiate()
    have: set[bytes] = set()
    arriving = iter(ALL[1000:])
    while message is not None:
        answer = server.answer(message)
        client_keys.insert(*next(arriving))
        found = client.handle(answer)
        server_keys.insert(*next(arriving))
        have |= set(found.have)
        message = found.reply
    assert client.state is ClientState.COMPLETE
    assert have >= ids_of(ALL[500:600])
    assert have <= ids_of(ALL[500:600] + ALL[1000:])


def test_a_first_message_says_all_in_16_fingerprints() -> None:
    parts = decode_message(ReconcileClient(tree_of(ALL)).initiate())
    assert len(parts) == 16
    assert parts[-1].upper == INFINITY


@pytest.mark.parametrize("size", [0, 1, 20, 31, 500])
def test_one_fingerprint_of_the_whole_finds_the_same_for_less(size: int) -> None:
    ours, theirs = tree_of(records(range(size))), tree_of(records(range(1, size + 1)))
    for mine, others, differences in ((ours, ours, 0), (ours, theirs, min(size, 1))):
        client, server = ReconcileClient(mine), ReconcileServer(others)
        message: bytes | None = client.initiate(whole=True)
        assert message is not None
        assert len(message) < 32
        have, need = [], []
        while message is not None:
            found = client.handle(server.answer(message))
            have += found.have
            need += found.need
            message = found.reply
        assert client.state is ClientState.COMPLETE
        assert (len(have), len(need)) == (differences, differences)
