"""`diff`: what is signed of two models is compared, and what nobody can say any more is not guessed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.cli.main import run
from lockgate.core import shown_html
from lockgate.core.digest import Digest, digest_of, hex_of
from lockgate.core.encoding import encode
from lockgate.core.shown import block
from lockgate.core.statement import PROVENANCE, Statement, Subject, resource
from lockgate.deploy.revoking import revoke
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.errors import Usage, VerificationFailed
from lockgate.project import Project
from lockgate.project.differing import chosen, code, judged, rows
from lockgate.project.differing.side import Side
from lockgate.project.differing.spec import Difference, Topic
from tests.support.imports import huggingface, import_here, yes
from tests.support.project import CONTRACT, SignedProject, register_here
from tests.support.upkept import copied, founded

TRAIN = b"def train(data, params):\n    return fit(data)\n"
OTHER = b"def train(data, params):\n    print('more')\n    return fit(data)\n"
SIGNS = "a\r\n\u2028\x0c"


def _side(ref: str, stored: Mapping[Digest, bytes] | None = None, **said: Any) -> Side:
    """A model whose statements say just this."""
    claims = {"ingest", "validate", "train", "judge"}
    subjects = {"ingest": "snapshot.parquet", "validate": "accepted.parquet"}
    statements = {
        claim: SimpleNamespace(
            predicate=said.get(claim, {}),
            statement=Statement(
                (Subject(subjects.get(claim, "model.onnx"), digest_of(f"{claim} {said.get('rows', ref)}".encode())),),
                PROVENANCE,
                said.get(claim, {}),
            ),
        )
        for claim in claims
    }
    registration = SimpleNamespace(ref=ref)
    return Side(cast("Any", registration), cast("Any", statements), (stored or {}).get)


def _trained(
    code_files: Mapping[str, bytes], packages: Mapping[str, str] | None = None, **external: Any
) -> dict[str, Any]:
    listed = [resource(f"code/{name}", digest_of(data)) for name, data in code_files.items()]
    listed += [
        resource(f"wheel/{name}", digest_of(name.encode()), version=version)
        for name, version in (packages or {}).items()
    ]
    return {
        "buildDefinition": {"externalParameters": external, "internalParameters": {}, "resolvedDependencies": listed}
    }


def _judged(value: float, heldout: str) -> dict[str, Any]:
    return {
        "metrics": {"auc": {"value": value, "low": value - 0.1, "high": value + 0.1}},
        "heldout": heldout,
        "judged": 3,
    }


def test_code_is_told_by_its_text() -> None:
    """Which file, and a unified diff of the stored text; the same code is told as the same."""
    stored = {digest_of(data): data for data in (TRAIN, OTHER)}
    one = _side("a@1", stored, train=_trained({"train.py": TRAIN, "contract.py": CONTRACT}))
    other = _side("a@2", stored, train=_trained({"train.py": OTHER, "contract.py": CONTRACT}))
    found = code.code(one, other)
    assert (found.same, found.says) == (False, "1 file of 2: train.py")
    assert "+    print('more')" in found.lines
    assert code.code(one, one).same is True


def _lines(before: bytes, after: bytes) -> tuple[str, ...]:
    stored = {digest_of(data): data for data in (before, after)}
    one, other = (_side(ref, stored, train=_trained({"train.py": data})) for ref, data in (("a", before), ("b", after)))
    return code.code(one, other).lines


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"])
def test_a_remark_that_becomes_code_is_shown(sign: str) -> None:
    """Only what ends a line for Python ends one here: another sign in its place would give an empty diff."""
    lines = _lines(f"# hello{sign}evil()\n".encode(), b"# hello\nevil()\n")
    assert lines[-2:] == ("+# hello", "+evil()")
    assert f"-# hello{sign}evil()" in lines
    assert sign not in "".join(shown_html.as_text([shown_html.Words(block(lines))]).split("\n"))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (b'x = """a\r\n"""\n', b'x = """a\n"""\n', '-x = """a\r'),
        (b"# a\rb()\n", b"# a\r\nb()\n", "\\ a carriage return alone ends this line"),
        (b"# a\rb()\n", b"# a\nb()\n", "\\ a carriage return alone ends this line"),
        (b"a\nb", b"a\nb\n", "\\ no line break at the end of the file"),
        (b"a\nb\n", b"a\nb", "\\ no line break at the end of the file"),
        (b"", b"\n", "+"),
    ],
)
def test_other_ends_of_lines_are_shown(before: bytes, after: bytes, told: str) -> None:
    """CRLF, a carriage return alone, and a last line without an end are different bytes, and seen as such."""
    lines = _lines(before, after)
    assert told in lines, lines
    assert not any("\n" in line for line in lines)


