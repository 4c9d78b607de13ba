"""What a bootstrap node tells about itself over HTTP: `/` as JSON, `/health`, and `/metrics` for Prometheus.

It says how many, never who: registered peers and their tags are not listed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import trio
from p2pd_daemon.api.http11 import AsgiApp
from p2pd_daemon.core.keeping import KeptTotals
from p2pd_daemon.keeper.keeper import Keeper
from p2pd_daemon.net.host import OpenHost
from p2pd_daemon.version import __version__

from p2pd_bootstrap.service import RendezvousService

NAME = "p2pd-bootstrap"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_JSON = "application/json"


class About:
    """The node's numbers, read when asked for."""

    def __init__(
        self, opened: OpenHost, service: RendezvousService, connections: int, keeper: Keeper | None = None
    ) -> None:
        self._keeper = keeper
        self._kept: KeptTotals | None = None
        self._opened = opened
        self._service = service
        self._connections = connections
        self._started = trio.current_time()

    async def refresh(self) -> None:
        """What has to be waited for."""
        self._kept = await self._keeper.totals() if self._keeper is not None else None

    def uptime(self) -> float:
        return trio.current_time() - self._started

    def peers(self) -> int:
        return len(self._opened.swarm.connections)

    def as_json(self) -> dict[str, Any]:
        registry = self._service.registry
        return {
            "name": NAME,
            "version": __version__,
            "peer_id": self._opened.peer_id,
            "addrs": self._opened.addrs(),
            "uptime_ms": int(self.uptime() * 1000),
            "peers": self.peers(),
            "registrations": len(registry),
            "store": asdict(self._kept) if self._kept is not None else None,
            "limits": {"connections": self._connections, **asdict(registry.limits)},
        }

    def as_metrics(self) -> str:
        """https://prometheus.io/docs/instrumenting/exposition_formats/"""
        registry = self._service.registry
        lines: list[str] = []
        for name, value, about in (
            ("uptime_seconds", f"{self.uptime():.3f}", "Time since the start."),
            ("peers", self.peers(), "Connected peers."),
            ("registrations", len(registry), "Registrations that are kept, under all tags."),
            ("registered_peers", registry.peers, "Peers with at least one registration."),
            ("tags", registry.tags, "Tags with at least one registration."),
        ):
            lines += [f"# HELP p2pd_bootstrap_{name} {about}", f"# TYPE p2pd_bootstrap_{name} gauge"]
            lines.append(f"p2pd_bootstrap_{name} {value}")
        for name, value in asdict(self._kept).items() if self._kept is not None else ():
            lines += [
                f"# HELP p2pd_bootstrap_kept_{name} Kept for others.",
                f"# TYPE p2pd_bootstrap_kept_{name} gauge",
            ]
            lines.append(f"p2pd_bootstrap_kept_{name} {value}")
        lines += _counter("requests_total", "kind", "Rendezvous requests.", self._service.requests)
        lines += _counter("refused_total", "reason", "Requests and streams refused.", self._service.refused)
        lines += _counter("dropped_total", "reason", "What the host refused.", self._opened.dropped)
        return "\n".join(lines) + "\n"


def _counter(name: str, label: str, about: str, counts: Counter[str]) -> list[str]:
    head = [f"# HELP p2pd_bootstrap_{name} {about}", f"# TYPE p2pd_bootstrap_{name} counter"]
    rows = [
        f'p2pd_bootstrap_{name}{{{label}="{key.replace(" ", "_")}"}} {count}'
        for key, count in sorted(counts.items())
    ]
    return head + rows


def page(about: About) -> AsgiApp:
    """The ASGI application."""
    routes: dict[str, tuple[str, Callable[[], str]]] = {
        "/": (_JSON, lambda: json.dumps(about.as_json())),
        "/health": (_JSON, lambda: json.dumps({"ok": True})),
        "/metrics": (_METRICS, about.as_metrics),
    }

    async def app(scope: Any, receive: Any, send: Any) -> None:
        kind, build = routes.get(scope["path"], (_JSON, _not_found))
        status = 200 if scope["path"] in routes else 404
        if scope["method"] not in {"GET", "HEAD"}:
            status, kind, build = 405, _JSON, _not_allowed
        await about.refresh()
        body = build().encode()
        headers = [
            (b"content-type", kind.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"access-control-allow-origin", b"*"),  # pages may read what anybody may read
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def _not_found() -> str:
    return _error("not_found", "there is nothing here", "Try /, /health or /metrics.")


def _not_allowed() -> str:
    return _error("method_not_allowed", "this server only answers GET", "Use GET.")


def _error(code: str, message: str, hint: str) -> str:
    return json.dumps({"error": {"code": code, "message": message, "hint": hint}})
