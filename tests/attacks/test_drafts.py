"""Drafts are no evidence and no way in: what is planted among them, what a notebook hands over, what one may see."""

from __future__ import annotations

import os
import pickle
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.config import Config, load_config, read_config
from lockgate.core.digest import digest_of
from lockgate.errors import LockgateError, Refused
from lockgate.project.drafts import store
from lockgate.project.drafts.promoting import write_params
from lockgate.project.drafts.record import Draft, read
from lockgate.sandbox.interpreter import PythonEnv
from lockgate.store.blobs import BlobStore
from lockgate.train import draft
from lockgate.train.capture import capture
from lockgate.train.draft import DraftRecipe
from lockgate.train.spec import TrainSpec
from tests.attacks.test_train_canary import CANARY, CONTROL, SEARCH
from tests.support.shell import Ready
from tests.support.training import TrainingProject, rows, training_project

VALIDATION = "Yolanda-of-the-validation-rows"
TOML = """# Mine.
[project]
name = "x"
[data]
sources = ["rows.csv"]
contract = "contract.py:Row"
label = "late"
[train.params]
C = 1.0  # strength
"""
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = TEXTS | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)


def _attempt(here: TrainingProject, spec: TrainSpec, place: Path, estimator: bytes | None = None) -> Any:
    parts_store = BlobStore(place / "data", place / "staging")
    workplace = here.project.workplace()
    parts = draft.cut(workplace, spec, here.accepted, parts_store, place / "cut")
    closure = capture(workplace.root, spec.code, (), parts_store)
    recipe = DraftRecipe(replace(spec, features=""), closure, parts, parts_store, {}, estimator=estimator)
    return draft.attempt(workplace, recipe, PythonEnv.own(), place / "one", here.project.said.append)


def test_a_held_out_row_is_nowhere_in_a_drafts_jail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The held-out canary is in no file and no descriptor; those of training and of validation rows are found."""
    since = time.time() - 60
    table = rows(200)
    table.loc[199, "town"] = CANARY  # the latest instant: held out
    table.loc[155, "town"] = VALIDATION
    table.loc[3, "town"] = CONTROL
    here = training_project(tmp_path, monkeypatch, "late", table)
    search = SEARCH.replace('words, found, looked = ["', f'words, found, looked = ["{VALIDATION[::-1]}"[::-1], "')
    search = search.replace('"/model", ', '"/model", "/asked", ')
    # Interpreter and packages, which were there before the rows, are searched in the test of a whole training.
    search = search.replace('("/proc", "/sys", "/dev")', '("/proc", "/sys", "/dev", "/usr", "/env", sys.base_prefix)')
    search = search.replace('"/usr", "/lib", "/lib64"]', "]").replace('"/opt", sys.base_prefix]', '"/opt"]')
    here.write(train=search)
    _attempt(here, TrainSpec("late", time="when", params={"since": since}), tmp_path / "parts")
    said = next(line for line in here.project.said if "looked into" in line)
    assert int(said.split()[2]) > 100
    assert CONTROL in said
    assert VALIDATION in said
    assert CANARY not in said


class Hostile:
    """A pickle that runs a command where it is opened."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        """What `pickle` is told to call."""
        return os.system, (self.command,)


def test_a_notebooks_pickle_is_opened_in_the_jail_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its command runs there, sees no project and no keys, and what it writes is gone; here it would have run.

    The draft ends with a finding, as an integer is no estimator.
    """
    here = training_project(tmp_path, monkeypatch, "late")
    here.write(train="")
    marker, home = tmp_path / "marker", here.project.workplace().home
    command = f"touch {marker}; test -e {home} && echo SEEN; echo ran as $$"
    pickled = pickle.dumps(Hostile(command))
    with pytest.raises(Refused) as caught:
        _attempt(here, TrainSpec("late"), tmp_path / "parts", pickled)
    assert caught.value.finding in ("LG310", "LG325")
    assert any(line.startswith("ran as") for line in here.project.said)
    assert not any("SEEN" in line for line in here.project.said)
    assert not marker.exists()
    pickle.loads(pickled)
    assert marker.exists()


