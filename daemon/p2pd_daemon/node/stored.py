"""Our own records as the store gives them back: a damaged disk may have changed them."""

from __future__ import annotations

import logging

from p2pd_daemon.core.record import Record, decode_record, verify_record
from p2pd_daemon.errors import RemoteProtocolError

log = logging.getLogger(__name__)

DAMAGED = "damaged on this node's disk"


def stored_record(raw: bytes, what: str) -> Record | None:
    """None, with `what` in the log, when it is no longer what was signed: others would take us for a liar."""
    try:
        record = decode_record(raw, max_bytes=0)
        verify_record(record)
    except RemoteProtocolError as error:
        log.warning("%s is damaged in the store: %s", what, error.message)
        return None
    return record
