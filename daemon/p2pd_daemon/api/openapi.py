"""OpenAPI 3.1 of the API, made from the table of routes and the shapes."""

from __future__ import annotations

from typing import Any

import msgspec
from p2pd_client.asked import ChatLinesQuery, ChatSay, EventsQuery, NoArguments, SendLine, SendLinesQuery
from p2pd_client.shapes import ChatLine, ErrorReply, Event, Ok, Receipt

from p2pd_daemon.errors import (
    Blocked,
    NotSpoken,
    P2pdError,
    PeerUnreachable,
    Refused,
    TooLarge,
    Unauthorized,
    UsageError,
)
from p2pd_daemon.version import __version__

from .lines import MEDIA_TYPE
from .replies import HeadTooLarge, MethodNotAllowed, RequestTimeout, WrongContentType
from .route import DIAL, NO_PEER, NO_ROOM, Route
from .routes import ROUTES

REF = "#/components/schemas/{name}"
EVERYWHERE: tuple[type[P2pdError], ...] = (
    UsageError,
    HeadTooLarge,
    Unauthorized,
    Refused,
    MethodNotAllowed,
    P2pdError,
    RequestTimeout,
)
WITH_BODY: tuple[type[P2pdError], ...] = (TooLarge, WrongContentType)
DESCRIPTION = (
    "Controls a running p2pd node. The unix socket needs no token; on TCP it travels as a bearer token "
    "or in a cookie. Times are Unix milliseconds, peer IDs base58 text, record ids 64 hexadecimal digits. "
    "Unknown query parameters and unknown fields are refused. Every error has the shape `ErrorReply`; its "
    "`code` is stable."
)


def openapi_document(cookie: str) -> dict[str, Any]:
    """The document, as JSON-ready values. `cookie` is the name of this server's cookie."""
    shapes = [route.response for route in ROUTES] + [
        r.request for r in ROUTES if r.request and r.method == "POST"
    ]
    _, components = msgspec.json.schema_components(
        [*shapes, Event, SendLine, Receipt, ChatSay, ChatLine, ErrorReply, Ok], ref_template=REF
    )
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    paths["/v1/events"] = {"get": _events()}
    paths["/v1/send/lines"] = {"post": _send_lines()}
    paths["/v1/chat/lines"] = {"post": _chat_lines()}
    paths["/health"] = {"get": _plain("get_health", "Answers when the daemon serves", _schema(Ok))}
    paths["/openapi.json"] = {"get": _plain("get_openapi", "This document", {"type": "object"})}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "p2pd control API",
            "version": __version__,
            "description": DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"cookie": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": cookie},
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": route.name, "summary": route.summary}
    errors = EVERYWHERE + route.errors
    if route.method == "POST":
        errors += WITH_BODY
        shape = route.request or NoArguments
        optional = not any(field.required for field in msgspec.structs.fields(shape))
        operation["requestBody"] = {"required": not optional, "content": _json(_schema(shape))}
    elif route.request is not None:
        operation["parameters"] = _parameters(route.request)
    operation["responses"] = {
        "200": {"description": "Done", "content": _json(_schema(route.response))},
        **_error_responses(errors),
    }
    return operation


def _events() -> dict[str, Any]:
    resume = {
        "name": "Last-Event-ID",
        "in": "header",
        "required": False,
        "description": "The last id received; it wins over `after`",
        "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
    }
    return {
        "operationId": "get_events",
        "summary": "Events as they happen, as server-sent events that can be resumed without loss",
        "description": (
            "Each frame's `data` is an `Event`. `kinds` is a list separated by commas. An event `gap` with "
            "`data.after` and `data.oldest` says that older events are no longer kept."
        ),
        "parameters": [*_parameters(EventsQuery), resume],
        "responses": {
            "200": {
                "description": "The stream",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            **_error_responses(EVERYWHERE),
        },
    }


def _send_lines() -> dict[str, Any]:
    lines = {MEDIA_TYPE: {"schema": {"type": "string"}}}
    return {
        "operationId": "post_send_lines",
        "summary": "Says many things in a joined room, one a line",
        "description": (
            "Each line of the body is a `SendLine`, each line of the answer the `Receipt` of one that is not empty, in "
            "their order and while the body still comes in. What is wrong with a line is told by its receipt and costs "
            "none of the others. The body is read as fast as the room's members take the messages."
        ),
        "parameters": _parameters(SendLinesQuery),
        "requestBody": {"required": True, "content": lines},
        "responses": {
            "200": {"description": "The receipts", "content": lines},
            **_error_responses(EVERYWHERE + NO_ROOM + (WrongContentType,)),
        },
    }


def _chat_lines() -> dict[str, Any]:
    lines = {MEDIA_TYPE: {"schema": {"type": "string"}}}
    return {
        "operationId": "post_chat_lines",
        "summary": "Chats by lines (/chat/1.0.0), unsigned and not stored, for as long as the request lasts",
        "description": (
            "With `peer` it is dialled; without, the request waits for the next one who calls. Each line of the body "
            "is a `ChatSay`, each of the answer a `ChatLine`: first who it is, then what they say while the body still "
            "comes in, then `ended` or an `error`. The end of the body says that one says no more."
        ),
        "parameters": _parameters(ChatLinesQuery),
        "requestBody": {"required": True, "content": lines},
        "responses": {
            "200": {"description": "The chat", "content": lines},
            **_error_responses(
                EVERYWHERE + NO_PEER + DIAL + (WrongContentType, Blocked, NotSpoken, PeerUnreachable)
            ),
        },
    }


def _plain(name: str, summary: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "security": [],
        "responses": {
            "200": {"description": "Done", "content": _json(schema)},
            **_error_responses((UsageError, Refused, MethodNotAllowed, P2pdError)),
        },
    }


def _parameters(query: type[msgspec.Struct]) -> list[dict[str, Any]]:
    """One parameter per field. What may be absent is `not required` rather than null, which a query cannot
    say.
    """
    schema = msgspec.json.schema_components([query])[1][query.__name__]
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "schema": _not_null(field),
        }
        for name, field in schema["properties"].items()
    ]


def _not_null(field: dict[str, Any]) -> dict[str, Any]:
    choices = [choice for choice in field.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        return dict(choices[0])
    return field


def _error_responses(errors: tuple[type[P2pdError], ...]) -> dict[str, Any]:
    codes: dict[int, set[str]] = {}
    for error in errors:
        codes.setdefault(error.http_status, set()).add(error.code)
    return {
        str(status): {
            "description": "Error: " + ", ".join(sorted(codes[status])),
            "content": _json(_schema(ErrorReply)),
        }
        for status in sorted(codes)
    }


def _schema(shape: Any) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([shape], ref_template=REF)
    return schema


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
