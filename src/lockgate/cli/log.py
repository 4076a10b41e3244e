"""`lockgate log show|verify|prove|reindex|add`; the others are in `log_payloads` and `log_who`."""

from __future__ import annotations

from pathlib import Path

import click

from lockgate.cli.log_payloads import erase, payload
from lockgate.cli.log_seal import appender, seal
from lockgate.cli.log_show import progress, show
from lockgate.cli.log_verify import verify
from lockgate.cli.log_who import who_served
from lockgate.cli.log_witness import cosign, witness
from lockgate.cli.render import Talk, json_option, project_option
from lockgate.core.shown import block


@click.group("log", short_help="The audit log: show, verify, prove, add.")
def command() -> None:
    """Two append-only Merkle logs (C2SP tlog-tiles): every statement, and every prediction."""


command.add_command(payload)
command.add_command(erase)
command.add_command(verify)
command.add_command(show)
command.add_command(who_served)
command.add_command(witness)
command.add_command(cosign)
command.add_command(seal)
command.add_command(appender)


@command.command("prove")
@click.argument("receipt")
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    default=None,
    metavar="DIR",
    help="New or empty: the proof and all that a stranger needs to check it (default: the proof alone, on stdout).",
)
@project_option
@json_option
def prove(receipt: str, out: str | None, directory: str, as_json: bool) -> None:
    """Make an offline proof (C2SP tlog-proof) for a RECEIPT, or for a statement by its digest or log index."""
    from lockgate.project import Project

    talk, project = Talk(as_json), Project.open(directory)
    proof = project.prove(receipt)
    if out:
        done = project.hand_out_proof(proof, Path(out))
        talk.data(done.text())
        talk.result("proof", done.as_json())
        talk.next(f"lockgate verify {out}/proof.tlog-proof")
        return
    talk.data(block(proof.text.decode().rstrip("\n").split("\n")))
    talk.result("proof", proof.as_json())
    talk.next(f"lockgate verify {receipt}" if receipt.startswith(("lgr1.", "lgr2.")) else "lockgate verify --all")


@command.command("reindex")
@project_option
@json_option
def reindex(directory: str, as_json: bool) -> None:
    """Write anew what follows from the logs, and clear what an interrupted command left.

    The registry's derived files, from the event log; the index of the predictions, from every entry of theirs.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    project = Project.open(directory)
    with project.workplace() as place:
        entries = len(place.ledger.statements())
    talk.data(f"registry/index.json and oci-layout follow from {entries} log entries")
    index = project.reindex_predictions(progress(talk))
    segments, indexed, size = (len(index.segments), index.indexed, index.log.size) if index else (0, 0, 0)
    for note in index.notes if index else ():
        talk.say(f"note: {note}")
    if index:
        rest = f"{size - indexed:,} are read from the log itself, until a segment is full"
        talk.data(f"the index of the predictions: {indexed:,} log entries in {segments} segments; {rest}")
    talk.result("log-reindex", {"entries": entries, "predictions": size, "indexed": indexed, "segments": segments})
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
