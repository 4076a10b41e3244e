"""`lockgate policy show|diff|sign|check`."""

from __future__ import annotations

from pathlib import Path

import click

from lockgate.cli.completion import refs
from lockgate.cli.render import Talk, json_option, outbox_option, project_option, table
from lockgate.core.shown import block
from lockgate.core.verdict_lines import verdict_lines


@click.group("policy", short_help="Sign a changed policy; say what became looser.")
def command() -> None:
    """policy.toml says what must hold, per environment. Only its signed form decides anything."""


@command.command("show")
@click.option("--env", "environment", default="", help="Show each rule of this environment.")
@project_option
@json_option
def show(environment: str, directory: str, as_json: bool) -> None:
    """Show the policy in force, and whether policy.toml differs from it."""
    from lockgate.project import Project

    talk = Talk(as_json)
    project = Project.open(directory)
    state = project.policy_state()
    talk.data(state.text())
    lines = project.policy_rules(environment) if environment else ()
    if lines:
        talk.data(table([(line.rule, line.weight, line.settings) for line in lines]))
    serving = project.policy_serving(environment) if environment else ()
    if serving:
        talk.data("serving")
        talk.data(table(serving, indent=2))
    ladder = project.policy_ladder(environment) if environment else ()
    if ladder:
        talk.data("ladder")
        talk.data(table(ladder, indent=2))
    monitor = project.policy_monitor(environment) if environment else ()
    if monitor:
        talk.data("monitor")
        talk.data(table(monitor, indent=2))
    abuse = project.policy_abuse(environment) if environment else ()
    if abuse:
        talk.data("abuse")
        talk.data(table(abuse, indent=2))
    rules = (
        {
            "environment": environment,
            "rules": [line.as_json() for line in lines],
            "serve": dict(serving),
            "ladder": dict(ladder),
            "monitor": dict(monitor),
            "abuse": dict(abuse),
        }
        if environment
        else {}
    )
    talk.result("policy", {**state.as_json(), **rules})
    talk.next("lockgate policy diff" if state.differs else "lockgate status")


@command.command("diff")
@project_option
@json_option
def diff(directory: str, as_json: bool) -> None:
    """Compare policy.toml with the policy in force, in words: what became looser, what stricter."""
    from lockgate.project import Project

    talk = Talk(as_json)
    changes = Project.open(directory).policy_diff()
    talk.data(block(map(str, changes)) or "no difference")
    talk.result("policy-diff", {"changes": [c.as_json() for c in changes]})
    talk.next("lockgate policy sign   # after raising `version` in policy.toml" if changes else "lockgate status")


@command.command("sign")
@outbox_option
@project_option
@json_option
def sign(to_file: str, directory: str, as_json: bool) -> None:
    """Put policy.toml in force: sign it with the policy key. Its version must be one higher."""
    from lockgate.project import Project

    talk = Talk(as_json)
    signed = Project.open(directory).policy_sign(to_file=Path(to_file) if to_file else None)
    for change in signed.looser:
        talk.say(str(change))
    stricter = len(signed.changes) - len(signed.looser)
    talk.say(f"{len(signed.looser) or 'nothing'} looser, {stricter or 'nothing'} stricter")
    where = (
        f"is signed   {signed.digest}   {to_file}"
        if to_file
        else f"is in force   {signed.digest}   log entry {signed.index}"
    )
    talk.data(f"policy version {signed.version} {where}")
    talk.result("policy-sign", signed.as_json())
    if to_file:
        talk.detached(to_file)
    else:
        talk.next("lockgate status")


@command.command("check")
@click.argument("ref", default="latest", shell_complete=refs)
@click.option("--env", "environment", default="", help="Ask this environment's policy only.")
@project_option
@json_option
def check(ref: str, environment: str, directory: str, as_json: bool) -> int:
    """Say what the policy in force says of a registered model now. Signs nothing.

    Exit code 1 when the environment that was asked for, or with none every environment, refuses the model.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    found = Project.open(directory).policy_check(ref, environment)
    for line in verdict_lines(found.verdicts):
        talk.data(line)
    talk.result("policy-check", found.as_json())
    talk.next(f"lockgate deploy {found.ref} --env {found.passed[0]}" if found.passed else "lockgate policy show")
    return 0 if found.passed else 1
