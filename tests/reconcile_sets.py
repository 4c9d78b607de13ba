"""Sets of records for the tests of reconciliation, and what must hold for them, computed the slow way."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from p2pd_daemon.core.reconcile import FRAME_LIMIT, MAX_IDS, MAX_ROUNDS, ReconcileClient, ReconcileServer
from p2pd_daemon.core.reconcile_keys import ID_BYTES, encode_key
from p2pd_daemon.core.reconcile_storage import KeyTree
from p2pd_daemon.core.reconcile_wire import Fingerprint, IdList, decode_message, encode_varint

Item = tuple[int, bytes]


def id_of(number: int, *, same: int = 0) -> bytes:
    """`same`: how many bytes at the front it shares with all others. Fingerprints are sums: an id needs chance."""
    return bytes(same) + hashlib.sha256(number.to_bytes(8)).digest()[same:]


def records(numbers: Iterable[int], *, first_ts: int = 1_700_000_000_000, step: int = 1000) -> list[Item]:
    return [(first_ts + number * step, id_of(number)) for number in numbers]


def tree_of(items: Iterable[Item]) -> KeyTree:
    return KeyTree.from_sorted(sorted(items))


def ids_of(items: Iterable[Item]) -> set[bytes]:
    return {id_ for _, id_ in items}


def naive_fingerprint(ids: Iterable[bytes]) -> bytes:
    """As the protocol's document says it."""
    listed = list(ids)
    total = sum(int.from_bytes(id_, "little") for id_ in listed) % (1 << 256)
    return hashlib.sha256(total.to_bytes(32, "little") + encode_varint(len(listed))).digest()[:16]


def check_true(message: bytes, items: Iterable[Item]) -> None:
    """All that a message says about its sender's records is so: each fingerprint, each list."""
    keys = sorted(encode_key(*item) for item in items)
    lower = 0
    for part in decode_message(message):
        upper = max(lower, bisect_left(keys, part.upper))
        ids = [key[8:] for key in keys[lower:upper]]
        if isinstance(part, Fingerprint):
            assert part.digest == naive_fingerprint(ids)
        elif isinstance(part, IdList):
            assert part.ids == b"".join(ids)
        lower = upper


@dataclass
class Outcome:
    client: ReconcileClient
    have: list[bytes] = field(default_factory=list)
    need: list[bytes] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)  # in turn, the client's first

    @property
    def from_client(self) -> Sequence[bytes]:
        return self.messages[::2]

    @property
    def from_server(self) -> Sequence[bytes]:
        return self.messages[1::2]


def converse(
    client_keys: KeyTree,
    server_keys: KeyTree,
    *,
    limits: tuple[int, int] = (FRAME_LIMIT, FRAME_LIMIT),
    floor_ts: int = 0,
    max_rounds: int = MAX_ROUNDS,
    max_ids: int = MAX_IDS,
) -> Outcome:
    """A whole session. `limits`: the client's and the server's frame limit."""
    client = ReconcileClient(
        client_keys, frame_limit=limits[0], floor_ts=floor_ts, max_rounds=max_rounds, max_ids=max_ids
    )
    server = ReconcileServer(server_keys, frame_limit=limits[1], floor_ts=floor_ts)
    outcome = Outcome(client)
    message: bytes | None = client.initiate()
    while message is not None:
        answer = server.answer(message)
        outcome.messages += (message, answer)
        have, need, message = client.handle(answer)
        outcome.have += have
        outcome.need += need
    return outcome


def chunks(packed: bytes) -> list[bytes]:
    return [packed[at : at + ID_BYTES] for at in range(0, len(packed), ID_BYTES)]
