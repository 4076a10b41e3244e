"""`[environment]`: indexes by name, logins by reference only, and nothing looked up for a stranger's project."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from lockgate.config import read_config
from lockgate.core.digest import digest_of
from lockgate.errors import LockgateError, Refused, Usage
from lockgate.project import Project, opening
from lockgate.project.locking import known_vulnerabilities, origins
from lockgate.runtime.lock import Requirement
from lockgate.runtime.locked.ages import MinAge

CONFIG = """[project]
name = "x"
[data]
sources = ["a.csv"]
contract = "contract.py:A"
label = "y"
"""


def test_everything_has_a_default() -> None:
    """requirements.in, any age, no database, the machine's own index."""
    found = read_config(CONFIG).environment
    assert (found.requirements, found.min_age, found.osv) == ("requirements.in", 0.0, "")
    assert (found.indexes, found.packages) == ({}, {})


def test_indexes_and_packages_are_read() -> None:
    """Addresses and references; package names in normal form; ages with their unit."""
    text = CONFIG + '[environment]\nmin_age = "3d"\n[environment.indexes]\na = "https://index.example/simple"\n'
    text += (
        'b = "env:PLACE"\nc = "file:secrets/index"\nd = "file:///srv/index"\n[environment.packages]\nOur_Own = "b"\n'
    )
    found = read_config(text).environment
    assert found.min_age == 3 * 86400
    assert sorted(found.indexes) == ["a", "b", "c", "d"]
    assert found.packages == {"our-own": "b"}


@pytest.mark.parametrize(
    ("lines", "finding", "where"),
    [
        ('[environment.indexes]\na = "https://me:hunter2@index.example/simple"\n', "LG124", "lockgate.toml:8"),
        ('[environment.indexes]\na = "ftp://index.example"\n', "LG942", "lockgate.toml:8"),
        ('[environment.indexes]\na = "index"\n', "LG942", "lockgate.toml:8"),
        ('[environment.indexes]\n"A B" = "https://index.example"\n', "LG942", "lockgate.toml:8"),
        ('[environment.packages]\nours = "nowhere"\n', "LG942", "lockgate.toml:8"),
        ('[environment]\nmin_age = "3 weeks"\n', "LG942", "lockgate.toml:8"),
        ('[environment]\nindex = "x"\n', "LG942", "lockgate.toml:8"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(lines: str, finding: str, where: str) -> None:
    """A login in an address is refused and never quoted."""
    with pytest.raises(Usage) as raised:
        read_config(CONFIG + lines)
    assert raised.value.finding == finding
    assert raised.value.message.startswith(where)
    assert "hunter2" not in str(raised.value.as_json())


def test_a_reference_of_a_stranger_s_project_is_not_looked_up(tmp_path: Path) -> None:
    """A lockgate.toml may name a command: it runs only where this user has pinned the project's root. An address is
    no secret, and needs no root.
    """
    mark = tmp_path / "ran"
    (tmp_path / "lockgate.toml").write_text(CONFIG + f'[environment.indexes]\na = "cmd:touch {mark}"\n')
    with pytest.raises(LockgateError) as raised:
        origins(Project.open(tmp_path))
    assert raised.value.finding == "LG946"
    assert not mark.exists()
    (tmp_path / "lockgate.toml").write_text(CONFIG + '[environment.indexes]\na = "https://index.example"\n')
    assert origins(Project.open(tmp_path)).indexes == {"a": "https://index.example"}


def test_an_owner_s_reference_is_looked_up_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address comes from the variable; no representation holds it."""
    (tmp_path / "lockgate.toml").write_text(CONFIG + '[environment.indexes]\na = "env:INDEX_OF_TEST"\n')
    monkeypatch.setenv("INDEX_OF_TEST", "https://me:hunter2@index.example/simple")
    monkeypatch.setattr(Project, "trusted_root", lambda _: "pinned")
    found = origins(Project.open(tmp_path))
    assert found.indexes == {"a": "https://me:hunter2@index.example/simple"}
    assert "hunter2" not in repr(found)


def test_a_project_s_min_age_reaches_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time that it is built or used, with the project's own clock, and without looking up any secret."""
    asked: list[MinAge] = []
    monkeypatch.setattr(opening, "locked_python", lambda *given: asked.append(given[-1]))
    for name in ("CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    root = tmp_path / "made"
    root.mkdir()
    (root / "lockgate.toml").write_text(CONFIG + '[environment]\nmin_age = "3d"\nindexes = { a = "cmd:false" }\n')
    Project.create(root)
    project = Project.open(root)
    with project.workplace() as place:
        place.locked_python()
    assert [(each.seconds, each.now) for each in asked] == [(3 * 86400.0, project.now)]


def test_a_project_asks_its_database(tmp_path: Path) -> None:
    """None named: None. One named: what it says, with its digest, and a line for a person. One missing: LG356."""
    wheels = [Requirement("numpy", "1.0", frozenset(), 1)]
    said: list[str] = []
    (tmp_path / "lockgate.toml").write_text(CONFIG)
    assert known_vulnerabilities(Project.open(tmp_path), wheels, said.append) is None
    (tmp_path / "lockgate.toml").write_text(CONFIG + '[environment]\nosv = "all.zip"\n')
    with pytest.raises(Usage) as raised:
        known_vulnerabilities(Project.open(tmp_path), wheels, said.append)
    assert raised.value.finding == "LG356"
    entry = '{"id": "PYSEC-1", "modified": "2026-01-20T00:00:00Z", "aliases": ["CVE-1"], "affected": '
    entry += '[{"package": {"ecosystem": "PyPI", "name": "numpy"}, "versions": ["1.0"]}]}'
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("PYSEC-1.json", entry)
    known = known_vulnerabilities(Project.open(tmp_path), wheels, said.append)
    assert known is not None
    assert (known["digest"], known["entries"]) == (digest_of((tmp_path / "all.zip").read_bytes()), 1)
    assert [each["id"] for each in known["found"]] == ["PYSEC-1"]
    assert said == ["known vulnerability: numpy 1.0 PYSEC-1 (CVE-1)"]
    (tmp_path / "all.zip").write_bytes(b"x")
    with pytest.raises(Refused):
        known_vulnerabilities(Project.open(tmp_path), wheels, said.append)
