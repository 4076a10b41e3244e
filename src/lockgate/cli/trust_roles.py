"""`lockgate trust keygen|add-key|rotate|revoke-key|threshold|expire|cosign`. Attached by `cli/trust.py`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lockgate.cli.render import Talk, json_option, project_option
from lockgate.core.shown import block
from lockgate.trust.authority import ROLES, ROOT

if TYPE_CHECKING:
    from lockgate.project.ceremony import Ask, Succession

_ROLE = click.Choice([ROOT, *ROLES])


def ceremony_options(command: Any) -> Any:
    """What each change of the roles file takes: where the root's key is, a file for a draft, and who confirms."""
    for option in (
        click.option("--yes", is_flag=True, help="Sign without asking: you have read what it changes."),
        click.option("--to-file", default="", metavar="FILE", help="Write the draft here instead of into the log."),
        click.option("--root-key", default="", metavar="PATH", help="The root's key file, where it was moved to."),
        project_option,
        json_option,
    ):
        command = option(command)
    return command


@click.command("keygen")
@click.argument("role", type=_ROLE)
@click.option("--person", required=True, help="Who holds it: a person's or a service's name.")
@click.option("--encrypt", is_flag=True, help="Encrypt the key file with a passphrase.")
@click.option("--out", default="", metavar="FILE", help="Write the public half here (default: stdout).")
@project_option
@json_option
def keygen(role: str, person: str, encrypt: bool, out: str, directory: str, as_json: bool) -> None:
    """Make a key of ROLE on this machine, and print its public half for the holder of the root's key.

    The private half stays here. The key counts when the roles file names it.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    made = Project.open(directory).generate_key(role, person, passphrase=_passphrase(role) if encrypt else None)
    if out:
        Path(out).write_text(made.pem, encoding="utf-8")
        talk.say(f"wrote {out}")
    else:
        talk.data(block(made.pem.rstrip("\n").split("\n")))
    talk.result("trust-keygen", made.as_json())
    talk.say(f"{role}, {person}, key {made.keyid}" + (": waits beside the key in use" if made.waits else ""))
    talk.say("Send the public half to whoever holds the root's key, and tell the key's digits another way.")
    file = out or f"{role}.pub"
    replaced = f"lockgate trust rotate {role} --old OLD_KEY --key {file} --reason WHY"
    talk.next(replaced if made.waits else f"lockgate trust add-key --role {role} --person {person} --key {file}")


@click.command("add-key")
@click.option("--role", type=_ROLE, required=True)
@click.option("--person", required=True, help="Who holds it. Thresholds count persons, not keys.")
@click.option("--key", required=True, type=click.Path(exists=True, dir_okay=False), help="The public half (PEM).")
@click.option("--env", "environments", multiple=True, help="The key counts only there; may be repeated.")
@ceremony_options
def add_key(role: str, person: str, key: str, environments: tuple[str, ...], **options: Any) -> None:
    """Let a person speak as a role: the next version of the roles file names the key."""
    talk, project, ask = _begin(options)
    _end(talk, project.add_key(role, person, Path(key), ask, environments=environments))


@click.command("rotate")
@click.argument("role", type=_ROLE)
@click.option("--reason", required=True, help="Why the old key is taken away.")
@click.option("--old", default="", metavar="KEY", help="The key that is replaced: at least 8 of its digits.")
@click.option("--key", type=click.Path(exists=True, dir_okay=False), help="The new public half, when made elsewhere.")
@click.option("--encrypt", is_flag=True, help="Encrypt the new key file with a passphrase.")
@ceremony_options
def rotate(role: str, reason: str, old: str, key: str | None, encrypt: bool, **options: Any) -> None:
    """Give ROLE a new key and revoke the old one. What the old key said before stays; what it says after is refused.

    ROLE may be root: the project keeps its fingerprint, which is that of the first root key. It may be sealer: both
    logs are signed by the new key from then on.
    """
    talk, project, ask = _begin(options)
    made = Path(key) if key else None
    passphrase = _passphrase(role) if encrypt else None
    _end(talk, project.rotate_key(role, ask, reason=reason, old=old, key=made, passphrase=passphrase))


@click.command("revoke-key")
@click.argument("key")
@click.option("--reason", required=True, help="Why: it stands in the roles file for ever.")
@ceremony_options
def revoke_key(key: str, reason: str, **options: Any) -> None:
    """Take KEY (at least 8 of its digits) away. What it said before stays; what it says after is refused."""
    talk, project, ask = _begin(options)
    _end(talk, project.revoke_key(key, ask, reason=reason))


@click.command("threshold")
@click.argument("role", type=_ROLE)
@click.argument("persons", type=click.IntRange(1, 100))
@ceremony_options
def threshold(role: str, persons: int, **options: Any) -> None:
    """Let PERSONS different persons sign each statement of ROLE. The same person with two keys is one."""
    talk, project, ask = _begin(options)
    _end(talk, project.set_threshold(role, persons, ask))


@click.command("expire")
@click.argument("date")
@ceremony_options
def expire(date: str, **options: Any) -> None:
    """Let the roles file expire at DATE (YYYY-MM-DD, or `never`): somebody must look at it again by then."""
    talk, project, ask = _begin(options)
    _end(talk, project.expire(_date(date), ask))


@click.command("cosign")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--root-key", default="", metavar="PATH", help="The root's key file, where it was moved to.")
@click.option("--yes", is_flag=True, help="Sign without asking: you have read what it says.")
@project_option
@json_option
def cosign(file: str, root_key: str, yes: bool, directory: str, as_json: bool) -> None:
    """Add your signature to the statement in FILE, after reading what it says.

    For a roles file the root's key signs; for any other statement, your key of a role that may make it.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    confirm = _confirming(talk, yes=yes)
    project = Project.open(directory)
    done = project.cosign(Path(file), confirm=confirm, root_key=Path(root_key) if root_key else None)
    talk.data(f"{done.file}: {done.claim}, signed by {', '.join(done.persons)}")
    talk.result("trust-cosign", done.as_json())
    if done.missing:
        talk.say(f"not complete: {done.missing}")
    talk.next(f"lockgate trust cosign {file}" if done.missing else f"lockgate log add {file}")


