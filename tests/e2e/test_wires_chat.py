"""`p2pd chat` in rooms of other people's formats."""

from __future__ import annotations

from contextlib import closing

import pytest
from e2e.harness import Net, eventually
from e2e.test_cli_chat import CTRL_D, Terminal

pytestmark = pytest.mark.slow


def test_the_chat_joins_a_room_of_another_wire_and_comes_back_to_it(net: Net) -> None:
    node = net.daemon("node")
    with closing(Terminal(node.home, "universal-connectivity", "--wire", "text")) as chat:
        chat.expect("#universal-connectivity>")
        chat.type("hello from here\r")
        eventually(lambda: node.texts("universal-connectivity") == ["hello from here"], what="said")
        chat.type("/me waves\r")
        chat.expect("a room of the text wire cannot carry")
        chat.type("/join plaza --wire chat-room\r")
        chat.expect("#plaza>")
        chat.type(CTRL_D)
        assert chat.wait() == 0
    wires = {room["room"]: room["wire"] for room in node.json("rooms")}
    assert wires == {"universal-connectivity": "text", "plaza": "chat-room"}
    with closing(Terminal(node.home, "universal-connectivity")) as again:
        again.expect("hello from here")
        again.expect("#universal-connectivity>")
        again.type(CTRL_D)
        assert again.wait() == 0
