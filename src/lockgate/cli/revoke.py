"""`lockgate revoke`."""

from __future__ import annotations

from pathlib import Path

import click

from lockgate.cli.completion import refs
from lockgate.cli.render import Talk, json_option, outbox_option, project_option


@click.command("revoke", short_help="Take a model out of service for good.")
@click.argument("what", metavar="REF|STATEMENT", shell_complete=refs)
@click.option("--reason", required=True, help="Why; kept in the signed statement.")
@outbox_option
@project_option
@json_option
def command(what: str, reason: str, to_file: str, directory: str, as_json: bool) -> None:
    """Sign that a model, or a statement and everything that rests on it, must not be used any more.

    STATEMENT is a digest, a unique prefix of one, or a log index: of an ingest statement also the data, taken in
    again under whatever statement; of an approval or a waiver the moves that rest on it. A running gateway stops
    answering within 5 seconds. This is for good.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    done = Project.open(directory).revoke(what, reason=reason, to_file=Path(to_file) if to_file else None)
    already = "was revoked already" if done.cached else "is revoked"
    where = to_file if to_file and not done.cached else f"log entry {done.index}"
    talk.data(f"{done.what} {already}   {where}")
    for line in done.lines():
        talk.data(f"  {line}")
    talk.result("revoke", done.as_json())
    if to_file and not done.cached:
        talk.detached(to_file)
    else:
        talk.next("lockgate status")
