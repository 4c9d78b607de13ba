"""Our side of zeroconf, which is imported (20 ms) only where mDNS is on, and after the start.

Everything here runs in worker threads, or in zeroconf's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio
from zeroconf import Error, IPVersion, ServiceBrowser, ServiceInfo, ServiceListener, Zeroconf

SERVICE = "_p2p._udp.local."
REQUEST_MS = 1000  # asking for a TXT record that did not come along


class MdnsService:
    """Sockets on these interfaces, from the start until `close`. Raises OSError or `Error`."""

    def __init__(
        self,
        interfaces: Sequence[str],
        name: str,
        token: trio.lowlevel.TrioToken,
        heard: Callable[[bytes], None],
    ) -> None:
        """`heard` gets each TXT record in the trio loop."""
        self._interfaces = list(interfaces)
        self._name = name
        self._zeroconf = Zeroconf(self._interfaces, ip_version=IPVersion.V4Only)
        try:
            self._browser = ServiceBrowser(self._zeroconf, SERVICE, _Listener(token, name, heard))
        except BaseException:
            self._zeroconf.close()
            raise

    def announce(self, txt: bytes, port: int, again: bool) -> None:
        """Takes a second. The name is random, so it is not probed for a conflict."""
        info = ServiceInfo(
            SERVICE,
            f"{self._name}.{SERVICE}",
            port=port,
            server=f"{self._name}.local.",
            properties=txt,
            parsed_addresses=self._interfaces,
        )
        if again:
            self._zeroconf.update_service(info)
        else:
            self._zeroconf.register_service(info, cooperating_responders=True)

    def close(self) -> None:
        """Says good-bye and ends the thread; takes 0.3 s."""
        try:
            self._browser.cancel()
        finally:
            self._zeroconf.close()


class _Listener(ServiceListener):
    """Called on zeroconf's browser thread."""

    def __init__(self, token: trio.lowlevel.TrioToken, own_name: str, heard: Callable[[bytes], None]) -> None:
        self._token = token
        self._own = f"{own_name}.{SERVICE}"
        self._heard = heard

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        if name == self._own:
            return
        info = ServiceInfo(type_, name)
        # The TXT record came with the announcement, or it is asked for.
        if info.load_from_cache(zc) or info.request(zc, REQUEST_MS):
            try:
                self._token.run_sync_soon(self._heard, info.text or b"")
            except trio.RunFinishedError:  # the daemon has ended in this moment
                return

    update_service = add_service

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        """A neighbour that leaves is noticed by its connection."""


__all__ = ["Error", "MdnsService"]
