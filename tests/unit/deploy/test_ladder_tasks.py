"""A candidate of another task than what is live: no row is the same question to both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.runtime import serving
from tests.support.laddering import Here, begun, move, project_of, refused, stands
from tests.support.project import IO, register_here

BINARY = replace(
    serving.parse(IO),
    task="binary",
    classes=("late", "on time"),
    label_output="score",
    scores_output="score",
    value_output=None,
).encode()


@pytest.fixture(name="here")
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    """Version 1 answers numbers and is live, 2 answers numbers too, 3 says which of two classes."""
    project = project_of(tmp_path, monkeypatch, "dev")
    project.candidate(3.0, io=BINARY)
    register_here(project, monkeypatch)
    return begun(Here(project, "dev"))


def test_what_cannot_be_compared_stands_on_no_rung(here: Here) -> None:
    """LG551, and nothing is signed; neither on a rung that is named with a reason. The control: the same task may.

    It goes live by a person's word and with a reason, and then its own kind stands beside it, the other does not.
    """
    size = len(here.statements)
    for to, reason in (("", ""), ("shadow", ""), ("canary", "in a hurry")):
        no = refused(lambda to=to, reason=reason: move(here, to, ref="flights@3", reason=reason))  # type: ignore[misc]
        assert no.finding == "LG551"
        assert no.seen["tasks"] == ["binary", "regression"]
        assert no.next == "lockgate deploy flights@3 --env dev --to live --reason ..."
    assert len(here.statements) == size
    assert refused(lambda: move(here, "live", ref="flights@3")).finding == "LG543"
    assert move(here).deployment.rung == "shadow"
    done = move(here, "live", ref="flights@3", reason="it answers in classes now", replace=True)
    assert (done.deployment.rung, stands(here)) == ("live", (3, ""))
    assert refused(lambda: move(here)).finding == "LG551"
