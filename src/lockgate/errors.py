"""One error base for all of Lockgate, split by who must act. Beneath everything: imports nothing of ours.

Each error carries a permanent finding id (`LG203`), the exit code of its class, what was seen
(row, byte, digest) and the command to run next. The text of each id stands in `lockgate.core.catalog`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

EXIT_OK = 0
EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_VERIFICATION_FAILED = 3
EXIT_CANNOT = 4


class LockgateError(Exception):
    """Something that Lockgate says no to, or cannot do.

    Attributes:
        finding: permanent id, such as `LG203`.
        message: one sentence that says what is wrong.
        seen: what was found, by name (row, byte, digest expected and found...).
        next: the command, or the edit, that the person does next.
    """

    exit_code: ClassVar[int] = EXIT_REFUSED

    def __init__(
        self,
        finding: str,
        message: str,
        *,
        seen: Mapping[str, object] | None = None,
        next: str = "",  # noqa: A002 - the word of the CLI contract
    ) -> None:
        super().__init__(message)
        self.finding = finding
        self.message = message
        self.seen: dict[str, object] = dict(seen or {})
        self.next = next

    def tell(self, **facts: object) -> None:
        """Add what whoever asked knows about it; what was seen where it was raised stays as it is."""
        for name, fact in facts.items():
            self.seen.setdefault(name, fact)

    def as_json(self) -> dict[str, object]:
        """The error as `--json` prints it."""
        return {
            "finding": self.finding,
            "message": self.message,
            "seen": self.seen,
            "next": self.next,
            "exit_code": self.exit_code,
        }

    def _render_traceback_(self) -> list[str]:
        """In a notebook: what the command line says instead of forty lines of ours. IPython's documented hook.

        Plain Python shows its traceback as ever, and `%tb` of IPython does not bring it back: `LOCKGATE_TRACEBACK=1`
        has it for the command line, `raise` in plain Python for the library.
        """
        lines = [f"✗ {self.finding}  {self.message}"]
        lines += [f"    {name}: {value}" for name, value in self.seen.items()]
        lines += [f"next:  {self.next}"] if self.next else []
        return ["".join(map(_sign, line)) for line in lines]


class Refused(LockgateError):
    """A rule said no: a policy, a contract, an unpinned root, something expired. Exit 1."""

    exit_code = EXIT_REFUSED


class Usage(LockgateError):
    """The call, the configuration or the person's own file is wrong. Exit 2."""

    exit_code = EXIT_USAGE


class VerificationFailed(LockgateError):
    """Evidence is tampered with, malformed, or signed by the wrong key. Exit 3."""

    exit_code = EXIT_VERIFICATION_FAILED


class Unfit(LockgateError):
    """This machine cannot give the protection that is asked for. Exit 4."""

    exit_code = EXIT_CANNOT


class Unavailable(LockgateError):
    """A needed service, file system or resource is not there just now. Exit 4."""

    exit_code = EXIT_CANNOT


def _sign(one: str) -> str:
    """A sign as it may stand on a terminal: nothing steers it (`core.shown`, which is above this file)."""
    return one if one.isprintable() else one.encode("unicode_escape").decode()