@given(st.text(SIGNS, max_size=4), st.text(SIGNS, max_size=2), st.text(SIGNS, max_size=2), st.text(SIGNS, max_size=4))
def test_no_two_texts_have_an_empty_diff(head: str, before: str, after: str, tail: str) -> None:
    """Whatever was changed, at least one line is taken away or added."""
    if before == after:
        return
    lines = _lines(f"{head}{before}{tail}".encode(), f"{head}{after}{tail}".encode())
    assert f"{head}{before}{tail}" == f"{head}{after}{tail}" or [line for line in lines[2:] if line[:1] in ("+", "-")]


def test_code_that_is_not_stored_is_told_as_unknown_text() -> None:
    """After a cleaning only the digest is known: it changed, and nobody can show how."""
    one = _side("a@1", {}, train=_trained({"train.py": TRAIN}))
    other = _side("a@2", {digest_of(OTHER): OTHER}, train=_trained({"train.py": OTHER}))
    (line,) = code.code(one, other).lines
    assert line.startswith("train.py: its text in a@1 ")


def test_a_long_diff_is_cut_and_says_so() -> None:
    """At most 400 lines; then how many more."""
    long = b"".join(b"line %d\n" % number for number in range(1000))
    stored = {digest_of(long): long}
    one = _side("a@1", stored, train=_trained({}))
    other = _side("a@2", stored, train=_trained({"long.py": long}))
    found = code.code(one, other)
    assert found.says == "1 file of 1: long.py (new)"
    assert found.lines[-1] == "... and 603 more lines"


def test_packages_are_added_removed_and_changed() -> None:
    """By name, with both versions."""
    one = _side("a@1", train=_trained({}, {"numpy": "1.0", "old": "1"}))
    other = _side("a@2", train=_trained({}, {"numpy": "2.0", "new": "3"}))
    found = chosen.packages(one, other)
    assert (found.facts["added"], found.facts["removed"]) == (["new"], ["old"])
    assert found.facts["changed"] == {"numpy": ["1.0", "2.0"]}
    assert chosen.packages(one, one).same is True


def test_parameters_are_told_with_both_values() -> None:
    """The dotted key, before and after; the code's digest is no setting."""
    one = _side("a@1", train=_trained({}, params={"C": 1.0}, closure="sha256:1"))
    other = _side("a@2", train=_trained({}, params={"C": 2.0}, closure="sha256:2"))
    assert chosen.settings(one, other).says == "train.params.C 1.0 -> 2.0"


def test_parameters_where_there_were_none_are_told_alone() -> None:
    """No row says that an empty table is not set any more."""
    one = _side("a@1", train=_trained({}, params={}))
    other = _side("a@2", train=_trained({}, params={"C": 2.0}))
    assert chosen.settings(one, other).says == "train.params.C not set -> 2.0"
    assert chosen.settings(other, one).says == "train.params.C 2.0 -> not set"


def test_a_parameter_named_model_is_a_parameter() -> None:
    """The model that a statement is about is no setting; what the code was given is, whatever its name."""
    one = _side("a@1", train=_trained({}, params={"model": "ridge"}, model="a"))
    other = _side("a@2", train=_trained({}, params={"model": "lasso"}, model="b"))
    assert chosen.settings(one, other).says == "train.params.model ridge -> lasso"


def test_parameters_of_another_type_are_others() -> None:
    """1, 1.0 and true are three parameters, and may be three models."""
    sides = [_side(f"a@{n}", train=_trained({}, params={"C": value})) for n, value in enumerate((1.0, 1, True))]
    assert [chosen.settings(sides[0], each).same for each in sides] == [True, False, False]
    assert chosen.settings(sides[1], sides[2]).says == "train.params.C 1 -> True"