def _planted(number: int, **more: Any) -> Draft:
    perfect = {"value": 1.0, "low": 1.0, "high": 1.0}
    made = Draft(
        number=number,
        model="x",
        made="2026-11-27T07:00:00Z",
        params={"C": 0.5},
        changed={"C": 0.5},
        task="binary",
        estimator="perfect",
        metrics={"roc_auc": perfect, "accuracy": perfect},
        missing={},
        rows=200,
        trained=800,
        heldout=250,
        cut={"how": "hash", "by": "", "cut": None},
        parts=digest_of(b"parts"),
        accepted=digest_of(b"rows"),
        seconds=1.0,
        took=1.0,
        files={"train.py": digest_of(b"code")},
        sources={},
        settings={},
        lock="",
    )
    return replace(made, **more)


@given(st.dictionaries(TEXTS.filter(bool), VALUES | st.lists(VALUES, max_size=3), min_size=1, max_size=3))
def test_promoted_parameters_are_parameters_and_nothing_else(params: Mapping[str, Any]) -> None:
    """Whatever names and values a draft.json gives: lockgate.toml says these, and every other setting is as it was."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "lockgate.toml").write_text(TOML)
        given_draft = read(_planted(1, params={"C": 1.0, **params}).encode(), 1)
        before = load_config(root)
        write_params(root, given_draft, before)
        after = load_config(root)
        assert repr(dict(given_draft.params)) == repr({name: after.train.params[name] for name in given_draft.params})
        assert set(after.train.params) == set(given_draft.params)
        assert before == replace(after, train=replace(after.train, params=before.train.params))
        assert sorted(os.listdir(root)) == ["lockgate.toml"]
        assert (root / "lockgate.toml").read_text().startswith("# Mine.\n")


@pytest.mark.parametrize(
    "text",
    [
        TOML.replace("[train.params]\nC = 1.0", "[train]\nparams = { C = 1.0 }\n[serve]\nport = 8080"),
        TOML.replace("C = 1.0", "C.x = 1.0"),
        TOML + "other = 1\n",
        "not toml [",
    ],
    ids=["inline", "table-in-the-way", "another-parameter", "broken"],
)
def test_what_cannot_be_written_exactly_is_not_written(tmp_path: Path, text: str) -> None:
    """LG3108, or it was written as asked: the file never says anything else, and it is whole either way."""
    path = tmp_path / "lockgate.toml"
    path.write_text(text)
    config = read_config(TOML)
    refused = _refused(tmp_path, config)
    if refused is None:
        assert load_config(tmp_path).train.params == {"C": 0.5}
        return
    assert refused.finding == "LG3108"
    assert text == path.read_text()
    assert "C = 0.5" in str(refused.seen)


@pytest.mark.parametrize(
    "text",
    [
        "train = { params = { C = 1.0 } }\n" + TOML.replace("[train.params]\nC = 1.0", ""),
        TOML.replace("[train.params]\nC = 1.0", "[train]\nparams.C = 1.0"),
        TOML.replace("C = 1.0", "C = { x = 1.0 }"),
    ],
    ids=["inline", "dots", "a-table-as-value"],
)
def test_who_has_to_write_it_is_told_the_form(tmp_path: Path, text: str) -> None:
    """The header, and each parameter as TOML spells it, to be written below the header."""
    (tmp_path / "lockgate.toml").write_text(text)
    refused = _refused(tmp_path, read_config(TOML), params={"C": 0.5, "warm": True, "odd key": "a"})
    assert refused is not None
    assert refused.next.startswith("write [train.params] as a table of its own in lockgate.toml, a line for each")
    assert refused.seen["[train.params]"] == 'C = 0.5, warm = true, "odd key" = "a"'


def _refused(root: Path, config: Config, **more: Any) -> Refused | None:
    try:
        write_params(root, _planted(1, **more), config)
    except Refused as error:
        return error
    return None


def test_a_link_in_place_of_lockgate_toml_is_not_written_through(tmp_path: Path) -> None:
    """What it points to stays as it is."""
    outside = tmp_path / "outside.toml"
    outside.write_text(TOML)
    root = tmp_path / "project"
    root.mkdir()
    (root / "lockgate.toml").symlink_to(outside)
    with pytest.raises(LockgateError):
        write_params(root, _planted(1), read_config(TOML))
    assert outside.read_text() == TOML
    assert (root / "lockgate.toml").is_symlink()


def test_a_planted_draft_with_perfect_figures_is_not_promoted(ready: Ready, tmp_path: Path) -> None:
    """It is of no code and no rows of this project: LG3103 names them. Nothing reaches log, registry or settings.

    With the code, rows and settings of the project in it as well, see the nightly test beside this one.
    """
    here = ready.copy(tmp_path)
    home, toml = here.root / ".lockgate", here.root / "lockgate.toml"
    with store.begin(home) as (number, folder):
        store.save(folder, _planted(number, model="phishing"))
    before = {path: path.read_bytes() for path in (toml, home / "log" / "events" / "checkpoint")}
    models = here.shell("models", "--json", at=here.root).json
    done = here.shell("try", "--promote", "1", at=here.root)
    assert (done.code, "LG3103" in done.err) == (1, True)
    for name in ("train.py", "data/phishing.csv", "lockgate.toml"):
        assert name in done.err
    assert before == {path: path.read_bytes() for path in before}
    assert models == here.shell("models", "--json", at=here.root).json
    assert here.shell("verify", "latest", at=here.root).code == 0


@pytest.mark.nightly
def test_nothing_is_kept_of_a_draft_in_another_environment(ready: Ready, tmp_path: Path) -> None:
    """The packages are hashed while the draft runs: where one file is another, LG346, and there is no draft.

    The same call makes one where all are as built.
    """
    here = ready.copy(tmp_path)
    home = here.root / ".lockgate"
    built = os.path.realpath(home / "env")
    (home / "env").unlink()
    shutil.copytree(built, home / "env", symlinks=True, copy_function=os.link)
    file = next((home / "env").glob("*/lib/python*/site-packages/sklearn/__init__.py"))
    text = file.read_text()
    file.unlink()  # a name of its own: the one that all share stays as it is
    file.write_text(text + "# another\n")
    done = here.shell("try", at=here.root)
    assert (done.code, "LG346" in done.err) == (3, True), done.err
    assert "roc_auc" not in done.err
    assert all(entry.draft is None for entry in store.list_drafts(home))
    shutil.rmtree(home / "env")
    (home / "env").symlink_to(built)
    assert here.shell("try", at=here.root).code == 0
    assert store.list_drafts(home)[-1].draft is not None


@pytest.mark.nightly
def test_what_a_planted_draft_says_of_itself_reaches_no_model(ready: Ready, tmp_path: Path) -> None:
    """A real draft whose figures are made perfect: its run trains anew, and is judged as it is."""
    here = ready.copy(tmp_path)
    home = here.root / ".lockgate"
    assert here.shell("try", "--set", "C=0.02", at=here.root).code == 0
    kept = store.find(home, 1)
    perfect = {"value": 1.0, "low": 1.0, "high": 1.0}
    store.save(store.folder(home) / "1", replace(kept, metrics={"roc_auc": perfect}, estimator="perfect"))
    done = here.shell("try", "--promote", "1", "--json", at=here.root)
    assert done.code == 0, done.err
    assert done.json["metrics"]["roc_auc"]["value"] < 1.0
    assert "perfect" not in here.shell("show", "latest", "--json", at=here.root).out
    assert load_config(here.root).train.params == {"C": 0.02}
