"""`run --if-new-data`: nothing is done only where the bytes are the same and a model was made of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lockgate.cli.main import run
from lockgate.config import load_config
from lockgate.core.digest import digest_of
from lockgate.core.statement import Statement, Subject
from lockgate.errors import LockgateError
from lockgate.ingest.run import run as ingest
from lockgate.pipeline.specs import ingest_spec
from lockgate.project import Project, new_data
from lockgate.project.new_data import look
from tests.support.project import SignedProject, register_here
from tests.support.stores import s3_server
from tests.support.upkept import TOML, copied, founded

ROWS = b"x,delay\n1,2\n"


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, SignedProject]]:
    """A project with one registered model, made of rows/a.csv as it lies there."""
    home = tmp_path_factory.mktemp("new-data")
    with pytest.MonkeyPatch.context() as patch:
        yield home, _registered(founded(home, patch), patch)


@pytest.fixture(name="project")
def _project(made: tuple[Path, SignedProject], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedProject:
    return copied(made, tmp_path, monkeypatch)


def _registered(project: SignedProject, patch: pytest.MonkeyPatch) -> SignedProject:
    (project.root / "rows").mkdir()
    (project.root / "rows" / "a.csv").write_bytes(ROWS)
    _ingested(project, {"rows/a.csv": ROWS})
    project.candidate(1.0, skip=("ingest",))
    register_here(project, patch)
    return project


def _ingested(project: SignedProject, files: dict[str, bytes], snapshot: bytes = b"snapshot 1.0") -> None:
    """What ingest would say of `files`; the snapshot is the one that `candidate` validates."""
    made = project._provenance(
        "ingest",
        {"snapshot.parquet": digest_of(snapshot)},
        {name: digest_of(data) for name, data in files.items()},
        3,
    )
    predicate: dict[str, Any] = dict(made.predicate)
    definition = {**predicate["buildDefinition"]}
    definition["externalParameters"] = ingest_spec(load_config(project.root)).as_json()
    project.record(
        "ingester", Statement(made.subjects, made.predicate_type, {**predicate, "buildDefinition": definition})
    )


def _look(project: SignedProject, *, deploys: bool = False) -> new_data.Looked:
    return look(Project(project.root, now=project.clock), "dev", deploys=deploys)


def test_the_same_bytes_are_nothing_new(project: SignedProject) -> None:
    """The positive control: the model that was made of them is named, and no statement is signed."""
    before = project.open_ledger().checkpoint.size
    found = _look(project)
    assert (found.because, found.ref) == ((), "flights@1")
    assert before == project.open_ledger().checkpoint.size


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("a.csv", ROWS + b"3,4\n", "rows/a.csv changed"),
        ("b.csv", ROWS, "rows/b.csv is new"),
    ],
)
def test_other_bytes_are_new(project: SignedProject, name: str, data: bytes, told: str) -> None:
    """A changed file, or one more, is something to do, and told by name."""
    (project.root / "rows" / name).write_bytes(data)
    assert (told,) == _look(project).because


def test_a_file_with_the_old_name_and_time_is_read_all_the_same(project: SignedProject) -> None:
    """Times and sizes say nothing: the bytes are hashed."""
    path = project.root / "rows" / "a.csv"
    path.write_bytes(ROWS.replace(b"1", b"7"))
    assert _look(project).because == ("rows/a.csv changed",)


def test_a_run_that_came_to_nothing_is_not_forgotten(project: SignedProject) -> None:
    """A new snapshot was signed, and the run was refused then: the same bytes later are no news, and still to do."""
    (project.root / "rows" / "a.csv").write_bytes(ROWS * 3)
    _ingested(project, {"rows/a.csv": ROWS * 3}, b"snapshot of them")
    (why,) = _look(project).because
    assert "ingest made" in why


def test_other_settings_of_reading_are_something_to_do(project: SignedProject) -> None:
    """The same bytes read otherwise are other rows."""
    (project.root / "lockgate.toml").write_text(TOML.replace("label", 'delimiter = ";"\nlabel'))
    assert _look(project).because == ("[data] delimiter was ,, is ;",)


def test_what_is_not_deployed_yet_is_something_to_do_with_deploy(project: SignedProject) -> None:
    """With --deploy a model that never was in the environment is not left behind by a schedule."""
    assert _look(project, deploys=True).because == ("flights@1 is not deployed in dev",)


def test_what_no_store_can_tell_is_fetched_and_compared(
    project: SignedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only the bytes tell, they are captured and compared: the same ones are nothing new, others are."""
    monkeypatch.setattr(new_data, "changed_files", lambda *_: ("its store names no versions",))
    assert _look(project).because == ("its store names no versions",)
    monkeypatch.setattr(new_data, "is_remote", lambda _: True)
    assert _look(project).because == ()
    (project.root / "rows" / "a.csv").write_bytes(ROWS + b"5,6\n")
    assert _look(project).because == ("rows/a.csv changed",)


