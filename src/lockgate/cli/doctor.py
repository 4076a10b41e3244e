"""`lockgate doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lockgate.cli.render import Talk, json_option
from lockgate.errors import EXIT_CANNOT, EXIT_OK

if TYPE_CHECKING:
    from lockgate.sandbox.machine import Fitness


@click.command("doctor", short_help="What this machine can isolate, what is missing, and the command that mends it.")
@click.option("--fix", is_flag=True, help="Print the exact change that mends what is missing.")
@click.option("--quick", is_flag=True, help="Look at the default launcher only.")
@json_option
def command(fix: bool, quick: bool, as_json: bool) -> int:
    """Start a jail with each launcher that is here, run its probes, and say which level holds. Exit 4 when level 3
    does not.
    """
    from lockgate.sandbox.machine import machine, others
    from lockgate.sandbox.report import LEVELS

    talk = Talk(as_json)
    fitness = machine()
    fit = fitness.level == LEVELS
    talk.line("ok" if fit else "bad", "jail", f"level {fitness.level} of {LEVELS} ({fitness.launcher})")
    if fitness.report is not None:
        talk.line("note", "probes", f"{fitness.holding} of {len(fitness.report.probes)} hold")
        for name, mechanism in sorted(fitness.report.limits.items()):
            talk.line("note", "limit", f"{name:<14} {mechanism}")
    rest = () if quick or fitness.launcher == "none" else others()
    for one in rest:
        talk.line("ok" if one.level else "note", "also", _said(one))
    talk.data(f"level {fitness.level}")
    talk.result("doctor", {**fitness.as_json(), "others": [one.as_json() for one in rest]})
    if not fit:
        talk.line("bad", "why", fitness.why)
        if fix:
            talk.say(fitness.mend)
        talk.next(fitness.mend if fitness.mend and not fix else "lockgate doctor --fix")
        return EXIT_CANNOT
    talk.next("lockgate demo", "lockgate init my-project")
    return EXIT_OK


def _said(one: Fitness) -> str:
    if one.level:
        return f"{one.launcher}: level {one.level}"
    return f"{one.launcher}: not here: {one.why}"
