"""openapi.json says what the API does: every route, every shape, every error."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from p2pd_client.asked import PingRequest
from p2pd_client.errors import EXIT_CODES
from p2pd_daemon import errors
from p2pd_daemon.api import replies
from p2pd_daemon.api.openapi import openapi_document
from p2pd_daemon.api.requests import decode_body, decode_query
from p2pd_daemon.api.routes import ROUTES
from p2pd_daemon.errors import P2pdError
from unit.api_served import open_api

DOCUMENT = openapi_document("p2pd_token")


def all_errors() -> set[type[P2pdError]]:
    found = {P2pdError}
    for module in (errors, replies):
        found |= {e for e in vars(module).values() if isinstance(e, type) and issubclass(e, P2pdError)}
    return found


def test_every_code_has_the_same_exit_code_on_both_sides() -> None:
    assert {error.code: error.exit_code for error in all_errors()} == EXIT_CODES


def test_every_reference_leads_somewhere_and_every_operation_has_its_name() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    references = set(re.findall(r"#/components/schemas/(\w+)", str(DOCUMENT)))
    in_streams = {"Event", "SendLine", "Receipt", "ChatSay", "ChatLine"}  # what their frames and lines hold
    assert references == set(schemas) - in_streams
    operations = [o for path in DOCUMENT["paths"].values() for o in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names)) == len(ROUTES) + 5


def test_every_operation_declares_the_errors_that_any_request_can_meet() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            assert {"200", "400", "403", "405", "500"} <= set(operation["responses"]), path
            if path.startswith("/v1/"):
                assert "401" in operation["responses"]
            if method == "post":
                assert "415" in operation["responses"]
                if not path.endswith("/lines"):  # where a line that is too large has a receipt
                    assert "413" in operation["responses"]
                    assert operation["requestBody"]["content"]["application/json"]


def test_names_are_never_part_of_a_path() -> None:
    assert not [path for path in DOCUMENT["paths"] if "{" in path]


async def test_it_is_served(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api:
        assert (await api.ask("GET", "/openapi.json")).json == DOCUMENT
        assert (await api.ask("GET", "/openapi.json?x=1")).status == 400


@pytest.mark.parametrize("number", [b"7", b"7.0", b"0.7e1"])
def test_an_integer_is_what_json_schema_takes_for_one(number: bytes) -> None:
    asked = decode_body(b'{"peer": "a", "count": %s}' % number, "application/json", PingRequest)
    assert asked.count == 7


@pytest.mark.parametrize("number", [b"7.5", b'"7"', b"true", b"null", b"1e400", b"101"])
def test_and_nothing_else(number: bytes) -> None:
    with pytest.raises(errors.UsageError):
        decode_body(b'{"peer": "a", "count": %s}' % number, "application/json", PingRequest)


def test_every_query_shape_reads_back_what_its_parameters_say() -> None:
    query: Any = next(route.request for route in ROUTES if route.path == "/v1/history")
    asked = decode_query(b"room=1&limit=7&search=2", query)
    assert (asked.room, asked.limit, asked.search) == ("1", 7, "2")