def test_the_command_does_nothing_and_says_so(
    project: SignedProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 0, one JSON object, no stage begun. With new data the run begins, and the object says why."""
    begun: list[bool] = []

    def runs(*_: object, **__: object) -> None:
        begun.append(True)
        raise KeyboardInterrupt

    monkeypatch.setattr(Project, "run", runs)
    command = ["run", "--if-new-data", "-C", str(project.root), "--json"]
    assert run(command) == 0
    told = json.loads(capsys.readouterr().out)
    assert tuple(told[key] for key in ("schema", "new_data", "ref", "deployed")) == (
        "lockgate.run/v1",
        False,
        "flights@1",
        None,
    )
    assert begun == []
    (project.root / "rows" / "a.csv").write_bytes(ROWS * 2)
    assert run(command) == 130
    assert begun == [True]


def test_fresh_and_if_new_data_are_opposites(project: SignedProject, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2, and what to say instead."""
    assert run(["run", "--if-new-data", "--fresh", "-C", str(project.root)]) == 2
    assert "lockgate run --fresh" in capsys.readouterr().err


STORE = """[project]
name = "flights"
[data]
sources = ["s3://bank/new/*.csv"]
contract = "contract.py:Flight"
label = "delay"
[data.stores."s3://bank/new/"]
endpoint = "{endpoint}"
key = "env:BANK_KEY"
secret = "env:BANK_SECRET"
"""


@pytest.mark.nightly
def test_objects_of_a_real_store_are_told_by_their_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked in the jail, by the real client: the same objects, another one under a name, one more, and no store."""
    monkeypatch.setenv("BANK_KEY", "testing")
    monkeypatch.setenv("BANK_SECRET", "testing-secret")
    project = founded(tmp_path, monkeypatch)
    with s3_server() as store:
        store.put("new/a.csv", ROWS)
        (project.root / "lockgate.toml").write_text(STORE.format(endpoint=store.endpoint))
        taken = ingest(project.workplace(), ingest_spec(load_config(project.root))).evidence.statement
        subjects = (Subject("snapshot.parquet", digest_of(b"snapshot 1.0")),)
        project.record("ingester", Statement(subjects, taken.predicate_type, taken.predicate))
        project.candidate(1.0, skip=("ingest",))
        register_here(project, monkeypatch)
        with monkeypatch.context() as patch:
            patch.setattr(new_data, "capture_all", None)  # nothing is fetched
            found = _look(project)
        assert (found.because, found.ref) == ((), "flights@1")
        store.put("new/a.csv", ROWS + b"3,4\n")
        assert _look(project).because == ("s3://bank/new/a.csv changed",)
        store.put("new/a.csv", ROWS)
        store.put("new/b.csv", ROWS)
        assert _look(project).because == ("s3://bank/new/b.csv is new",)
    with pytest.raises(LockgateError):
        _look(project)
