"""`lockgate log payload|erase`."""

from __future__ import annotations

from pathlib import Path

import click

from lockgate.cli.render import Talk, json_option, many, outbox_option, project_option
from lockgate.core.shown import json_line


@click.command("payload")
@click.argument("receipt")
@project_option
@json_option
def payload(receipt: str, directory: str, as_json: bool) -> None:
    """Read back what was asked and answered, where the policy keeps it.

    RECEIPT is a receipt, or GATEWAY.NUMBER.ROW. Needs the project's payload key, which is in the key folder of whoever
    serves. What is read is compared with what the record in the log commits to.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    found = Project.open(directory).payload(receipt)
    talk.data(json_line({"input": found.input, "output": found.output}))
    said = {
        True: "the record in the log commits to both",
        None: "its record is not in a log here, or not yet: nothing is proved of it",
    }
    talk.say(said[found.committed])
    talk.result("payload", {"input": found.input, "output": found.output, "committed": found.committed})
    talk.next(f"lockgate log erase --receipt {receipt}   # destroys the key that opens it")


@click.command("erase")
@click.argument("value", metavar="[SUBJECT]", default="")
@click.option("--receipt", default="", metavar="RECEIPT", help="The payload of this prediction.")
@click.option(
    "--subject", default="", metavar="VALUE", help="The same as SUBJECT, for a value that begins with a dash."
)
@click.option("--again", is_flag=True, help="Finish what was begun, and do anew what the log says: after a backup.")
@click.option("--overdue", is_flag=True, help="What is kept for longer than the policy says.")
@click.option("--reason", default="", metavar="TEXT", help="Stands in the log for ever: a number, never a name.")
@outbox_option
@project_option
@json_option
def erase(
    value: str,
    receipt: str,
    subject: str,
    again: bool,
    overdue: bool,
    reason: str,
    to_file: str,
    directory: str,
    as_json: bool,
) -> None:
    """Erase what is kept about one person, and record that it was done: signed as deployer, naming nobody.

    SUBJECT is what `[serve] subject_field` has of them, read as JSON where it is a number, true or false. Their keys
    are destroyed, so that nobody can read their payloads, and their labels go. The log stays whole.
    """
    from lockgate.errors import Usage
    from lockgate.project import Project

    if sum(map(bool, (value, receipt, subject, again, overdue))) != 1:
        message = "say SUBJECT, --receipt, --again or --overdue, one of them"
        raise Usage("LG940", message, next="lockgate log erase --help")
    talk, project = Talk(as_json), Project.open(directory)
    if overdue:
        ended = project.end_overdue()
        talk.data(f"{ended.text()} destroyed")
        talk.result("erase", {"overdue": ended.as_json()})
        talk.next("lockgate status")
        return
    outbox = Path(to_file) if to_file else None
    done = project.erase(receipt=receipt, subject=value or subject, again=again, reason=reason, to_file=outbox)
    recorded = f"   log entry {done.index}" if done.index is not None else ""
    talk.data(f"{done.counts.keys} keys destroyed, {done.counts.labels} labels erased{recorded}")
    if done.finished:
        talk.say(f"{many(done.finished, 'erasure')} begun before: finished and recorded")
    for one in done.not_reached:
        talk.say(f"not reached: {one}")
    talk.result("erase", done.as_json())
    if to_file and done.index is None:
        talk.detached(to_file)
        return
    talk.next("lockgate log verify   # the log is whole")
