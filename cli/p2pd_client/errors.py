"""What can go wrong between a client and its daemon. Imports nothing, so that quick commands stay quick."""

from __future__ import annotations

# Each of the daemon's error codes and the exit code a command ends with: a test keeps this equal to the
# daemon's.
EXIT_CODES = {
    "internal": 1,
    "local_protocol": 1,
    "remote_protocol": 5,
    "bad_request": 2,
    "bad_room_name": 2,
    "bad_text": 2,
    "bad_multiaddr": 2,
    "bad_peer_id": 2,
    "bad_config": 2,
    "not_found": 1,
    "method_not_allowed": 1,
    "unsupported_media_type": 1,
    "timeout": 1,
    "no_such_room": 4,
    "no_such_peer": 4,
    "no_such_message": 4,
    "ambiguous_peer": 4,
    "ambiguous_message": 4,
    "network": 5,
    "dial_failed": 5,
    "connection_refused": 5,
    "connection_ended": 5,
    "dial_timeout": 5,
    "wrong_peer_id": 5,
    "self_dial": 5,
    "peer_unreachable": 5,
    "address_in_use": 5,
    "refused": 6,
    "blocked": 6,
    "not_spoken": 6,
    "unauthorized": 6,
    "too_large": 6,
    "over_limit": 6,
    "identity": 1,
    "already_running": 1,
    "store": 1,
    "store_damaged": 1,
    "store_too_new": 1,
}


class ApiError(Exception):
    """The daemon's answer was an error. `code` is stable; `status` is the HTTP status, 0 without an
    answer.
    """

    def __init__(self, code: str, message: str, hint: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.status = status

    @property
    def exit_code(self) -> int:
        """What a command that meets this error exits with; 1 for a code of a newer daemon."""
        return EXIT_CODES.get(self.code, 1)


class DaemonNotRunning(ApiError):
    """Nobody listens where the daemon should."""

    def __init__(self, where: str) -> None:
        super().__init__("not_running", f"no daemon is running ({where})", "start it: p2pd start --detach")

    @property
    def exit_code(self) -> int:
        return 3


class ConnectionLost(ApiError):
    """The daemon went away in the middle, or did not answer in time; what was asked may have been done."""

    def __init__(self, what: str) -> None:
        super().__init__("connection_lost", what, "see whether it still runs: p2pd status")


def error_from(status: int, answer: object) -> ApiError:
    """The error in an answer (decoded JSON) whose status is not 2xx; any other content gives code
    `internal`.
    """
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        return ApiError("internal", f"the daemon answered with status {status}", status=status)
    code, message, hint = (str(error.get(name, "")) for name in ("code", "message", "hint"))
    return ApiError(code, message, hint, status)
