"""train.rules, spec and capture: what comes out of a jail is read strictly, and code is captured by digest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from lockgate.core.digest import digest_of
from lockgate.core.encoding import decode, encode
from lockgate.core.statement import digest_of_resource
from lockgate.errors import LockgateError, Refused
from lockgate.monitor.asked import Asked
from lockgate.runtime.serving import Field, Input, ServingSpec
from lockgate.store.blobs import BlobStore
from lockgate.train import rules
from lockgate.train.capture import capture, lay_out
from lockgate.train.jails import Talk
from lockgate.train.spec import Closure, CodeFile, TrainSpec

A, B = digest_of(b"a"), digest_of(b"b")
JUDGED = {
    "task": "binary",
    "rows": 5,
    "metrics": {"roc_auc": {"value": 0.8, "low": 0.7, "high": 0.9}},
    "missing": {},
    "slices": [{"field": "town", "value": "Ulm", "rows": 3, "metrics": {}}],
}
NOTHING = {"leak": None, "doubts": None}
SPLIT = {"how": "time", "by": "when", "cut": "2026-01-01", "train": 8, "heldout": 2, "holdout": 0.2, **NOTHING}
PARITY = {
    "rows": 8,
    "tolerance": 1e-5,
    "beyond": 1,
    "share": 0.125,
    "explained": 1,
    "worst": {"row": 7, "difference": 0.5},
}
FIT = {
    "estimator": "Pipeline",
    "task": "binary",
    "rows": 8,
    "features": ["age"],
    "left_out": [],
    "parity": PARITY,
    "saved": "",
    "versions": {},
}
COST = {"function": "features.py:features", "columns": 3, "batch_us": 0.5, "single_us": 210.0}


def _interval(value: Any, low: Any, high: Any) -> dict[str, Any]:
    return {"metrics": {"roc_auc": {"value": value, "low": low, "high": high}}}


@pytest.mark.parametrize(
    "change",
    [
        {"task": "x"},
        {"rows": "5"},
        {"metrics": {}},
        {"metrics": {"ROC AUC": {"value": 1, "low": None, "high": None}}},
        {"metrics": {"roc_auc": 0.8}},
        _interval(0.8, 0.9, 1.0),
        _interval(None, 0.9, 1.0),
        _interval(True, None, None),
        {"missing": {"roc_auc": 3}},
        {"slices": [1]},
        {"slices": {}},
        {"more": 1},
    ],
)
def test_judge_json_is_read_strictly(change: dict[str, Any]) -> None:
    """A metric outside its interval, of an odd name, not a number: refused before anything is signed."""
    assert rules.read_judged(encode(JUDGED)) == JUDGED
    with pytest.raises(ValueError, match=r".+"):
        rules.read_judged(encode({**JUDGED, **change}))


def test_what_cannot_be_watched_is_said() -> None:
    """No plan for too few rows; strata by a field that the model is not given, so that no gateway sees it."""
    io = ServingSpec(
        "binary",
        "late",
        (False, True),
        (Field("town", "string"),),
        (Input("town", ("town",), "string"),),
        "label",
        "scores",
        None,
    ).encode()
    by_hour = Asked(strata=("hour", "site"), time="when", site="town")
    assert rules.monitoring(A, 500, Asked(time="when"), io) == ()
    assert [one.finding for one in rules.monitoring(None, 80, Asked(), io)] == ["LG329"]
    assert [(one.finding, one.seen) for one in rules.monitoring(A, 500, by_hour, io)] == [
        ("LG331", {"unused": ["when"]})
    ]


@pytest.mark.parametrize("change", [{"how": "chance"}, {"train": 0}, {"heldout": True}, {"cut": 1}, {"x": 1}])
def test_split_json_is_read_strictly(change: dict[str, Any]) -> None:
    """Counts are positive; the digests are the launcher's, never the jail's."""
    found = rules.read_split(encode(SPLIT), A, B)
    assert (found.train, found.train_rows, found.heldout, found.heldout_rows) == (A, 8, B, 2)
    with pytest.raises(ValueError, match=r".+"):
        rules.read_split(encode({**SPLIT, **change}), A, B)


@pytest.mark.parametrize(
    "change",
    [
        {"task": "x"},
        {"rows": None},
        {"rows": 9},
        {"parity": []},
        {"parity": {**PARITY, "worst": {"row": 7, "difference": 0.5, "record": {"age": "36"}}}},
        {"saved": None},
        {"featured": {**COST, "single_us": "Ada, 36"}},
        {"x": 1},
        {"estimator": 1},
    ],
)
def test_fit_json_is_read_strictly(change: dict[str, Any]) -> None:
    """It was written beside the user's code, and no value of a row reaches a statement."""
    assert rules.read_fit(encode(FIT))["task"] == "binary"
    assert rules.read_fit(encode({**FIT, "featured": COST}))["featured"] == COST
    with pytest.raises(ValueError, match=r".+"):
        rules.read_fit(encode({**FIT, **change}))


