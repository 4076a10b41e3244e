"""From a project to the workplace that its stages get: keys, ledger, stores, and what a killed process left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lockgate.audit.ledger import EVENTS, Ledger, origin
from lockgate.audit.seal import Sealer
from lockgate.audit.shelf import shelf
from lockgate.audit.workplace import Workplace
from lockgate.project.locking import known_vulnerabilities, origins
from lockgate.runtime.environment import locked_python
from lockgate.runtime.locked.ages import MinAge
from lockgate.store.blobs import BlobStore
from lockgate.store.layout import RegistryStore
from lockgate.trust.keyring import Keyring

if TYPE_CHECKING:
    from lockgate.project.folder import Folder


def workplace_of(project: Folder, trusted: str, environment: str, say: Callable[[str], None]) -> Workplace:
    """The workplace of `project` under the root `trusted`. Raises what opening the ledger raises.

    The sealer's key is read when something is sealed, never before.
    """
    home, keyring, seen = project.home, Keyring.open(trusted), project.seen(trusted, EVENTS)

    def seal(leaves: Sequence[bytes]) -> object:
        return sealer.append(leaves)

    ledger = Ledger(home, trusted, seen=seen, seal=seal, now=project.now)
    sealer = Sealer(
        home / "log" / EVENTS,
        origin=origin(trusted, EVENTS),
        sign=lambda text: keyring.signer("sealer").sign_note(text),
        public_key=ledger.roles.sealer_key(),
        seen=seen,
        lock=home / "state" / "locks" / EVENTS,
    )
    lock_file = project.root / project.config.train.lock
    min_age = MinAge(project.config.environment.min_age, project.now)
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
    )


def repair(place: Workplace) -> None:
    """Carry through, or clear away, what a killed process left: derived files, and blobs that nobody names.

    The caller holds the project's lock: a blob that is about to be named looks the same.
    """
    with place.ledger.writing():
        place.ledger.refresh()
        statements = place.ledger.statements()
        entries = shelf(statements)
        place.registry.publish(entries)
        place.registry.sweep(entries, [one.digest for one in statements])
