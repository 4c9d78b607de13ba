"""libp2p's log, routed into ours at DEBUG: what it calls an error is mostly a stranger's doing."""

from __future__ import annotations

import logging

log = logging.getLogger("p2pd_daemon.net.libp2p")


class _Demote(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s %s: %s", record.levelname, record.name, record.getMessage())


def route() -> None:
    """Idempotent. Without it warnings reach stderr by Python's last resort (propagate is off, and no handler set)."""
    libp2p = logging.getLogger("libp2p")
    if not any(isinstance(handler, _Demote) for handler in libp2p.handlers):
        libp2p.addHandler(_Demote())
    libp2p.propagate = False
    # It also calls logging.debug() of the root logger, which installs a handler on stderr when there is none.
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.NullHandler())
