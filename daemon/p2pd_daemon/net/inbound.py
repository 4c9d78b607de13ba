"""Serving the streams that others open: so many for each peer, each one ended, and a fault costs that stream only."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from libp2p.abc import INetStream

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.errors import NetworkError, RemoteProtocolError
from p2pd_daemon.net.streams import FOREIGN, end_stream, reset_stream

log = logging.getLogger(__name__)

Serve = Callable[[INetStream, PeerId], Awaitable[None]]


class Inbound:
    """One protocol's inbound streams. `name` is for the log and the counters, `total` 0 is no limit but each peer's.

    `refuse` may say politely that there are too many; without it such a stream is reset.
    """

    def __init__(
        self,
        name: str,
        serve: Serve,
        dropped: Counter[str],
        *,
        per_peer: int,
        total: int = 0,
        refuse: Serve | None = None,
    ) -> None:
        self._name = name
        self._serve = serve
        self._dropped = dropped
        self._per_peer = per_peer
        self._total = total
        self._refuse = refuse
        self._streams: Counter[PeerId] = Counter()

    async def handle_stream(self, stream: INetStream) -> None:
        """Serves one inbound stream to its end. Raises nothing but cancellation."""
        peer = PeerId(stream.muxed_conn.peer_id.to_base58())
        serve = self._refuse if self._is_full(peer) else self._serve
        if serve is not self._serve:
            self._dropped[f"{self._name} streams"] += 1
        if serve is None:
            await reset_stream(stream)
            return
        self._streams[peer] += 1
        clean = False
        try:
            await serve(stream, peer)
            clean = True
        except RemoteProtocolError as error:
            self._dropped[f"{self._name} protocol"] += 1
            log.info("%s with %s: %s", self._name, peer, error.message)
        except (NetworkError, *FOREIGN) as error:
            log.debug("%s with %s ended: %r", self._name, peer, error)
        except Exception:
            log.exception(
                "%s with %s failed here", self._name, peer
            )  # our store, or a bug: it costs this stream
        finally:
            self._streams[peer] -= 1
            if not self._streams[peer]:
                del self._streams[peer]
            await (end_stream(stream) if clean else reset_stream(stream))

    @property
    def open_streams(self) -> int:
        return self._streams.total()

    def _is_full(self, peer: PeerId) -> bool:
        return self._streams[peer] >= self._per_peer or bool(self._total and self.open_streams >= self._total)
