"""`make release`: what forbids one, what it is made from, that its bytes are the commit's, and its papers."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lockgate.trust import signer as keys
from scripts import release as program
from scripts import release_build
from scripts import release_papers as papers
from scripts import verify_release as verifier
from scripts.release_build import OWN, PLACED, Built, differs, sdist_name, wheel_name
from scripts.release_source import Source, Stop, problems, read, section, verifier_told
from tests.support.released import FILES, VERSION, Repository, git, release, repository
from tests.support.softhsm import PIN, needs_softhsm, softhsm

KEY = b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
GOOD = Source(
    root=Path(),
    commit="ab" * 20,
    epoch=1,
    version=VERSION,
    dirty=(),
    changes="- It works.",
    previous="",
    previous_verifier="",
    tagged="",
    pinned=KEY,
)


@pytest.fixture
def house(tmp_path: Path) -> Repository:
    """A small repository."""
    return repository(tmp_path / "house")


def as_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of five runs of hatchling, whose bytes other tests look at."""
    monkeypatch.setattr(program, "build", lambda _: Built(b"wheel", b"sdist", "1.0"))


def test_nothing_forbids_a_release_of_a_clean_commit() -> None:
    """The key that is pinned, a section in the changelog, no other commit's version."""
    assert problems(GOOD, KEY) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dirty": (" M a.py",)}, "1 of the folder's files differ from the commit"),
        ({"changes": None}, "no section [1.2.3]"),
        ({"tagged": "cd" * 20}, "another commit's"),
        ({"pinned": None}, "pins no release key"),
        ({"pinned": KEY.replace(b"A", b"B")}, "not the one that the commit pins"),
    ],
)
def test_what_forbids_a_release(change: dict[str, object], words: str) -> None:
    """Each alone, with something to do about it."""
    found = problems(replace(GOOD, **change), KEY)  # type: ignore[arg-type] # one field at a time
    assert [words in what for what, _ in found] == [True]
    assert all(remedy for _, remedy in found)


def test_a_release_that_is_tagged_already_can_be_made_again() -> None:
    """Of the very commit that bears the tag."""
    assert problems(replace(GOOD, tagged=GOOD.commit), KEY) == []


def test_the_dirty_folder_and_the_wrong_key_are_really_refused(house: Repository, tmp_path: Path) -> None:
    """By the program, before anything is built: exit 1, and no folder."""
    (house.root / "README.md").write_text("other")
    ask = ["--root", str(house.root), "--out", str(tmp_path / "dist"), "--key", str(house.key)]
    assert program.main(ask) == 1
    git(house.root, "checkout", "-q", "README.md")
    (house.root / "untracked.py").write_text("x")
    assert program.main(ask) == 1
    (house.root / "untracked.py").unlink()
    keys.save(keys.generate("release"), tmp_path / "other.pem")
    assert program.main([*ask[:-1], str(tmp_path / "other.pem")]) == 1
    assert program.main([*ask[:-1], str(tmp_path / "none.pem")]) == 4
    assert not (tmp_path / "dist").exists()


