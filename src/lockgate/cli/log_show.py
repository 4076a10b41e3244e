"""`lockgate log show`: the event log, one entry of it, or all that both have about a model, client, dataset or day."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import click

from lockgate.cli.render import Talk, json_option, project_option, table
from lockgate.core.digest import short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockgate.project import Project
    from lockgate.project.asked import Question

_PATIENCE = 1.0
"""Seconds after which it is told that the index is being made, and how often from then on."""


@click.command("show")
@click.argument("entry", required=False, default=None, type=click.IntRange(0), metavar="[ENTRY]")
@click.option("--last", default=None, type=click.IntRange(min=1), metavar="N", help="Only the newest N entries.")
@click.option("--model", default="", metavar="REF", help="What both logs have about this model.")
@click.option("--client", default="", metavar="NAME", help="... about this client: its name, or its pseudonym.")
@click.option("--dataset", default="", metavar="DIGEST", help="... about this dataset: a digest, or its log entry.")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="... about this day (UTC).")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="Lines of each list.")
@project_option
@json_option
def show(
    entry: int | None,
    last: int | None,
    model: str,
    client: str,
    dataset: str,
    day: datetime | None,
    limit: int,
    directory: str,
    as_json: bool,
) -> None:
    """List the event log: index, time, claim, who signed it, statement digest.

    With ENTRY, the index of one: what that statement says, whole, as JSON on stdout.

    With --model, --client, --dataset or --day: the statements about it, how many predictions of which kind there are,
    and the newest of them. Several of these narrow it. Which answers a client got at a time: log who-served.
    """
    from lockgate.errors import Usage
    from lockgate.project import Project
    from lockgate.project.asked import Question

    talk = Talk(as_json)
    project = Project.open(directory)
    question = Question(model, client, dataset, day.date() if day else None, limit)
    listed = question == Question(limit=limit)
    if last is not None and not listed:
        message = "--last is for the list of all statements; of a question, --limit says how many lines"
        raise Usage("LG940", message, next="lockgate log show --help")
    if entry is not None:
        if last is not None or not listed:
            raise Usage("LG940", "ENTRY is one statement; the options ask for many", next="lockgate log show --help")
        _one(talk, project, entry)
    elif listed:
        _list(talk, project, last)
    else:
        _about(talk, project, question)


def progress(talk: Talk) -> Callable[[int, int], None]:
    """Tell a person at a terminal how far the index has been made, where that takes longer than a moment."""
    begun = told = time.monotonic()

    def tell(done: int, of: int) -> None:
        nonlocal told
        now = time.monotonic()
        if sys.stderr.isatty() and now - told >= _PATIENCE:
            told = now
            rest = (now - begun) * (of - done) / max(1, done)
            talk.say(f"making the index of the predictions: {done:,} of {of:,} entries, {rest:.0f} s to go")

    return tell


def _list(talk: Talk, project: Project, last: int | None) -> None:
    from lockgate.core.moments import rfc3339

    entries = project.ledger().statements()[-(last or 0) :]
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


def _one(talk: Talk, project: Project, index: int) -> None:
    from lockgate.core.moments import rfc3339
    from lockgate.core.shown import block
    from lockgate.errors import Usage

    ledger = project.ledger()
    found = next((one for one in ledger.statements() if one.index == index), None)
    if found is None:
        last = max((one.index for one in ledger.statements()), default=0)
        raise Usage("LG714", f"entry {index} holds no statement", seen={"newest": last}, next="lockgate log show")
    said = {"predicateType": found.statement.predicate_type, "predicate": found.predicate}
    subjects = [{"name": s.name, "digest": s.digest} for s in found.statement.subjects]
    talk.say(f"entry {index} · {rfc3339(found.time)} · {found.claim} · {found.role} {found.person} · {found.digest}")
    text = json.dumps({"subjects": subjects, **said}, ensure_ascii=False, indent=1, default=str)
    talk.data(block(text.split("\n")))
    about = {"index": index, "time": rfc3339(found.time), "claim": found.claim, "role": found.role}
    about |= {"person": found.person, "statement": found.digest}
    talk.result("log-entry", {**about, "subjects": subjects, **said})
    talk.next(f"lockgate log prove {index}   # that it is in the log, for somebody else")


def _about(talk: Talk, project: Project, question: Question) -> None:
    from lockgate.project import asked_lines as lines

    told = project.asked_about(question, progress(talk))
    for note in told.notes:
        talk.say(f"note: {note}")
    talk.data(lines.title(told))
    _section(talk, "statements", len(told.statements), lines.STATEMENTS, lines.statement_rows(told))
    for line in lines.summary(told):
        talk.data(line)
    _section(talk, "records by day and kind", len(told.groups), lines.GROUPS, lines.group_rows(told))
    _section(talk, "the newest records", len(told.newest), lines.NEWEST, lines.newest_rows(told))
    talk.result("log-about", lines.as_json(told))
    talk.next("lockgate log who-served --at TIME", "lockgate log verify   # compares the index with the log")


def _section(talk: Talk, name: str, count: int, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if not rows:
        return
    left = f", the newest {len(rows):,} (--limit)" if count > len(rows) else ""
    talk.data(f"{name}: {count:,}{left}")
    talk.data(table([head, *rows], indent=2))
