"""`p2pd export`, `verify`, `import`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

import click
from p2pd_daemon.core.export_check import ExportCheck, Fault
from p2pd_daemon.core.terminal import json_line

from p2pd_cli.complete import complete_place
from p2pd_cli.export_files import FaultList, checked_lines, export_lines, open_export, own_key, tell_summary
from p2pd_cli.export_import import Importing
from p2pd_cli.failures import CliError
from p2pd_cli.output import note, one_line, print_json
from p2pd_cli.params import home_option, json_option
from p2pd_cli.since import Since, SinceType

file_argument = click.argument(
    "file", metavar="FILE", type=click.Path(dir_okay=False, allow_dash=True), required=True
)


@click.command("export")
@click.argument("target", metavar="ROOM|PEER", shell_complete=complete_place)
@click.option(
    "--since", type=SinceType(), metavar="WHEN", help="Only what was said since: 10m, 2h, a date, or an id."
)
@home_option
@click.option(
    "--json", "as_json", is_flag=True, help="Changes nothing: an export is JSON, one object a line."
)
def export_command(target: str, since: Since | None, as_json: bool) -> None:
    """Write a room or a conversation to standard output.

    All of it, with every author's signature, so that anybody can check the file with `p2pd verify`. What arrives
    meanwhile is left out. Of a conversation it shows the texts that this node can read: keep such a file to yourself.

    \b
    Example:
      p2pd export lobby > lobby.jsonl
      p2pd export lobby --since 7d | gzip > week.jsonl.gz
      p2pd export ana > ana.jsonl
    """
    del as_json
    check = ExportCheck(signatures=False)  # what the store or the way here has damaged is told at once
    faults = FaultList(lambda fault: note(str(fault)))
    for fields in export_lines(target, since):
        line = json_line(fields)
        print(line)
        faults.add(check.feed(line.encode()).faults)
    sys.stdout.flush()
    faults.add(check.finish())
    if faults.count:
        raise CliError(
            f"the export has {faults.count} faults",
            hint="A record may have been deleted meanwhile: try again. If it stays, the store is damaged.",
        )


@click.command("verify")
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(dir_okay=False, allow_dash=True)
)
@home_option
@json_option
def verify_command(files: Sequence[str], as_json: bool) -> None:
    """Check exported rooms, without a daemon and without a network.

    Every signature, id and shown text, the order, and that nothing is missing from what the exporter had. Each
    fault is named with its line; the exit code is 1 when there is any. `-` is standard input.

    Texts of a conversation can be checked by the two who had it, with their identity in --home.

    \b
    Example:
      p2pd verify lobby.jsonl
      p2pd export lobby | p2pd verify -
      p2pd verify *.jsonl --json | jq -r 'select(.ok | not) | .file'
    """
    bad = 0
    for file in files:
        check = ExportCheck(key=own_key())
        listed = FaultList(None if as_json else partial(_print_fault, file))
        with open_export(file) as lines:
            for _ in checked_lines(check, lines, listed):
                pass
        bad += bool(listed.count)
        tell_summary(file, check.summary, listed, as_json=as_json)
    if bad:
        raise click.exceptions.Exit(1)


def _print_fault(file: str, fault: Fault) -> None:
    print(one_line(f"{file}:{fault.line}: {fault.what}"))


@click.command("import")
@file_argument
@home_option
@json_option
def import_command(file: str, as_json: bool) -> None:
    """Take what an exported file holds into this node.

    Records are checked as if somebody had sent them; a damaged line is skipped and named, and everything else gets
    in. Importing again changes nothing. A room you are not in is known afterwards, and not joined: `p2pd history`
    shows it. Conversations can be imported by the two who had them. Exit code 1 when something was skipped.

    What records say is proven by their authors. Which ones their authors deleted is the word of the exporter.

    \b
    Example:
      p2pd import lobby.jsonl
      gunzip -c week.jsonl.gz | p2pd import -
    """
    importing = Importing()
    with open_export(file) as lines:
        importing.run(lines)
    told = importing.told
    if as_json:
        print_json({"file": file, **told})
    else:
        where = f"room {told['room']}" if told["room"] else f"conversation with {told['peer']}"
        print(one_line(f"{told['new']} new records in the {where}; {told['known']} were here already"))
        if told["room"] and not told["joined"]:
            note(f"You are not in this room: `p2pd history {told['room']}` shows it, `p2pd join` enters it.")
    if importing.faults.count:
        raise CliError(
            f"{file} has {importing.faults.count} faults; {told['skipped']} records were skipped",
            hint="Everything else is in. An undamaged copy of the file can be imported over it.",
        )
