"""The gatekeeper, rule by rule in the order of PROTOCOL.md section 4."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from p2pd_daemon.core import admission
from p2pd_daemon.core.admission import DAY_S, Admission, AuthorRates, Outcome, TopicKind, Verdict
from p2pd_daemon.core.event import Body, ChatEvent, Sealed, Text, Unknown, encode_event
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.record import Record, sign_record
from p2pd_daemon.core.wire import bytes_field

NOW = 1_760_000_000_000
KEY = SigningKey.from_seed(bytes(31) + b"\x01")
TOPIC = "p2pd/1/lobby"


def record_of(body: Body, ts: int = NOW) -> Record:
    return sign_record(KEY, 1, TOPIC, encode_event(ChatEvent(ts, (), body)))


def judge(
    record: Record, limits: Limits | None = None, kind: TopicKind = TopicKind.OPEN, **more: int
) -> Verdict:
    return Admission(limits or Limits()).check(record, kind, NOW, 0.0, **more)


HELLO = record_of(Text("hello"))


def test_a_good_record_is_kept_and_relayed_with_its_event() -> None:
    verdict = judge(HELLO)
    assert verdict == Verdict(Outcome.ACCEPT, "", ChatEvent(NOW, (), Text("hello")))
    assert verdict.relay
    assert verdict.keep


def test_a_body_of_a_later_version_is_kept_and_relayed() -> None:
    assert judge(record_of(Unknown(bytes_field(15, b"new")))).outcome is Outcome.ACCEPT


@pytest.mark.parametrize(
    ("verdict", "outcome", "reason"),
    [
        (judge(HELLO, Limits(record_bytes=100)), Outcome.REJECT, admission.TOO_LARGE),
        (judge(HELLO, kind=TopicKind.UNKNOWN), Outcome.IGNORE, admission.UNKNOWN_TOPIC),
        (judge(sign_record(KEY, 1, TOPIC, b"\xff")), Outcome.REJECT, admission.BAD_EVENT),
        (judge(HELLO, Limits(text_bytes=4)), Outcome.REJECT, admission.BAD_EVENT),
        (judge(HELLO, kind=TopicKind.DIRECT), Outcome.REJECT, admission.BAD_EVENT),
        (
            judge(record_of(Text("x"), NOW + 300_001), quarantined=1000),
            Outcome.IGNORE,
            admission.QUARANTINE_FULL,
        ),
    ],
)
def test_refusals(verdict: Verdict, outcome: Outcome, reason: str) -> None:
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
    assert not verdict.relay
    assert not verdict.keep


def test_sealed_records_pass_in_conversations() -> None:
    assert judge(record_of(Sealed(bytes(24), bytes(20))), kind=TopicKind.DIRECT).outcome is Outcome.ACCEPT


def test_a_record_ahead_of_time_is_quarantined() -> None:
    assert judge(record_of(Text("x"), NOW + 300_000)).outcome is Outcome.ACCEPT
    verdict = judge(record_of(Text("x"), NOW + 300_001), quarantined=999)
    assert (verdict.outcome, verdict.reason) == (Outcome.QUARANTINE, admission.QUARANTINED)
    assert verdict.keep
    assert not verdict.relay
    assert judge(record_of(Text("x"), NOW + 300_001), Limits(quarantine=0), quarantined=10**6).keep


def test_a_blocked_author_is_kept_unseen_until_unblocked() -> None:
    gate = Admission(Limits(), blocked=[KEY.peer_id])
    verdict = gate.check(HELLO, TopicKind.OPEN, NOW, 0.0)
    assert (verdict.outcome, verdict.reason, verdict.keep) == (Outcome.IGNORE, admission.BLOCKED, True)
    gate.unblock(KEY.peer_id)
    assert gate.check(HELLO, TopicKind.OPEN, NOW, 0.0).relay
    gate.block(KEY.peer_id)
    assert not gate.check(HELLO, TopicKind.OPEN, NOW, 0.0).relay


def test_the_rate_is_per_author_and_room() -> None:
    gate = Admission(Limits(author_burst=3))
    verdicts = [gate.check(HELLO, TopicKind.OPEN, NOW, 0.0) for _ in range(4)]
    assert [verdict.reason for verdict in verdicts] == ["", "", "", admission.RATE]
    elsewhere = sign_record(KEY, 2, "p2pd/1/other", HELLO.data)
    assert gate.check(elsewhere, TopicKind.OPEN, NOW, 0.0).relay
    assert gate.check(HELLO, TopicKind.OPEN, NOW, 0.051).relay


def test_bad_records_do_not_use_up_the_rate() -> None:
    gate = Admission(Limits(author_burst=1))
    for _ in range(5):
        gate.check(sign_record(KEY, 1, TOPIC, b"\xff"), TopicKind.OPEN, NOW, 0.0)
    assert gate.check(HELLO, TopicKind.OPEN, NOW, 0.0).relay


def test_the_day_has_its_own_limit() -> None:
    rates = AuthorRates(Limits(author_day=10))
    taken = [rates.take(PeerId("a"), TOPIC, float(second)) for second in range(100)]
    assert sum(taken) == 10
    assert rates.take(PeerId("a"), TOPIC, 100 + DAY_S / 10)


def test_zero_is_no_limit() -> None:
    rates = AuthorRates(Limits(author_rate=0, author_day=0, authors=0))
    assert all(rates.take(PeerId("a"), TOPIC, 0.0) for _ in range(5000))
    assert judge(HELLO, Limits(record_bytes=0, text_bytes=0)).relay


def test_a_clock_that_goes_back_gives_no_tokens() -> None:
    rates = AuthorRates(Limits(author_burst=2))
    assert rates.take(PeerId("a"), TOPIC, 10.0)
    assert rates.take(PeerId("a"), TOPIC, 5.0)
    assert not rates.take(PeerId("a"), TOPIC, 10.0)


def test_idle_authors_are_forgotten_and_busy_ones_are_not() -> None:
    rates = AuthorRates(Limits(author_burst=10))
    for number in range(100):
        rates.take(PeerId(f"idle {number}"), TOPIC, 0.0)
    for _ in range(10):
        rates.take(PeerId("busy"), TOPIC, 0.0)
    assert len(rates) == 101
    for number in range(100):
        rates.take(PeerId(f"later {number}"), TOPIC, DAY_S)
    assert len(rates) < 110


def test_memory_full_forgets_the_longest_unheard() -> None:
    rates = AuthorRates(Limits(author_burst=1, authors=2))
    assert rates.take(PeerId("a"), TOPIC, 0.0)
    assert rates.take(PeerId("b"), TOPIC, 0.0)
    assert rates.take(PeerId("c"), TOPIC, 0.0)
    assert len(rates) == 2
    assert not rates.take(PeerId("c"), TOPIC, 0.0)
    assert not rates.take(PeerId("b"), TOPIC, 0.0)
    assert rates.take(PeerId("d"), TOPIC, 0.0)
    assert not rates.take(PeerId("b"), TOPIC, 0.0)
    assert rates.take(PeerId("c"), TOPIC, 0.0)


def test_the_document_names_the_reasons() -> None:
    document = (Path(__file__).resolve().parents[2] / "PROTOCOL.md").read_text(encoding="utf-8")
    section = document[document.index("### Gossip") : document.index("## 5.")]
    named = set(re.findall(r"`([a-z_]+)`", section))
    reasons = {value for name, value in vars(admission).items() if name.isupper() and isinstance(value, str)}
    assert reasons <= named
