"""draft.json has one form, a folder of drafts is read with care, and the table tells no more than it knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockgate.core.digest import digest_of
from lockgate.core.encoding import decode, encode
from lockgate.errors import Refused, VerificationFailed
from lockgate.project.drafts import store
from lockgate.project.drafts.record import MOST, Draft, read
from lockgate.project.drafts.table import Drafts, rows_of, words_of
from lockgate.store.lock import lock
from lockgate.train.draft_spec import Parts
from lockgate.train.spec import Attachment, Denied

CODE, ROWS = digest_of(b"code"), digest_of(b"rows")


def _draft(number: int = 1, auc: float | None = 0.8, **more: Any) -> Draft:
    metrics: Mapping[str, Any] = {} if auc is None else {"roc_auc": {"value": auc, "low": auc - 0.1, "high": auc + 0.1}}
    finding = None if auc is not None else {"finding": "LG310", "message": "it raised", "next": "mend it"}
    made = Draft(
        number=number,
        model="",
        made="2026-11-27T07:00:00Z",
        params={"C": 1.0, "names": ["a"]},
        changed={},
        task="" if auc is None else "binary",
        estimator="LogisticRegression",
        metrics=metrics,
        missing={},
        rows=20,
        trained=60,
        heldout=20,
        cut={"how": "hash", "by": "", "cut": None},
        parts=ROWS,
        accepted=ROWS,
        seconds=1.5,
        took=None,
        files={"train.py": CODE},
        sources={"rows.csv": ROWS},
        settings={"seed": 0},
        lock="",
        denied=(Denied("network", "example.org:443", "requests", "train.py:3"),),
        beside=(Attachment("mlruns/0/meta.yaml", CODE, 4),),
        finding=finding,
    )
    return replace(made, **more)


def test_a_draft_comes_back_as_it_was_written() -> None:
    """Good ones and failed ones."""
    for draft in (_draft(), _draft(auc=None), _draft(took=0.5, notebook="def train(): ...\n", lock=CODE)):
        assert draft == read(draft.encode(), 1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("number", 2),
        ("number", True),
        ("params", {"a": None}),
        ("params", {"a": {"b": 1}}),
        ("params", []),
        ("metrics", {"roc_auc": {"value": "best", "low": None, "high": None}}),
        ("metrics", {}),
        ("seconds", -1),
        ("seconds", None),
        ("took", "long"),
        ("files", {"../../x.py": CODE}),
        ("files", {"/etc/x": CODE}),
        ("files", {"x.py": "sha256:../../x"}),
        ("beside", [{"name": "../x", "digest": CODE, "size": 1}]),
        ("beside", [{"name": "x", "digest": CODE, "size": 1, "more": 1}]),
        ("denied", [{"what": "network"}]),
        ("denied", [1]),
        ("finding", {"finding": "LG310"}),
        ("finding", []),
        ("finding", "abc"),
        ("finding", 1),
        ("denied", ["network"]),
        ("beside", ["x"]),
        ("missing", {"roc_auc": 1}),
        ("task", "xyz"),
        ("task", ""),
        ("estimator", 3),
        ("left", {"a": 1}),
        ("more", 1),
        ("v", 2),
    ],
)
def test_another_form_is_not_read(key: str, value: Any) -> None:
    """ValueError for another number, a name that leads out, what is no digest, other keys, other kinds."""
    good = decode(_draft().encode())
    assert _draft() == read(encode(good), 1)
    with pytest.raises((ValueError, TypeError)):
        read(encode({**good, key: value}), 1)
    failed = decode(_draft(auc=None).encode())
    if key not in ("metrics", "task"):
        with pytest.raises((ValueError, TypeError)):
            read(encode({**failed, key: value}), 1)


@pytest.mark.parametrize("planted", [{"finding": []}, {"finding": "abc"}, {"task": "xyz"}, {"task": []}])
def test_a_planted_draft_keeps_nobody_from_the_others(tmp_path: Path, planted: Mapping[str, Any]) -> None:
    """It is told as not in form; the others are listed, drawn as a table, and removed, and so is it."""
    for _ in range(2):
        with store.begin(tmp_path) as (number, here):
            store.save(here, _draft(number, auc=None if number == 2 else 0.8))
    path = store.folder(tmp_path) / "2" / "draft.json"
    path.write_bytes(encode({**decode(path.read_bytes()), **planted}))
    found = store.list_drafts(tmp_path)
    assert [entry.draft is not None for entry in found] == [True, False]
    assert "draft.json is not in form" in found[1].why
    drafts = Drafts(entry.draft for entry in found if entry.draft is not None)
    assert len(rows_of(drafts)) == 2
    assert store.remove(tmp_path, [1, 2]) == (1, 2)


def test_numbers_rise_and_an_unfinished_one_is_not_taken_again(tmp_path: Path) -> None:
    """What was interrupted keeps its number; it is said to be unfinished, and the others are read."""
    with store.begin(tmp_path) as (number, here):
        store.save(here, _draft(number))
    with store.begin(tmp_path) as (number, _):
        assert number == 2
    with store.begin(tmp_path) as (number, here):
        store.save(here, _draft(number))
    found = store.list_drafts(tmp_path)
    assert [entry.number for entry in found] == [1, 2, 3]
    assert [entry.draft is not None for entry in found] == [True, False, True]
    assert "not finished" in found[1].why
    assert found[0].bytes > 500
    assert _draft(3) == store.find(tmp_path, 3)
    for number, finding in ((2, "LG3105"), (9, "LG3102")):
        with pytest.raises(Refused) as caught:
            store.find(tmp_path, number)
        assert finding == caught.value.finding


def test_a_number_that_went_is_not_given_again(tmp_path: Path) -> None:
    """What a person read of draft 2 yesterday is not about another draft today."""
    for _ in range(2):
        with store.begin(tmp_path):
            pass
    assert store.remove(tmp_path, [1, 2]) == (1, 2)
    with store.begin(tmp_path) as (number, _):
        assert number == 3
    assert store.remove(tmp_path, [3]) == (3,)
    (store.folder(tmp_path) / "last").write_text("nonsense")
    with store.begin(tmp_path) as (number, _):
        assert number == 1


def test_a_draft_that_is_being_made_is_not_removed(tmp_path: Path) -> None:
    """Another process holds its lock: the others go, with all that is in their folders."""
    for _ in range(2):
        with store.begin(tmp_path) as (number, here):
            store.files_of(here).put(b"code")
            store.save(here, _draft(number))
    with lock(tmp_path / "state" / "locks" / "draft-2"):
        assert store.remove(tmp_path, [1, 2, 7]) == (1,)
    assert store.remove(tmp_path, [2]) == (2,)
    assert store.list_drafts(tmp_path) == ()


def test_links_and_strange_folders_are_no_drafts(tmp_path: Path) -> None:
    """A link is never followed, neither for a folder nor for draft.json nor for all drafts; a huge file is not read."""
    place = store.folder(tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "draft.json").write_bytes(_draft(4).encode())
    for number in (1, 2):
        (place / str(number)).mkdir(parents=True)
    (place / "1" / "draft.json").symlink_to(outside / "draft.json")
    with (place / "2" / "draft.json").open("wb") as file:
        file.truncate(MOST + 1)
    (place / "4").symlink_to(outside)
    for name in ("05", "0", "x", "1e3", "9999999999"):
        (place / name).mkdir()
    found = store.list_drafts(tmp_path)
    assert [entry.number for entry in found] == [1, 2]
    assert [entry.draft for entry in found] == [None, None]
    assert store.remove(tmp_path, [4]) == ()
    assert (outside / "draft.json").exists()
    (tmp_path / "other" / "state").mkdir(parents=True)
    (tmp_path / "other" / "state" / "drafts").symlink_to(place)
    with pytest.raises(Refused, match="link"):
        store.list_drafts(tmp_path / "other")


def test_parts_are_known_while_they_are_all_there(tmp_path: Path) -> None:
    """What was cut before is found by its key; without one of its files, or in another form, it is cut again."""
    kept = store.parts_store(tmp_path)
    train, fields, label = (kept.put(name.encode()) for name in "abc")
    parts = Parts(train, fields, label, 6, 2, 2, {"how": "hash", "by": "", "cut": None})
    key = digest_of(b"key")
    assert store.known_parts(tmp_path, key, kept) is None
    store.keep_parts(tmp_path, key, parts)
    assert parts == store.known_parts(tmp_path, key, kept)
    assert store.known_parts(tmp_path, CODE, kept) is None
    kept.remove(parts.label)
    assert store.known_parts(tmp_path, key, kept) is None
    assert store.parts_bytes(tmp_path) > 2
    store.remove_parts(tmp_path)
    assert store.parts_bytes(tmp_path) == 0


def test_a_damaged_file_of_a_draft_is_not_given_out(tmp_path: Path) -> None:
    """Bytes that are not those of the digest are LG802, as everywhere."""
    with store.begin(tmp_path) as (_, here):
        files = store.files_of(here)
        digest = files.put(b"code")
        files.path(digest).chmod(0o644)
        files.path(digest).write_bytes(b"evil")
        with pytest.raises(VerificationFailed, match="digest") as caught:
            files.read(digest)
        assert caught.value.finding == "LG802"


def test_the_best_is_chosen_among_those_of_the_same_rows_only() -> None:
    """A better figure on other rows, or a failed draft, is never the best; a smaller error is the better one."""
    drafts = Drafts([_draft(1, 0.99, parts=CODE), _draft(2, 0.8), _draft(3, None), _draft(4, 0.7)])
    assert drafts.best is drafts[1]
    assert [one.number for one in drafts.comparable] == [2, 4]
    larger, smaller = ({"mae": {"value": value, "low": 1.0, "high": 3.0}} for value in (2.0, 1.5))
    errors = Drafts(_draft(n, task="regression", metrics=each) for n, each in ((1, larger), (2, smaller)))
    assert errors.best is errors[1]
    assert Drafts([_draft(1, None)]).best is None


def test_a_better_one_of_other_code_is_not_proposed() -> None:
    """It is the best in the table, and said to be of other code; what is proposed could be promoted as things stand."""
    drafts = Drafts([_draft(1, 0.9, files={"train.py": ROWS}), _draft(2, 0.8)])
    assert (drafts.best.number if drafts.best else 0, drafts.ready.number if drafts.ready else 0) == (1, 2)
    assert ["other code" in row[-1] for row in rows_of(drafts)[1:]] == [True, False]


def test_the_words_say_that_the_best_figure_flatters() -> None:
    """Of several; of one alone they say on how many rows; always that it is no evidence and was not converted."""
    several, one = words_of(Drafts([_draft(1), _draft(2)])), words_of(Drafts([_draft(1)]))
    assert "best of 2 on the same 20 validation rows" in several[0]
    assert "flatters" in several[0]
    assert "flatters" not in one[0]
    for words in (several, one):
        assert "No draft has seen the 20 held-out rows" in words[1]
        assert "Not signed, no evidence; conversion not tried" in words[1]


def test_what_a_draft_holds_is_shown_and_steers_nothing() -> None:
    """HTML is escaped, a terminal's signs are made visible, in texts of user code and of parameters alike."""
    draft = _draft(estimator="<b>\x1b[31m", params={"a": "<script>"})
    for shown in (draft, Drafts([draft, _draft(2)])):
        assert "<script>" not in shown._repr_html_()
        assert "\x1b" not in repr(shown)
    assert "There is no draft" in repr(Drafts())
    assert "lockgate try --promote 1" in repr(draft)
    assert "lockgate try --take 1" in repr(replace(draft, notebook="x"))