COMMANDS = (keygen, add_key, rotate, revoke_key, threshold, expire, cosign)


def _begin(options: dict[str, Any]) -> tuple[Talk, Any, Ask]:
    from lockgate.project import Project
    from lockgate.project.ceremony import Ask

    talk = Talk(options["as_json"])
    confirm = _confirming(talk, yes=options["yes"])
    root_key, to_file = (Path(options[name]) if options[name] else None for name in ("root_key", "to_file"))
    ask = Ask(lambda said: confirm([one.text for one in said]), root_key, to_file)
    return talk, Project.open(options["directory"]), ask


def _end(talk: Talk, done: Succession) -> None:
    where = f"in {done.file}" if done.file else f"in force from log entry {done.index}"
    signed = f"signed by {', '.join(done.persons)}" if done.persons else "not signed yet"
    talk.data(f"roles file version {done.version}, {signed}, {where}")
    talk.result("trust-roles", done.as_json())
    if done.file:
        cosigns = f"lockgate trust cosign {done.file}   # where other root keys are"
        added = f"lockgate log add {done.file}   # where the sealer's key is"
        talk.next(*((added,) if done.persons else (cosigns, added)))
    else:
        talk.next("lockgate trust show")


def _confirming(talk: Talk, *, yes: bool) -> Callable[[Sequence[str]], bool]:
    def confirm(said: Sequence[str]) -> bool:
        talk.say("This would be signed:")
        for line in said or ("nothing is changed",):
            talk.say(f"    {line}")
        if yes:
            return True
        return sys.stdin.isatty() and click.confirm("Sign it?", default=False, err=True)

    return confirm


def _date(text: str) -> datetime | None:
    if text == "never":
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise click.BadParameter("a date is YYYY-MM-DD, or never", param_hint="DATE") from None


def _passphrase(role: str) -> bytes:
    from lockgate.trust.passphrases import new_passphrase

    return new_passphrase(role)
