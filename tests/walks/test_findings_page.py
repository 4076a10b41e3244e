"""The page of findings: what stands beneath a title is read from the source, and what to do can be done."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from lockgate.core.catalog.all import FINDINGS

SCRIPTS = Path(__file__).parents[2] / "scripts"
_COMMAND = re.compile(r"(?<![`\w/.-])lockgate (?!command\b)[a-z]+\b")


@pytest.fixture(scope="module", name="raised")
def _raised() -> ModuleType:
    spec = importlib.util.spec_from_file_location("raised", SCRIPTS / "raised.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("finding", "ways"),
    [
        ("LG302", ("exit 1, refused",)),
        ("LG945", ("exit 2, usage",)),
        ("LG802", ("exit 3, verification failed",)),
        ("LG901", ("exit 4, this machine cannot",)),
        ("LG609", ("HTTP 422",)),
    ],
)
def test_how_a_finding_comes_is_read_from_the_source(finding: str, ways: tuple[str, ...], raised: ModuleType) -> None:
    """One of each class of error, and one of the gateway's answers."""
    assert ways == raised.raised()[finding]


def test_most_findings_say_how_they_come(raised: ModuleType) -> None:
    """Ids that are raised are ids of the catalogue; the rest are warnings, reasons of a policy, or passed on."""
    found = raised.raised()
    assert set(found) <= set(FINDINGS)
    assert len(found) > 0.7 * len(FINDINGS)


def test_each_command_in_the_catalogue_is_marked_as_one() -> None:
    """A command among words stands between backticks: whoever reads on a terminal sees where it begins and ends."""
    bare = re.compile(r"`[^`]*`")
    assert [f.id for f in FINDINGS.values() if _COMMAND.search(bare.sub("", f.do))] == []
    assert [f.id for f in FINDINGS.values() if len(f.do) < 10 and not f.do.startswith("Nothing")] == []
