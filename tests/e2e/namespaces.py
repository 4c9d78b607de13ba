"""Network namespaces for nodes on one machine: a router, and hosts that reach each other through it only.

Plain veth and routing, so it runs on kernels without bridge and netem: loss and partitions are rules of nftables in
the router. Needs root. All is in namespaces of our own, and gone with them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Collection, Iterator


class HostsBehindRouter:
    """Host `n` has the address 10.77.n.2; what is between the hosts passes the router's forward chains."""

    def __init__(self, count: int) -> None:
        mark = f"p2pd{os.getpid()}"
        self._router = f"{mark}r"
        self._hosts = [f"{mark}h{number}" for number in range(count)]
        for name in (self._router, *self._hosts):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        self._in(self._router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        for number, host in enumerate(self._hosts):
            self._link(number, host)
        self._nft("add table ip lab")
        for chain, priority in (("split", -10), ("loss", -5)):
            hook = f"{{ type filter hook forward priority {priority}; policy accept; }}"
            self._nft(f"add chain ip lab {chain} {hook}")

    def prefix(self, number: int) -> tuple[str, ...]:
        """What goes before a command so that it runs on this host."""
        return ("ip", "netns", "exec", self._hosts[number])

    def listen(self, number: int) -> str:
        return f"/ip4/10.77.{number}.2/tcp/4001"

    def lose(self, percent: int) -> None:
        """Drops this share of all packets between hosts, from now on."""
        self._nft("flush chain ip lab loss")
        if percent:
            self._nft(f"add rule ip lab loss numgen random mod 100 < {percent} drop")

    def split(self, one_side: Collection[int]) -> None:
        """Drops all packets between these hosts and the others."""
        inside = ", ".join(f"10.77.{number}.2" for number in one_side)
        self._nft(f"add rule ip lab split ip saddr {{ {inside} }} ip daddr != {{ {inside} }} drop")
        self._nft(f"add rule ip lab split ip saddr != {{ {inside} }} ip daddr {{ {inside} }} drop")

    def heal(self) -> None:
        self._nft("flush chain ip lab split")

    def close(self) -> None:
        for name in (self._router, *self._hosts):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def _link(self, number: int, host: str) -> None:
        device = f"v{number}"
        peer = ("peer", "name", "up0", "netns", host)
        run("ip", "link", "add", device, "netns", self._router, "type", "veth", *peer)
        for name, link, last in ((self._router, device, 1), (host, "up0", 2)):
            run("ip", "-n", name, "addr", "add", f"10.77.{number}.{last}/30", "dev", link)
            run("ip", "-n", name, "link", "set", link, "up")
        run("ip", "-n", host, "route", "add", "default", "via", f"10.77.{number}.1")

    def _in(self, name: str, *command: str) -> None:
        run("ip", "netns", "exec", name, *command)

    def _nft(self, rule: str) -> None:
        self._in(self._router, "nft", rule)


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, f"{' '.join(command)}: {done.stderr}"


def why_not() -> str:
    """What is missing for namespaces here, "" when nothing is."""
    for program in ("ip", "nft", "sysctl"):
        if shutil.which(program) is None:
            return f"needs the program {program!r}"
    if os.geteuid() != 0:
        return "needs root"
    name = f"p2pd{os.getpid()}x"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"no network namespaces: {made.stderr.strip()}"
    tried = subprocess.run(
        ["ip", "netns", "exec", name, "nft", "add table ip lab"], capture_output=True, text=True, check=False
    )
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return f"no nftables: {tried.stderr.strip()}" if tried.returncode else ""


@contextlib.contextmanager
def open_hosts(count: int) -> Iterator[HostsBehindRouter]:
    hosts = HostsBehindRouter(count)
    try:
        yield hosts
    finally:
        hosts.close()
