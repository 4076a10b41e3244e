"""The workplace: all that a stage may touch, and nothing else. The pipeline makes it, a stage's shell takes it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.audit.evidence import Evidence
from lockgate.audit.ledger import Ledger
from lockgate.audit.models import OWN, of_model, said_for
from lockgate.audit.outbox import Outbox
from lockgate.core.statement import Statement
from lockgate.errors import Unavailable

if TYPE_CHECKING:
    from lockgate.sandbox.settings import PythonEnv
    from lockgate.store.blobs import BlobStore
    from lockgate.store.layout import RegistryStore
    from lockgate.trust.keyring import Keyring
    from lockgate.trust.policy import Policy


def _nobody_asks(_: Sequence[Any]) -> Mapping[str, Any] | None:
    return None


@dataclass(frozen=True)
class Workplace:
    """What a stage works with.

    Attributes:
        root: the project's folder (the user's files; read only).
        home: its `.lockgate`.
        environment: `dev`, `prod`...: whose policy rules decide.
        now: the clock.
        say: talk for a person, one line; goes to stderr.
        locked_python: makes (or finds and verifies) the locked environment; called when first needed.
        known_vulnerabilities: what the project's database says against some wheels; None when it has no database.
        package_origins: which index each package may come from; None: the machine's own.
        outbox: where what is signed goes, to be sealed elsewhere; None: into the log, here.
        model: whose stages are at work; OWN: those of the project's own model, whose statements say nothing of it.
    """

    root: Path
    home: Path
    ledger: Ledger
    data: BlobStore
    registry: RegistryStore
    keyring: Keyring
    policy: Policy
    environment: str
    now: Callable[[], datetime]
    say: Callable[[str], None]
    locked_python: Callable[[], PythonEnv]
    known_vulnerabilities: Callable[[Sequence[Any]], Mapping[str, Any] | None] = _nobody_asks
    package_origins: Callable[[], Any] | None = None
    outbox: Outbox | None = None
    model: str = OWN

    def python(self) -> PythonEnv:
        """The interpreter and packages in which the jail runs this project's code."""
        return self.locked_python()

    @property
    def least_jail_level(self) -> int:
        """The isolation level below which no jail starts here, by the policy in force."""
        return self.policy.environment(self.environment).least_jail_level

    def head(self, claim: str) -> Evidence | None:
        """The statement from which this model's next stage goes on. Raises as `heads.pick_head`."""
        return self.ledger.head(claim, self.model)

    def said(self, claim: str) -> list[Evidence]:
        """What was said of this model by a stage, oldest first."""
        return of_model(claim, self.model, self.ledger.statements())

    def record(self, role: str, statement: Statement) -> Evidence:
        """Sign `statement` as `role` and append it to the event log. Raises what signing and sealing raise.

        What a stage says is said for the model at work: here, so that no stage can forget it.

        With an outbox it is written there instead, and its evidence has the index PENDING: nothing is in force until
        `lockgate log add`, on the machine with the sealer's key, has verified and sealed it.
        """
        envelope = self.keyring.signer(role).sign(said_for(statement, self.model))
        if self.outbox is None:
            self.open_keys()
            return self.ledger.append(envelope)
        evidence = self.ledger.foresee(envelope)
        self.outbox.put(envelope)
        return evidence

    def open_keys(self, *roles: str) -> None:
        """Open the keys of `roles`, and the sealer's, so that a passphrase is asked for now and not under a lock.

        One that is not here, or that nobody can be asked for, is told when it is to sign. Raises as `Keyring.signer`.
        """
        for role in (*roles, *(() if self.outbox is not None else ("sealer",))):
            with suppress(Unavailable):
                self.keyring.signer(role)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A private directory (0700) for what comes out of a jail; removed afterwards."""
        parent = self.home / "state" / "tmp"
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=parent, prefix="jail-") as name:
            yield Path(name)
