"""The next roles file: what changes is shown in words, root keys sign it, the log takes it, or a file carries it on.

    make the next version -> say what it changes -> a person confirms -> root keys that are here sign
        complete, and the sealer's key is here   -> sealed: in force from this entry on
        `to_file`                                -> a draft, for `trust cosign` elsewhere and `log add` at the end

A new key is on the disk before any statement names it, and signs nothing before the log names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.audit.ledger import PREDICTIONS
from lockgate.audit.outbox import Outbox, exists
from lockgate.audit.workplace import Workplace
from lockgate.core.shown_html import Shown
from lockgate.core.statement import PAYLOAD_TYPE
from lockgate.errors import Refused, Unavailable, Usage
from lockgate.project.settling import settle
from lockgate.trust import signer as signers
from lockgate.trust.authority import ROOT
from lockgate.trust.dsse import Envelope
from lockgate.trust.roles import KeyEntry, Roles
from lockgate.trust.signer import Signer
from lockgate.trust.succession import Change, changes, check_follows, check_usable
from lockgate.trust.verifier import verify_roles

if TYPE_CHECKING:
    from lockgate.project.folder import Folder
    from lockgate.trust.keyring import Keyring

Make = Callable[[Workplace, Roles], Roles]
Confirm = Callable[[Sequence[Change]], bool]


@dataclass(frozen=True)
class Ask:
    """How a change is to be made: who confirms it, where the root's key is, and which file carries it on, if any."""

    confirm: Confirm
    root_key: Path | None = None
    to_file: Path | None = None


@dataclass(frozen=True, repr=False)
class Succession(Shown):
    """A new version of the roles file. `index`: its log entry; None while it is only in `file`."""

    version: int
    changes: tuple[Change, ...]
    persons: tuple[str, ...]
    index: int | None
    file: str

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {
            "version": self.version,
            "changes": [{"kind": one.kind, "text": one.text} for one in self.changes],
            "signed_by": list(self.persons),
            "log_index": self.index,
            "file": self.file or None,
        }


def succeed(project: Folder, place: Workplace, make: Make, ask: Ask) -> Succession:
    """Make the next version of the roles file.

    1. It can be read, followed and gone on from.
    2. Somebody has read what it changes, and said yes.
    3. The root keys on this machine sign it, and a new root key that it brings.
    4. It is sealed; or, with `to_file`, written to a new file, complete or not.
    5. What it brings with it is done: keys that waited, the logs' signatures.

    Raises:
        VerificationFailed: LG860, LG861 (1); LG820 too few persons signed (4).
        Refused: LG863 (2). Unavailable: LG830 there is no root key here, or no sealer's (3, 4).
        Usage: LG862 (1), LG867 the file exists.
    """
    before = place.ledger.roles
    if ask.to_file is not None and ask.to_file.exists():
        raise exists(ask.to_file)
    # 1.
    after = make(place, before)
    check_usable(after)
    check_follows(before, after)
    said = changes(before, after)
    # 2.
    if not ask.confirm(said):
        raise Refused(
            "LG863",
            "nothing was signed: nobody confirmed it",
            seen={"changes": [one.text for one in said]},
            next="the same command with --yes, or at a terminal",
        )
    # 3.
    found = [one for one in root_signers(place.keyring, ask.root_key) if _may_sign(one.keyid, before, after)]
    if not found and ask.to_file is None:
        raise Unavailable(
            "LG830",
            "the root's key is not on this machine",
            seen={"root_keys": sorted(before.root_keys_valid())},
            next="the same command with --to-file FILE, then lockgate trust cosign FILE   # where the root's key is",
        )
    envelope = Envelope(after.statement().payload(), PAYLOAD_TYPE, ()).encode()
    for one in found:
        envelope = one.cosign(envelope)
    persons = tuple(dict.fromkeys({**before.root_keys, **after.root_keys}[one.keyid].person for one in found))
    # 4.
    if ask.to_file is not None:
        Outbox(ask.to_file).put(envelope)
        return Succession(after.version, said, persons, None, str(ask.to_file))
    verify_roles(envelope, before)
    evidence = place.ledger.append(envelope)
    # 5.
    settle(place, project.seen(place.ledger.root, PREDICTIONS))
    return Succession(after.version, said, persons, evidence.index, "")


def root_signers(keyring: Keyring, root_key: Path | None) -> list[Signer]:
    """The root keys at hand: the one named, else this user's; and the one that waits to become the root's."""
    found = []
    if root_key is not None:
        found.append(signers.load(root_key, ROOT))
    elif keyring.has(ROOT):
        found.append(keyring.signer(ROOT))
    if keyring.staged(ROOT) is not None:
        found.append(keyring.staged_signer(ROOT))
    return found


def fresh_key(keyring: Keyring, role: str, passphrase: bytes | None) -> KeyEntry:
    """A key that waits to become the role's: the one that waits already, else a new one. Whose it is comes later."""
    waiting = keyring.staged(role)
    return KeyEntry(role, "", waiting or keyring.create(role, passphrase=passphrase, staged=True))


def read_public(path: Path) -> bytes:
    """The bytes of a person's public key file. Raises Usage (LG862)."""
    try:
        return path.read_bytes()[: 64 << 10]
    except OSError as error:
        raise Usage(
            "LG862", f"{path} cannot be read: {error.strerror}", seen={"file": str(path)}, next="lockgate trust keygen"
        ) from None


def _may_sign(keyid: str, before: Roles, after: Roles) -> bool:
    return keyid in before.root_keys_valid() or keyid in after.root_keys_valid()
