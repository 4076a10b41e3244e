"""What a verification has passed, and where it stopped: so that a failure says no more than was checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from lockgate.audit.evidence import Evidence
from lockgate.audit.ledger import Ledger
from lockgate.core.digest import Digest
from lockgate.core.verdict import Level, Reason
from lockgate.errors import LockgateError
from lockgate.project.reports import Link, ModelReport
from lockgate.trust import pin

_NAMES = ("statement", "deployment", "summary", "registration")


class Steps:
    """The steps of one verification, in order. Whatever fails within one is told with the step and its effect."""

    def __init__(self) -> None:
        self.passed: list[str] = []

    @contextmanager
    def step(
        self, name: str, effect: str, about: Evidence | None = None, known: Sequence[Evidence] = ()
    ) -> Iterator[None]:
        """Check something. `effect`: what follows for the person when it does not hold.

        `about`: the statement that is checked, unless the failure names one of `known` itself; it is told with its
        place in the log, its role and its key.
        """
        try:
            yield
        except LockgateError as error:
            error.tell(step=name)
            one = _named(error, known) or about
            if one is not None:
                error.tell(statement=one.digest, log_index=one.index)
                error.tell(signed_by=f"{one.person} as {one.role}, key {one.keyid}")
            error.tell(effect=effect, proved_before=", ".join(self.passed) or "nothing")
            raise
        self.passed.append(name)


def as_warning(error: LockgateError) -> Reason:
    """What was found, where it does not end the verification."""
    return Reason(error.finding, Level.WARN, error.message, dict(error.seen), error.next)


def report_of(
    ledger: Ledger,
    ref: str,
    manifest: Digest,
    links: Sequence[Link],
    *,
    not_proved: Sequence[str],
    warnings: Sequence[Reason],
    now: datetime,
) -> ModelReport:
    """A verification that came to its end, with what is known of the root and the persons."""
    pinned, apart = pin.pinned(ledger.root) is not None, ledger.roles.separation()
    size = len(ledger.statements())
    return ModelReport(
        ref, manifest, ledger.root, pinned, apart, tuple(links), tuple(not_proved), size, tuple(warnings), now
    )


def _named(error: LockgateError, known: Sequence[Evidence]) -> Evidence | None:
    digests = [error.seen[name] for name in _NAMES if name in error.seen]
    return next((one for digest in digests for one in known if one.digest == digest), None)
