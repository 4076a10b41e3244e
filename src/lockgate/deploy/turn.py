"""One decision at a time: what is decided on the log as it is must be appended before anybody else decides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lockgate.audit.workplace import Workplace
from lockgate.store.lock import lock


@contextmanager
def turn(workplace: Workplace, role: str = "", *, patience: float | None = None) -> Iterator[None]:
    """Hold the project's deployment lock, with the log read anew: two deployments never get the same number.

    Whoever holds it keeps the guard from taking a model off. So nobody is asked for a passphrase meanwhile: the keys of
    `role` and of the sealer are opened before.

    Args:
        patience: seconds after which it is not waited any more; None: for ever.

    Raises:
        Unavailable: LG807 another process held it for so long.
        Refused, Usage, VerificationFailed: the key cannot be opened, as `Keyring.signer`.
    """
    if role:
        workplace.open_keys(role)
    with lock(workplace.home / "state" / "locks" / "deploy", patience=patience):
        workplace.ledger.refresh()
        yield
