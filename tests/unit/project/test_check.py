"""project.checking: what would stop a training is known before it, and looking changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.cli.main import run as lockgate
from lockgate.config import load_config
from lockgate.contract.spec import ROW, SOURCE, FieldTable
from lockgate.core.digest import digest_of
from lockgate.errors import EXIT_OK, EXIT_REFUSED, LockgateError, Refused
from lockgate.project import Project, checking, trial_rows
from lockgate.project.checked import Check, Checked, Point, estimate, failed, seconds_words, skipped
from lockgate.project.checking import built_python, look, rows_check
from lockgate.sandbox.settings import PythonEnv
from lockgate.train.jail import few
from lockgate.train.jail.sample import chosen
from lockgate.validate.rules import decide
from lockgate.validate.spec import Reckoning
from tests.support.project import SignedProject, at_home, fork, signed_project
from tests.support.training import TREES, TrainingProject, parquet, rows

CONTRACT = """
from datetime import datetime
from pydantic import BaseModel

class Row(BaseModel):
    when: datetime
    town: str
    age: int
    sunny: bool
    late: bool
"""
SETTINGS = """
[project]
name = "trains"
[data]
sources = ["rows.csv"]
contract = "contract.py:Row"
label = "late"
[train]
memory = "2 GiB"
"""
NAMES = ["code", "packages", "jail", "rows", "disk", "training", "graph", "time", "size"]


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, SignedProject]]:
    """A signed project with files to read and no statement about them."""
    home = tmp_path_factory.mktemp("check")
    with pytest.MonkeyPatch.context() as patch:
        project = signed_project(home, patch)
        rows().drop(columns=["delay", "kind"]).to_csv(project.root / "rows.csv", index=False)
        for name, text in (("contract.py", CONTRACT), ("lockgate.toml", SETTINGS)):
            (project.root / name).write_text(text)
        (project.root / "train.py").write_text(TREES.format(kind="Classifier", label="late"))
        yield home, project


@pytest.fixture(name="project")
def _project(made: tuple[Path, SignedProject], monkeypatch: pytest.MonkeyPatch) -> SignedProject:
    at_home(made[0], monkeypatch)
    return made[1]


def _look(project: SignedProject, settings: str = SETTINGS, python: Any = PythonEnv.own) -> Checked:
    (project.root / "lockgate.toml").write_text(settings)
    return look(project.workplace(), load_config(project.root), python)


def _levels(found: Checked) -> dict[str, str]:
    return {check.name: check.level for check in found.checks}


def test_a_training_that_would_run_passes_and_nothing_changes(
    project: SignedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unsigned rows are read by the jails of ingest and validate, few of them judged, and the estimate is for all;
    every check passes; each file stays as it was.
    """
    monkeypatch.setattr(trial_rows, "MOST", 250)
    before = {path: path.stat() for path in sorted(project.home.rglob("*")) if path.is_file()}
    found = _look(project)
    assert (found.ok, found.next) == (True, "lockgate run"), found.as_json()
    assert [check.name for check in found.checks] == NAMES
    says = {check.name: check.says for check in found.checks}
    assert "judged now, 250 of 400: 250 accepted + 0 refused; not kept" in says["rows"]
    assert "HistGradientBoosting" in says["graph"]
    assert "0 of 200 rows differ" in says["graph"]
    assert found.estimate["seconds"]["rows"] == 320
    assert found.estimate["bytes"]["low"] > 1000
    after = {path: path.stat() for path in sorted(project.home.rglob("*")) if path.is_file()}
    assert {path: (one.st_size, one.st_mtime_ns) for path, one in after.items()} == {
        path: (one.st_size, one.st_mtime_ns) for path, one in before.items()
    }
    assert [project.open_ledger().head(claim) for claim in ("ingest", "validate", "train")] == [None, None, None]


