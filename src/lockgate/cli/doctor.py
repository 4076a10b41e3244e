"""`lockgate doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lockgate.cli.render import Talk, json_option, project_option
from lockgate.errors import EXIT_CANNOT, EXIT_OK, LockgateError
from lockgate.trust.authority import ROLES, SEALER

if TYPE_CHECKING:
    from lockgate.project.role_users import Plan
    from lockgate.sandbox.machine import Fitness


@click.command("doctor", short_help="What this machine can isolate, what is missing, and the command that mends it.")
@click.option("--fix", is_flag=True, help="Show the exact change that mends what is missing.")
@click.option("--undo", is_flag=True, help="Show how keys come back from the users that keep them.")
@click.option("--yes", is_flag=True, help="Do it, as root: with --fix or --undo, for users and keys.")
@click.option("--user", default="", metavar="NAME", help="Whose keys (default: of whoever called sudo, else yours).")
@click.option("--keep", multiple=True, type=click.Choice(ROLES), help="Leave this role's key where it is.")
@click.option("--all", "everything", is_flag=True, help="Move the sealer's key too; `serve` then refuses to start.")
@click.option("--quick", is_flag=True, help="Look at the default launcher only.")
@project_option
@json_option
def command(
    *,
    fix: bool,
    undo: bool,
    yes: bool,
    user: str,
    keep: tuple[str, ...],
    everything: bool,
    quick: bool,
    directory: str,
    as_json: bool,
) -> int:
    """Start a jail with each launcher that is here, run its probes, and say which level holds. Exit 4 when level 3
    does not.

    In a project, also say who can read its keys. With --fix, root can give each role's key to a user of the host of
    its own, which signs through one small program; --undo takes it back. The sealer's stays, because `serve` needs
    it, unless you say --all.
    """
    talk = Talk(as_json)
    plan = _plan(directory, user, keep if everything else (*keep, SEALER), undo=undo)
    if plan is None and (undo or yes):
        raise click.UsageError("there is no project here whose keys could be moved")
    if plan is not None and undo:
        return _separate(talk, plan, do=yes)
    from lockgate.sandbox.machine import machine, others
    from lockgate.sandbox.report import LEVELS

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
    if plan is not None and fit and fix and plan.moves:
        return _separate(talk, plan, do=yes)
    if plan is not None:
        talk.line("warn" if plan.moves else "ok", "keys", plan.separation)
    talk.data(f"level {fitness.level}")
    keys = {"keys": plan.as_json()} if plan is not None else {}
    talk.result("doctor", {**fitness.as_json(), "others": [one.as_json() for one in rest], **keys})
    if not fit:
        talk.line("bad", "why", fitness.why)
        if fix:
            talk.say(fitness.mend)
        talk.next(fitness.mend if fitness.mend and not fix else "lockgate doctor --fix")
        return EXIT_CANNOT
    more = ["lockgate doctor --fix   # a user of this host per role"] if plan is not None and plan.moves else []
    talk.next("lockgate demo", "lockgate init my-project", *more)
    return EXIT_OK


def _plan(directory: str, user: str, keep: tuple[str, ...], *, undo: bool) -> Plan | None:
    """How the keys of the project here are kept; None where there is no project, or none that can be read."""
    from lockgate.project import Project

    try:
        return Project.open(directory).role_users(user, keep=keep, undo=undo)
    except LockgateError:
        if user or undo:
            raise
        return None


def _separate(talk: Talk, plan: Plan, *, do: bool) -> int:
    import os

    from lockgate.project.role_users_done import carry_out, needs_root, take_back

    talk.line("note", "keys", plan.separation)
    for role, why in plan.stays.items():
        talk.line("note", "stays", f"{role}: {why}")
    for step in plan.steps():
        talk.data(step)
    if os.geteuid() != 0:
        raise needs_root(plan)
    if do and plan.moves:
        (take_back if plan.undo else carry_out)(plan)
        talk.line("ok", "keys", f"{len(plan.moves)} keys {'came back' if plan.undo else 'moved'}")
    talk.result("doctor-keys", {**plan.as_json(), "done": do})
    talk.next("lockgate doctor --quick" if do else f"lockgate doctor {plan.options} --yes")
    return EXIT_OK


def _said(one: Fitness) -> str:
    if one.level:
        return f"{one.launcher}: level {one.level}"
    return f"{one.launcher}: not here: {one.why}"
