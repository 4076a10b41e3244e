"""Copies of the program in which a check is patched out: `lockgate.testing`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.drills.replays.program import copied
from lockgate.project.threats.program import digest
from lockgate.testing import Patch, patched


def test_a_patch_that_does_not_fit_is_no_patch(tmp_path: Path) -> None:
    """Where the code has moved on, a positive control fails loudly: it must not play against the whole program."""
    good = Patch("drills/replays/spec.py", "if drill.finding not in told or ", "if ")
    assert "if (tried.reached" in (patched(tmp_path / "a", [good]) / "lockgate" / good.file).read_text()

    with pytest.raises(ValueError, match="0 times"):
        patched(tmp_path / "b", [replace(good, old="no such line")])
    with pytest.raises(ValueError, match="not once"):
        patched(tmp_path / "c", [replace(good, old="drill")])


def test_a_patched_copy_can_be_copied_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Somebody who proves that our drills bite runs `drill` of it: what is drilled then is that copy, to the byte."""
    good = Patch("drills/replays/spec.py", "if drill.finding not in told or ", "if ")
    first = patched(tmp_path / "first", [good])
    monkeypatch.setattr("lockgate.__file__", str(first / "lockgate" / "__init__.py"))

    second = copied(tmp_path / "second", compiled=True)

    assert digest() == digest(first) == digest(second)
    monkeypatch.undo()
    assert digest() != digest(first)