def test_what_stops_a_training_is_named_and_the_rest_is_not_claimed(project: SignedProject, tmp_path: Path) -> None:
    """A step that does not convert, on the accepted rows of a signed statement: its finding, and no estimate."""
    project = fork(project, tmp_path)
    TrainingProject(project, parquet(rows(), "late"))
    code = (
        "from sklearn.pipeline import Pipeline\nfrom sklearn.preprocessing import FunctionTransformer\n"
        "from sklearn.linear_model import LogisticRegression\ndef double(x):\n    return x * 2\n"
        "def train(data, params):\n"
        "    steps = [('f', FunctionTransformer(double)), ('m', LogisticRegression())]\n"
        "    return Pipeline(steps).fit(data[['age']], data['late'])\n"
    )
    (project.root / "doubles.py").write_text(code)
    found = _look(project, SETTINGS.replace("memory =", 'function = "doubles.py:train"\nmemory ='))
    assert not found.ok
    levels = _levels(found)
    assert (levels["rows"], levels["training"]) == ("ok", "bad")
    assert [levels[name] for name in ("graph", "time", "size")] == ["skipped"] * 3
    bad = next(check for check in found.checks if check.level == "bad")
    assert bad.finding in ("LG312", "LG338")
    assert "FunctionTransformer" in bad.says
    assert "newest validate statement" in next(check.says for check in found.checks if check.name == "rows")
    (project.root / "doubles.py").write_text("import no_such_package\n" + code)
    early = _look(project, SETTINGS.replace("memory =", 'function = "doubles.py:train"\nmemory ='))
    assert [(check.name, check.level) for check in early.checks[3:]] == [
        ("training", "bad"),
        *[(name, "skipped") for name in ("rows", "graph", "time", "size")],
    ]
    assert early.next.startswith("add no_such_package to requirements.in")


def test_rows_that_validate_would_refuse_are_told_before() -> None:
    """A share of refused rows beyond the policy's: not ready where it is enforced, a warning where it only warns."""
    rows = trial_rows.TrialRows(digest_of(b"rows"), "3 accepted + 1 refused", commonest=("1  age  no number",))
    assert rows_check("says", rows) == Check("rows", "ok", "says", more=("1  age  no number",))
    reckoning = Reckoning(4, 3, 1, ({"field": "age", "rule": "int_type", "count": 1},), 1, ())
    for enforce, level in ((True, "bad"), (False, "warn")):
        reasons = decide(reckoning, FieldTable("Row", ()), max_share=0.1, enforce=enforce).reasons
        found = rows_check("says", replace(rows, reasons=reasons))
        assert (found.level, found.finding, found.more[1]) == (level, "LG203", "1  age  no number")
        assert "25.00%" in found.more[0]
        assert "max_quarantined_share" in found.next


def test_of_many_rows_few_are_judged_of_each_source(tmp_path: Path) -> None:
    """Evenly spread; numbered anew in each source, so that the count of what was judged adds up."""
    places, counts = trial_rows.spread([10, 0, 1, 89], 20)
    assert (len(set(places)), places[:4], max(places), counts) == (20, [0, 5, 10, 15], 95, (2, 0, 1, 17))
    table = pa.table(
        {
            "x": pa.array(range(100)),
            SOURCE: pa.array([0] * 10 + [2] + [3] * 89, pa.int32()),
            ROW: pa.array([*range(10), 0, *range(89)], pa.int64()),
        }
    ).replace_schema_metadata({"kind": "csv"})
    pq.write_table(table, tmp_path / "all.parquet")
    few.take(tmp_path / "all.parquet", places, tmp_path / "few.parquet")
    found = pq.read_table(tmp_path / "few.parquet")
    assert found.column("x").to_pylist() == places
    assert found.column(ROW).to_pylist() == [0, 1, 0, *range(17)]
    assert found.schema.equals(table.schema, check_metadata=False)
    assert (found.schema.metadata or {})[b"kind"] == b"csv"


def test_an_environment_that_was_not_made_is_said_and_not_made(project: SignedProject) -> None:
    """No lock file is LG340, one of which nothing was made is LG385; what needs the environment is not looked at."""
    (project.root / "requirements.lock").unlink(missing_ok=True)
    place, config = project.workplace(), load_config(project.root)
    with pytest.raises(LockgateError) as raised:
        built_python(place, config)
    assert raised.value.finding == "LG340"
    (project.root / "requirements.lock").write_text("numpy==2.0.0 --hash=sha256:" + "0" * 64 + "\n")
    found = _look(project, python=lambda: built_python(place, config))
    (project.root / "requirements.lock").unlink()
    levels = _levels(found)
    assert (levels["code"], levels["packages"], levels["jail"]) == ("ok", "bad", "ok")
    assert {levels[name] for name in NAMES if name not in ("code", "packages", "jail", "disk")} == {"skipped"}
    assert (found.checks[1].finding, found.next[:13]) == ("LG385", "lockgate jail")
    assert not (project.home / "env").exists()


