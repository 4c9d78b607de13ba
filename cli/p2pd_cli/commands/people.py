"""`p2pd nick`, `contacts`, `block`, `unblock`."""

from __future__ import annotations

import click

from p2pd_cli.call import ask
from p2pd_cli.complete import complete_peer
from p2pd_cli.output import local_time, one_line, print_json, print_table
from p2pd_cli.params import home_option, json_option


@click.command("nick")
@click.argument("name", required=False)
@click.option("--clear", is_flag=True, help="Have no nickname.")
@home_option
@json_option
def nick_command(name: str | None, clear: bool, as_json: bool) -> None:
    """Show your nickname, or take another. It is announced, signed, in every room.

    \b
    Example:
      p2pd nick
      p2pd nick ana
    """
    if clear and name:
        raise click.UsageError("Give a name or --clear, not both.", click.get_current_context())
    changes = clear or name is not None
    shown = ask("POST", "/v1/nick", {"nick": name or ""}) if changes else ask("GET", "/v1/nick")
    if as_json:
        print_json(shown)
    elif shown["nick"]:
        print(one_line(shown["nick"]))


@click.group("contacts", invoke_without_command=True)
@home_option
@json_option
@click.pass_context
def contacts_command(context: click.Context, as_json: bool) -> None:
    """List people, and give them names of your own.

    Listed is everybody whom this node knows by a name.

    \b
    Example:
      p2pd contacts
      p2pd contacts name 12D3KooW… ana
      p2pd contacts remove ana
    """
    if context.invoked_subcommand is None:
        _list_contacts(as_json)


@contacts_command.command("list")
@home_option
@json_option
def contacts_list_command(as_json: bool) -> None:
    """List the people this node knows by name.

    \b
    Example:
      p2pd contacts list --json
    """
    _list_contacts(as_json)


def _list_contacts(as_json: bool) -> None:
    contacts = ask("GET", "/v1/contacts")
    if as_json:
        for contact in contacts:
            print_json(contact)
        return
    print_table(
        ("NAME", "NICKNAME", "PEER ID", "SEEN", ""),
        [
            (
                contact["name"] or "-",
                contact["nick"] or "-",
                contact["peer_id"],
                "connected" if contact["connected"] else local_time(contact["last_seen_ms"]),
                "blocked" if contact["blocked"] else "",
            )
            for contact in contacts
        ],
    )


@contacts_command.command("name")
@click.argument("peer", shell_complete=complete_peer)
@click.argument("name")
@home_option
@json_option
def contacts_name_command(peer: str, name: str, as_json: bool) -> None:
    """Give somebody a name of your own. Only this node knows it, and it goes before their nickname.

    \b
    Example:
      p2pd contacts name 12D3KooW… ana
    """
    contact = ask("POST", "/v1/contacts", {"peer": peer, "petname": name})
    if as_json:
        print_json(contact)
    else:
        print(f"{one_line(contact['peer_id'])} is {one_line(contact['name'])}")


@contacts_command.command("remove")
@click.argument("peer", shell_complete=complete_peer)
@home_option
@json_option
def contacts_remove_command(peer: str, as_json: bool) -> None:
    """Forget the name that you gave to somebody.

    \b
    Example:
      p2pd contacts remove ana
    """
    done = ask("POST", "/v1/contacts/remove", {"peer": peer})
    if as_json:
        print_json(done)
    else:
        print(f"removed {one_line(peer)}")


@click.command("block")
@click.argument("peer", required=False, shell_complete=complete_peer)
@home_option
@json_option
def block_command(peer: str | None, as_json: bool) -> None:
    """Block a peer, or list whom you have blocked.

    Direct messages of a blocked peer are refused, and what they say in rooms is hidden.

    \b
    Example:
      p2pd block 12D3KooW…
      p2pd block
    """
    if peer is not None:
        _set_blocked("/v1/block", peer, "blocked", as_json)
        return
    for contact in ask("GET", "/v1/blocks"):
        if as_json:
            print_json(contact)
        else:
            print(f"{one_line(contact['peer_id'])} {one_line(contact['name'])}".rstrip())


@click.command("unblock")
@click.argument("peer", shell_complete=complete_peer)
@home_option
@json_option
def unblock_command(peer: str, as_json: bool) -> None:
    """Unblock a peer.

    \b
    Example:
      p2pd unblock 12D3KooW…
    """
    _set_blocked("/v1/unblock", peer, "unblocked", as_json)


def _set_blocked(path: str, peer: str, word: str, as_json: bool) -> None:
    done = ask("POST", path, {"peer": peer})
    if as_json:
        print_json(done)
    else:
        print(f"{word} {one_line(peer)}")
