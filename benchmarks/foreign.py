"""The peers of other libp2p implementations, in tests/interop/peers: which of them are built, and what starts them."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

PEERS = Path(__file__).parents[1] / "tests" / "interop" / "peers"
JS_FOLDER = PEERS / "js"
OLDEST_NODE = 22


@dataclass(frozen=True, slots=True)
class Foreign:
    """An implementation: `name` is its folder's, `title` what people call it."""

    name: str
    title: str

    @property
    def command(self) -> list[str] | None:
        """What starts its peer; None when `make interop` has not built it."""
        if self.name == "js":
            node = find_node()
            return [str(node), str(JS_FOLDER / "peer.mjs")] if node else None
        binary = PEERS / self.name / "bin" / "peer"
        return [str(binary)] if os.access(binary, os.X_OK) else None


GO = Foreign("go", "go-libp2p")
RUST = Foreign("rust", "rust-libp2p")
JS = Foreign("js", "js-libp2p")
IMPLEMENTATIONS = (GO, RUST, JS)
TITLES = (JS.title, GO.title, RUST.title)  # as references in tables, the one that targets name first


def build_missing() -> None:
    """Builds what is not built yet, as `make interop` does. What cannot be built is told, and left out."""
    missing = [foreign.name for foreign in IMPLEMENTATIONS if foreign.command is None]
    if missing:
        subprocess.run([PEERS.parent / "build", *missing], stdin=subprocess.DEVNULL, check=False)


def find_node() -> Path | None:
    """Node 22 or newer with the packages of the js peer, or None. The installed packages' own one goes first."""
    if not (JS_FOLDER / "node_modules" / "libp2p").is_dir():
        return None
    on_path = shutil.which("node")
    for candidate in (JS_FOLDER / "node_modules" / ".bin" / "node", on_path and Path(on_path)):
        if candidate and os.access(candidate, os.X_OK) and _major(candidate) >= OLDEST_NODE:
            return candidate
    return None


def _major(node: Path) -> int:
    try:
        done = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=10, check=True)
        return int(done.stdout.strip().removeprefix("v").split(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError):
        return 0
