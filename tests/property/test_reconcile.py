"""Reconciliation finds exactly the differences of any two sets, says nothing untrue, and survives any bytes."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from p2pd_daemon.core.reconcile import ClientState, ReconcileClient, ReconcileServer
from p2pd_daemon.core.reconcile_keys import MAX_TIMESTAMP
from p2pd_daemon.core.reconcile_storage import KeyTree
from p2pd_daemon.core.reconcile_wire import INFINITY, Fingerprint, IdList, MessageWriter, decode_message
from p2pd_daemon.errors import RemoteProtocolError
from reconcile_sets import Item, check_true, chunks, converse, id_of, ids_of, tree_of


@dataclass(frozen=True)
class Two:
    client: list[Item]
    server: list[Item]

    @property
    def have(self) -> set[bytes]:
        return ids_of(self.client) - ids_of(self.server)

    @property
    def need(self) -> set[bytes]:
        return ids_of(self.server) - ids_of(self.client)


@st.composite
def two_sets(draw: st.DrawFn, *, least: int = 0, most: int = 1500) -> Two:
    """Ids with long common prefixes or none; one timestamp for all, for some, or one each; gaps and scattered holes."""
    chance = Random(draw(st.integers(0, 1 << 32)))
    count = chance.choice([least, least + 1, least + chance.randrange(70), chance.randint(least, most), most])
    first, step, each = chance.choice(
        [(0, 0, 1), (0, 1, 1), (1_700_000_000_000, 40, 3), (MAX_TIMESTAMP - most, 1, 50)]
    )
    same = chance.choice([0, 0, 3, 18])
    items = sorted((first + n // each * step, id_of(n, same=same)) for n in range(count))
    sides = []
    for _ in range(2):
        kept = chance.choice([0.3, 0.5, 0.9, 0.99, 1.0])
        gap = chance.randint(0, count)
        width = chance.choice([0, 0, 5, 100, most])
        sides.append(
            [item for n, item in enumerate(items) if not gap <= n < gap + width and chance.random() < kept]
        )
    return Two(*sides)


frame_limits = st.sampled_from([0, 4096, 4097, 5000, 9000, 65_536])
small_frames = st.integers(4096, 6000)


@pytest.mark.slow
@given(two_sets(most=600), frame_limits, frame_limits)
def test_the_differences_are_exact(sets: Two, client_limit: int, server_limit: int) -> None:
    check_session(sets, (client_limit, server_limit))


@pytest.mark.slow
@given(two_sets(least=300), small_frames, small_frames)
def test_the_differences_are_exact_when_frames_are_cut(
    sets: Two, client_limit: int, server_limit: int
) -> None:
    check_session(sets, (client_limit, server_limit))


def check_session(sets: Two, limits: tuple[int, int]) -> None:
    """Ends within the round limit, finds each difference once, and says only what is true, in frames of the size."""
    outcome = converse(tree_of(sets.client), tree_of(sets.server), limits=limits)
    assert outcome.client.state is ClientState.COMPLETE
    assert (set(outcome.have), set(outcome.need)) == (sets.have, sets.need)
    assert (len(outcome.have), len(outcome.need)) == (len(sets.have), len(sets.need))
    for messages, limit, items in (
        (outcome.from_client, limits[0], sets.client),
        (outcome.from_server, limits[1], sets.server),
    ):
        for message in messages:
            assert not limit or len(message) <= limit
            check_true(message, items)


@pytest.mark.slow
@given(two_sets(most=600), st.integers(0, 600), frame_limits)
def test_a_floor_is_the_same_as_having_nothing_below_it(sets: Two, at: int, limit: int) -> None:
    items = sorted(sets.client + sets.server)
    floor = items[at % len(items)][0] if items else 0
    whole = converse(tree_of(sets.client), tree_of(sets.server), limits=(limit, limit), floor_ts=floor)
    cut = converse(
        tree_of(item for item in sets.client if item[0] >= floor),
        tree_of(item for item in sets.server if item[0] >= floor),
        limits=(limit, limit),
    )
    assert whole.messages == cut.messages
    assert (whole.have, whole.need) == (cut.have, cut.need)


@pytest.mark.slow
@given(two_sets(), st.integers(1, 4), st.integers(1, 300))
def test_cut_sessions_make_progress_and_end(sets: Two, rounds: int, ids: int) -> None:
    """Sessions that a limit ends, each followed by the exchange of what it found, end with equal sets."""
    client, server = tree_of(sets.client), tree_of(sets.server)
    at = {id_: timestamp for timestamp, id_ in sets.client + sets.server}
    while True:
        outcome = converse(client, server, limits=(4096, 4096), max_rounds=rounds + 1, max_ids=ids + 100)
        assert outcome.client.rounds <= rounds + 1
        assert all(server.insert(at[id_], id_) for id_ in outcome.have)
        assert all(client.insert(at[id_], id_) for id_ in outcome.need)
        if outcome.client.state is ClientState.COMPLETE:
            break
        assert outcome.have or outcome.need
    assert list(client.items()) == list(server.items()) == sorted(set(sets.client + sets.server))


@pytest.mark.slow
@given(two_sets(most=800), frame_limits, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(sets: Two, limit: int, chance: Random) -> None:
    def arriving(items: list[Item]) -> KeyTree:
        tree = KeyTree()
        for item in chance.sample(items, len(items)):
            tree.insert(*item)
        return tree

    one = converse(tree_of(sets.client), tree_of(sets.server), limits=(limit, limit))
    other = converse(arriving(sets.client), arriving(sets.server), limits=(limit, limit))
    assert (one.messages, one.have, one.need) == (other.messages, other.have, other.need)


# Hostile peers

OURS = sorted((n // 3, id_of(n)) for n in range(700))
TREE = tree_of(OURS)


@st.composite
def well_formed(draw: st.DrawFn) -> bytes:
    """Ranges in order with any content: lies, but none in the form."""
    bounds = draw(st.lists(st.tuples(st.integers(0, 300), st.binary(max_size=32)), max_size=12).map(sorted))
    out = MessageWriter()
    for timestamp, prefix in [*bounds, (None, b"")] if draw(st.booleans()) else bounds:
        upper = INFINITY if timestamp is None else timestamp.to_bytes(8) + prefix
        kind = draw(st.integers(0, 2))
        if kind == 0:
            out.skip(upper)
        elif kind == 1:
            out.fingerprint(upper, draw(st.binary(min_size=16, max_size=16)))
        else:
            numbers = draw(st.lists(st.integers(0, 1000), max_size=20))
            out.id_list(upper, b"".join(map(id_of, numbers)))
    return out.message()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    raw = bytearray(draw(well_formed()))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(raw)))
        how = draw(st.integers(0, 2))
        if how == 0:
            raw[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
        elif how == 1:
            del raw[at:]
        else:
            raw[at:at] = draw(st.binary(max_size=4))
    return bytes(raw)


any_message = (
    st.binary(max_size=200) | st.binary(max_size=200).map(lambda b: b"\x61" + b) | well_formed() | damaged()
)


@pytest.mark.slow
@given(any_message, frame_limits)
@example(b"\x61\x00\x00\x02\x81\x80\x80\x80\x80\x80\x80\x80\x00", 4096)
@example(b"", 0)
def test_a_server_answers_or_refuses_any_bytes(message: bytes, limit: int) -> None:
    server = ReconcileServer(TREE, frame_limit=limit)
    try:
        answer = server.answer(message)
    except RemoteProtocolError:
        return
    assert not limit or len(answer) <= limit
    check_true(answer, OURS)


@pytest.mark.slow
@given(st.lists(any_message, min_size=1, max_size=5), frame_limits)
def test_a_client_handles_or_refuses_any_bytes(messages: list[bytes], limit: int) -> None:
    client = ReconcileClient(TREE, frame_limit=limit)
    client.initiate()
    have: list[bytes] = []
    need: list[bytes] = []
    offered: set[bytes] = set()
    for message in messages:
        try:
            found = client.handle(message)
        except RemoteProtocolError:
            break
        for part in decode_message(message):
            if isinstance(part, IdList):
                offered |= set(chunks(part.ids))
        have += found.have
        need += found.need
        if found.reply is None:
            assert client.state is ClientState.COMPLETE
            break
        assert not limit or len(found.reply) <= limit
        check_true(found.reply, OURS)
    assert len(set(have)) == len(have)
    assert len(set(need)) == len(need)
    assert set(have) <= ids_of(OURS)
    assert set(need) <= offered


@given(well_formed())
def test_decoding_undoes_encoding(message: bytes) -> None:
    out = MessageWriter()
    for part in decode_message(message):
        if isinstance(part, Fingerprint):
            out.fingerprint(part.upper, part.digest)
        elif isinstance(part, IdList):
            out.id_list(part.upper, part.ids)
        else:
            out.skip(part.upper)
    assert out.message() == message
