"""Text from others made harmless for a terminal: nothing in it moves the cursor, colours, rings, reorders."""

from __future__ import annotations

import json
import re

# Unicode's bidirectional controls: with them a text can show letters in another order than they are in.
BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

_KEPT = "\n\t"

# What json.dumps leaves as it is and a terminal, or a careless reader, would obey: DEL, C1, bidirectional controls,
# line and paragraph separators, and halves of surrogate pairs, which are not UTF-8.
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def _visible() -> dict[int, str]:
    table = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in _KEPT}  # ␀ … ␛ … ␟
    table[0x7F] = "\u2421"  # ␡
    hidden = [
        *range(0x80, 0xA0),
        0x2028,
        0x2029,
        *range(0xD800, 0xE000),
        *(ord(char) for char in BIDI_CONTROLS),
    ]
    return table | dict.fromkeys(hidden, "\ufffd")


_TABLE = _visible()


def sanitise(text: str) -> str:
    """`text` with each control character shown as its picture (ESC as ␛), and C1 controls, bidirectional
    controls, line and paragraph separators and lone surrogates as �. Newline and tab stay; CR LF becomes
    newline.
    """
    if text.isascii() and text.isprintable():
        return text
    return text.replace("\r\n", "\n").translate(_TABLE)


def json_line(value: object) -> str:
    """One line of JSON that is readable UTF-8, with what could harm a terminal escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
