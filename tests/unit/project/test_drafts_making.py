"""What is kept of a draft, and when: not before its environment is known to be as it was built."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from lockgate.config import load_config
from lockgate.errors import Refused, VerificationFailed
from lockgate.project.drafts import making, store
from lockgate.project.drafts.estimators import Notebook
from lockgate.project.drafts.making import Ready
from lockgate.sandbox.interpreter import PythonEnv
from lockgate.train import draft
from lockgate.train.draft_spec import Drafted, Parts, parts_key
from lockgate.train.spec import Denied, TrainSpec
from tests.support.training import TrainingProject, training_project

SETTINGS = """
[project]
name = "trains"
[data]
sources = ["rows.csv"]
contract = "contract.py:Row"
label = "late"
[train.params]
C = 1.0
steps = 10
"""
MEND = "mend the training code, then: lockgate "
AUC = {"roc_auc": {"value": 0.9, "low": 0.8, "high": 1.0}}


@pytest.fixture(name="ready")
def _ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ready:
    """A project whose rows were cut before: no jail is started."""
    here: TrainingProject = training_project(tmp_path, monkeypatch, "late")
    here.write(contract="", train="def train(data, params): ...\n")
    (here.project.root / "lockgate.toml").write_text(SETTINGS)
    place = here.project.workplace()
    kept = store.parts_store(place.home)
    train, fields, label = (kept.put(name.encode()) for name in "abc")
    parts = Parts(train, fields, label, 256, 64, 80, {"how": "hash", "by": "", "cut": None})
    store.keep_parts(place.home, parts_key(here.accepted, TrainSpec("late")), parts)
    return making.prepare(place, load_config(place.root), tmp_path / "scratch")


def _one(
    ready: Ready,
    monkeypatch: pytest.MonkeyPatch,
    found: Drafted | Exception,
    verified: Exception | None = None,
    params: dict[str, Any] | None = None,
    notebook: Notebook | None = None,
) -> Any:
    def attempt(*_: Any) -> Drafted:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(draft, "attempt", attempt)
    promise: Future[PythonEnv] = Future()
    if verified is None:
        promise.set_result(PythonEnv.own())
    else:
        promise.set_exception(verified)
    given = {"C": 1.0, "steps": 10} if params is None else params
    return making._one(ready, given, PythonEnv.own(), promise, Path("unused"), notebook)


def _drafted(tmp_path: Path) -> Drafted:
    plot = tmp_path / "plot.png"
    plot.write_bytes(b"png")
    denied = (Denied("network", "x:1", "", "train.py:1"),)
    return Drafted("binary", "Pipeline(A, B)", AUC, {}, 64, 0.5, denied, beside={"plot.png": plot})


def test_nothing_is_kept_before_the_environment_is_verified(
    ready: Ready, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LG346 of the hashing beside it: no draft.json, whether it ended well or not; the number is not taken again."""
    home, changed = ready.place.home, VerificationFailed("LG346", "the locked environment was changed", next="x")
    for found in (_drafted(tmp_path), Refused("LG310", "it raised", next="mend it")):
        with pytest.raises(VerificationFailed):
            _one(ready, monkeypatch, found, changed)
    assert [entry.draft for entry in store.list_drafts(home)] == [None, None]
    made = _one(ready, monkeypatch, _drafted(tmp_path))
    assert made.number == 3
    assert made == store.find(home, 3)


def test_what_was_tried_and_what_came_of_it_is_kept(
    ready: Ready, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures, code, what it left, what it was denied; of the parameters those that lockgate.toml says otherwise."""
    made = _one(ready, monkeypatch, _drafted(tmp_path), params={"C": 1, "steps": 10, "new": True})
    assert made.changed == {"C": 1, "new": True}  # 1 is not 1.0
    assert dict(made.metrics) == AUC
    assert [made.rows, made.trained, made.heldout] == [64, 256, 80]
    assert sorted(made.files) == ["contract.py", "train.py"]
    assert [one.name for one in made.beside] == ["plot.png"]
    assert [one.target for one in made.denied] == ["x:1"]
    assert (made.model, made.task, made.took) == ("trains", "binary", 0.5)
    files = store.files_of(store.folder(ready.place.home) / str(made.number))
    assert files.read(made.beside[0].digest) == b"png"
    for name, digest in made.files.items():
        assert (ready.place.root / name).read_bytes() == files.read(digest)


@pytest.mark.parametrize(
    ("params", "error", "told", "wanted"),
    [
        ({"C": 1.0, "steps": 10, "D": 1}, "TypeError: D", f"{MEND}train", making.AS_IT_IS),
        ({"C": 2.0, "steps": 10}, "InvalidParameterError: C", f"{MEND}train", making.AS_IT_IS),
        ({"C": 2.0, "steps": 10}, "NameError: np", f"{MEND}train", f"{MEND}try"),
        (None, "TypeError: x", f"{MEND}train", f"{MEND}try"),
        (None, "TypeError: x", "mend features.py, then: lockgate train", "mend features.py, then: lockgate try"),
        ({"D": 1}, "TypeError: x", "lockgate lock --add x", "lockgate lock --add x"),
    ],
)
def test_what_to_do_next_is_about_the_draft(
    ready: Ready, monkeypatch: pytest.MonkeyPatch, params: dict[str, Any] | None, error: str, told: str, wanted: str
) -> None:
    """Who tried a parameter that the code does not take has nothing to mend in it, and nobody asked for `train`."""
    made = _one(ready, monkeypatch, Refused("LG310", f"train() raised {error}", next=told), params=params)
    assert made.finding["next"] == wanted


def test_a_notebooks_estimator_has_no_training_code_to_mend(ready: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to do next is said of the estimator, and of the notebook."""
    notebook = Notebook(b"pickled", "Pipeline", "def train(data, params): ...\n")
    error = Refused("LG310", "train() raised ValueError: text", next=f"{MEND}train")
    made = _one(ready, monkeypatch, error, params={"C": 3.0}, notebook=notebook)
    assert made.finding["next"] == making.DRAW_AGAIN


def test_a_training_that_failed_is_kept_with_its_finding(ready: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what it was denied before; what is no refusal ends all."""
    attempts = {"attempts": [{"what": "network", "target": "x:1", "package": "", "at": ""}]}
    made = _one(ready, monkeypatch, Refused("LG325", "it reached out", seen=attempts, next="see"))
    assert made.finding == {"finding": "LG325", "message": "it reached out", "next": "see"}
    assert [one.target for one in made.denied] == ["x:1"]
    assert not made.ok
    with pytest.raises(RuntimeError):
        _one(ready, monkeypatch, RuntimeError("a fault of ours"))


def test_a_notebooks_draft_has_its_train_py(ready: Ready, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And never the pickle."""
    notebook = Notebook(b"pickled", "Pipeline", "def train(data, params): ...\n")
    made = _one(ready, monkeypatch, _drafted(tmp_path), params={}, notebook=notebook)
    assert notebook.code == made.code()
    here = store.folder(ready.place.home) / str(made.number)
    assert not any(path.read_bytes() == b"pickled" for path in here.rglob("*") if path.is_file())
