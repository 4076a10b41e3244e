"""A project with two models, a registry that has the first, and pushes of the second to kill."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockgate.errors import LockgateError
from lockgate.project import Project
from lockgate.project.carry.pulling import Asked, Pulled, pull_to_mirror
from tests.support.killable import Killable
from tests.support.project import SignedProject
from tests.support.registry import DockerRegistry
from tests.support.serving import ServableProject


class Pushable(Killable):
    """Version 1 is registered, live and pushed to the repository `first`; version 2 is registered and live."""

    def __init__(self, place: Path, registry: DockerRegistry) -> None:
        self.registry = registry
        self._elsewhere = place / "elsewhere"
        super().__init__(place, ServableProject)

    def prepare(self, patch: pytest.MonkeyPatch) -> None:
        """Two models, the first pushed."""
        made: SignedProject = self.made
        assert isinstance(made, ServableProject)
        made.make_live(patch, 1000.0)
        Project(self.root, made.clock).push("flights@1", self.remote("first"))
        made.make_live(patch, 2000.0)

    def remote(self, repository: str) -> str:
        """Its address."""
        return f"{self.registry.host}/team/{repository}"

    def repository(self, name: str, *, empty: bool = False) -> str:
        """A new repository as it is after the first push, or an empty one; its address."""
        folder = self.registry.folder / "docker/registry/v2/repositories/team"
        if not empty:
            shutil.copytree(folder / "first", folder / name)
        return self.remote(name)

    def push(self, remote: str) -> None:
        """`lockgate push flights@2 REMOTE`."""
        self.project.push("flights@2", remote)

    def pull(self, remote: str) -> Pulled:
        """Onto a machine that has nothing yet: what the repository says is live."""
        return pull_afresh(remote, self.made.created.project_id, self._elsewhere)

    def seen_by_a_pull(self, remote: str) -> str:
        """What a pull gets, verified: a REF; or the finding that refuses it."""
        return seen_by_a_pull(remote, self.made.created.project_id, self._elsewhere)


def seen_by_a_pull(remote: str, root: str, place: Path) -> str:
    """What another user's pull into the empty folder `place` gets, verified: a REF; or the finding that refuses it."""
    try:
        return pull_afresh(remote, root, place).ref
    except LockgateError as error:
        return error.finding


def pull_afresh(remote: str, root: str, place: Path) -> Pulled:
    """As a user who has nothing yet, keys and pins below `place`."""
    shutil.rmtree(place, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CONFIG", "STATE", "DATA"):
            patch.setenv(f"XDG_{name}_HOME", str(place / name.lower()))
        return pull_to_mirror(Asked.of(remote, root, lambda: datetime.now(UTC), environment="dev"))
