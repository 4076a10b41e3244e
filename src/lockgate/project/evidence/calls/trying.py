"""All of them, and that each came out as it had to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from lockgate.errors import VerificationFailed
from lockgate.export.evidence.spec import Attempt, Matrix
from lockgate.project.evidence.calls import of_clients, of_jails, of_keys, of_log

if TYPE_CHECKING:
    from lockgate.export.evidence.spec import Case
    from lockgate.project.folder import Folder


def tried(project: Folder, case: Case) -> Matrix:
    """Make every call. Raises VerificationFailed LG7042 where one came out otherwise than it had to."""
    with _place() as place:
        made = (
            *of_keys.attempts(case),
            *of_log.attempts(project, case, place / "log"),
            *of_clients.attempts(case, place / "gateway"),
        )
    check(made)
    # What a jail's first process tried was tried then, and is told by a statement: not by what runs here now.
    return Matrix(case.made, (*made, *of_jails.attempts(case)))


def check(made: tuple[Attempt, ...]) -> None:
    """Raises VerificationFailed LG7042 naming the first call that came out otherwise than it had to."""
    for one in made:
        if not one.holds:
            raise VerificationFailed(
                "LG7042",
                f"{one.who}: {one.what}: this had to be {one.expected}, and was {one.answer}",
                seen={"where": one.where, "expected": one.expected, "answer": one.answer, "said": one.words},
                next="pip install --force-reinstall --require-hashes -r lockgate.lock   # then: lockgate verify --all",
            )


@contextmanager
def _place() -> Iterator[Path]:
    with TemporaryDirectory(prefix="lockgate-calls-") as name:
        yield Path(name)
