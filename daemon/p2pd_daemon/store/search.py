"""What a person typed into a search, as conditions of SQL. No input can raise a syntax error.

Every word has to occur. FTS5 finds words whole, the last one as a prefix. It divides text at spaces and
punctuation, so it cannot find a part of what is written without spaces (Chinese, Japanese, Thai, ...), nor
emoji and signs, which it leaves out: such words are looked for in the texts themselves.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

MAX_WORDS = 32
MAX_WORD_CHARS = 256
"""What is beyond is ignored: LIKE refuses patterns above 50,000 bytes, and nobody searches for that."""


@dataclass(frozen=True, slots=True)
class Search:
    """`match` is an FTS5 expression, "" for none; `patterns` are for `LIKE ? ESCAPE '\\'`."""

    match: str
    patterns: tuple[str, ...]


def parse_search(typed: str) -> Search:
    # SQLite's text is UTF-8 and its expressions end at a NUL: neither may fail in a search.
    cleaned = typed.encode("utf-8", "surrogatepass").decode("utf-8", "replace").replace("\0", " ")
    words = [word[:MAX_WORD_CHARS] for word in cleaned.split()[:MAX_WORDS]]
    indexed = [word for word in words if _is_indexed(word)]
    terms = ['"' + word.replace('"', '""') + '"' for word in indexed]
    if terms and indexed[-1] == words[-1] and not cleaned[-1].isspace():
        terms[-1] += " *"
    patterns = tuple(f"%{_escape(word)}%" for word in words if not _is_indexed(word))
    return Search(" AND ".join(terms), patterns)


def _is_indexed(word: str) -> bool:
    """Whether unicode61 finds it: a script with spaces between words, and a letter or digit in it."""
    return all(_has_word_spaces(char) for char in word) and any(
        unicodedata.category(char)[0] in "LN" for char in word
    )


def _has_word_spaces(char: str) -> bool:
    """Latin to Tibetan's neighbours below Thai, Georgian and Ethiopic, Latin and Greek extensions, Korean."""
    return (
        char < "\u0e00"
        or "\u10a0" <= char <= "\u139f"
        or "\u1e00" <= char <= "\u206f"
        or "\uac00" <= char <= "\ud7a3"
    )


def _escape(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