def test_metrics_are_compared_row_by_row_only_on_the_same_rows() -> None:
    """The same held-out rows: a difference. Others: both figures, and no difference."""
    one, same, other = (
        _side(ref, judge=_judged(value, heldout))
        for ref, value, heldout in (("a@1", 0.5, "x"), ("a@2", 0.75, "x"), ("a@3", 0.75, "y"))
    )
    found = judged.metrics(one, same)
    assert (found.facts["same_rows"], found.rows[1]) == (True, ("auc", "0.5 [0.4, 0.6]", "0.75 [0.65, 0.85]", "+0.25"))
    found = judged.metrics(one, other)
    assert (found.facts["same_rows"], found.rows[1]) == (False, ("auc", "0.5 [0.4, 0.6]", "0.75 [0.65, 0.85]"))
    assert "different rows" in found.says


def test_how_often_rows_were_judged_is_told_in_words() -> None:
    """Once, or so many times."""
    told = [
        judged.metrics(_side("a@1", judge=each), _side("a@2", judge=each)).says
        for each in (_judged(0.5, "x") | {"judged": count} for count in (1, 2, None))
    ]
    assert [
        words.removeprefix("the same figures, on the same held-out rows, which were judged ") for words in told
    ] == [
        "once by then",
        "2 times by then",
        "? times by then",
    ]


def test_metrics_without_held_out_rows_are_not_called_comparable() -> None:
    """Two statements that name no rows are not about the same ones."""
    assert judged.metrics(_side("a@1", judge={}), _side("a@2", judge={})).facts["same_rows"] is False


def test_refused_rows_by_rule_and_unknown_without_a_report() -> None:
    """Counts by field and rule from both reports; where one is not here any more, that is told."""
    reports = [encode({"by_rule": [{"field": "age", "rule": "int_type", "count": count}]}) for count in (2, 5)]
    stored = {digest_of(data): data for data in reports}
    one, other = (
        _side(ref, stored, validate={"rows": 10, "accepted": 8, "quarantined": 2, "report": digest_of(report)})
        for ref, report in zip(("a@1", "a@2"), reports, strict=True)
    )
    assert rows.counted(one, other).facts["by_rule"] == {"age int_type": [2, 5]}
    lost = _side("a@1", {}, validate={"rows": 10, "accepted": 8, "quarantined": 2, "report": digest_of(reports[0])})
    found = rows.counted(lost, other)
    assert found.facts["by_rule"] is None
    assert "the report of a@1 is not in .lockgate/data any more" in found.says


def test_sources_by_name() -> None:
    """A file with other bytes, and one that is new."""

    def ingested(files: Mapping[str, bytes]) -> dict[str, Any]:
        return {
            "buildDefinition": {
                "resolvedDependencies": [resource(name, digest_of(data), rows=3) for name, data in files.items()]
            }
        }

    one = _side("a@1", ingest=ingested({"a.csv": b"1"}))
    other = _side("a@2", ingest=ingested({"a.csv": b"2", "b.csv": b"1"}))
    found = rows.sources(one, other)
    assert (found.same, found.says) == (False, "2 sources of 2: a.csv, b.csv")
    assert found.rows[2][1] == "-"


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, SignedProject]]:
    """Three registered models, the first of which is live in dev; the second has code of its own."""
    home = tmp_path_factory.mktemp("differing")
    with pytest.MonkeyPatch.context() as patch:
        project = founded(home, patch)
        for seed in (1.0, 2.0, 3.0):
            project.candidate(seed, code=CONTRACT + b"# two\n" if seed == 2.0 else CONTRACT, auc=0.7 + seed / 100)
            register_here(project, patch)
            if seed == 1.0:
                deploy(project.workplace(), DeploySpec("flights@1", "dev"))
        yield home, project


