"""The sockets of the API: private, on loopback, and told apart from those of a daemon that is gone."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import trio
from p2pd_daemon.api import Access, ApiBinding, serve_api
from p2pd_daemon.api.binding import http_url, open_http_socket, open_unix_socket
from p2pd_daemon.errors import AddressInUse, AlreadyRunning, BadConfig, P2pdError
from unit.api_control import MemoryControl
from unit.api_served import open_api


async def test_only_the_owner_can_open_the_socket_and_it_goes_away(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with open_api(tmp_path):
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()


async def test_what_a_killed_daemon_left_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(tmp_path / "s"))
    (tmp_path / "s.new").touch()
    async with open_api(tmp_path) as api:
        assert (await api.ask("GET", "/health")).status == 200


async def test_a_second_daemon_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api:
        with pytest.raises(AlreadyRunning), open_unix_socket(tmp_path / "s"):
            pass
        assert (await api.ask("GET", "/health")).status == 200


def test_a_socket_that_somebody_replaced_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with open_unix_socket(path):
        path.unlink()
        path.write_text("another's")
    assert path.read_text() == "another's"


def test_paths_that_cannot_be(tmp_path: Path) -> None:
    for path in (tmp_path / ("x" * 120), tmp_path / "nowhere" / "s"):
        with pytest.raises(BadConfig) as caught, open_unix_socket(path):
            pass
        assert caught.value.hint


async def test_a_taken_port_is_reported_before_anything_is_served(tmp_path: Path) -> None:
    with open_http_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        binding = ApiBinding(tmp_path / "s", ("127.0.0.1", port), Access(tmp_path / "token"))
        with trio.fail_after(5):
            with pytest.raises(AddressInUse, match=str(port)):
                await serve_api(MemoryControl(), binding)
        assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("host", "port"),
    [("0.0.0.0", 0), ("192.0.2.1", 80), ("::", 0), ("example.org", 80), ("", 0), ("127.0.0.1", 70_000)],
)
def test_only_loopback(host: str, port: int) -> None:
    with pytest.raises(P2pdError) as caught, open_http_socket(host, port):
        pass
    assert caught.value.hint


def test_names_of_loopback() -> None:
    for host, shown in (
        ("localhost", "http://127.0.0.1:"),
        ("::1", "http://[::1]:"),
        ("[::1]", "http://[::1]:"),
    ):
        with open_http_socket(host, 0) as listener:
            assert http_url(listener).startswith(shown)
