"""`lockgate log payload|erase`."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, json_option, project_option
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
        None: "its record is not sealed yet: nothing is proved of it",
    }
    talk.say(said[found.committed])
    talk.result("payload", {"input": found.input, "output": found.output, "committed": found.committed})
    talk.next(f"lockgate log erase --receipt {receipt}   # destroys the key that opens it")


@click.command("erase")
@click.option("--receipt", default="", metavar="RECEIPT", help="The payload of this prediction.")
@click.option(
    "--subject", default="", metavar="VALUE", help="All payloads about VALUE, as `[serve] subject_field` has it."
)
@project_option
@json_option
def erase(receipt: str, subject: str, directory: str, as_json: bool) -> None:
    """Destroy the keys of kept payloads: nobody can read them then. The log stays whole, and says nothing without them.

    VALUE is read as JSON where it is a number, true or false. Labels in `.lockgate/state/feedback` are not touched.
    """
    from lockgate.errors import Usage
    from lockgate.project import Project

    if bool(receipt) == bool(subject):
        raise Usage("LG940", "say --receipt or --subject, one of them", next="lockgate log erase --help")
    talk = Talk(as_json)
    done = Project.open(directory).erase(receipt=receipt, subject=subject)
    talk.data(f"{done} keys destroyed")
    talk.result("erase", {"keys": done})
    talk.next("lockgate log verify   # the log is as it was")
