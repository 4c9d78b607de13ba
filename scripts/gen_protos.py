"""Generate `*_pb2.py` and `.pyi` beside each .proto file of the daemon.

Run with the dev tools' Python: `python scripts/gen_protos.py [OUT]`. OUT is where the tree is written, by default
`daemon/`, the sources themselves.
"""

from __future__ import annotations

import sys
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

SOURCES = Path(__file__).resolve().parent.parent / "daemon"


def generate(out: Path) -> int:
    protos = sorted(str(path) for path in SOURCES.rglob("*.proto"))
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    flags = [f"-I{SOURCES}", f"-I{well_known}", f"--python_out={out}", f"--pyi_out={out}"]
    return int(protoc.main(["protoc", *flags, *protos]))


if __name__ == "__main__":
    sys.exit(generate(Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCES))
