"""What push, pull and serve share on the command line: a progress line, and which folder is meant."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from lockgate.errors import LockgateError, Usage

if TYPE_CHECKING:
    from lockgate.project import Project


class Bar:
    """A line that counts, on a terminal only; gone when the work is done."""

    def __enter__(self) -> Self:
        self._shown = sys.stderr.isatty()
        return self

    def __call__(self, what: str, done: int, count: int) -> None:
        """`done` of `count` pieces of `what`."""
        if self._shown:
            click.echo(f"\r\x1b[K{what}: {done} of {count}", nl=False, err=True)

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)


def is_remote(text: str) -> bool:
    """A REMOTE names a registry and a repository, with a slash between; a REF never has one."""
    return "/" in text


def project_of(directory: str, root: str) -> Project | None:
    """The project or mirror to work in: here or above, if its root is `root`, where one is given."""
    from lockgate.audit.ledger import claimed_project
    from lockgate.project import Project

    try:
        found = Project.open(directory)
        claimed = claimed_project(found.home)
    except LockgateError:
        if directory != ".":
            raise
        return None
    return found if root.removeprefix("sha256:") in ("", claimed) else None


def need_root(root: str, project: Project | None) -> str:
    """The fingerprint to verify under. Raises Usage LG890."""
    if root:
        return root
    if project is None:
        raise Usage(
            "LG890",
            "outside of a project nothing says which root to trust",
            next="ask the project's owner for the fingerprint (lockgate trust show), then add --root FP",
        )
    return project.trusted_root()


def folder_of(text: str | None) -> Path | None:
    """A folder that an option names."""
    return Path(text) if text else None
