"""From a project to the workplace that its stages get: keys, ledger, stores, and what a killed process left."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.audit.ledger import EVENTS, Ledger, origin
from lockgate.audit.models import spoken
from lockgate.audit.outbox import Outbox
from lockgate.audit.seal import Sealer
from lockgate.audit.seen import SeenStore
from lockgate.audit.shelf import shelf
from lockgate.audit.workplace import Workplace
from lockgate.project.carry.mirror import held, read_mirror
from lockgate.project.locking import known_vulnerabilities, origins
from lockgate.project.settling import check_sealer, sealer_of, settle, whole
from lockgate.runtime.environment import locked_python
from lockgate.runtime.locked.ages import MinAge
from lockgate.store.blobs import BlobStore
from lockgate.store.files import clear_staging
from lockgate.store.layout import RegistryStore
from lockgate.store.lock import lock
from lockgate.trust.keyring import Keyring

if TYPE_CHECKING:
    from lockgate.project.folder import Folder


def workplace_of(
    project: Folder, trusted: str, environment: str, say: Callable[[str], None], outbox: Outbox | None = None
) -> Workplace:
    """The workplace of `project` under the root `trusted`. Raises what opening the ledger raises.

    The sealer's key is read when something is sealed, never before.
    """
    home, keyring, seen = project.home, Keyring.open(trusted), project.seen(trusted, EVENTS)

    def seal(leaves: Sequence[bytes]) -> object:
        return sealer.append(leaves)

    def hand_over(leaves: Sequence[bytes], key: bytes) -> object:
        # The gateway and its sealer hold the former key: they are stopped first, and start with the new one.
        with lock(home / "state" / "locks" / "serve", wait=False):
            return sealer.hand_over(leaves, sign=lambda text: sealer_of(keyring, key).sign_note(text), public_key=key)

    # A mirror follows its project's log; where this user has the project's keys too, sealing here would fork it.
    may_seal = read_mirror(home) is None

    def opened() -> Ledger:
        return Ledger(
            home,
            trusted,
            seen=seen,
            seal=seal if may_seal else None,
            hand_over=hand_over if may_seal else None,
            can_seal=lambda key: check_sealer(keyring, key),
            now=project.now,
        )

    ledger = whole(home, trusted, opened)
    sealer = Sealer(
        home / "log" / EVENTS,
        origin=origin(trusted, EVENTS),
        sign=lambda text: sealer_of(keyring, sealer.public_key).sign_note(text),
        public_key=ledger.roles.sealer_key(),
        former=ledger.former_sealers,
        seen=seen,
        lock=home / "state" / "locks" / EVENTS,
        clock=lambda: project.now().timestamp(),
    )
    config = project.config
    lock_file = project.root / config.train.lock
    min_age = MinAge(config.environment.min_age, project.now)
    return Workplace(
        root=project.root,
        home=home,
        ledger=ledger,
        data=BlobStore(home / "data" / "sha256", home / "state" / "tmp"),
        registry=RegistryStore(home / "registry"),
        keyring=keyring,
        policy=project.policy(ledger),
        environment=environment,
        now=project.now,
        say=say,
        locked_python=lambda: locked_python(project.root, home, lock_file, say, lambda: origins(project), min_age),
        known_vulnerabilities=lambda wheels: known_vulnerabilities(project, wheels, say),
        package_origins=lambda: origins(project),
        outbox=outbox,
        model=spoken(config.name, config.project, ledger.statements()),
    )


def repair(place: Workplace, predictions_seen: SeenStore) -> None:
    """Carry through, or clear away, what a killed process left: derived files, and blobs that nobody names.

    What a new roles file brings with it is done as well (`settling`).

    The caller holds the project's lock: a blob that is about to be named looks the same.
    """
    with place.ledger.writing():
        place.ledger.refresh()
        statements = place.ledger.statements()
        entries = held(place.home, shelf(statements))
        place.registry.publish(entries)
        place.registry.sweep(entries, [one.digest for one in statements])
        clear_staging(place.registry.staging)
    _clear_scratch(place.registry.staging)
    if read_mirror(place.home) is None:
        settle(place, predictions_seen)


def _clear_scratch(staging: Path) -> None:
    """What goes into a jail and comes out of it lies in folders that a killed process leaves: data among it."""
    for kind in ("jail-*", "osv-*"):
        for left in staging.glob(kind):
            shutil.rmtree(left, ignore_errors=True)
