"""`lockgate check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lockgate.cli.render import Talk, json_option, model_option, project_option
from lockgate.errors import EXIT_OK, EXIT_REFUSED

if TYPE_CHECKING:
    from lockgate.project.checked import Checked

_MARKS = {"ok": "ok", "warn": "warn", "bad": "bad", "skipped": "note"}


@click.command("check", short_help="Before a long training: would it run, convert, and fit? Signs nothing.")
@click.option("--env", "environment", default="dev", show_default=True, help="Whose policy decides.")
@model_option
@project_option
@json_option
def command(environment: str, model: str, directory: str, as_json: bool) -> int:
    """Try the training with 200 rows, in the very jail that it gets, in seconds.

    Looks at the code, the locked environment, the jail, the rows and their contract, the disk; trains on 200 rows
    and, where that is quick, on more; converts; compares estimator and graph; estimates time and size of the whole.
    Of several models each is tried. Signs nothing, keeps nothing. Exit status 1: something would stop the training.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    projects = Project.open(directory).each(model)
    told, nexts = [], []
    for project in projects:
        if len(projects) > 1:
            talk.say(f"{project.model}:")
        found = project.check(environment=environment, say=lambda line: talk.say(f"  {line}"))
        _tell(talk, found)
        told.append({"model": project.model, **found.as_json()} if len(projects) > 1 else found.as_json())
        nexts.append(found.next)
    ok = all(one["ok"] for one in told)
    talk.data("ready to train" if ok else "not ready to train")
    talk.result("check", told[0] if len(projects) == 1 else {"ok": ok, "models": told})
    talk.next(*dict.fromkeys(one for one in nexts if ok or one != "lockgate run"))
    return EXIT_OK if ok else EXIT_REFUSED


def _tell(talk: Talk, found: Checked) -> None:
    for one in found.checks:
        talk.line(_MARKS[one.level], one.name, f"{one.finding}  {one.says}" if one.finding else one.says)
        if one.level == "bad":
            for name, value in one.seen.items():
                talk.say(f"    {name}: {value}")
        for line in one.more:
            talk.say(f"    {line}")
        if one.next and one.level in ("bad", "warn"):
            talk.say(f"    -> {one.next}")
