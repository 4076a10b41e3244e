"""`lockgate doctor`."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, json_option
from lockgate.errors import EXIT_CANNOT, EXIT_OK


@click.command("doctor", short_help="What this machine can isolate, what is missing, and the command that mends it.")
@click.option("--fix", is_flag=True, help="Print the exact change that mends what is missing.")
@json_option
def command(fix: bool, as_json: bool) -> int:
    """Start a jail, run its probes, and say which level holds on this machine. Exit 4 when level 3 does not."""
    from lockgate.sandbox.machine import machine
    from lockgate.sandbox.report import LEVELS

    talk = Talk(as_json)
    fitness = machine()
    fit = fitness.level == LEVELS
    talk.line("ok" if fit else "bad", "jail", f"level {fitness.level} of {LEVELS} ({fitness.launcher})")
    if fitness.report is not None:
        talk.line("note", "probes", f"{fitness.holding} of {len(fitness.report.probes)} hold")
    talk.data(f"level {fitness.level}")
    talk.result("doctor", fitness.as_json())
    if not fit:
        talk.line("bad", "why", fitness.why)
        if fix:
            talk.say(fitness.mend)
        talk.next(fitness.mend if fitness.mend and not fix else "lockgate doctor --fix")
        return EXIT_CANNOT
    talk.next("lockgate demo", "lockgate init my-project")
    return EXIT_OK
