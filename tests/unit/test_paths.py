"""The home folder: one daemon at a time, a socket path the kernel takes, and a run.json that does not lie."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from p2pd_daemon.errors import AlreadyRunning, P2pdError
from p2pd_daemon.paths import (
    Home,
    Running,
    hold_home,
    holder_of,
    home_path,
    load_run_file,
    open_home,
    remove_run_file,
    save_run_file,
    socket_path,
    write_private_file,
)

HOLD = """
import sys
from pathlib import Path
from p2pd_daemon.paths import Home, hold_home
with hold_home(Home(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return open_home(tmp_path / "home")


def start_holder(home: Home) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def stop_holder(holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.communicate()


def test_home_is_what_is_given_then_the_environment_then_the_platform(tmp_path: Path) -> None:
    assert home_path(tmp_path, {"P2PD_HOME": "/elsewhere"}) == tmp_path
    assert home_path(None, {"P2PD_HOME": "/elsewhere"}) == Path("/elsewhere")
    assert home_path("relative", {}).is_absolute()
    assert home_path(None, {}).name == "p2pd"
    assert home_path(None, {"P2PD_HOME": ""}) == home_path(None, {})


def test_the_folder_is_private(tmp_path: Path) -> None:
    home = open_home(tmp_path / "a" / "b")
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(P2pdError, match="is not a folder"):
        open_home(tmp_path / "file")
    with pytest.raises(P2pdError, match="is not a folder"):
        open_home(tmp_path / "file" / "home")


@pytest.mark.slow
def test_a_second_holder_is_refused_with_the_pid_of_the_first(home: Home) -> None:
    assert holder_of(home) is None
    holder = start_holder(home)
    try:
        assert holder_of(home) == holder.pid
        with pytest.raises(AlreadyRunning, match=f"process {holder.pid}"), hold_home(home):
            pass
    finally:
        stop_holder(holder)
    assert holder_of(home) is None
    with hold_home(home):
        assert holder_of(home) == os.getpid()


def test_a_run_file_counts_only_while_somebody_holds_the_home(home: Home) -> None:
    running = Running(os.getpid(), "/s", "http://127.0.0.1:8080", "12D3KooW", 1)
    save_run_file(home, running)
    assert load_run_file(home) is None  # as after kill -9
    with hold_home(home):
        assert load_run_file(home) == running
        assert json.loads(home.run.read_text())["pid"] == os.getpid()
        home.run.write_text("{")
        assert load_run_file(home) is None
        remove_run_file(home)
        remove_run_file(home)
        assert load_run_file(home) is None


def test_a_lock_file_that_cannot_be_opened(home: Home) -> None:
    home.lock.mkdir()
    with pytest.raises(P2pdError, match="cannot write"), hold_home(home):
        pass


@pytest.mark.slow
def test_the_lock_of_a_killed_daemon_is_free(home: Home) -> None:
    holder = start_holder(home)
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    with hold_home(home):
        pass


def test_the_socket_is_in_the_home_where_its_path_fits(home: Home) -> None:
    assert socket_path(Home(Path("/h"))) == Path("/h/p2pd.sock")


def test_a_long_home_gets_a_private_folder_of_its_own(tmp_path: Path) -> None:
    runtime = tmp_path / "r"
    runtime.mkdir()
    long = Home(tmp_path / ("x" * 120))
    longer = Home(tmp_path / ("x" * 121))
    environ = {"XDG_RUNTIME_DIR": str(runtime)} if len(str(runtime)) < 70 else {}
    path = socket_path(long, environ)
    assert len(os.fsencode(path)) <= 100
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path == socket_path(long, environ)
    assert path != socket_path(longer, environ)
    path.parent.chmod(0o755)  # others could put a socket of theirs in it
    assert path != socket_path(long, environ) if environ else True
    path.parent.chmod(0o700)


def test_write_private_file_replaces_or_refuses(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_private_file(path, b"one")
    write_private_file(path, b"two")
    with pytest.raises(FileExistsError):
        write_private_file(path, b"three", replace=False)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["f"]
