"""Signed projects with a ladder: an environment of a shared one, or, where all are reached, one of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.laddering import PLACES, Here, begun, project_of
from tests.support.project import SignedProject


@pytest.fixture(name="shared", scope="module")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SignedProject, list[str]]]:
    """A project with an environment for each test that leaves models and policy alone."""
    with pytest.MonkeyPatch.context() as patch:
        yield project_of(tmp_path_factory.mktemp("ladders"), patch, "dev", *PLACES, models=3), [*PLACES]


@pytest.fixture(name="here")
def _here(shared: tuple[SignedProject, list[str]]) -> Here:
    project, free = shared
    return begun(Here(project, free.pop()))


@pytest.fixture(name="own")
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    """A project of the test's own, for what reaches every environment."""
    return begun(Here(project_of(tmp_path, monkeypatch, "dev"), "dev"))
