"""Tests with peers of other implementations. All are marked `all`: they need what `make interop` builds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.harness import Daemon, Net, open_net
from interop.harness import (
    IMPLEMENTATIONS,
    TRANSPORTS,
    Foreign,
    Foreigners,
    ForeignPeer,
    connect,
    open_foreigners,
    require,
)
from interop.results import VERSIONS, Results

MARK = "cell(what, transports=['tcp']): what a test shows, as the README calls it, where it is not for each transport"
_results = Results()
_rooms = itertools.count(1)
HERE = Path(__file__).parent
LISTEN = tuple(word for addr in TRANSPORTS.values() for word in ("--listen", addr))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARK)


@pytest.hookimpl(tryfirst=True)  # before -m chooses by marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.all)


def pytest_deselected(items: list[pytest.Item]) -> None:
    _results.partial |= any(HERE in item.path.parents for item in items)


def pytest_collection_finish(session: pytest.Session) -> None:
    _results.expect([item for item in session.items if HERE in item.path.parents])


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _results.note(report)


def pytest_sessionfinish() -> None:
    _results.write()


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Foreign:
    """The implementation that a test is about."""
    require(request.param)
    found: Foreign = request.param
    return found


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=("p2pd", "peer"))
def dialler(request: pytest.FixtureRequest) -> str:
    """Who opens the connection."""
    return str(request.param)


@pytest.fixture
def foreigners(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Foreigners]:
    with open_foreigners(tmp_path) as found:
        yield found
    request.node.user_properties.append((VERSIONS, found.versions))


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    """Daemons of this test's own."""
    with open_net(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """The module's daemon, listening on TCP and WebSocket. Rooms and foreign peers are each test's own."""
    with open_net(tmp_path_factory.mktemp("p2pd")) as net:
        yield net.daemon("hub", *LISTEN)


@pytest.fixture
def room() -> str:
    """A room's name that no other test uses."""
    return f"room {next(_rooms)}"


@pytest.fixture
def neighbour(
    foreigners: Foreigners, daemon: Daemon, kind: Foreign, transport: str, dialler: str
) -> ForeignPeer:
    """A peer of each implementation, connected to the daemon over each transport, whoever dials."""
    peer = foreigners.start(kind)
    connect(daemon, peer, transport, dialler)
    return peer
