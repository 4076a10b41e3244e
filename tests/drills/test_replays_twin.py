"""Which rows, policy and files a twin gets, and that nothing of the project changes."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.config import read_config
from lockgate.core.digest import Digest
from lockgate.drills.replays import twin
from lockgate.drills.replays.program import Program
from lockgate.drills.replays.sample import write_sample
from lockgate.drills.replays.scene import Scene
from lockgate.errors import Refused, Unavailable, Usage
from lockgate.project import Project
from lockgate.trust.pin import unpin
from tests.support.shell import PHISHING, Ready

CONFIG = """[project]
name = "churn"
[data]
sources = ["data/*.csv"]
contract = "contract.py:Customer"
label = "left"
delimiter = ";"
null = ["NA", ""]
encoding = "latin-1"
"""
DATA = read_config(CONFIG).data


def snapshot(path: Path, kind: str, columns: dict[str, list[object]]) -> Path:
    """As ingest stores it: the rows, and two columns that say where each came from."""
    rows = len(next(iter(columns.values())))
    table = pa.table({**columns, "__source__": pa.array([0] * rows, pa.int32()), "__row__": list(range(rows))})
    pq.write_table(table.replace_schema_metadata({"lockgate.kind": kind}), path, row_group_size=7)
    return path


def test_cells_of_csv_are_written_as_they_came(tmp_path: Path) -> None:
    """Text stays text, however it is spelt; no value is spelt as the person said; the separator is theirs."""
    rows: dict[str, list[object]] = {"name": ['Zoë "Z"', "a;b", None], "when": ["31.12.2024", "01.01.2025", ""]}

    name = write_sample(snapshot(tmp_path / "s", "csv", rows), tmp_path, 3, DATA)

    with (tmp_path / name).open(encoding="latin-1", newline="") as file:
        found = list(csv.reader(file, delimiter=";"))
    assert found == [["name", "when"], ['Zoë "Z"', "31.12.2024"], ["a;b", "01.01.2025"], ["NA", ""]]


def test_lines_of_json_are_written_as_they_came(tmp_path: Path) -> None:
    """To the byte: numbers are not spelt anew."""
    lines: list[object] = ['{"a": 1.0, "b": [1]}', '{"a": 1e3}']

    name = write_sample(snapshot(tmp_path / "s", "jsonl", {"json": lines}), tmp_path, 2, DATA)

    assert (tmp_path / name).read_text() == "".join(f"{line}\n" for line in lines)


@given(total=st.integers(1, 60), rows=st.integers(1, 70))
def test_rows_are_evenly_spaced_and_in_their_order(
    total: int, rows: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """So many as were asked for, or all; no row twice; the types of Parquet stay."""
    place = tmp_path_factory.mktemp("rows")
    stored = snapshot(place / "s", "parquet", {"number": list(range(total))})

    found = pq.read_table(place / write_sample(stored, place, rows, DATA))

    numbers = [int(one or 0) for one in found["number"].to_pylist()]
    assert len(numbers) == min(rows, total)
    assert numbers == sorted(set(numbers))
    steps = {after - before for before, after in pairwise(numbers)}
    assert max(steps, default=1) - min(steps, default=1) <= 1
    assert (found.column_names, found.schema.field("number").type) == (["number"], pa.int64())


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A project that was founded and never run."""
    target = tmp_path / "fresh"
    shutil.copytree(PHISHING, target, ignore=shutil.ignore_patterns(".lockgate", "__pycache__"))
    Project.create(target, person="somebody")
    return target


def test_a_project_that_never_ran_has_a_twin_of_its_own_files(fresh: Path) -> None:
    """Policy and rows are those that lie there, to the byte."""
    found = twin.plan(Project.open(fresh))

    assert (found.snapshot, found.left_out, found.files) == (None, (), ("data/phishing.csv",))
    assert (found.lenient, found.strict) == ("dev", "prod")
    assert found.settings.text == (fresh / "lockgate.toml").read_text()
    assert found.policy.text == (fresh / "policy.toml").read_text()


def test_no_twin_is_founded_of_a_project_that_nobody_trusts(fresh: Path, tmp_path: Path) -> None:
    """Its lockgate.toml may name commands. Without a log, and with a root that is not pinned, nothing is run of it."""
    copied = tmp_path / "stranger"
    shutil.copytree(fresh, copied)
    unpin(Project.open(fresh).trusted_root())

    with pytest.raises(Refused) as unpinned:
        twin.plan(Project(copied))
    shutil.rmtree(copied / ".lockgate")
    with pytest.raises(Refused) as unfounded:
        twin.plan(Project(copied))
    assert (unpinned.value.finding, unfounded.value.finding) == ("LG825", "LG946")


