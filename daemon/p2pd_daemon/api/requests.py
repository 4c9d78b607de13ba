"""From a request's bytes to its shape, or to an error that says what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec.inspect import IntType, UnionType, type_info
from starlette.requests import Request

from p2pd_daemon.errors import TooLarge, UsageError

from .replies import WrongContentType

# A text of 8 KiB in which each byte is escaped as \\u00XX has 48 KiB.
BODY_BYTES = 128 * 1024

Shape = TypeVar("Shape", bound=msgspec.Struct)


async def read_body(request: Request, limit: int = BODY_BYTES) -> bytes:
    """The whole body. TooLarge beyond the limit, before it is read where the header tells."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit() or int(declared) > limit:
        raise _too_large(limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def decode_body(body: bytes, content_type: str, shape: type[Shape]) -> Shape:
    """Raises WrongContentType, or UsageError with the path to what is wrong. No body at all counts as
    `{}`.
    """
    kind, _, parameters = content_type.partition(";")
    if kind.strip().lower() != "application/json" and (body or content_type):
        raise WrongContentType(
            f"the body must be application/json, not {content_type or 'undeclared'}",
            hint="send the header Content-Type: application/json",
        )
    if "charset" in parameters.lower() and "utf-8" not in parameters.lower():
        raise WrongContentType("the body must be UTF-8")
    return _explain(lambda: _convert_body(body or b"{}", shape), "the body")


def decode_line(line: bytes, shape: type[Shape]) -> Shape:
    """One line of a body of many. Raises UsageError."""
    return _explain(lambda: msgspec.json.decode(line, type=shape), "the line")


def _convert_body(body: bytes, shape: type[Shape]) -> Shape:
    given = msgspec.json.decode(body)
    if isinstance(given, dict):
        for name, value in given.items():
            if isinstance(value, float) and value.is_integer():  # to JSON Schema 3.0 is an integer
                given[name] = int(value)
    return msgspec.convert(given, shape)


def decode_query(query: bytes, shape: type[Shape]) -> Shape:
    """Query parameters as a shape. Unknown and repeated ones are refused: a misspelt filter must not be
    ignored.
    """
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError as error:
        raise UsageError(f"malformed query: {error}", hint="percent-encode UTF-8") from error
    given = dict(pairs)
    if len(given) != len(pairs):
        raise UsageError("a query parameter is given twice", hint="give each one once")
    return _explain(lambda: _convert_query(given, shape), "the query")


def _convert_query(given: dict[str, str], shape: type[Shape]) -> Shape:
    # Only numbers are read from their text; `strict=False` for all would turn a room called `null` into None.
    numbers = _numbers(shape)
    typed = {
        name: msgspec.convert(text, int, strict=False) if name in numbers else text
        for name, text in given.items()
    }
    return msgspec.convert(typed, shape)


@cache
def _numbers(shape: type[msgspec.Struct]) -> frozenset[str]:
    """The names of the fields that are integers, or may be."""
    fields = ((field.encode_name, type_info(field.type)) for field in msgspec.structs.fields(shape))
    return frozenset(
        name
        for name, kind in fields
        if any(isinstance(part, IntType) for part in (kind.types if isinstance(kind, UnionType) else (kind,)))
    )


def _explain(decode: Callable[[], Shape], what: str) -> Shape:
    try:
        return decode()
    except msgspec.ValidationError as error:
        raise UsageError(f"{what} is not as expected: {error}", hint="/openapi.json describes it") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{what} is not valid JSON: {error}", hint="/openapi.json describes it") from error


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the request's body is larger than {limit} bytes", hint="send less at once")
