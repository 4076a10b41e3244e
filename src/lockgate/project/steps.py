"""What a verification has passed, and where it stopped: so that a failure says no more than was checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lockgate.audit.evidence import Evidence
from lockgate.errors import LockgateError

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


def _named(error: LockgateError, known: Sequence[Evidence]) -> Evidence | None:
    digests = [error.seen[name] for name in _NAMES if name in error.seen]
    return next((one for digest in digests for one in known if one.digest == digest), None)