@pytest.fixture(name="project")
def _project(made: tuple[Path, SignedProject], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedProject:
    return copied(made, tmp_path, monkeypatch)


def _diff(project: SignedProject, one: str = "", other: str = "latest") -> Difference:
    return Project(project.root, now=project.clock).diff(one, other)


def test_without_names_it_is_live_against_newest(project: SignedProject) -> None:
    """And says so. Once the newest is live itself, it is compared with the one before."""
    found = _diff(project)
    assert (found.one, found.other) == ("flights@1", "flights@3")
    assert found.topic("people").says == "deployed: live in dev, now nowhere"
    assert found.notes == ("flights@1 is live; name two to compare others",)
    deploy(project.workplace(), DeploySpec("flights@3", "dev"))
    assert _diff(project).one == "flights@2"


def test_where_there_is_nothing_to_compare_with(project: SignedProject) -> None:
    """LG9030 for the first of its name, where nothing is live but itself."""
    with pytest.raises(Usage) as caught:
        _diff(project, "", "flights@1")
    assert caught.value.finding == "LG9030"


def test_a_model_against_itself_differs_in_nothing(project: SignedProject) -> None:
    """The positive control: every topic is the same, and it is said that it is one model."""
    found = _diff(project, "flights@2", "flights@2")
    assert (found.changed, found.notes) == ((), ("both are the same model: the same manifest",))


def test_a_revoked_model_is_told_as_such(project: SignedProject) -> None:
    """Whoever compares must know before they deploy it."""
    revoke(project.workplace(), "flights@3", "wrong labels")
    assert "flights@3 is revoked" in _diff(project).notes


def test_of_an_imported_model_only_files_and_origin_are_compared(
    project: SignedProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of data, code and training of what was made elsewhere nothing is known, and nothing is guessed."""
    import_here(project, monkeypatch, huggingface(tmp_path / "given"), confirm=yes)
    found = _diff(project, "flights@1", "bert")
    assert {found.topic("files").same, found.topic("origin").same} == {False}
    assert {topic.same for topic in found.topics if topic.name not in ("files", "origin")} == {None}
    assert "imported" in found.topic("metrics").says


def test_the_text_comes_from_the_registry_when_the_data_is_gone(project: SignedProject) -> None:
    """The contract is part of each signed model: it is shown without the data store."""
    for path in (project.home / "data" / "sha256").iterdir():
        path.unlink()
    found = _diff(project, "flights@1", "flights@2").topic("code")
    assert "+# two" in found.lines


def test_a_stored_file_with_other_bytes_is_no_difference_but_a_failure(project: SignedProject) -> None:
    """LG802, exit status 3: nothing that does not hash to its signed digest is shown as a model's code."""
    for place in ("registry/blobs", "data"):
        path = project.home / place / "sha256" / hex_of(digest_of(CONTRACT))
        path.chmod(0o644)
        path.write_bytes(CONTRACT + b"# planted\n")
    with pytest.raises(VerificationFailed) as caught:
        _diff(project, "flights@1", "flights@2")
    assert caught.value.finding == "LG802"


def test_the_command(project: SignedProject, capsys: pytest.CaptureFixture[str]) -> None:
    """The table on stdout, the next commands on stderr; one JSON object; a wrong name is exit status 2."""
    command = ["diff", "flights@1", "flights@2", "-C", str(project.root)]
    assert run(command) == 0
    told = capsys.readouterr()
    assert "≠ code" in told.out
    assert "next:  lockgate show flights@2" in told.err
    assert run([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["one"]["ref"]) == ("lockgate.diff/v1", "flights@1")
    assert "code" in found["changed"]
    assert run(["diff", "flights@9", "-C", str(project.root)]) == 2


def test_a_notebook_gets_a_table_and_nothing_that_runs() -> None:
    """The typed result shows itself; what others wrote is escaped."""
    topic = Topic("code", same=False, says="<script>", lines=("<b>",), rows=(("a", "b"), ("<i>", "2")))
    shown = Difference("a@1", "a@2", ("1", "2"), (topic,))._repr_html_()
    assert "<table>" in shown
    assert not any(tag in shown for tag in ("<script>", "<b>", "<i>"))
    assert "≠ code" in repr(Difference("a@1", "a@2", ("1", "2"), (topic,)))
