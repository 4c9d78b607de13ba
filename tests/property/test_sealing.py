"""A box opens for the two peers only, and only in the record it was made for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from p2pd_daemon.core.event import Body, Sealed
from p2pd_daemon.core.seal import direct_box
from p2pd_daemon.errors import RemoteProtocolError
from property import strategies as some

ANN, BOB, EVE = some.key(1), some.key(2), some.key(3)
nonces = st.binary(min_size=24, max_size=24)
small = st.integers(1, 2**53 - 1)


@given(some.open_bodies, some.seqnos, small, nonces, st.booleans())
def test_what_one_seals_the_other_opens(body: Body, seqno: int, ts: int, nonce: bytes, swap: bool) -> None:
    me, you = (BOB, ANN) if swap else (ANN, BOB)
    sealed = direct_box(me, you.peer_id).seal(body, sender=me.peer_id, seqno=seqno, ts_ms=ts, nonce=nonce)
    assert direct_box(you, me.peer_id).open(sealed, sender=me.peer_id, seqno=seqno, ts_ms=ts) == body
    assert direct_box(me, you.peer_id).open(sealed, sender=me.peer_id, seqno=seqno, ts_ms=ts) == body


@given(some.open_bodies, nonces, st.tuples(some.seqnos, small), st.tuples(some.seqnos, small))
def test_a_box_does_not_open_elsewhere(
    body: Body, nonce: bytes, place: tuple[int, int], other: tuple[int, int]
) -> None:
    (seqno, ts), (other_seqno, other_ts) = place, other
    box = direct_box(ANN, BOB.peer_id)
    sealed = box.seal(body, sender=ANN.peer_id, seqno=seqno, ts_ms=ts, nonce=nonce)
    elsewhere = [(BOB.peer_id, seqno, ts), (EVE.peer_id, seqno, ts)]
    elsewhere += [(ANN.peer_id, other_seqno, ts)] * (other_seqno != seqno)
    elsewhere += [(ANN.peer_id, seqno, other_ts)] * (other_ts != ts)
    for sender, at_seqno, at_ts in elsewhere:
        with pytest.raises(RemoteProtocolError):
            box.open(sealed, sender=sender, seqno=at_seqno, ts_ms=at_ts)
    for stranger in (
        direct_box(EVE, BOB.peer_id),
        direct_box(EVE, ANN.peer_id),
        direct_box(ANN, EVE.peer_id),
    ):
        assert stranger.topic != box.topic
        with pytest.raises(RemoteProtocolError):
            stranger.open(sealed, sender=ANN.peer_id, seqno=seqno, ts_ms=ts)


@given(some.open_bodies, nonces, st.integers(0), st.integers(1, 255))
def test_any_changed_byte_fails(body: Body, nonce: bytes, at: int, flip: int) -> None:
    box = direct_box(ANN, BOB.peer_id)
    sealed = box.seal(body, sender=ANN.peer_id, seqno=1, ts_ms=1, nonce=nonce)

    def changed(raw: bytes) -> bytes:
        place = at % len(raw)
        return raw[:place] + bytes((raw[place] ^ flip,)) + raw[place + 1 :]

    for wrong in (
        replace(sealed, box=changed(sealed.box)),
        replace(sealed, nonce=changed(sealed.nonce)),
        replace(sealed, box=sealed.box[:-1]),
        replace(sealed, epoch=sealed.epoch + 1),
    ):
        with pytest.raises(RemoteProtocolError):
            box.open(wrong, sender=ANN.peer_id, seqno=1, ts_ms=1)


@given(some.sealed_bodies)
def test_any_box_of_a_stranger_is_refused(sealed: Sealed) -> None:
    with pytest.raises(RemoteProtocolError):
        direct_box(ANN, BOB.peer_id).open(sealed, sender=BOB.peer_id, seqno=1, ts_ms=1)
