"""The home folder of a running node: one daemon at a time, a key that is never overwritten, no harm from leftovers."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from e2e.harness import LOOPBACK, Net, run_cli
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.rsa import create_new_key_pair as create_new_rsa_pair
from libp2p.crypto.secp256k1 import create_new_key_pair as create_new_secp256k1_pair
from libp2p.peer.id import ID

pytestmark = pytest.mark.slow

QUIET = ("--listen", LOOPBACK, "--http", "off", "--no-mdns")
SEED = bytes(range(32))
PAIR = create_new_key_pair(SEED)
PEER_ID = ID.from_pubkey(PAIR.public_key).to_base58()
SHORT_FORM = PAIR.private_key.serialize()  # py-libp2p: the seed only
LONG_FORM = b"\x08\x01\x12\x40" + SEED + PAIR.public_key.to_bytes()  # as Go, Rust and JS write it


def test_two_daemons_on_one_home(net: Net) -> None:
    first = net.daemon("home")
    first.join("lobby")
    before = {
        name: (first.home / name).read_bytes() for name in ("run.json", "lock", "identity.key", "token")
    }
    for line in (["start", "--json", *QUIET], ["bootstrap", "--home", str(first.home)]):
        second = run_cli(*line, home=first.home)
        assert second.returncode == 1, second.stderr
        assert second.stdout == ""
        assert second.stderr.startswith("error: ")
        assert f"process {first.pid}" in second.stderr
        assert "hint: " in second.stderr
    assert {name: (first.home / name).read_bytes() for name in before} == before
    assert json.loads((first.home / "run.json").read_text())["pid"] == first.pid
    assert first.send("lobby", "still here")["state"] == "stored"
    assert first.json("status")[0]["pid"] == first.pid


def write(content: bytes, mode: int = 0o600) -> Callable[[Path], None]:
    def put(path: Path) -> None:
        path.write_bytes(content)
        path.chmod(mode)

    return put


UNUSABLE: dict[str, tuple[Callable[[Path], None], str]] = {
    "others can read it": (write(LONG_FORM, 0o644), "others can use the key"),
    "the group can write it": (write(SHORT_FORM, 0o620), "others can use the key"),
    "empty": (write(b""), "not a libp2p private key"),
    "cut off": (write(LONG_FORM[:40]), "not a libp2p private key"),
    "one bit flipped": (write(LONG_FORM[:-1] + bytes([LONG_FORM[-1] ^ 1])), "damaged"),
    "wrong length": (write(b"\x08\x01\x12\x1f" + SEED[:31]), "31"),
    "another form": (write(b"-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n"), "not a libp2p private key"),
    "RSA": (write(create_new_rsa_pair(2048).private_key.serialize()), "RSA"),
    "secp256k1": (write(create_new_secp256k1_pair(SEED).private_key.serialize()), "SECP256K1"),
    "a folder": (Path.mkdir, "folder"),
}


def state_of(path: Path) -> tuple[object, ...]:
    found = path.stat()
    return found.st_mode, found.st_ino, found.st_mtime_ns, path.read_bytes() if path.is_file() else b""


def test_an_unusable_key_is_reported_and_left_as_it_is(tmp_path: Path) -> None:
    def try_it(case: tuple[str, tuple[Callable[[Path], None], str]]) -> None:
        name, (put, said) = case
        home = tmp_path / name.replace(" ", "-")
        home.mkdir()
        key = home / "identity.key"
        put(key)
        before = state_of(key)
        for line in [["start", *QUIET], ["id"]][: 2 if name == "a folder" else 1]:
            done = run_cli(*line, home=home)
            assert done.returncode == 1, (name, done)
            assert done.stdout == "", name
            error, hint = done.stderr.splitlines()  # and no traceback
            assert error.startswith("error: "), name
            assert said in error, (name, error)
            assert str(key) in error
            assert hint.startswith("hint: "), name
        assert state_of(key) == before, name
        assert not (home / "store.sqlite3").exists()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(try_it, UNUSABLE.items()))


def test_a_key_is_imported_in_either_form(net: Net, tmp_path: Path) -> None:
    forms = {"py-libp2p": SHORT_FORM, "go": LONG_FORM}
    sources = {name: tmp_path / f"{name}.key" for name in forms}
    for name, content in forms.items():
        write(content)(sources[name])
    before = {name: state_of(path) for name, path in sources.items()}
    nodes = [net.daemon(name, "--key", str(path), start=False) for name, path in sources.items()]
    for node in nodes:
        node.launch()
    for node in nodes:
        node.wait_ready()
        assert node.peer_id == PEER_ID
        key = node.home / "identity.key"
        assert key.read_bytes() == LONG_FORM
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        node.kill()
        assert run_cli("id", home=node.home).stdout == PEER_ID + "\n"
    assert {name: state_of(path) for name, path in sources.items()} == before


def test_a_key_that_cannot_be_imported_makes_no_identity(tmp_path: Path) -> None:
    source = tmp_path / "rsa.key"
    UNUSABLE["RSA"][0](source)
    for path in (source, tmp_path / "missing.key"):
        done = run_cli("start", *QUIET, "--key", str(path), home=tmp_path / "home")
        assert done.returncode == 1
        assert str(path) in done.stderr
        assert not (tmp_path / "home" / "identity.key").exists()


def test_what_a_killed_daemon_leaves_does_not_hinder_a_start(net: Net) -> None:
    node = net.daemon("home")
    node.join("lobby")
    node.kill()
    run, lock, socket = (node.home / name for name in ("run.json", "lock", "p2pd.sock"))
    assert run.exists()
    assert lock.exists()
    assert socket.is_socket()
    # The kernel may have given the pid to somebody else since: to us, for example.
    run.write_text(json.dumps(json.loads(run.read_text()) | {"pid": os.getpid()}))
    lock.write_text(f"{os.getpid()}\n")
    for line in (["status"], ["rooms"], ["stop"]):
        done = run_cli(*line, home=node.home)
        assert done.returncode == 3, (line, done.stderr)
        assert done.stdout == ""
        assert "hint: " in done.stderr
        assert "p2pd start" in done.stderr
    node.start()
    assert json.loads(run.read_text())["pid"] == node.pid
    assert lock.read_text() == f"{node.pid}\n"
    assert [room["room"] for room in node.json("rooms")] == ["lobby"]
    assert node.stop() == 0
    assert not run.exists()
    assert not socket.exists()


def test_without_a_daemon_nothing_is_made(tmp_path: Path) -> None:
    home = tmp_path / "nobody"
    for line in (["status"], ["status", "--json"], ["peers"], ["stop"]):
        done = run_cli(*line, home=home)
        assert done.returncode == 3
        assert done.stdout == ""
        assert "hint: " in done.stderr
    assert not home.exists()


def test_homes_with_paths_that_no_socket_can_have(net: Net) -> None:
    """sockaddr_un has room for 107 bytes; two such homes must not get in each other's way."""
    ann, bob = net.daemons("x" * 150 + "/ann", "x" * 150 + "/bob")
    assert ann.ready["socket"] != bob.ready["socket"]
    for node in (ann, bob):
        socket = Path(node.ready["socket"])
        assert len(os.fsencode(socket)) <= 100
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert node.json("status")[0]["home"] == str(node.home)
    assert ann.stop() == 0
    assert not Path(ann.ready["socket"]).exists()
    assert bob.json("id")[0]["peer_id"] == bob.peer_id