def test_no_release_is_written_twice(house: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands there may have been handed out: it is not replaced, and a failed one leaves nothing."""
    as_built(monkeypatch)
    made = release(house, tmp_path / "dist", house.key)
    assert {*verifier.names_of(VERSION), verifier.SIGNATURE} == {path.name for path in made.iterdir()}
    with pytest.raises(Stop, match="is there already"):
        release(house, tmp_path / "dist", house.key)
    assert [path.name for path in (tmp_path / "dist").iterdir()] == ["lockgate-1.2.3"]


@needs_softhsm
def test_the_release_key_may_be_in_a_token(
    house: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Named by its URI, its public half by the file that the commit pins. Another key of the token is refused."""
    as_built(monkeypatch)
    (tmp_path / "pin").write_text(PIN)
    (tmp_path / "pin").chmod(0o600)
    monkeypatch.setenv("LOCKGATE_PASSPHRASE_FILE", str(tmp_path / "pin"))
    (tmp_path / "token").mkdir()
    with softhsm(tmp_path / "token") as token:
        house.commits({"kit/release/release.pub": token.publics[2]})
        (tmp_path / "3.pub").write_text(token.publics[3])
        ask = ["--root", str(house.root), "--out", str(tmp_path / "dist"), "--public-key"]
        assert program.main([*ask, str(tmp_path / "3.pub"), "--key", token.uri(3)]) == 1
        assert "not the one that the commit pins" in capsys.readouterr().err
        assert program.main([*ask, str(house.public), "--key", token.uri(3)]) == 3
        assert program.main([*ask, str(house.public), "--key", token.uri(2)]) == 0
    files = verifier.read_folder(tmp_path / "dist" / "lockgate-1.2.3", VERSION)
    key = verifier.read_key(house.public.read_bytes())
    assert set(verifier.check_bytes(files, verifier.signed_files(files["model.sig"], key))) == set(
        verifier.names_of(VERSION)
    )


def test_only_what_is_committed_gets_in(house: Repository, tmp_path: Path) -> None:
    """A rehearsal goes on beside a dirty folder, and says so: neither the change nor the new file is in it."""
    (house.root / "src/lockgate/__init__.py").write_text("A = 'changed'\n")
    (house.root / "src/lockgate/planted.py").write_text("E = 5\n")
    made = release(house, tmp_path / "dist")
    with zipfile.ZipFile(made / wheel_name(VERSION)) as wheel:
        assert wheel.read("lockgate/__init__.py") == FILES["src/lockgate/__init__.py"].encode()
        assert "lockgate/planted.py" not in wheel.namelist()
        assert not [name for name in wheel.namelist() if "test" in name]
    with tarfile.open(made / sdist_name(VERSION)) as sdist:
        assert "lockgate-1.2.3/tests/test_a.py" in sdist.getnames()
        assert "lockgate-1.2.3/src/lockgate/planted.py" not in sdist.getnames()


def test_a_build_that_differs_is_no_release(house: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A builder that gives other bytes each time, for each archive; and one that puts a file more into the wheel."""
    source, times = read(house.root), itertools.count()
    honest = release_build.run_hatchling

    def other(kind: str) -> Callable[..., bytes]:
        def run(asked: str, *more: Any) -> bytes:
            data = sdist if asked == "sdist" else wheel
            return data + (b"%d" % next(times) if asked == kind else b"")

        return run

    with monkeypatch.context() as patch:
        made: dict[str, bytes] = {}

        def keep(kind: str, *more: Any) -> bytes:
            made[kind] = honest(kind, *more)
            return made[kind]

        patch.setattr(release_build, "run_hatchling", keep)
        assert release_build.build(source).wheel == made["wheel"]
        wheel, sdist = made["wheel"], made["sdist"]
    for kind in ("wheel", "sdist"):
        monkeypatch.setattr(release_build, "run_hatchling", other(kind))
        with pytest.raises(Stop, match=f"the {kind} came out with other bytes"):
            release_build.build(source)
    raw = io.BytesIO(wheel)
    with zipfile.ZipFile(raw, "a") as archive:
        archive.writestr("sitecustomize.py", "import os")
    wheel = raw.getvalue()
    monkeypatch.setattr(release_build, "run_hatchling", other("neither"))
    with pytest.raises(Stop, match=r"not the commit's: \+sitecustomize.py"):
        release_build.build(source)


def wheel_with(**changed: bytes | None) -> bytes:
    """A wheel of the small tree, with some files changed, or left out (None)."""
    files = {
        "lockgate/__init__.py": b"A = 1\n",
        **{f"lockgate-{VERSION}.dist-info/{name}": b"x" for name in OWN},
        **changed,
    }
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for name, data in files.items():
            if data is not None:
                archive.writestr(name, data)
    return raw.getvalue()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"lockgate/__init__.py": b"A = 2\n"}, ["~lockgate/__init__.py"]),
        ({"lockgate/__init__.py": None}, ["-lockgate/__init__.py"]),
        ({"lockgate/__pycache__/a.pyc": b""}, ["+lockgate/__pycache__/a.pyc"]),
        ({"tests/test_a.py": b""}, ["+tests/test_a.py"]),
        ({f"lockgate-{VERSION}.dist-info/RECORD": None}, [f"-lockgate-{VERSION}.dist-info/RECORD"]),
        ({f"lockgate-{VERSION}.data/scripts/a": b""}, [f"+lockgate-{VERSION}.data/scripts/a"]),
    ],
)
def test_a_wheel_that_is_not_the_commit_is_seen(
    tmp_path: Path, changed: dict[str, bytes | None], expected: list[str]
) -> None:
    """By name and by bytes; the first case is the wheel as it should be."""
    (tmp_path / "src/lockgate").mkdir(parents=True)
    (tmp_path / "src/lockgate/__init__.py").write_bytes(b"A = 1\n")
    (tmp_path / "verifier").mkdir()
    wheel = wheel_with(**changed)
    assert [one for one in differs(wheel, tmp_path, VERSION) if "_verifier" not in one] == expected


def test_the_wheel_is_told_as_pyproject_tells_it() -> None:
    """The second telling of what the wheel has is that of [tool.hatch.build.targets.wheel]."""
    import tomllib

    text = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text("utf-8")
    target = tomllib.loads(text)["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {each.rstrip("/") for each in PLACED} == set(target["include"])


def test_a_section_is_the_version_s_own() -> None:
    """Not that of a longer version, not an empty one, not what comes after."""
    text = FILES["CHANGELOG.md"]
    assert section(text, "1.2.3") == "- It works."
    assert section(text, "1.0.0") == "- Old."
    assert section(text, "1.2") is None
    assert section("## [1.2.3]\n\n## [1.0.0]\n- x\n", "1.2.3") is None


def test_whether_the_verifier_changed_is_told(house: Repository) -> None:
    """Since the tag before; a change that CHANGELOG.md does not explain is refused."""
    assert verifier_told(read(house.root)) == "the first release of it"
    git(house.root, "tag", "v1.0.0")
    house.commits({"README.md": "# It, again\n"})
    assert verifier_told(read(house.root)) == "unchanged since v1.0.0"
    house.commits({"verifier/lockgate_verify.py": "other\n"})
    changed = read(house.root)
    assert verifier_told(changed) == "CHANGED since v1.0.0"
    pinned = house.public.read_bytes()
    assert ["does not say why" in what for what, _ in problems(changed, pinned)] == [True]
    house.commits({"CHANGELOG.md": "## [1.2.3]\n\n- `lockgate_verify.py` reads more.\n"})
    assert problems(read(house.root), pinned) == []


def test_a_replaced_object_counts_for_nothing(house: Repository) -> None:
    """`git replace` shows another commit under the same name; what is released is the commit itself."""
    honest = house.commit
    house.commits({"src/lockgate/__init__.py": "A = 'replaced'\n"})
    git(house.root, "replace", honest, house.commit)
    git(house.root, "checkout", "-q", "-f", honest)
    assert read(house.root).file("src/lockgate/__init__.py") == FILES["src/lockgate/__init__.py"].encode()


def test_a_lock_is_read_whole() -> None:
    """Version, marker, every hash, who asks for it; what has no hash is refused."""
    click, six = papers.read_lock(FILES["requirements/runtime.txt"])
    assert (click.name, click.version, click.asked_by) == ("click", "8.3.1", ("-r runtime.in",))
    assert (six.marker, six.hashes) == ("python_version < '4'", ("ab" * 32, "cd" * 32))
    assert six.asked_by == ("-r runtime.in", "click")
    for text in ("", "click==1\n", "click>=1 \\\n    --hash=sha256:" + "ab" * 32):
        with pytest.raises(ValueError, match=r"hash|pinned"):
            papers.read_lock(text)


def test_the_real_lock_has_a_hash_and_an_asker_for_each() -> None:
    """Everything that runtime.txt names is reached from the package in the bill's graph."""
    root = Path(__file__).resolve().parents[2]
    lock = papers.read_lock((root / "requirements/runtime.txt").read_text("utf-8"))
    bill = json.loads(papers.bill("0.1.0", b"wheel", lock, {}, datetime.fromtimestamp(0, UTC)))
    on = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    reached, left = set(), ["pkg:pypi/lockgate@0.1.0"]
    while left:
        reached.add(left[-1])
        left += [each for each in on[left.pop()] if each not in reached]
    assert len(lock) > 20
    assert reached == on.keys()


def test_papers_say_what_they_were_handed() -> None:
    """The verifier's digest is the first line of the notes; sums are sha256sum's; the chart is one folder."""
    files = {"b": b"2", "a": b"1"}
    assert papers.sums(files).decode().splitlines()[0] == f"{hashlib.sha256(b'1').hexdigest()}  a"
    notes = papers.notes(VERSION, "c" * 40, "d" * 64, "unchanged since v1", "e" * 64, "- It works.").decode()
    assert notes.splitlines()[0] == f"`lockgate_verify.py` SHA-256 `{'d' * 64}` (unchanged since v1)"
    packed = papers.chart(files.items(), 1_000_000_000)
    assert packed == papers.chart(reversed(files.items()), 1_000_000_000)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        assert archive.getnames() == ["lockgate/a", "lockgate/b"]
