"""The type of `task_status`, which trio's own `TaskStatus` would be.

libp2p installs the old `trio-stubs`, which hide trio's types from type checkers and do not know it.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

T_contra = TypeVar("T_contra", contravariant=True)


class TaskStatus(Protocol[T_contra]):
    def started(self, value: T_contra) -> None: ...
