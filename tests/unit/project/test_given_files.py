"""What nobody can prove of files that a training was given besides its rows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from lockgate.audit.evidence import Evidence
from lockgate.contract.inputs import dependency
from lockgate.core.digest import digest_of
from lockgate.project.sentences import unproved_inputs


def train(*dependencies: object) -> Evidence:
    """A train statement with these resolved dependencies."""
    predicate = {"buildDefinition": {"resolvedDependencies": list(dependencies)}}
    return cast("Evidence", SimpleNamespace(predicate=predicate))


def test_a_given_model_may_have_seen_the_judged_rows() -> None:
    """It is named, as it is called inside; of several all are."""
    model, words = dependency("model.pkl", digest_of(b"m")), dependency("words.txt", digest_of(b"w"))
    assert unproved_inputs(train(model)) == ("that model.pkl, which training was given, had not seen the judged rows",)
    (line,) = unproved_inputs(train(model, words))
    assert "model.pkl, words.txt" in line


def test_rows_and_wheels_are_no_given_files() -> None:
    """Positive control: nothing is said of a training that was given its rows alone, nor of a malformed statement."""
    rows = {"name": "input/rows.csv", "digest": {"sha256": "0" * 64}}
    assert unproved_inputs(train(rows, {"name": "wheel"})) == ()
    assert unproved_inputs(cast("Evidence", SimpleNamespace(predicate={}))) == ()
