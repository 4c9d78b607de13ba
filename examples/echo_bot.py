"""Repeats what others say in a room: `python examples/echo_bot.py [ROOM]`, beside a running daemon."""

import sys

import anyio
import p2pd_client


async def main(room: str) -> None:
    async with p2pd_client.connect() as node:
        me = (await node.id()).peer_id
        await node.join(room)
        async for message in node.messages(room):
            if message.from_ != me:
                await node.send(room, f"{message.name} said: {message.text}")


if __name__ == "__main__":
    anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else "lobby")