def test_of_every_class_there_are_rows() -> None:
    """A class of 25 among 100,000 rows is in the sample; so is every one of forty, and a number needs no such care."""
    labels = np.array(["no"] * 100_000 + ["yes"] * 25)
    assert (labels[chosen(labels, 0, 200)[:200]] == "yes").sum() == 20
    assert sorted(chosen(labels, 0, 200)) == list(range(len(labels)))
    many = np.arange(10_000) % 40
    assert set(many[chosen(many, 0, 200)[:200]]) == set(range(40))
    assert len(chosen(np.linspace(0, 1, 500), 0, 200)) == 500


def test_an_estimate_is_a_range() -> None:
    """What grows by the row goes on so; what grows faster than that has an upper end; what does not grow stays."""
    assert estimate(Point(200, 1.0), Point(2000, 1.0), 1_000_000) == (1.0, 1.0)
    low, high = estimate(Point(200, 0.2), Point(2000, 2.0), 20_000)
    assert [low, high] == pytest.approx([20, 20])
    low, high = estimate(Point(200, 0.01), Point(2000, 1.0), 20_000)
    assert (round(low), round(high)) == (11, 100)
    assert estimate(Point(200, 1.0), Point(200, 1.0), 150) == (1.0, 1.0)
    assert [seconds_words(1, 1.2), seconds_words(20, 300)] == ["1 s", "20 s to 5 min"]


def test_the_command_exits_by_what_was_found(
    project: SignedProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 only when every check passes; each failure has its finding, what was seen, and the next command."""
    error = Refused("LG386", "the disk is full", seen={"free": 1}, next="df -h .")
    said = capsys.readouterr()
    for last, code in ((Check("disk", "warn", "nearly"), EXIT_OK), (failed("disk", error), EXIT_REFUSED)):
        found = Checked((Check("code", "ok", "1 file"), last))
        monkeypatch.setattr(Project, "check", lambda _self, *, found=found, **_: found)
        assert lockgate(["check", "--json", "-C", str(project.root)]) == code
        said = capsys.readouterr()
        assert json.loads(said.out)["ok"] == (code == EXIT_OK)
    assert "LG386  the disk is full" in said.err
    assert "free: 1" in said.err
    assert "df -h ." in said.err
    assert not Checked((skipped("time", "rows failed"),)).ok


@pytest.mark.nightly
def test_each_of_several_models_is_tried(
    project: SignedProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each with its own label and by name. The second learns from its own label: exit status 1 for all, and why."""
    project = fork(project, tmp_path)
    (project.root / "lockgate.toml").write_text(f'{SETTINGS}[model.late]\n[model.sunny.data]\nlabel = "sunny"\n')
    monkeypatch.setattr(checking, "built_python", lambda *_: PythonEnv.own())
    assert lockgate(["check", "--json", "-C", str(project.root)]) == EXIT_REFUSED
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (found["schema"], found["ok"]) == ("lockgate.check/v1", False)
    assert {one["model"]: one["ok"] for one in found["models"]} == {"late": True, "sunny": False}, said.err
    bad = [each["finding"] for one in found["models"] for each in one["checks"] if each["level"] == "bad"]
    assert bad == ["LG316"]
    assert said.err.index("late:") < said.err.index("sunny:") < said.err.index("LG316")
    assert "next:  lockgate run" not in said.err
    assert "fit on data.drop(columns='sunny')" in said.err


def test_each_of_several_models_is_told_by_name(
    project: SignedProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The looking is played: each with its own settings, all of them with one verdict; one that is named, alone."""
    project = fork(project, tmp_path)
    (project.root / "lockgate.toml").write_text(f'{SETTINGS}[model.late]\n[model.sunny.data]\nlabel = "sunny"\n')
    good, refused = Check("code", "ok", "1 file"), Refused("LG316", "it learns from its label", seen={}, next="drop it")
    played = {"late": Checked((good,)), "sunny": Checked((good, failed("training", refused)))}
    monkeypatch.setattr(checking, "look", lambda _place, config, _python: played[config.data.label])
    command = ["check", "--json", "-C", str(project.root)]
    assert lockgate(command) == EXIT_REFUSED
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (found["ok"], [(one["model"], one["ok"]) for one in found["models"]]) == (
        False,
        [("late", True), ("sunny", False)],
    )
    assert said.err.index("late:") < said.err.index("sunny:") < said.err.index("LG316")
    assert "next:  drop it" in said.err
    assert "lockgate run" not in said.err
    assert lockgate([*command, "--model", "late"]) == EXIT_OK
    said = capsys.readouterr()
    assert "models" not in json.loads(said.out)
    assert "next:  lockgate run" in said.err
