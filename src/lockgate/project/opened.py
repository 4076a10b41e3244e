"""A project that is opened for work: its folder, and what its stages work with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.errors import LockgateError
from lockgate.project.folder import DEV, Folder
from lockgate.store.lock import lock

if TYPE_CHECKING:
    from lockgate.audit.entries import Registration
    from lockgate.audit.workplace import Workplace


class Opened(Folder):
    """Each method opens, verifies, does, and closes."""

    def resolve(self, ref: str, *, root: str = "", environment: str = DEV) -> Registration:
        """The registration that a REF names. Raises Usage LG501 to LG503."""
        from lockgate.audit.refs import resolve

        return resolve(ref, self.ledger(root).statements(), environment)

    @contextmanager
    def workplace(
        self,
        environment: str = DEV,
        *,
        say: Callable[[str], None] | None = None,
        to_file: Path | None = None,
    ) -> Iterator[Workplace]:
        """What the stages work with, while holding the project's lock. Repairs what a killed process left.

        With `to_file`, what is signed goes into that new file instead of the log, to be sealed elsewhere. When
        statements were sealed, the witnesses that the policy names are asked about the log afterwards: one that does
        not answer is told, without `say` as a warning of Python's logging, and stops nothing.

        Raises as `trusted_root` and `Ledger`; Unavailable (LG807) when another command is at work here; at the end of
        the block VerificationFailed LG7012: what was done stands, but a witness has seen another log than this one.
        """
        from lockgate.audit.ledger import PREDICTIONS
        from lockgate.audit.outbox import Outbox
        from lockgate.project.opening import repair, workplace_of
        from lockgate.sandbox.levels import at_least

        trusted = self.trusted_root()
        with lock(self.home / "state" / "locks" / "project", wait=False):
            outbox = None if to_file is None else Outbox(to_file)
            place = workplace_of(self, trusted, environment, say or (lambda _: None), outbox)
            repair(place, self.seen(trusted, PREDICTIONS))
            before = place.ledger.checkpoint.size
            with at_least(place.least_jail_level):
                yield place
        if place.ledger.checkpoint.size > before:
            from lockgate.project.cosigning import cosign_after

            cosign_after(self, place, before, say)

    def unlocked(self, environment: str = DEV, *, say: Callable[[str], None] = lambda _: None) -> Workplace:
        """A workplace for a process that lives long beside others: what it appends is in order all the same."""
        from lockgate.project.opening import workplace_of

        return workplace_of(self, self.trusted_root(), environment, say)

    def least_jail_level(self) -> int:
        """The level that this project's policy asks for; the highest where no policy can be trusted yet."""
        from lockgate.sandbox.report import LEVELS

        try:
            return self.policy(self.ledger()).environment(DEV).least_jail_level
        except LockgateError:
            return LEVELS
