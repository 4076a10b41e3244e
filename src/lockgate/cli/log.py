"""`lockgate log show|verify|prove|reindex|add`; the others are in `log_payloads` and `log_who`."""

from __future__ import annotations

from pathlib import Path

import click

from lockgate.cli.log_payloads import erase, payload
from lockgate.cli.log_who import who_served
from lockgate.cli.render import Talk, json_option, project_option, table
from lockgate.core.digest import short
from lockgate.core.shown import block


@click.group("log", short_help="The audit log: show, verify, prove, add.")
def command() -> None:
    """Two append-only Merkle logs (C2SP tlog-tiles): every statement, and every prediction."""


command.add_command(payload)
command.add_command(erase)
command.add_command(who_served)


@command.command("show")
@click.option("--last", default=0, help="Only the newest N entries.")
@project_option
@json_option
def show(last: int, directory: str, as_json: bool) -> None:
    """List the event log: index, time, claim, who signed it, statement digest."""
    from lockgate.core.moments import rfc3339
    from lockgate.project import Project

    talk = Talk(as_json)
    entries = Project.open(directory).ledger().statements()[-last:]
    rows = [(str(e.index), rfc3339(e.time), e.claim, e.role, e.person, short(e.digest)) for e in entries]
    talk.data(table([("index", "time", "claim", "role", "person", "statement"), *rows], indent=0))
    talk.result(
        "log",
        {
            "entries": [
                {"index": e.index, "time": rfc3339(e.time), "claim": e.claim, "role": e.role, "person": e.person}
                | {"statement": e.digest, "subjects": [s.digest for s in e.statement.subjects]}
                for e in entries
            ]
        },
    )
    talk.next("lockgate log verify")


@command.command("verify")
@click.option("--root", default="", metavar="FP", help="Trust this root fingerprint, instead of the pinned one.")
@project_option
@json_option
def verify(root: str, directory: str, as_json: bool) -> None:
    """Read every file of both logs, replay them whole, and refuse unknown files."""
    from lockgate.project import Project

    talk = Talk(as_json)
    report = Project.open(directory).verify_logs(root=root)
    talk.data(report.text())
    talk.result("log-verify", report.as_json())
    talk.next("lockgate verify --all")


@command.command("prove")
@click.argument("receipt")
@click.option("--out", type=click.Path(dir_okay=False), default=None, help="Write the proof here (default: stdout).")
@project_option
@json_option
def prove(receipt: str, out: str | None, directory: str, as_json: bool) -> None:
    """Make an offline proof (C2SP tlog-proof) for a RECEIPT, or for a statement by its digest or log index."""
    from lockgate.project import Project

    talk = Talk(as_json)
    proof = Project.open(directory).prove(receipt)
    if out:
        Path(out).write_bytes(proof.text)
        talk.say(f"wrote {out}")
    else:
        talk.data(block(proof.text.decode().rstrip("\n").split("\n")))
    talk.result("proof", proof.as_json())
    talk.next(f"lockgate verify {receipt}" if receipt.startswith(("lgr1.", "lgr2.")) else "lockgate verify --all")


@command.command("reindex")
@project_option
@json_option
def reindex(directory: str, as_json: bool) -> None:
    """Write the registry's derived files again from the event log, and clear what an interrupted command left."""
    from lockgate.project import Project

    talk = Talk(as_json)
    with Project.open(directory).workplace() as place:
        entries = len(place.ledger.statements())
    talk.data(f"registry/index.json and oci-layout follow from {entries} log entries")
    talk.result("log-reindex", {"entries": entries})
    talk.next("lockgate verify --all")


@command.command("add")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--yes", is_flag=True, help="Seal more than 100 statements at once: you know how many there must be.")
@project_option
@json_option
def add(files: tuple[str, ...], yes: bool, directory: str, as_json: bool) -> None:
    """Verify the signed statements in FILES, as --to-file and `trust cosign` wrote them, and seal them in order.

    Refused before it is sealed: what no key here may say, what was said before, and what the log could not bear.
    """
    from lockgate.project import Project
    from lockgate.project.detached import Added

    talk = Talk(as_json)

    def told(one: Added) -> None:
        talk.data(f"{one.claim} by {', '.join(one.persons)} as {one.role}: log entry {one.index}")

    def counted(count: int) -> None:
        talk.say(f"{count} statement{'' if count == 1 else 's'} in {len(files)} file{'' if len(files) == 1 else 's'}")

    paths = [Path(file) for file in files]
    done = Project.open(directory).add_statements(paths, told=told, counted=counted, confirmed=yes)
    talk.result("log-add", {"added": [one.as_json() for one in done]})
    talk.next("lockgate trust show" if any(one.claim == "roles" for one in done) else "lockgate status")