@pytest.mark.parametrize(
    ("source", "why"), [("s3://bank/rows/", "never taken in"), ("data/phishing.csv", "once they were taken in")]
)
def test_rows_that_are_elsewhere_or_too_many_must_be_taken_in_first(
    source: str, why: str, fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No drill asks somebody's store or database, and none runs for an hour because nobody counted."""
    text = (fresh / "lockgate.toml").read_text().replace("data/phishing.csv", source)
    (fresh / "lockgate.toml").write_text(text)
    monkeypatch.setattr(twin, "_MOST_UNKNOWN", 1000)

    with pytest.raises(Refused, match=why) as refused:
        twin.plan(Project.open(fresh))
    assert (refused.value.finding, refused.value.next) == ("LG9003", "lockgate ingest")


def test_an_environment_that_the_policy_does_not_know_is_named(fresh: Path) -> None:
    """A mistyped --env drills nothing."""
    with pytest.raises(Usage, match="prod") as wrong:
        twin.plan(Project.open(fresh), strict="prodd")
    assert wrong.value.finding == "LG843"


@pytest.fixture
def project(ready: Ready, monkeypatch: pytest.MonkeyPatch) -> Project:
    """One that was run and deployed, seen by the user whose keys and pin it has."""
    for name, value in ready.shell.environment().items():
        monkeypatch.setenv(name, value)
    return Project.open(ready.root)


def test_the_policy_in_force_is_what_is_drilled(project: Project, ready: Ready, tmp_path: Path) -> None:
    """Not what somebody has written into policy.toml since, and not signed."""
    copy = ready.copy(tmp_path)
    with (copy.root / "policy.toml").open("a") as file:
        file.write("\n[environment.later]\n")

    signed = twin.plan(project)
    found = twin.plan(Project(copy.root, seen_folder=tmp_path / "seen"))

    assert "later" not in found.policy.text
    assert (found.policy, found.left_out) == (signed.policy, ())


def test_rows_are_cut_from_the_signed_snapshot(project: Project, tmp_path: Path) -> None:
    """The contract and the label are as before; what a model of few rows cannot be held to is left out by name."""
    found = twin.plan(project, rows=100)

    assert found.snapshot is not None
    assert found.rows == 100
    assert set(found.left_out) == {"lockgate.toml [data] sources", "policy.toml [environment.prod] metrics"}
    with (tmp_path / write_sample(found.snapshot, tmp_path, found.rows, project.config.data)).open() as file:
        cut = list(csv.reader(file))
    with (PHISHING / "data" / "phishing.csv").open() as file:
        whole = list(csv.reader(file))
    assert (cut[0], len(cut)) == (whole[0], 101)
    assert [row for row in cut if row not in whole] == []


def test_more_rows_than_a_run_should_have_are_cut(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody says how many; somebody who says so gets all."""
    monkeypatch.setattr(twin, "MOST_ROWS", 1000)
    monkeypatch.setattr(twin, "SAMPLE", 50)

    assert twin.plan(project).rows == 50
    assert twin.plan(project, rows=5000).snapshot is None


def test_a_snapshot_that_was_changed_is_no_source(project: Project, ready: Ready, tmp_path: Path) -> None:
    """Its bytes are those that the ingester signed, or there is no twin."""
    copy = ready.copy(tmp_path)
    here = Project(copy.root, seen_folder=tmp_path / "seen")
    path = twin.plan(here, rows=100).snapshot
    assert path is not None
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    with pytest.raises(Exception, match="digest") as found:
        twin.plan(here, rows=100)
    assert found.value.finding.startswith("LG8")  # type: ignore[attr-defined]


@pytest.fixture
def made(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Scene]:
    """Makes the twin's files, and founds nothing."""
    monkeypatch.setattr(twin, "begin", lambda scene, say: scene)
    monkeypatch.setattr(twin, "copied", lambda _place: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def make() -> Scene:
        project, place = Project.open(fresh), tmp_path / "place"
        place.mkdir()
        return twin.make(project, twin.plan(project), place, Program(tmp_path), say=lambda _: None)

    return make


def test_credentials_of_a_project_are_not_copied(fresh: Path, made: Callable[[], Scene]) -> None:
    """What lies there by habit, however deep; a file that a setting names is no credential."""
    secrets = (".env", ".env.local", "deep/server.pem", "id_rsa", "id_ed25519", ".netrc", ".aws/credentials")
    rows = fresh / "data" / "phishing.csv"
    for name in (*secrets, "id_map.csv", "env.py"):
        (fresh / name).parent.mkdir(exist_ok=True)
        (fresh / name).write_text("secret")
    rows.rename(fresh / "data" / "rows.key")
    text = (fresh / "lockgate.toml").read_text().replace("phishing.csv", "rows.key")
    (fresh / "lockgate.toml").write_text(text)

    found = made().root

    assert [name for name in secrets if (found / name).exists()] == []
    assert (found / "id_map.csv").read_text() == (found / "env.py").read_text() == "secret"
    assert (found / "data" / "rows.key").is_file()


def test_wheels_come_from_the_user_and_nothing_goes_back(
    fresh: Path, made: Callable[[], Scene], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the lock names, with what was unpacked of it and the record of that, under names of the twin's own."""
    cache, state, wanted, other = tmp_path / "cache" / "lockgate", tmp_path / "state", "a" * 64, "b" * 64
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    (fresh / "requirements.lock").write_text(f"one==1 --hash=sha256:{wanted}\n")
    for wheel in (wanted, other):
        for place in (
            cache / "wheels" / wheel,
            cache / "unpacked" / f"{wheel}-cpython",
            state / "lockgate" / "unpacked",
        ):
            place.mkdir(parents=True, exist_ok=True)
        (cache / "unpacked" / f"{wheel}-cpython" / "one.py").write_text("honest")
        (state / "lockgate" / "unpacked" / f"{wheel}-cpython").write_text("record")
    before = sorted(cache.rglob("*"))

    program = made().program

    assert program.cache is not None
    ours = program.cache / "lockgate"
    assert [wanted] == [one.name for one in (ours / "wheels").iterdir()]
    assert (ours / "unpacked" / f"{wanted}-cpython" / "one.py").read_text() == "honest"
    assert [f"{wanted}-cpython"] == [one.name for one in (program.home / "state" / "lockgate" / "unpacked").iterdir()]
    (ours / "wheels" / wanted).unlink()
    shutil.rmtree(ours / "unpacked")
    assert before == sorted(one for one in cache.rglob("*") if one.name != "lock")


def test_a_program_that_changes_while_it_is_copied_is_not_drilled(
    fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results would be signed for a program that nobody attacked."""
    project = Project.open(fresh)
    planned = replace(twin.plan(project), program=Digest("sha256:" + "0" * 64))
    monkeypatch.setattr(twin, "copied", lambda _place: None)

    with pytest.raises(Unavailable, match="changed while") as refused:
        twin.make(project, planned, tmp_path / "place", Program(tmp_path), say=lambda _: None)
    assert refused.value.finding == "LG9001"


def test_what_is_no_file_of_the_project_is_not_copied(
    fresh: Path, made: Callable[[], Scene], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links that lead out, pipes, folders of other tools, and large files that no setting names."""
    (tmp_path / "own.csv").write_text("mine")
    (fresh / "out").symlink_to(tmp_path / "own.csv")
    (fresh / "gone").symlink_to("nowhere")
    (fresh / "video.mp4").write_bytes(bytes(3000))
    os.mkfifo(fresh / "pipe")
    (fresh / ".git").mkdir()
    monkeypatch.setattr(twin, "_MOST_FILE", 2000)

    scene = made()

    found = {path.name for path in scene.root.iterdir()}
    assert not found & {"out", "gone", "video.mp4", "pipe", ".git"}
    assert {"train.py", "contract.py", "data", "policy.toml", "lockgate.toml"} <= found
    assert (scene.root / "data" / "phishing.csv").stat().st_size > 2000
    assert not os.path.samefile(scene.root / "train.py", fresh / "train.py")
    assert (scene.program.home, scene.place) == (scene.place, tmp_path / "place")


def test_nothing_that_is_written_into_a_twin_reaches_the_project(fresh: Path, made: Callable[[], Scene]) -> None:
    """Links inside, absolute ones too, lead to what is inside the twin and inside its copies; settings are files."""
    (fresh / "data").rename(fresh / "rows")
    (fresh / "data").symlink_to(fresh / "rows")
    (fresh / "conf").mkdir()
    for name in ("lockgate.toml", "policy.toml"):
        (fresh / name).rename(fresh / "conf" / name)
        (fresh / name).symlink_to(fresh / "conf" / name)
    (fresh / "again.py").symlink_to("train.py")
    before = {path: path.read_bytes() for path in fresh.rglob("*") if path.is_file()}

    scene = made()
    for folder in ("config", "state", "twin/.lockgate/env"):
        (scene.place / folder).mkdir(parents=True, exist_ok=True)
    (scene.place / "copy").mkdir()
    for root in (scene.root, scene.copy(scene.place / "copy").root):
        for name in ("data/phishing.csv", "lockgate.toml", "policy.toml", "again.py", "conf/policy.toml"):
            (root / name).write_text("poisoned")
        assert (root / "rows" / "phishing.csv").read_text() == (root / "train.py").read_text() == "poisoned"

    assert {path: path.read_bytes() for path in fresh.rglob("*") if path.is_file()} == before
