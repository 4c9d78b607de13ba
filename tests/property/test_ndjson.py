"""Lines are the same however their bytes arrive, and what is too long costs only itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from p2pd_client.ndjson import LineReader

LONGEST = 8
streams = st.binary(max_size=60).map(lambda raw: raw.replace(b"a", b"\n").replace(b"b", b"\r\n"))


@st.composite
def chunked(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    raw = draw(streams | st.text("a\r\n", max_size=60).map(str.encode))
    cuts = sorted(draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    return raw, [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]


@given(chunked())
def test_however_the_bytes_are_cut(stream: tuple[bytes, list[bytes]]) -> None:
    raw, parts = stream
    reader = LineReader(LONGEST)
    lines = [line for part in parts for line in reader.feed(part)] + reader.finish()
    wanted = raw.split(b"\n")
    if not wanted[-1]:
        wanted.pop()
    assert lines == [None if len(line) > LONGEST else line.removesuffix(b"\r") for line in wanted]


@given(st.lists(st.binary(min_size=1, max_size=50).filter(lambda part: b"\n" not in part), max_size=20))
def test_an_endless_line_is_not_kept(parts: list[bytes]) -> None:
    reader = LineReader(LONGEST)
    for part in parts:
        assert reader.feed(part) == []
        assert sum(map(len, reader._parts)) <= LONGEST
    assert reader.feed(b"\nshort\n")[-1] == b"short"
