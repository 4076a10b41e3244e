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
    from lockgate.sandbox.fitness import machine

    talk = Talk(as_json)
    fitness = machine()
    mark = "ok" if fitness.fit else "bad"
    talk.line(mark, "jail", f"level {fitness.level} of 3 ({fitness.launcher})" if fitness.level else fitness.why)
    for line in fitness.notes:
        talk.line("note", "", line)
    talk.data(f"level {fitness.level}")
    talk.result("doctor", fitness.as_json())
    if not fitness.fit:
        talk.line("bad", "why", fitness.why)
        talk.say(fitness.mend if fix else "")
        talk.next(fitness.command if fix else "lockgate doctor --fix")
        return EXIT_CANNOT
    talk.next("lockgate demo", "lockgate init my-project")
    return EXIT_OK
