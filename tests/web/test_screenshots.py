"""Pictures of the page for the documentation: wide and narrow, light and dark.

The test makes them each time; with P2PD_SCREENSHOTS set it puts them into docs/screenshots (`make screenshots`).
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from e2e.harness import Daemon, Net, eventually
from playwright.sync_api import expect
from web.harness import HTTP, PHONE, Opened, Pages, peer, room
from web.views import ROOM, VIEWS, View, settle

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
MOST_BYTES = 150_000
SHOWN = ["room", "conversation", "start", "network", "settings", "receive"]
WIDE = {"width": 1280, "height": 860}


def test_screenshots_are_made(net: Net, pages: Pages, tmp_path: Path) -> None:
    folder = FOLDER if os.environ.get("P2PD_SCREENSHOTS") else tmp_path
    folder.mkdir(exist_ok=True)
    ana, ben = settle(net)
    join_in(net, ana, ben)
    views = {view.name: view for view in VIEWS}
    for suffix, options in {
        "": {"viewport": WIDE},
        "-phone": {"viewport": PHONE, "is_mobile": True, "has_touch": True},
    }.items():
        opened = pages.open(ana, reduced_motion="reduce", **options)
        for name in SHOWN:
            show(views[name], opened, ana, ben)
            for scheme in ("light", "dark"):
                opened.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                picture = folder / f"{name}{suffix}{'-dark' if scheme == 'dark' else ''}.png"
                opened.page.screenshot(path=picture, animations="disabled", caret="hide")
                assert picture.stat().st_size < MOST_BYTES, picture
                assert struct.unpack(">II", picture.read_bytes()[16:24]) == tuple(
                    options["viewport"].values()
                )  # type: ignore[attr-defined]


def join_in(net: Net, ana: Daemon, ben: Daemon) -> None:
    """Two more people, so that there is more to see."""
    for daemon, nick in zip(net.daemons("cleo", "dora", options=HTTP), ("cleo", "dora"), strict=True):
        daemon.api("POST", "/v1/nick", {"nick": nick})
        daemon.join(ROOM)
        daemon.connect(ana)
        daemon.connect(ben)
        eventually(lambda daemon=daemon: daemon.members(ROOM) > 2, 30, what="the room")
        daemon.send(ROOM, {"cleo": "I can bring the wheelbarrow.", "dora": "And I bring cake ☕"}[nick])
        eventually(
            lambda nick=nick: any(one["name"] == nick for one in ana.api("GET", "/v1/peers")), what="the name"
        )
    ana.send(ROOM, "Then we have everything.")


def show(view: View, opened: Opened, ana: Daemon, ben: Daemon) -> None:
    """As it is mostly seen: nothing open but what the picture is about."""
    if view.name == "room":
        opened.page.goto(f"{opened.base}/{room(ROOM)}")
        expect(opened.message("Then we have everything.")).to_be_visible()
    elif view.name == "start":
        opened.page.goto(f"{opened.base}/#start")
        expect(opened.page.get_by_role("heading", level=1)).to_be_visible()
    elif view.name == "settings":
        opened.page.goto(f"{opened.base}/#settings")
        expect(opened.page.get_by_role("button", name="Block ben")).to_be_visible()
    elif view.name == "conversation":
        opened.page.goto(f"{opened.base}/{peer(ben.peer_id)}")
        expect(opened.message("I do. Tonight?")).to_be_visible()
    else:
        view.open(opened, ana, ben)
