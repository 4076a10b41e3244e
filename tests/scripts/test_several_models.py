"""Several models in one project, by the real command line: a project that was run with one gets a second."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.store.lock import lock
from tests.support.shell import Ready

SECOND = """
[model.phishing]

[model.strict]
description = "The same pages, with a stricter fit."
[model.strict.train.params]
C = 0.1
"""


def _with_second(ready: Ready, folder: Path) -> Ready:
    """A copy whose lockgate.toml names the model that was run, and another one."""
    copy = ready.copy(folder)
    file = copy.root / "lockgate.toml"
    file.write_text(file.read_text(encoding="utf-8") + SECOND, encoding="utf-8")
    return copy


def test_a_second_model_has_no_evidence_but_its_own(ready: Ready, tmp_path: Path) -> None:
    """The first goes on with all that was said before there were two; the second begins, on the very same data."""
    copy = _with_second(ready, tmp_path)
    log = len(copy.shell.here("log", "show", "--json", at=copy.root).json["entries"])
    done = copy.shell.here("run", "--model", "phishing", "--json", at=copy.root)
    assert (done.code, done.json["ref"], done.json["cached"]) == (0, "phishing@1", True)
    for stage, finding in (("validate", "LG201"), ("train", "LG302"), ("register", "LG401"), ("rollback", "LG532")):
        arguments = (stage, "train") if stage == "rollback" else (stage,)
        refused = copy.shell.here(*arguments, "--model", "strict", "--json", at=copy.root)
        assert (refused.code, refused.json["finding"]) == (1, finding)
    ingested = copy.shell("ingest", "--model", "strict", "--json", at=copy.root)
    assert ingested.code == 0, ingested.err
    assert len(copy.shell.here("log", "show", "--json", at=copy.root).json["entries"]) == log + 1

    stages = copy.shell.here("status", "--json", at=copy.root).json["stages"]
    said = {(one["model"], one["name"]): one["mark"] for one in stages}
    assert [said["phishing", name] for name in ("ingest", "register")] == ["ok", "ok"]
    assert [said["strict", name] for name in ("ingest", "validate", "register")] == ["ok", "none", "none"]
    assert copy.shell.here("verify", "--all", at=copy.root).code == 0


def test_a_command_for_one_model_does_not_guess(ready: Ready, tmp_path: Path) -> None:
    """Nor does it take a name that is none; the nearest is told."""
    copy = _with_second(ready, tmp_path)
    for arguments in (["ingest"], ["validate"], ["train"], ["register"], ["rollback", "train"], ["jail", "true"]):
        done = copy.shell.here(*arguments, at=copy.root)
        assert (done.code, "LG973" in done.err) == (2, True), arguments
    done = copy.shell.here("rollback", "dev", "--model", "strict", "--json", at=copy.root)
    assert (done.code, done.json["finding"]) == (2, "LG940"), "phishing is what would go back"
    for arguments in (["run"], ["ingest"], ["rollback", "train"]):
        done = copy.shell.here(*arguments, "--model", "strickt", at=copy.root)
        assert (done.code, "LG972" in done.err, "did you mean strict?" in done.err) == (2, True, True), arguments


def test_a_second_house_in_one_project_is_refused_and_says_why(ready: Ready, tmp_path: Path) -> None:
    """Whichever model it would answer for: the predictions are one log, with one sealer."""
    copy = ready.copy(tmp_path)
    with lock(copy.root / ".lockgate/state/locks/serve"):
        done = copy.shell.here("serve", "--port", "0", "--json", at=copy.root)
    assert (done.code, done.json["finding"], "one sealer" in done.json["message"]) == (4, "LG974", True)


@pytest.mark.nightly
def test_two_models_from_their_data_to_what_is_served(ready: Ready, tmp_path: Path) -> None:
    """Both are run by one command, each is cached by itself, deployed by name, and serving says which of two."""
    copy = _with_second(ready, tmp_path)
    ran = copy.shell("run", "--json", at=copy.root)
    assert ran.code == 0, ran.err
    assert [(one["ref"], one["cached"]) for one in ran.json["runs"]] == [("phishing@1", True), ("strict@1", False)]
    ran = copy.shell("run", at=copy.root)
    assert (ran.code, ran.out) == (0, "phishing@1\nstrict@1\n"), ran.err
    assert ran.err.count("cached") == 8

    assert copy.shell.here("deploy", "strict@1", at=copy.root).code == 0
    served = copy.shell.here("serve", "--json", at=copy.root)
    assert (served.code, served.json["finding"], served.json["seen"]["names"]) == (2, "LG503", ["phishing", "strict"])
    assert [one["ref"] for one in copy.shell.here("models", "--json", at=copy.root).json["models"]] == [
        "phishing@1",
        "strict@1",
    ]
    back = copy.shell.here("rollback", "train", "--model", "strict", "--json", at=copy.root)
    assert back.json["finding"] == "LG532"

    file = copy.root / "lockgate.toml"
    file.write_text(
        file.read_text(encoding="utf-8") + '[model.phishing.data]\nsources = ["none.csv"]\n', encoding="utf-8"
    )
    again = copy.shell("run", "--json", at=copy.root)
    assert (again.code, [one.get("ref", one.get("model")) for one in again.json["runs"]]) == (
        1,
        ["phishing", "strict@1"],
    )
    assert "LG1" in again.json["runs"][0]["error"]["finding"]
