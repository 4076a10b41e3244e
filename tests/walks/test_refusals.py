"""What a newcomer types too early, or wrongly: each refusal has its finding, its exit code, and a next step to type.

In this process, where nothing starts a jail. The recorded walks meet those of training and serving.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from lockgate.contract.request_json import NotJson, parse_strict, records_of
from lockgate.core.catalog.all import FINDINGS
from tests.support.next_commands import commands_in, fault
from tests.support.shell import Shell

FRESH = [
    (["run", "--deplyo"], 2, "LG940", "lockgate run --help"),
    (["rnu"], 2, "LG940", "lockgate --help"),
    (["serve"], 1, "LG520", "lockgate deploy latest"),
    (["deploy", "latest"], 2, "LG502", "lockgate run"),
    (["show", "latest"], 2, "LG502", "lockgate run"),
    (["verify", "latest"], 2, "LG502", "lockgate run"),
    (["validate"], 1, "LG201", "lockgate ingest"),
    (["train"], 1, "LG302", "lockgate validate"),
    (["register"], 1, "LG401", "lockgate "),
    (["approve", "latest", "--env", "prod"], 2, "LG502", "lockgate run"),
    (["rollback", "dev"], 1, "LG520", "lockgate deploy latest"),
    (["explain", "pipeline"], 2, "LG941", "lockgate explain"),
    (["clients", "revoke", "nobody"], 2, "LG621", "lockgate clients list"),
    (["log", "show", "99999"], 2, "LG714", "lockgate log show"),
    (["init", "."], 1, "LG947", "lockgate status"),
]
ELSEWHERE = [
    (["run"], 2, "LG945", "lockgate init"),
    (["status"], 2, "LG945", "lockgate init"),
    (["init", "here"], 1, "LG949", "lockgate init"),
    (["init", "x", "--data", "no.csv", "--label", "y"], 2, "LG959", "lockgate init"),
    (["init", "x", "--label", "y"], 2, "LG940", "lockgate init"),
    (["verify", "no-such-folder/"], 2, "LG", "lockgate "),
    (["scan", "no-such-file.pkl"], 2, "LG940", "lockgate scan --help"),
]


@pytest.fixture(scope="module", name="fresh")
def _fresh(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A project that was made a moment ago; nothing was run."""
    shell = Shell(tmp_path_factory.mktemp("fresh"))
    assert shell.here("init", "project").code == 0
    return shell


@pytest.mark.parametrize(("typed", "code", "finding", "following"), FRESH, ids=[" ".join(one[0]) for one in FRESH])
def test_too_early_in_a_new_project(typed: list[str], code: int, finding: str, following: str, fresh: Shell) -> None:
    """Nothing was run, nothing is live: what is missing is named, and the command that makes it."""
    done = fresh.here(*typed, at=fresh.home / "project")
    holds(done.code, done.err, code, finding, following)


@pytest.mark.parametrize(("typed", "code", "finding", "following"), ELSEWHERE, ids=[" ".join(x[0]) for x in ELSEWHERE])
def test_in_a_folder_that_is_no_project(
    typed: list[str], code: int, finding: str, following: str, tmp_path: Path
) -> None:
    """The folder is named as no project, a file as not there; what makes one is told."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "notes.txt").write_text("mine", encoding="utf-8")
    done = Shell(tmp_path).here(*typed)
    holds(done.code, done.err, code, finding, following)


def holds(code: int, said: str, wanted: int, finding: str, following: str) -> None:
    """The exit code, the finding, and next commands that can be typed, of which the first begins as `following`."""
    assert (code, finding in said) == (wanted, True), said
    assert set(re.findall(r"LG\d{3,4}\b", said)) <= set(FINDINGS)
    told = re.findall(r"^next:  (.+)$", said, re.MULTILINE)
    assert told, said
    assert told[0].startswith(following), said
    assert [why for line in told for text in commands_in(line) if (why := fault(text))] == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "it is empty"),
        (b'{"area": 80}', '{"records": [{...}]}'),
        (b'[{"area": 80}]', '{"records": [{...}]}'),
        (b"{'records': []}", "double quotes at line 1"),
    ],
)
def test_a_body_of_another_shape_is_told_the_shape(body: bytes, words: str) -> None:
    """A file that was not there, a record alone, a list, Python's quotes: the answer shows what is taken."""
    with pytest.raises(NotJson) as caught:
        records_of(parse_strict(body), 10)
    assert words in str(caught.value)


@pytest.mark.parametrize("body", [b'{"records": [{"area": 80}]}', b'{"records": [{"a": 1}], "id": "x"}'])
def test_a_body_of_the_shape_is_taken(body: bytes) -> None:
    """With an id and without one."""
    assert len(records_of(parse_strict(body), 10)[0]) == 1


def test_a_next_step_that_is_pasted_works(fresh: Shell, tmp_path: Path) -> None:
    """From the refusal of an empty folder, by what it says, to a project; the next of that is what `init` told."""
    refused = Shell(tmp_path).here("run")
    told = re.findall(r"^next:  (lockgate .+?)(?:   #.*)?$", refused.err, re.MULTILINE)[0].split()
    made = Shell(tmp_path).here(*told[1:])
    assert made.code == 0, made.err
    assert (tmp_path / "lockgate.toml").is_file()
    shutil.rmtree(tmp_path / ".lockgate")
