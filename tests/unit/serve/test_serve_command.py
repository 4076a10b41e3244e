"""What `lockgate serve` tells a person to do next."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from lockgate.cli import serve
from lockgate.project import Project

HERS = SimpleNamespace(name="hers", revoked=None)
GONE = SimpleNamespace(name="gone", revoked="2026-01-01T00:00:00Z")


@pytest.mark.parametrize(("clients", "is_asked"), [((), True), ((GONE,), True), ((GONE, HERS), False)])
def test_a_first_client_is_asked_for_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, clients: tuple[Any, ...], is_asked: bool
) -> None:
    """One that is revoked is none; where one may ask, only how to ask is told."""
    project = SimpleNamespace(clients=lambda: clients, serve=lambda **options: options["ready"]("http://localhost:1"))
    monkeypatch.setattr(Project, "open", lambda _directory: project)
    said = CliRunner().invoke(serve.command, []).output
    assert ("lockgate clients add NAME" in said, "next:" in said, "curl" in said) == (is_asked, True, True)
