"""`lockgate trust protect|use`: where a role's key is kept. Attached by `cli/trust.py`."""

from __future__ import annotations

from pathlib import Path

import click

from lockgate.cli.render import Talk, json_option, project_option
from lockgate.trust.authority import ROLES, ROOT

_ROLE = click.Choice([ROOT, *ROLES])


@click.command("protect")
@click.argument("role", type=_ROLE)
@project_option
@json_option
def protect(role: str, directory: str, as_json: bool) -> None:
    """Encrypt ROLE's key file with a passphrase, in place.

    The passphrase is asked for, or comes from LOCKGATE_PASSPHRASE_FILE_<ROLE> (a file of mode 0600).
    """
    from lockgate.project import Project
    from lockgate.trust.passphrases import new_passphrase

    talk = Talk(as_json)
    keyring = Project.open(directory).keyring()
    keyring.protect(role, new_passphrase(role))
    path = keyring.private_path(role)
    talk.data(f"encrypted {path}")
    talk.result("trust-protect", {"role": role, "file": str(path)})
    talk.say("a copy or a backup that was made before is still in plain")
    talk.next("lockgate trust show")


@click.command("use")
@click.argument("role", type=_ROLE)
@click.argument("uri")
@click.option("--public", type=click.Path(dir_okay=False, exists=True), help="PEM of a key made there, for a rotation.")
@project_option
@json_option
def use(role: str, uri: str, public: str | None, directory: str, as_json: bool) -> None:
    r"""Let ROLE sign by another key store, after that store has shown that it holds the key.

    \b
    file:/PATH?encrypted=true     hsm:2?label=TOKEN (PKCS#11)
    gcpkms:...   awskms:...   azurekms:...   hv:...

    With --public, the key is a new one: it waits until the roles file names it.
    """
    from lockgate.project import Project
    from lockgate.trust.keys import import_public_key

    talk = Talk(as_json)
    keyring = Project.open(directory).keyring()
    if public is None:
        key, waits = keyring.use(role, uri), False
    else:
        try:
            new = import_public_key(Path(public).read_bytes())
        except ValueError as error:
            raise click.UsageError(f"{public} is no public key that Lockgate can use: {error}") from None
        key, waits = keyring.adopt(role, uri, new), True
    talk.data(f"{role} {'will sign' if waits else 'signs'} by {uri}   key {key.keyid[:12]}")
    talk.result("trust-use", {"role": role, "uri": uri, "keyid": key.keyid, "waits": waits})
    file = keyring.private_path(role)
    if waits:
        talk.next(f"lockgate trust rotate {role}")
        return
    if file.is_file():
        talk.say(f"the key is still in a file as well: move {file} away")
    talk.next("lockgate trust show")
