"""`p2pd connect`, `disconnect`, `peers`, `addrs`, `ping`."""

from __future__ import annotations

import time

import click

from p2pd_cli.call import ask
from p2pd_cli.complete import complete_peer
from p2pd_cli.output import local_time, one_line, print_json, print_table
from p2pd_cli.params import home_option, json_option
from p2pd_cli.quick_status import duration

DIAL_TIMEOUT_S = 15.0  # the daemon answers within 10


@click.command("connect")
@click.argument("addr", metavar="MULTIADDR|PEER", shell_complete=complete_peer)
@home_option
@json_option
def connect_command(addr: str, as_json: bool) -> None:
    """Connect to a node.

    By its multiaddr, or by name or peer ID if it was met before. It answers within 10 seconds.

    \b
    Example:
      p2pd connect /ip4/192.0.2.1/tcp/4100/p2p/12D3KooW…
    """
    connected = ask("POST", "/v1/connect", {"addr": addr}, timeout=DIAL_TIMEOUT_S)
    if as_json:
        print_json(connected)
    else:
        print(
            f"connected to {one_line(connected['peer_id'])} at {one_line(connected['addr'])}"
            f" in {connected['ms']:.0f} ms"
        )


@click.command("disconnect")
@click.argument("peer", shell_complete=complete_peer)
@home_option
@json_option
def disconnect_command(peer: str, as_json: bool) -> None:
    """Close the connection to a peer.

    Your node does not dial it until you connect again, and does not let it back in for
    10 minutes.

    \b
    Example:
      p2pd disconnect ana
    """
    done = ask("POST", "/v1/disconnect", {"peer": peer}, timeout=DIAL_TIMEOUT_S)
    if as_json:
        print_json(done)
    else:
        print(f"disconnected from {one_line(peer)}")


@click.command("peers")
@home_option
@json_option
def peers_command(as_json: bool) -> None:
    """List the peers that are connected now.

    \b
    Example:
      p2pd peers
      p2pd peers --json | jq -r .peer_id
    """
    peers = ask("GET", "/v1/peers")
    if as_json:
        for peer in peers:
            print_json(peer)
        return
    now_ms = int(time.time() * 1000)
    print_table(
        ("NAME", "PEER ID", "", "SINCE", "FOR", "RTT", "ADDRESS"),
        [
            (
                peer.get("name") or peer["nick"] or "-",
                peer["peer_id"],
                peer["direction"],
                local_time(peer["since_ms"]),
                duration(now_ms - peer["since_ms"]),
                "-" if peer["rtt_ms"] is None else f"{peer['rtt_ms']:.1f} ms",
                peer["addrs"][0] if peer["addrs"] else "-",
            )
            for peer in peers
        ],
    )


@click.command("addrs")
@home_option
@json_option
def addrs_command(as_json: bool) -> None:
    """List the multiaddrs for others to connect to this node.

    \b
    Example:
      p2pd addrs
      p2pd connect $(ssh other p2pd addrs | head -1)
    """
    for addr in ask("GET", "/v1/id")["addrs"]:
        if as_json:
            print_json({"addr": addr})
        else:
            print(one_line(addr))


@click.command("ping")
@click.argument("peer", shell_complete=complete_peer)
@click.option(
    "--count", "-c", type=click.IntRange(1, 100), default=3, show_default=True, help="How many times."
)
@home_option
@json_option
def ping_command(peer: str, count: int, as_json: bool) -> None:
    """Measure the round-trip time to a peer.

    \b
    Example:
      p2pd ping ana
      p2pd ping 12D3KooW… --count 10 --json
    """
    pinged = ask("POST", "/v1/ping", {"peer": peer, "count": count}, timeout=DIAL_TIMEOUT_S + 10 * count)
    if as_json:
        print_json(pinged)
        return
    times = pinged["rtt_ms"]
    for ms in times:
        print(f"{ms:.1f} ms")
    if times:
        low, high, mean = min(times), max(times), sum(times) / len(times)
        print(f"{one_line(peer)}: min {low:.1f}, mean {mean:.1f}, max {high:.1f} ms")
