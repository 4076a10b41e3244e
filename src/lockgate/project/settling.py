"""What a new roles file brings with it: keys that waited take their place, the logs get the new sealer's signature.

All of it can be done again at any time, and every command that opens the project for work does it: a process that is
killed after the roles file was sealed leaves nothing that the next one does not finish.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lockgate.audit import handover, reigns
from lockgate.audit.ledger import EVENTS, PREDICTIONS, Ledger, origin
from lockgate.audit.seen import SeenStore
from lockgate.audit.workplace import Workplace
from lockgate.errors import Unavailable, VerificationFailed
from lockgate.store.layout import RegistryStore
from lockgate.store.lock import lock
from lockgate.trust.authority import ROLES, ROOT, SEALER
from lockgate.trust.keyring import Keyring
from lockgate.trust.roles import Roles
from lockgate.trust.signer import Signer


def whole(home: Path, root: str, opened: Callable[[], Ledger]) -> Ledger:
    """The ledger that `opened` gives, after a hand-over of the event log that was interrupted is finished.

    Raises what opening the ledger raises.
    """
    log_dir, registry = home / "log" / EVENTS, RegistryStore(home / "registry")

    def mend() -> None:
        handover.mend(
            log_dir,
            origin=origin(root, EVENTS),
            keys=lambda leaves: reigns.sealers(reigns.reigns_of(leaves, registry, root)),
        )

    if handover.is_unfinished(log_dir):
        mend()
    try:
        return opened()
    except VerificationFailed as error:
        if error.finding != "LG866":
            raise
    mend()
    return opened()


def check_sealer(keyring: Keyring, key: bytes) -> None:
    """Raises Unavailable (LG830) unless the sealer's key `key` (32 bytes) is on this machine, as far as names tell."""
    if not (_waits(keyring, key) or _has(keyring, key)):
        raise Unavailable(
            "LG830",
            "the sealer's key that the roles file names is not on this machine",
            seen={"role": SEALER},
            next="sign with --to-file FILE, then lockgate log add FILE on the machine with the sealer's key",
        )


def sealer_of(keyring: Keyring, key: bytes) -> Signer:
    """The signer of the sealer's key `key`, which may still wait for its turn. Raises as `Keyring.signer`."""
    check_sealer(keyring, key)
    return keyring.staged_signer(SEALER) if _waits(keyring, key) else keyring.signer(SEALER)


def settle(place: Workplace, predictions_seen: SeenStore) -> None:
    """Let the roles file in force come into its own on this machine.

    1. A key that waits, and that the roles file names now, becomes its role's key.
    2. The prediction log, if it is still signed by a former sealer, is signed anew, where the sealer's key is.

    Raises Unavailable LG807: the project is served by a gateway that has the former key; LG868; what signing raises.
    """
    roles, keyring = place.ledger.roles, place.keyring
    # 1.
    for role in (ROOT, *ROLES):
        waiting = keyring.staged(role)
        if waiting is not None and _names(roles, role, waiting.keyid):
            keyring.promote(role)
    # 2.
    key, former = roles.sealer_key(), place.ledger.former_sealers
    log_dir = place.home / "log" / PREDICTIONS
    if not former or not (log_dir / "checkpoint").exists() or not _has(keyring, key):
        return
    name = origin(place.ledger.root, PREDICTIONS)
    if handover.needs_renewal(log_dir, origin=name, key=key, former=former):
        with lock(place.home / "state" / "locks" / "serve", wait=False):
            handover.renew(
                log_dir,
                origin=name,
                key=key,
                former=former,
                sign=lambda text: sealer_of(keyring, key).sign_note(text),
                seen=predictions_seen,
            )


def _names(roles: Roles, role: str, keyid: str) -> bool:
    entry = {**roles.keys, **roles.root_keys}.get(keyid)
    return entry is not None and entry.role == role and keyid not in roles.revoked


def _waits(keyring: Keyring, key: bytes) -> bool:
    waiting = keyring.staged(SEALER)
    return waiting is not None and waiting.raw == key


def _has(keyring: Keyring, key: bytes) -> bool:
    return keyring.has(SEALER) and keyring.public(SEALER).raw == key
