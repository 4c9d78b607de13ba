"""Writes docs/API.md from the table of routes and the shapes. With --check it only says whether the file is true."""

from __future__ import annotations

import re
import sys
import typing
from pathlib import Path
from typing import Any

import msgspec
from p2pd_client import asked, shapes
from p2pd_daemon.api.route import Route
from p2pd_daemon.api.routes import ROUTES
from p2pd_daemon.errors import P2pdError

TARGET = Path(__file__).parent.parent / "docs" / "API.md"

HEAD = """# The control API

Everything that `p2pd` does goes through this API of one's own daemon, version 1. This page is made from the table that the
daemon serves (`scripts/gen_api_doc.py`); `/openapi.json` has the same in full for programs.

**Where.** On the unix socket that `run.json` in the home folder names: no token, only its owner can open it. On loopback
TCP (`http`): programs with the token in the file `token` of the home folder, as `Authorization: Bearer TOKEN`; browsers
with the cookie that they get for a one-time code, in a link `/?token=CODE` that `p2pd start`, `p2pd web` and
`POST /v1/page-link` give. The page itself (`/`, `/receive`, `/send`, `/web/…`), `/health` and `/openapi.json` are for
anybody. Requests whose Host is not a loopback name, or whose Origin is another page's, are refused.

**How.** `GET` takes a query string, `POST` a JSON object (`Content-Type: application/json`). Names of rooms and people
travel in these and never in the path, so any Unicode works. Unknown fields and parameters are errors.

**Errors** have the status of their kind and the body `{"error": {"code", "message", "hint"}}`: what happened, and what to do.

**Events.** `GET /v1/events` is a stream of server-sent events: `id` rises (after a crash some numbers are
left out), is stored, and survives restarts; `Last-Event-ID` (or `after=N`) continues after that number and misses none.
Without either the stream begins now.
`kinds=message,delivery` and `room=NAME` choose. When events after the number are no longer kept, a `gap` event comes first.

| kind | data |
|---|---|
| `message` | a `Message` |
| `edit`, `delete`, `reaction` | the `Message` that changed, as it is now; `by`, `by_name`: whose doing; `change_id`; of a reaction `symbol` and `remove` |
| `delivery` | `id`, `room` or `peer`, `state`, `reason`, `sent_to`: what became of a message of one's own |
| `profile` | `peer_id`, `nick`, `status`: somebody's nickname changed |
| `peer` | `peer_id`, `connected` |
| `member` | `room`, `peer_id`, `joined`: a connected peer entered or left a room |
| `room` | `room`, `joined`: this node entered or left a room |
| `synced` | `room`, `peer_id`, `got`, `gave`, `complete`: a comparison with a peer brought or gave records |
| `missed_chat` | `peer_id`: somebody wanted to chat by lines, and nobody waited for that |
| `imported` | `room` or `peer`, `new`: a batch of an export was taken in |
| `gap` | `oldest`, `newest`: numbers of the events that are kept |

**Many messages.** `POST /v1/send/lines?room=NAME` takes lines of JSON (`Content-Type: application/x-ndjson`), each a
`SendLine`: `text`, and `kind` where it is not `text`. The answer has a line for each that is not empty, a `Receipt`: its
number, and `id`, `ts_ms` and `state`, or an `error` that costs none of the others. Receipts come in the order of the lines,
once each is stored and published, while lines still go up; the body is read as fast as the room's members take the messages,
so read the receipts while you write. After a broken connection everything that had a receipt is stored, and what reached
the daemon is sent.

**Chats by lines.** `POST /v1/chat/lines?peer=PEER` opens `/chat/1.0.0` to a peer, without `peer` it waits for the next one who
calls. Lines of JSON both ways, for as long as the request lasts: the body has a `ChatSay` each, the answer a `ChatLine`: first
`peer_id`, `name` and `agent`, then each `text`, `ended` when they say no more, or an `error` that ends it. The end of the body
says that we say no more; when both have, the answer ends. Hanging up ends the chat.

```sh
curl --unix-socket "$P2PD_HOME/p2pd.sock" http://p2pd/v1/status
curl --unix-socket "$P2PD_HOME/p2pd.sock" http://p2pd/v1/send --json '{"room": "lobby", "text": "hello"}'
seq 3 | sed 's/.*/{"text": "&"}/' | curl --unix-socket "$P2PD_HOME/p2pd.sock" -T - -X POST \\
  -H 'Content-Type: application/x-ndjson' 'http://p2pd/v1/send/lines?room=lobby'
curl --unix-socket "$P2PD_HOME/p2pd.sock" -N 'http://p2pd/v1/events?kinds=message'
```

## Requests
"""


def render() -> str:
    parts = [HEAD]
    used: dict[str, Any] = {}
    for route in ROUTES:
        parts.append(_section(route, used))
    parts.append(
        "## Shapes\n\nTimes are Unix milliseconds, peer IDs base58 text, record ids 64 hexadecimal digits.\n"
    )
    for streamed in (asked.SendLine, shapes.Receipt, asked.ChatSay, shapes.ChatLine):
        _collect(streamed, used)
    for name in sorted(used):
        parts.append(_shape(used[name]))
    return "\n".join(parts)


def _section(route: Route, used: dict[str, Any]) -> str:
    lines = [f"### {route.method} {route.path}\n", f"{route.summary}.\n"]
    if route.request is not None and route.request is not asked.NoArguments:
        lines.append(f"Takes {_fields(route.request)}.\n")
    lines.append(f"Answers {_type_name(route.response, used)}.\n")
    codes = [error.code for error in route.errors if issubclass(error, P2pdError)]
    if codes:
        lines.append(f"Errors: {', '.join(f'`{code}`' for code in codes)}.\n")
    return "\n".join(lines)


def _fields(shape: type[msgspec.Struct]) -> str:
    return ", ".join(
        f"`{field.encode_name}`" + ("" if field.required else " (optional)")
        for field in msgspec.structs.fields(shape)
    )


def _shape(shape: type[msgspec.Struct]) -> str:
    doc = " ".join((shape.__doc__ or "").split())
    about = "" if doc.startswith(f"{shape.__name__}(") else f"\n{doc}\n"
    rows = "\n".join(
        f"| `{field.encode_name}` | {_plain(field.type)} |" for field in msgspec.structs.fields(shape)
    )
    return f"### {shape.__name__}\n{about}\n| field | type |\n|---|---|\n{rows}\n"


def _type_name(of: Any, used: dict[str, Any]) -> str:
    arguments = typing.get_args(of)
    if arguments:
        return f"an array of {_type_name(arguments[0], used)}"
    _collect(of, used)
    return f"[{of.__name__}](#{of.__name__.lower()})"


def _collect(of: Any, used: dict[str, Any]) -> None:
    """The shape and those inside it."""
    if isinstance(of, type) and issubclass(of, msgspec.Struct):
        used[of.__name__] = of
        for field in msgspec.structs.fields(of):
            _collect(field.type, used)
    for argument in typing.get_args(of):
        _collect(argument, used)


def _plain(of: Any) -> str:
    if typing.get_origin(of) is typing.Annotated:
        of = typing.get_args(of)[0]
    text = of.__name__ if isinstance(of, type) and not typing.get_args(of) else str(of)
    return re.sub(r"typing\.|p2pd_client\.\w+\.", "", text).replace("|", "or")


def main() -> int:
    page = render()
    if "--check" in sys.argv[1:]:
        return 0 if TARGET.exists() and TARGET.read_text(encoding="utf-8") == page else 1
    TARGET.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
