"""The key file: made once, private, in the form Go and Rust read, never overwritten whatever is wrong with it."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from libp2p.crypto.ed25519 import create_new_key_pair
from p2pd_daemon.core.keys import SigningKey, encode_private_key
from p2pd_daemon.errors import IdentityError
from p2pd_daemon.identity import import_identity, load_identity, load_or_create_identity
from p2pd_daemon.paths import Home, open_home

SEED = bytes(range(32))
# The seed above as go-libp2p's crypto.MarshalPrivateKey writes it: type 1, 64 bytes, seed then public key.
GO_FORM = bytes.fromhex(
    "08011240"
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return open_home(tmp_path / "home")


def put(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_new_key_is_private_and_found_again(home: Home) -> None:
    key = load_or_create_identity(home)
    assert stat.S_IMODE(home.identity.stat().st_mode) == 0o600
    assert len(home.identity.read_bytes()) == 68
    assert load_or_create_identity(home).peer_id == key.peer_id
    assert os.listdir(home.path) == ["identity.key"]  # no temporary file is left


def test_the_file_is_what_go_and_rust_write(home: Home) -> None:
    import_identity(home, put(home.path / "seed.key", encode_private_key(SigningKey.from_seed(SEED))))
    assert home.identity.read_bytes() == GO_FORM


@pytest.mark.parametrize(
    "content",
    [
        GO_FORM,
        b"\x08\x01\x12\x20" + SEED,  # py-libp2p
        b"\x08\x01\x12\x60" + GO_FORM[4:] + GO_FORM[36:],  # go-libp2p before 2019
    ],
    ids=["64 bytes", "32 bytes", "96 bytes"],
)
def test_every_form_of_an_ed25519_key_is_read(home: Home, content: bytes) -> None:
    put(home.identity, content)
    assert load_or_create_identity(home).seed == SEED
    assert home.identity.read_bytes() == content


def test_a_key_of_py_libp2p_has_the_same_peer_id(home: Home) -> None:
    from libp2p.peer.id import ID

    pair = create_new_key_pair(SEED)
    put(home.identity, pair.private_key.serialize())
    assert load_or_create_identity(home).peer_id == ID.from_pubkey(pair.public_key).to_base58()


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (GO_FORM, 0o644, "others can use the key"),
        (GO_FORM, 0o660, "others can use the key"),
        (b"", 0o600, "not a libp2p private key"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\n", 0o600, "not a libp2p private key"),
        (GO_FORM[:-1], 0o600, "not a libp2p private key"),
        (GO_FORM[:-1] + b"\x00", 0o600, "damaged"),
        (b"\x08\x01\x12\x21" + SEED + b"\x00", 0o600, "32, 64 or 96 bytes"),
        (b"\x08\x00\x12\x20" + SEED, 0o600, "RSA"),
        (b"\x08\x02\x12\x20" + SEED, 0o600, "SECP256K1"),
        (bytes(100_000), 0o600, "too large"),
    ],
)
def test_an_unusable_file_is_reported_and_left_alone(
    home: Home, content: bytes, mode: int, said: str
) -> None:
    put(home.identity, content, mode)
    with pytest.raises(IdentityError, match=said) as caught:
        load_or_create_identity(home)
    assert str(home.identity) in caught.value.message
    assert caught.value.hint
    assert home.identity.read_bytes() == content


def test_a_folder_a_pipe_and_a_dangling_link_are_no_key_files(home: Home) -> None:
    home.identity.mkdir()
    with pytest.raises(IdentityError, match="is a folder"):
        load_or_create_identity(home)
    home.identity.rmdir()
    os.mkfifo(home.identity)
    with pytest.raises(IdentityError, match="not a plain file"):
        load_or_create_identity(home)
    home.identity.unlink()
    home.identity.symlink_to(home.path / "gone")
    with pytest.raises(IdentityError, match="is a link to a file that is not there"):
        load_or_create_identity(home)


def test_two_that_start_at_once_get_the_same_key(home: Home) -> None:
    found: list[str] = []
    gate = threading.Barrier(8)

    def start() -> None:
        gate.wait()
        found.append(load_or_create_identity(home).peer_id)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_import_copies_once_and_refuses_another_key(home: Home, tmp_path: Path) -> None:
    source = put(tmp_path / "mine.key", GO_FORM)
    key = import_identity(home, source)
    assert load_identity(home.identity).peer_id == key.peer_id
    assert import_identity(home, source).peer_id == key.peer_id
    other = put(tmp_path / "other.key", encode_private_key(SigningKey.from_seed(bytes(32))))
    with pytest.raises(IdentityError, match="already has an identity") as caught:
        import_identity(home, other)
    assert key.peer_id in caught.value.message
    assert home.identity.read_bytes() == GO_FORM


def test_import_of_a_missing_file(home: Home, tmp_path: Path) -> None:
    with pytest.raises(IdentityError, match="there is no key file"):
        import_identity(home, tmp_path / "gone.key")
    assert not home.identity.exists()
