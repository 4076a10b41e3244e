"""A project over three trainings, through the real command line: what is done again, compared, cleaned and repeated."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support.shell import Ready


def _whole(ready: Ready, place: Path) -> Ready:
    """A copy whose environments are its own: gc does not look behind a link."""
    mine = ready.copy(place)
    environments = mine.root / ".lockgate" / "env"
    environments.unlink()
    shutil.copytree(ready.root / ".lockgate" / "env", environments, symlinks=True, copy_function=os.link)
    return mine


@pytest.mark.nightly
def test_a_project_over_three_trainings(ready: Ready, tmp_path: Path) -> None:
    """Why a stage was done again is told; nothing new is nothing done; models are compared; what goes is not needed."""
    mine = _whole(ready, tmp_path)
    shell, root = mine.shell, mine.root

    done = shell("run", "--if-new-data", "--json", at=root)
    assert (done.code, done.json["new_data"], done.json["ref"], done.json["stages"]) == (0, False, "phishing@1", [])

    settings, code = root / "lockgate.toml", root / "train.py"
    honest = code.read_text()
    code.write_text(honest + "# another\n")
    settings.write_text(settings.read_text().replace("C = 1.0", "C = 0.25"))
    done = shell("run", "--json", at=root)
    assert done.code == 0, done.err
    because = {stage["stage"]: (stage["cached"], stage["because"]) for stage in done.json["stages"]}
    assert because["ingest"] == (True, [])
    assert because["validate"] == (True, [])
    assert because["train"] == (False, ["train.py changed", "[train] params.C was 1.0, is 0.25"])

    code.write_text(honest)
    data = root / "data" / "phishing.csv"
    lines = data.read_text().splitlines()
    data.write_text("\n".join([*lines, lines[-1]]) + "\n")
    done = shell("run", "--if-new-data", "--json", at=root)
    assert (done.code, done.json["new_data"], done.json["because"]) == (0, True, ["data/phishing.csv changed"])

    found = shell("diff", "phishing@2", "phishing@3", "--json", at=root).json
    assert {"sources", "rows", "split", "code"} <= set(found["changed"])
    assert not {"packages", "settings", "contract"} & set(found["changed"])
    assert "-# another" in found["topics"]["code"]["diff"]
    assert found["topics"]["metrics"]["same_rows"] is (found["topics"]["split"]["same_heldout"])
    found = shell("diff", "phishing@1", "phishing@2", "--json", at=root).json
    assert found["changed"][:3] == ["code", "settings", "metrics"]
    assert found["topics"]["metrics"]["same_rows"] is True

    before = shell("verify", "--all", "--json", at=root)
    gone = shell("gc", "--newest", "1", "--days", "0", "--json", at=root)
    assert gone.code == 0, gone.err
    assert gone.json["bytes"] > 0
    assert {item["kind"] for item in gone.json["collected"]} <= {"rows and code", "unnamed"}
    after = shell("verify", "--all", "--json", at=root)
    assert (before.code, after.code) == (0, 0)
    assert after.json["models"] == before.json["models"]
    assert any("phishing@2 can be trained again" in line for line in after.json["not_proved"])

    refused = shell("train", "--reproduce", "phishing@2", at=root)
    assert refused.code == 1
    assert "LG9031" in refused.err
    for ref in ("phishing@1", "phishing@3"):  # live, and the newest
        again = shell("train", "--reproduce", ref, at=root)
        assert again.code == 0, again.err
    done = shell("run", "--json", at=root)
    assert (done.code, done.json["cached"]) == (0, True)
