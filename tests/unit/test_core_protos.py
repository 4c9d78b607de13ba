"""The generated protobuf modules are what the .proto files give."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_generated_modules_are_up_to_date(tmp_path: Path) -> None:
    pytest.importorskip("grpc_tools")
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "gen_protos.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    source = ROOT / "daemon"
    protos = list(source.rglob("*.proto"))
    assert len(protos) >= 4
    for proto in protos:
        for suffix in ("_pb2.py", "_pb2.pyi"):
            module = proto.with_name(proto.stem + suffix)
            assert (tmp_path / module.relative_to(source)).read_text() == module.read_text(), module


@pytest.mark.slow
def test_libp2p_s_messages_and_ours_live_in_one_process() -> None:
    program = (
        "import libp2p.pubsub.pb.rpc_pb2, libp2p.crypto.pb.crypto_pb2;"
        "from p2pd_daemon.core.pb import event_pb2, push_pb2, record_pb2;"
        "print(record_pb2.Record.DESCRIPTOR.full_name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "p2pd.v1.Record\n"


@pytest.mark.slow
def test_the_quick_commands_do_without_protobuf_and_cryptography() -> None:
    """`p2pd id` computes the peer ID; room names and sanitising belong to every command."""
    program = (
        "import sys, p2pd_daemon.core.keys, p2pd_daemon.core.peer_id, p2pd_daemon.core.terminal;"
        "print([name for name in ('google.protobuf', 'cryptography', 'libp2p') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"