def test_judgings_are_counted_by_rows() -> None:
    """Only judgements of the very same held-out rows count."""
    assert rules.judgings([{"heldout": A}, {"heldout": B}, {}, {"heldout": A}], A) == 2


def test_the_closure_digest_is_of_names_and_digests() -> None:
    """Renaming a file changes it; its order does not matter to the digest of the same set."""
    one, two = CodeFile("a.py", A, 1), CodeFile("b.py", B, 1)
    assert Closure((one, two)).digest == Closure((two, one)).digest == digest_of(encode({"a.py": A, "b.py": B}))
    assert Closure((one,)).digest != Closure((CodeFile("c.py", A, 1),)).digest
    assert decode(encode(TrainSpec("late").external()))["label"] == "late"
    assert digest_of_resource({"digest": {"sha256": A[7:]}}) == A


@pytest.mark.parametrize(
    ("asked", "stated"),
    [
        (Asked(order="t"), False),
        (Asked(time="t", order="t"), False),
        (Asked(time="s", order="s"), True),
        (Asked(("hour",), "t", order="t"), True),
        (Asked(stride=3, order="t"), True),
    ],
    ids=str,
)
def test_what_makes_another_plan_of_answers_is_stated(asked: Asked, stated: bool) -> None:
    """Strata, a stride, an order that is not the split's: with another one the judge is asked again."""
    assert ("monitor" in TrainSpec("late", time="t", monitor=asked).external()) is stated


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs", tmp_path / "staging")


def test_code_is_captured_by_digest(tmp_path: Path, store: BlobStore) -> None:
    """What matches, and nothing hidden; laid out read-only, the same bytes, whatever happens to the project."""
    root = tmp_path / "project"
    (root / "lib/__pycache__").mkdir(parents=True)
    (root / ".venv").mkdir()
    for name in ("train.py", "lib/tools.py", "lib/__pycache__/x.py", ".venv/y.py", "notes.txt"):
        (root / name).write_text(name)
    closure = capture(root, ["**/*.py"], ["notes.txt"], store)
    assert [file.name for file in closure.files] == ["lib/tools.py", "notes.txt", "train.py"]
    (root / "train.py").write_text("changed")
    job = lay_out(closure, store, tmp_path / "job")
    assert (job / "train.py").read_text() == "train.py"
    assert {(path.stat().st_mode & 0o777) for path in job.rglob("*") if path.is_file()} == {0o444}


def test_links_and_what_is_missing_are_refused(tmp_path: Path, store: BlobStore) -> None:
    """A link to outside, a folder that is a link, a name that leaves the project or turns around, a pipe, no match."""
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "secret.py").write_text("secret")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/x.py").write_text("x")
    (root / "link.py").symlink_to(tmp_path / "secret.py")
    (root / "folder").symlink_to(tmp_path / "outside")
    os.mkfifo(root / "pipe.py")
    for name in ("x.pth", "a\u202eyp.b"):
        (root / name).touch()

    def finding(code: list[str], always: list[str]) -> str:
        with pytest.raises(LockgateError) as raised:
            capture(root, code, always, store)
        assert isinstance(raised.value, Refused)
        return raised.value.finding

    assert finding(["link.py"], []) == "LG305"
    assert finding(["folder/*.py"], []) == "LG305"
    assert finding([], ["../secret.py"]) == "LG305"
    assert finding(["pipe.py"], []) == "LG305"
    assert finding(["*.pth"], []) == "LG305"
    assert finding(["*.b"], []) == "LG305"
    assert finding(["none/*.py"], []) == "LG301"
    assert finding([], ["gone.py"]) == "LG301"


def test_talk_is_fit_for_a_terminal() -> None:
    """Lines as they come, control characters removed, marked lines kept from people, the last line not lost."""
    said: list[str] = []
    talk = Talk(said.append)
    for piece in (b"one\ntw", b"o \x1b[2J\n\x1e{}\n\n", b"three"):
        talk.take(piece)
    talk.end()
    assert said == ["one", "two ?[2J", "three"]


def test_forged_files_do_not_hide_the_one_connection() -> None:
    """Anybody can print such lines; a hundred invented ones leave room for what matters most."""
    line = '\x1e{"what":"%s","target":"%s","package":"","at":""}\n'
    said = "".join(line % ("file", f"/etc/{number}") for number in range(150)) + line % ("network", "192.0.2.7:443")
    found = rules.denied(said.encode())
    assert (len(found), found[0].target) == (100, "192.0.2.7:443")
