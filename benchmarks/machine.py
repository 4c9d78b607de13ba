"""What the figures were taken on."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path


def describe_machine(folder: Path, node: Path | None) -> dict[str, str | int | float | None]:
    """`folder` is where the nodes' homes are: a commit costs what its file system takes to write one."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "node": _node_version(node),
        "homes_on": _file_system(folder),
        "load": round(os.getloadavg()[0], 1),
    }


def machine_line(machine: dict[str, str | int | float | None]) -> str:
    """One line for a person."""
    node = f"Node {machine['node']}" if machine["node"] else "no Node"
    return (
        f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gib']} GiB, {machine['system']}, "
        f"Python {machine['python']}, {node}, homes on {machine['homes_on']}, load {machine['load']} before"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _node_version(node: Path | None) -> str | None:
    if node is None:
        return None
    done = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip().removeprefix("v")


def _file_system(folder: Path) -> str:
    """The type of the file system that `folder` is on: the mount with the longest path above it."""
    best, kind = "", "an unknown file system"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, found, *_ = line.split()
        if folder.resolve().is_relative_to(point) and len(point) >= len(best):
            best, kind = point, found
    return kind
