"""`lockgate policy show|sign|diff`."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, json_option, project_option


@click.group("policy", short_help="Sign a changed policy; say what became looser.")
def command() -> None:
    """policy.toml says what must hold, per environment. Only its signed form decides anything."""


@command.command("show")
@project_option
@json_option
def show(directory: str, as_json: bool) -> None:
    """Show the policy in force, and whether policy.toml differs from it."""
    from lockgate.project import Project

    talk = Talk(as_json)
    state = Project.open(directory).policy_state()
    talk.data(state.text())
    talk.result("policy", state.as_json())
    talk.next("lockgate policy diff" if state.differs else "lockgate status")


@command.command("diff")
@project_option
@json_option
def diff(directory: str, as_json: bool) -> None:
    """Compare policy.toml with the policy in force, in words: what became looser, what stricter."""
    from lockgate.project import Project

    talk = Talk(as_json)
    changes = Project.open(directory).policy_diff()
    talk.data("\n".join(str(c) for c in changes) or "no difference")
    talk.result("policy-diff", {"changes": [c.as_json() for c in changes]})
    talk.next("lockgate policy sign   # after raising `version` in policy.toml" if changes else "lockgate status")


@command.command("sign")
@project_option
@json_option
def sign(directory: str, as_json: bool) -> None:
    """Put policy.toml in force: sign it with the policy key. Its version must be one higher."""
    from lockgate.project import Project

    talk = Talk(as_json)
    signed = Project.open(directory).policy_sign()
    for change in signed.changes:
        talk.say(str(change))
    talk.data(f"policy version {signed.version} is in force   {signed.digest}   log entry {signed.index}")
    talk.result("policy-sign", signed.as_json())
    talk.next("lockgate status")
