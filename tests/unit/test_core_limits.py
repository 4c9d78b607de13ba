"""Limits: configuration keys, their meaning, and their table in PROTOCOL.md."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

import pytest
from p2pd_daemon.core.limits import DEFAULT_LIMITS, Limits
from p2pd_daemon.errors import BadConfig


def test_the_document_lists_each_limit_with_its_default() -> None:
    document = (Path(__file__).resolve().parents[2] / "PROTOCOL.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", document, re.MULTILINE)
    assert {name: int(value.replace(",", "")) for name, value in rows} == asdict(DEFAULT_LIMITS)


def test_design_values() -> None:
    limits = DEFAULT_LIMITS
    assert (limits.text_bytes, limits.record_bytes) == (8192, 16384)
    assert (limits.author_rate, limits.author_burst, limits.author_day) == (20, 1000, 100_000)
    assert (limits.parents, limits.quarantine, limits.rooms) == (8, 1000, 1000)


def test_from_mapping_takes_numbers_and_their_text() -> None:
    limits = Limits.from_mapping({"text_bytes": 100, "rooms": "0"})
    assert (limits.text_bytes, limits.rooms) == (100, 0)
    assert limits.record_bytes == DEFAULT_LIMITS.record_bytes
    assert Limits.from_mapping({}) == DEFAULT_LIMITS


@pytest.mark.parametrize("value", [-1, True, 1.5, "", "1.5", "-1", "²", None, 1 << 53, "9" * 30])
def test_from_mapping_refuses_what_is_no_whole_number(value: object) -> None:
    with pytest.raises(BadConfig, match=r"limits\.rooms") as caught:
        Limits.from_mapping({"rooms": value})
    assert "0 means no limit" in caught.value.hint


def test_from_mapping_refuses_unknown_names() -> None:
    with pytest.raises(BadConfig, match="'room'") as caught:
        Limits.from_mapping({"room": 1})
    assert "rooms" in caught.value.hint
