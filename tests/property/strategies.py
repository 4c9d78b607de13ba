"""What the core's values can be."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st
from p2pd_daemon.core import event as ev
from p2pd_daemon.core.clock import MAX_SEQNO, MAX_TS_MS
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.peer_id import peer_id_from_bytes
from p2pd_daemon.core.record import Record, sign_record


@cache
def key(number: int) -> SigningKey:
    return SigningKey.from_seed(number.to_bytes(32))


signing_keys = st.integers(1, 5).map(key)
peers = signing_keys.map(lambda signing: signing.peer_id) | st.binary(min_size=32, max_size=32).map(
    lambda digest: peer_id_from_bytes(b"\x12\x20" + digest)
)
ids = st.binary(min_size=32, max_size=32)
texts = st.text(min_size=1, max_size=200)
labels = st.text(st.characters(categories=["L", "N", "P", "S", "Mn"]), max_size=32)
seqnos = st.integers(0, MAX_SEQNO)
timestamps = st.integers(1, MAX_TS_MS)

open_bodies = st.one_of(
    st.builds(ev.Text, texts, st.none() | ids),
    st.builds(ev.Action, texts),
    st.builds(ev.Edit, ids, texts),
    st.builds(ev.Delete, ids, st.lists(ids, max_size=3).map(tuple)),
    st.builds(ev.Reaction, ids, st.text(min_size=1, max_size=16), st.booleans()),
    st.builds(
        ev.File,
        labels.filter(lambda name: name not in {"", ".", ".."} and "/" not in name),
        st.sampled_from(["", "text/plain"]),
        st.integers(0, MAX_TS_MS),
        ids,
    ),
    st.builds(ev.Profile, labels, labels),
    st.builds(ev.RoomSettings, labels, st.text(max_size=500)),
    st.builds(ev.Membership, peers, st.sampled_from(ev.Change)),
)
sealed_bodies = st.builds(
    ev.Sealed,
    st.binary(min_size=24, max_size=24),
    st.binary(min_size=17, max_size=200),
    st.integers(0, 2**32 - 1),
)
bodies = open_bodies | sealed_bodies
events = st.builds(ev.ChatEvent, timestamps, st.lists(ids, max_size=8, unique=True).map(tuple), bodies)
topics = st.text(min_size=1, max_size=64)


@st.composite
def records(draw: st.DrawFn) -> Record:
    data = draw(st.binary(min_size=1, max_size=300))
    return sign_record(draw(signing_keys), draw(seqnos), draw(topics), data)
