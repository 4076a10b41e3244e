"""`lockgate review` and `review mark`: what a person sees, what that person signs, and what stays out of the log."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lockgate.audit.models import said_for
from lockgate.cli.main import run
from lockgate.core.digest import Digest, digest_of, hex_of
from lockgate.core.statement import Statement, Subject
from lockgate.errors import VerificationFailed
from lockgate.project import marking, review_page
from lockgate.project.statement_words import words_of
from lockgate.validate import reviewing
from tests.support.project import at_home
from tests.support.reviewed import (
    FIELDS,
    PLACES,
    SECRET,
    Reviewed,
    flight,
    fork,
    in_process,
    mark_statement,
    report,
    reviewed,
    screen_of,
    table,
    validate_statement,
)
from tests.unit.project.test_moving import Shell

MODELS = """[model.late]
[model.early]
"""
WHY = ("--reason", "the label is wrong")


@pytest.fixture(name="first", scope="module")
def _first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Reviewed, Path]]:
    """Eleven accepted rows of two files, of which two rules flag six, and the folder of its keys."""
    folder = tmp_path_factory.mktemp("review")
    with pytest.MonkeyPatch.context() as patch:
        yield reviewed(folder, patch), folder


@pytest.fixture(name="house")
def _house(first: tuple[Reviewed, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reviewed:
    """A copy of its own; its rows are read in this process."""
    house, folder = first
    at_home(folder, monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    in_process(monkeypatch)
    return fork(house, tmp_path)


@pytest.fixture(name="shell")
def _shell(house: Reviewed, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(house.signed, capsys)


def told(text: str) -> dict[str, Any]:
    """The one line of JSON."""
    (line,) = [line for line in text.split("\n") if line.startswith("{")]
    value: dict[str, Any] = json.loads(line)
    return value


def marks(house: Reviewed) -> list[Statement]:
    """What was marked, as the log has it."""
    return [one.statement for one in house.signed.open_ledger().statements("mark")]


def rows_in(house: Reviewed, digest: Digest) -> Any:
    """marks.parquet."""
    return pq.read_table(house.signed.data.path(digest))


def test_what_is_flagged_is_told_the_most_doubtful_first(
    first: tuple[Reviewed, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the very jail: per finding what was seen, how many rows, from where, their values; the label first. No value
    of a sensitive field, and nothing that steers a terminal.
    """
    house, folder = first
    at_home(folder, monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    shell = Shell(fork(house, tmp_path).signed, capsys)
    found = told(shell("review", "--json"))
    assert [one["finding"] for one in found["findings"]] == ["LG233", "LG234"]
    labels = found["groups"]["labels"]
    places = [(row["source"], row["row"]) for row in labels["shown"]]
    assert places == [("a.csv", 3), ("a.csv", 4), ("b.csv", 2), ("a.csv", 2), ("b.csv", 0)]
    assert [row["score"] for row in labels["shown"]] == [0.9, 0.7, 0.7, 0.5, None]
    assert list(labels["shown"][4]["fields"].items()) == [
        ("late", True), ("hour", 8), ("gate", "nan"), ("carrier", None)]  # fmt: skip
    assert (found["quarantined"], found["refused"][0]["row"], found["withheld"]) == (1, 0, ["home"])
    told_to_people = shell("review")
    assert "a.csv:0  hour  not a whole number" in told_to_people
    assert "LG234  2 rows: 2 rows with hour = 3 are late ?[31m" in told_to_people
    assert not any(SECRET in text or "\x1b" in text for text in (told_to_people, json.dumps(found)))


def test_a_jail_that_tells_more_than_it_may_is_not_believed(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it gives back is read as strictly as what anybody else gives: no sensitive field, no strange number."""
    changes: tuple[Callable[[Any], object], ...] = (
        lambda said: said["names"].__setitem__(3, "home"),
        lambda said: said["groups"][0]["rows"][0].update(source=7),
        lambda said: said["groups"][0]["rows"][0].update(row=-1),
        lambda said: said["groups"][0]["rows"][0].update(mark="fine"),
        lambda said: said.update(more=1),
    )

    def changed(change: Callable[[Any], object]) -> Callable[[bytes], Any]:
        def read(data: bytes) -> Any:
            said = json.loads(data)
            change(said)
            return said

        return read

    for change in changes:
        monkeypatch.setattr(reviewing, "decode_exact", changed(change))
        assert "LG247" in shell("review", "--screen", code=1)
    monkeypatch.setattr(reviewing, "decode_exact", changed(lambda _: None))
    assert "LG233" in shell("review", "--screen")


def test_a_screen_of_other_rows_is_not_believed(house: Reviewed, shell: Shell) -> None:
    """Its numbers are those of the accepted rows, in their order: else somebody marks another row than he looked at."""
    for places in ([*PLACES[1:], PLACES[0]], PLACES[1:]):
        screen = house.signed.data.put(screen_of(places))
        said = validate_statement(house.signed)
        subjects = [Subject(one.name, screen if one.name == "screen.parquet" else one.digest) for one in said.subjects]
        house.signed.record("validator", replace(said, subjects=tuple(subjects)))
        assert "LG247" in shell("review", "mark", "a.csv:3", "bad", *WHY, code=1)
    house.signed.record("validator", validate_statement(house.signed))
    assert "a.csv:3" in shell("review", "mark", "a.csv:3", "bad", *WHY)


def test_one_finding_and_a_limit(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """Of what is left out it is said how to see it; quarantined rows belong to the whole review."""
    said = shell("review", "--finding", "LG233", "--limit", "2")
    assert "a.csv:4" in said
    assert "and 3 more: lockgate review --finding LG233 --limit 5" in said
    assert ("b.csv:2" in said, "LG234" in said, "not a whole number" in said) == (False, False, False)
    assert "LG248" in shell("review", "--finding", "LG999", code=2)
    assert "LG246" in shell("review", "--screen", "--limit", "10001", code=2)
    assert run(["review", "-C", str(shell.project.root), "mark", "a.csv:3", "bad", *WHY]) == 2
    assert "stand behind `mark`" in capsys.readouterr().err


def test_a_mark_is_shown_then_signed_and_keeps_its_rows_private(house: Reviewed, shell: Shell) -> None:
    """The statement has a number, a digest and the findings; the file has the rows, a salt, and is this user's."""
    assert "a.csv:3" in shell("review", "mark", "a.csv:3-4", "b.csv:0", "bad", "--dry-run")
    assert marks(house) == []
    said = shell("review", "mark", "a.csv:3-4", "b.csv:0", "bad", *WHY)
    assert "4 rows: BAD, quarantined from the next run on" in said
    assert "1 of them are not named and equal to one that is" in said
    assert "LG233  4 of 5 rows: 5 labels are unlike those of their neighbours" in said
    assert "b.csv:0  late=True  hour=8" in said
    assert SECRET not in said
    (mark,) = marks(house)
    assert {key: mark.predicate[key] for key in ("mark", "rows", "findings", "reason", "validate")} == {
        "mark": "bad",
        "rows": 4,
        "findings": ["LG233", "LG234"],
        "reason": "the label is wrong",
        "validate": house.validate.digest,
    }
    assert sorted(mark.predicate) == sorted(
        ["claim", "time", "project", "reason", "mark", "rows", "marks", "validate", "findings"]
    )
    digest = mark.subjects[0].digest
    table = rows_in(house, digest)
    assert table.schema.names == FIELDS.names
    assert [row["hour"] for row in table.to_pylist()] == [2, 3, 8, 3]
    assert len(table.schema.metadata[b"lockgate.salt"]) == 64
    assert house.signed.data.path(digest).stat().st_mode & 0o777 == 0o400
    assert SECRET.encode() not in mark.payload()


def test_the_last_word_is_shown_and_a_duplicate_has_it_too(shell: Shell) -> None:
    """b.csv:2 is a.csv:4 again. The same word is not signed twice. What nobody has marked yet comes first."""
    shell("review", "mark", "a.csv:4", "bad", *WHY)
    again = told(shell("review", "mark", "b.csv:2", "bad", *WHY, "--json"))
    assert (again["cached"], again["rows"]) == (True, 2)
    shell("review", "mark", "a.csv:3", "good", *WHY)
    found = told(shell("review", "--screen", "--json"))
    words = {row["row"]: row["mark"] for row in found["groups"]["labels"]["shown"] if row["source"] == "a.csv"}
    assert words == {3: "good", 4: "bad", 2: None}
    order = [(row["source"], row["row"]) for row in found["groups"]["labels"]["shown"]]
    assert order == [("a.csv", 2), ("b.csv", 0), ("a.csv", 3), ("a.csv", 4), ("b.csv", 2)]
    assert [(one["word"], one["rows"], one["applied"]) for one in found["marks"]] == [
        ("bad", 2, True), ("good", 1, True)]  # fmt: skip


def test_the_rows_of_a_finding_keep_the_word_that_they_have(house: Reviewed, shell: Shell) -> None:
    """Who marks a whole finding says nothing of rows that somebody looked at one by one."""
    shell("review", "mark", "a.csv:3", "good", *WHY)
    shell("review", "mark", "--finding", "LG233", "bad", *WHY)
    assert [row["hour"] for row in rows_in(house, marks(house)[1].subjects[0].digest).to_pylist()] == [1, 3, 8, 3]
    assert "LG248" in shell("review", "mark", "--finding", "LG233", "bad", *WHY, code=2)
    assert "LG248" in shell("review", "mark", "--finding", "LG231", "bad", *WHY, code=2)


def test_what_a_good_row_did_not_answer_is_still_open(house: Reviewed, shell: Shell) -> None:
    """Marked while its label was in question, it says nothing of a trigger that is found later: a mark that names the
    finding does. And rows that came to be equal since are not marked.
    """
    house.mark("good", marks=house.signed.data.put(table([flight(3)], FIELDS), mode=0o400))
    found = told(shell("review", "--screen", "--json"))["groups"]
    words = [
        {(row["source"], row["row"]): row["mark"] for row in found[rule]["shown"]} for rule in ("labels", "triggers")
    ]
    assert (words[0]["a.csv", 4], words[0]["b.csv", 2], words[1]["a.csv", 4]) == ("good", None, None)
    said = shell("review", "mark", "--finding", "LG234", "good", *WHY)
    assert ("3 rows: GOOD" in said, "LG234  2 of 2 rows: 2 rows with hour = 3" in said) == (True, True)
    found = told(shell("review", "--screen", "--json"))["groups"]
    assert [row["mark"] for row in found["triggers"]["shown"]] == ["good", "good"]


def test_each_finding_of_a_rule_has_a_number(house: Reviewed, shell: Shell) -> None:
    """Ten triggers are ten decisions: each is shown and marked by itself, and what is signed tells each of them."""
    two = [[0], [1], [1], [2], [], [], [0, 2], [], [1], [], []]
    parts = {"report.json": report(twice=True), "screen.parquet": screen_of(PLACES, two)}
    house.signed.record("validator", validate_statement(house.signed, parts=parts))
    said = shell("review", "--screen")
    assert ("LG234.1  2 rows: 2 rows with hour = 3" in said, "LG234.2  2 rows: 2 with gate" in said) == (True, True)
    assert "LG233  5 rows" in said
    said = shell("review", "--finding", "LG234.2")
    assert ("a.csv:4" in said, "a.csv:7" in said, "a.csv:1" in said, "LG234.1" in said) == (True, True, False, False)
    said = shell("review", "mark", "--finding", "LG234.1", "bad", "--dry-run")
    assert ("LG234.1  2 of 2 rows" in said, "LG234.2  1 of 2 rows: 2 with gate" in said) == (True, True)
    shell("review", "mark", "--finding", "LG234.1", "bad", *WHY)
    (mark,) = marks(house)
    assert [row["hour"] for row in rows_in(house, mark.subjects[0].digest).to_pylist()] == [0, 6]
    assert mark.predicate["findings"] == ["LG234"]
    assert "a.csv:2" in shell("review", "--finding", "LG233.1")
    for name in ("LG234.3", "LG233.2", "LG234.x", "LG231.1", "LG234."):
        assert "LG248" in shell("review", "mark", "--finding", name, "bad", *WHY, code=2)


def test_no_limit_is_advised_that_would_be_refused(
    house: Reviewed, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more rows than are shown at once, the most that are."""
    monkeypatch.setattr(review_page, "MOST_ROWS", 3)
    assert "and 3 more: lockgate review --finding LG233 --limit 3" in shell("review", "--screen", "--limit", "2")


def test_a_whole_mark_can_get_the_other_word(house: Reviewed, shell: Shell) -> None:
    """What is quarantined by a mark has no number any more: its rows are named by the mark."""
    index = told(shell("review", "mark", "a.csv:3-4", "bad", *WHY, "--json"))["log_index"]
    assert told(shell("review", "mark", "--again", str(index), "bad", *WHY, "--json"))["cached"] is True
    assert "they were marked bad: the label is wrong" in shell("review", "mark", "--again", str(index), "good", *WHY)
    one, two = marks(house)
    assert (one.subjects, two.predicate["mark"], two.predicate["rows"]) == (two.subjects, "good", 3)
    assert "LG248" in shell("review", "mark", "--again", "0", "good", *WHY, code=2)


@pytest.mark.parametrize(
    ("arguments", "finding"),
    [
        (("3", "bad", *WHY), "LG245"),
        (("c.csv:3", "bad", *WHY), "LG245"),
        (("a.csv:x", "bad", *WHY), "LG246"),
        (("a.csv:0", "bad", *WHY), "LG244"),
        (("a.csv:3-9", "bad", *WHY), "LG244"),
        (("a.csv:3", "bad"), "LG533"),
        (("a.csv:3", "fine", *WHY), "LG940"),
        (("bad", *WHY), "LG940"),
        (("a.csv:3", "bad", "--finding", "LG233", *WHY), "LG940"),
        (("--finding", "LG999", "bad", *WHY), "LG248"),
    ],
)
def test_what_is_not_clear_is_not_signed(
    house: Reviewed, shell: Shell, arguments: tuple[str, ...], finding: str
) -> None:
    """Rows that are none, or of which file; no reason; two ways of saying it: nothing is signed."""
    assert finding in shell("review", "mark", *arguments, code=2)
    assert marks(house) == []


def test_a_mark_whose_rows_are_lost_or_changed_is_told(house: Reviewed, shell: Shell) -> None:
    """No mark is passed over: with what to do. Taken back, the review goes on."""
    index = told(shell("review", "mark", "a.csv:3", "bad", *WHY, "--json"))["log_index"]
    assert "a.csv:3" in shell("review", "--screen")
    path = house.signed.data.path(marks(house)[0].subjects[0].digest)
    kept = path.read_bytes()
    path.unlink()
    for content, finding in ((None, "LG805"), (kept[:-1] + b"x", "LG802")):
        if content is not None:
            path.write_bytes(content)
        said = shell("review", "--screen", code=3)
        assert (finding in said, f"lockgate revoke {index}" in said) == (True, True)
    shell("revoke", str(index), *WHY)
    assert told(shell("review", "--screen", "--json"))["marks"] == []


def test_rows_that_change_while_they_are_read_are_not_marked(
    house: Reviewed, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the jail read must be what was signed: asked before it, and after it."""
    path = house.signed.data.path(house.validate.statement.subjects[0].digest)

    def look(*given: Any, **more: Any) -> Any:
        found = reviewing.look(*given, **more)
        path.unlink()
        path.write_bytes(b"other rows")
        return found

    monkeypatch.setattr(marking, "look", look)
    assert "LG802" in shell("review", "mark", "a.csv:3", "bad", *WHY, code=3)
    assert marks(house) == []


def test_marks_of_a_contract_with_other_fields_are_told(house: Reviewed, shell: Shell) -> None:
    """In the review too: they hold for nothing now."""
    old = house.signed.data.put(pq_of(["hour"]), mode=0o400)
    house.mark("bad", marks=old)
    assert "LG243: not applied, the contract's fields are others now" in shell("review")


def test_without_a_screen_there_is_the_quarantine_alone(house: Reviewed, shell: Shell) -> None:
    """Asked for what the screen flags, it is said that it did not run."""
    house.signed.record("validator", validate_statement(house.signed, screened=False))
    assert "the screen for poisoned rows did not run" in shell("review")
    assert "LG242" in shell("review", "--screen", code=1)
    said = shell("review", "mark", "a.csv:3", "bad", *WHY)
    assert "flagged by nothing" in said


def test_a_mark_is_signed_here_and_sealed_elsewhere(house: Reviewed, shell: Shell, tmp_path: Path) -> None:
    """The rows go with it: without them, or with others, the log does not take it. A second person reads its words."""
    file = tmp_path / "mark.json"
    said = shell("review", "mark", "a.csv:3-4", "bad", *WHY, "--to-file", str(file))
    assert f"lockgate log add {file}" in said
    rows, lines = tmp_path / "mark.json.rows", json.loads(file.read_bytes())
    assert (rows.stat().st_mode & 0o777, "payload" in lines, marks(house)) == (0o600, True, [])
    kept = rows.read_bytes()
    for blob in house.signed.data.folder.iterdir():
        if blob.read_bytes() == kept:
            blob.unlink()
    for content, finding, code in ((None, "LG983", 1), (b"others", "LG802", 3)):
        rows.unlink(missing_ok=True)
        if content is not None:
            rows.write_bytes(content)
        assert finding in shell("log", "add", str(file), code=code)
        assert marks(house) == []
    rows.write_bytes(kept)
    shell("log", "add", str(file))
    (mark,) = marks(house)
    assert house.signed.data.path(mark.subjects[0].digest).read_bytes() == kept
    assert hex_of(mark.subjects[0].digest) in {one.name for one in house.signed.data.folder.iterdir()}


def test_what_another_person_reads_before_cosigning(house: Reviewed) -> None:
    """How many rows, which word, judged where, flagged by what; a mark about nothing is not cosigned."""
    log = house.signed.open_ledger().statements()
    said = words_of(mark_statement(house, "good", rows=1200), log)
    assert said[0] == "mark 1,200 rows of the project's own model GOOD, as validate judged them in log entry 2"
    assert "NOT DOUBTFUL any more; flagged by LG233" in said[1]
    assert "reason: seen" in said
    assert "quarantined from the next run on" in words_of(mark_statement(house, "bad"), log)[1]
    with pytest.raises(VerificationFailed) as caught:
        words_of(mark_statement(house, validate=digest_of(b"none")), log)
    assert caught.value.finding == "LG782"


def test_each_model_has_marks_of_its_own(house: Reviewed, shell: Shell) -> None:
    """Of several models one is named; what is said of its rows says nothing of another's, though they are equal."""
    toml = house.signed.root / "lockgate.toml"
    toml.write_text(toml.read_text() + MODELS)
    for name in ("late", "early"):
        house.signed.record("validator", said_for(validate_statement(house.signed), name))
    assert "LG973" in shell("review", "--screen", code=2)
    shell("review", "mark", "a.csv:3", "bad", *WHY, "--model", "late")
    (mark,) = marks(house)
    assert mark.predicate["model"] == "late"
    assert len(told(shell("review", "--json", "--model", "late"))["marks"]) == 1
    assert told(shell("review", "--json", "--model", "early"))["marks"] == []


def pq_of(names: list[str]) -> bytes:
    """A file of marks with these fields alone."""
    return table([{name: flight(1)[name] for name in names}], FIELDS.empty_table().select(names).schema)
