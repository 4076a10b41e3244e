"""runtime.locked: wheels are fetched once, from the one index that they may come from, and shared by all projects."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockgate.core.digest import digest_of, hex_of
from lockgate.errors import Refused, Unavailable, VerificationFailed
from lockgate.runtime import environment
from lockgate.runtime.jail import fetch as jail_fetch
from lockgate.runtime.lock import Requirement
from lockgate.runtime.locked import fetch, unpack
from lockgate.runtime.locked.fetch import Origins
from lockgate.runtime.locked.wheels import Stored, WheelStore
from tests.support.wheels import Place, Served, served, wheel

GREETING = {"greeting.py": "WORD = 'hello'\n"}
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.fixture(name="lock", scope="module")
def _lock(tmp_path_factory: pytest.TempPathFactory) -> str:
    digest = wheel(tmp_path_factory.mktemp("lock"), "greeting", GREETING)
    return f"greeting==1.0 --hash=sha256:{digest}\n"


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Place:
    """Nothing was built here."""
    found = Place(tmp_path / "fresh")
    wheel(found.wheels, "greeting", GREETING)
    return found


@pytest.fixture(name="template", scope="module")
def _template(tmp_path_factory: pytest.TempPathFactory, lock: str) -> Place:
    found = Place(tmp_path_factory.mktemp("template"))
    wheel(found.wheels, "greeting", GREETING)
    found.build(lock)
    return found


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, template: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this user remembers of wheels: a copy for each test, for some forget it."""
    assert template.home.is_dir()
    shutil.copytree(os.environ["XDG_STATE_HOME"], tmp_path / "remembered")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "remembered"))


@pytest.fixture(name="built")
def _built(tmp_path: Path, template: Place) -> Place:
    """The lock was built here."""
    return template.copy(tmp_path / "built")


@pytest.fixture(name="indexes")
def _indexes(tmp_path: Path) -> Iterator[Served]:
    """Two indexes with a package `mine` in each, and `common` in the public one; the internal one wants a login."""
    for name in ("public", "internal"):
        wheel(tmp_path / "served" / name, "mine", {"mine.py": f"WHERE = '{name}'\n"})
    wheel(tmp_path / "served/public", "common", {"common.py": ""})
    with served(tmp_path / "served", uploaded="2026-11-24T00:00:00Z", login={"internal": "me:pass%word"}) as found:
        yield found


def _digest(indexes: Served, index: str, name: str) -> str:
    return hashlib.sha256((indexes.folder / index / f"{name}-1.0-py3-none-any.whl").read_bytes()).hexdigest()


def _online(place: Place, indexes: Served) -> dict[str, str]:
    del place.environ["PIP_NO_INDEX"], place.environ["PIP_FIND_LINKS"]
    place.environ["PIP_INDEX_URL"] = indexes.address("public")
    return place.environ


def test_a_filled_store_needs_no_index(built: Place, lock: str, tmp_path: Path) -> None:
    """Another project with the same lock: no wheel is fetched, no jail fetches or unpacks; the files are the same."""
    made = built.build(lock)
    stored = built.cache / "wheels" / hex_of(made.wheels[0].digest) / "greeting-1.0-py3-none-any.whl"
    assert stored.stat().st_mode & 0o777 == 0o444
    shutil.rmtree(built.wheels)
    other = tmp_path / "other"
    other.mkdir()
    again = environment.build(lock.encode(), other, say=built.said.append, environ=built.environ)
    assert again.tree_digest == made.tree_digest
    relative = "lib/python3.11/site-packages/greeting.py"
    unpacked = next(built.cache.glob(f"unpacked/*/{relative}"))
    assert (again.path / relative).stat().st_ino == unpacked.stat().st_ino


def test_a_changed_wheel_of_the_store_is_fetched_anew(built: Place, lock: str) -> None:
    """Other bytes under the right name are never unpacked."""
    made = built.build(lock)
    stored = built.cache / "wheels" / hex_of(made.wheels[0].digest) / "greeting-1.0-py3-none-any.whl"
    stored.chmod(0o644)
    stored.write_bytes(b"PK evil")
    shutil.rmtree(built.cache / "unpacked")
    shutil.rmtree(built.home / "env")
    assert built.build(lock) == made
    assert stored.read_bytes()[:4] == b"PK\x03\x04"


@pytest.mark.parametrize("damage", ["flip", "add", "remove"])
def test_changed_unpacked_files_are_unpacked_anew_and_said(built: Place, lock: str, damage: str) -> None:
    """What lies in the store is compared file by file with what was unpacked; a stranger's file is not taken along."""
    made = built.build(lock)
    folder = next(built.cache.glob("unpacked/*/lib/python*/site-packages"))
    if damage == "add":
        (folder / "stranger.py").write_text("")
    else:
        (folder / "greeting.py").chmod(0o644)
        (folder / "greeting.py").unlink() if damage == "remove" else (folder / "greeting.py").write_text("import os\n")
    shutil.rmtree(built.home / "env")
    assert built.build(lock) == made
    assert ("unpacking greeting again" in built.said[-1]) == (damage != "add")
    assert not list(made.path.rglob("stranger.py"))


def test_a_record_that_this_user_did_not_write_is_none(built: Place, lock: str) -> None:
    """An unpacked wheel without its record in the user's state is unpacked from the wheel."""
    made = built.build(lock)
    folder = next(built.cache.glob("unpacked/*/lib/python*/site-packages"))
    (folder / "greeting.py").chmod(0o644)
    (folder / "greeting.py").write_text("import os\n")
    for record in (Path(os.environ["XDG_STATE_HOME"]) / "lockgate/unpacked").iterdir():
        record.unlink()
    shutil.rmtree(built.home / "env")
    assert built.build(lock) == made


def test_another_file_system_gets_copies(built: Place, lock: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a second name for a file cannot be had, the bytes are copied, and compared all the same."""
    made = built.build(lock)
    shutil.rmtree(built.home / "env")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("lockgate.runtime.locked.assemble.os.link", refuse)
    assert built.build(lock) == made


def test_two_processes_build_at_once(place: Place, lock: str) -> None:
    """Both get the same environment, verified; nothing is left behind."""
    program = (
        "import sys, pathlib; from lockgate.runtime import environment as e; "
        "print(e.build(sys.argv[1].encode(), pathlib.Path(sys.argv[2]), say=lambda _: None).tree_digest)"
    )
    other = place.home.with_name("other")
    other.mkdir()
    command = [sys.executable, "-c", program, lock]
    homes = [place.home, place.home, other]
    ran = [
        subprocess.Popen([*command, str(home)], env={**os.environ, **place.environ}, stdout=subprocess.PIPE, text=True)
        for home in homes
    ]
    said = [each.communicate(timeout=120)[0] for each in ran]
    assert [each.returncode for each in ran] == [0, 0, 0]
    assert len(set(said)) == 1
    assert list(place.home.glob("state/tmp/*")) + list(place.cache.glob("tmp/*")) == []


def test_a_package_is_looked_for_on_its_own_index_only(place: Place, indexes: Served) -> None:
    """The public index never hears of `mine`; its login goes to the internal one alone, and stands in no file."""
    lock = f"common==1.0 --hash=sha256:{_digest(indexes, 'public', 'common')}\n"
    lock += f"mine==1.0 --hash=sha256:{_digest(indexes, 'internal', 'mine')}\n"
    environ = _online(place, indexes)
    internal = indexes.address("internal", "me:pass%25word@")
    made = place.build(lock, Origins({"internal": internal}, {"mine": "internal"}, environ=environ))
    assert "internal" in next(made.path.rglob("mine.py")).read_text()
    assert [path for path, _ in indexes.asked if path.startswith("/public") and "mine" in path] == []
    assert [path for path, _ in indexes.asked if path.startswith("/internal") and "common" in path] == []
    assert [login for path, login in indexes.asked if path.startswith("/public") and login] == []
    for file in place.home.parent.rglob("*"):
        assert not file.is_file() or b"pass%25word" not in file.read_bytes()


def test_without_an_assignment_another_package_of_the_name_is_refused(place: Place, indexes: Served) -> None:
    """Positive control: asked for at the public index, `mine` is there, with other bytes than the lock's."""
    environ = _online(place, indexes)
    error = place.refused(f"mine==1.0 --hash=sha256:{_digest(indexes, 'internal', 'mine')}\n", Origins(environ=environ))
    assert (type(error), error.finding) == (Refused, "LG343")
    assert any("/public" in path and "mine" in path for path, _ in indexes.asked)


def test_a_young_file_is_refused_and_an_old_one_taken(place: Place, indexes: Served) -> None:
    """36 hours old: refused for three days, taken for one."""
    lock = f"common==1.0 --hash=sha256:{_digest(indexes, 'public', 'common')}\n"
    environ = _online(place, indexes)
    error = place.refused(lock, Origins(min_age=3 * 86400, environ=environ, now=lambda: NOW))
    assert (type(error), error.finding) == (Refused, "LG349")
    assert error.seen["uploaded"] == "2026-11-24T00:00:00+00:00"
    assert place.build(lock, Origins(min_age=86400, environ=environ, now=lambda: NOW)).wheels[0].name == "common"
    assert not any("min_age" in line for line in place.said)


def test_what_another_project_fetched_is_judged_too(place: Place, indexes: Served, tmp_path: Path) -> None:
    """A young wheel of the store, and a young environment that is finished: LG349, until it is old enough. No index and
    no secret is asked for that.
    """
    lock = f"common==1.0 --hash=sha256:{_digest(indexes, 'public', 'common')}\n"
    environ = _online(place, indexes)
    place.build(lock, Origins(environ=environ))
    other = Place(tmp_path / "other")
    other.environ["XDG_CACHE_HOME"] = environ["XDG_CACHE_HOME"]
    other.cache = place.cache
    asked = len(indexes.asked)
    for where in (other, place):
        with pytest.raises(Refused) as raised:
            where.build(lock, Origins(min_age=3 * 86400, environ=environ, now=lambda: NOW))
        assert (raised.value.finding, raised.value.seen["uploaded"]) == ("LG349", "2026-11-24T00:00:00Z")
    assert not list(other.home.glob("env/*"))
    assert other.build(lock, Origins(min_age=86400, environ=environ, now=lambda: NOW)).wheels[0].name == "common"
    assert len(indexes.asked) == asked


def test_an_index_without_upload_times_is_named(place: Place, lock: str) -> None:
    """The age could not be judged: it is said, with the package."""
    place.build(lock, Origins(min_age=86400, environ=place.environ, now=lambda: NOW))
    assert "greeting" in place.said[-1]
    assert "min_age" in place.said[-1]


def test_an_index_that_is_gone_is_unavailable(place: Place, lock: str) -> None:
    """LG347, nothing left; later the same lock builds."""
    kept = dict(place.environ)
    del place.environ["PIP_NO_INDEX"], place.environ["PIP_FIND_LINKS"]
    place.environ["PIP_INDEX_URL"] = "http://127.0.0.1:9/simple"
    error = place.refused(lock)
    assert (type(error), error.finding) == (Unavailable, "LG347")
    del place.environ["PIP_INDEX_URL"]
    place.environ |= kept
    assert place.build(lock).wheels[0].name == "greeting"


def test_files_that_change_all_the_time_end_in_a_refusal(
    built: Place, lock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment is never made of files that differ from what was unpacked, however often one tries."""
    shutil.rmtree(built.home / "env")

    def assemble(made: Path, wheels: list[object], _: object) -> tuple[str, list[object]]:
        return "sha256:" + "0" * 64, wheels

    monkeypatch.setattr(environment, "assemble", assemble)
    monkeypatch.setattr(environment, "_TRIES", 1)
    with pytest.raises(VerificationFailed) as raised:
        built.build(lock)
    assert raised.value.finding == "LG346"
    assert not list(built.home.glob("env/*"))


def test_the_store_takes_locked_bytes_only(tmp_path: Path) -> None:
    """Whatever a fetching jail says of a file: the launcher hashes it, and other bytes are LG343 and not kept."""
    digest = wheel(tmp_path / "left", "greeting", GREETING)
    file = tmp_path / "left" / "greeting-1.0-py3-none-any.whl"
    store = WheelStore(tmp_path / "cache")
    with pytest.raises(Refused) as raised:
        store.put(file, Requirement("greeting", "1.0", frozenset({"0" * 64}), 1))
    assert (raised.value.finding, (tmp_path / "cache").exists()) == ("LG343", False)
    wanted = Requirement("greeting", "1.0", frozenset({digest}), 1)
    assert store.put(file, wanted) == store.find(wanted)


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "text", "folder of the digest", "digest", "linked digest"])
def test_whatever_stands_in_a_wheel_s_place_is_replaced(tmp_path: Path, kind: str) -> None:
    """What is no file with the digest is not given a second time: the wheel is fetched anew, and put in its place."""
    digest = wheel(tmp_path / "left", "greeting", GREETING)
    file = tmp_path / "left/greeting-1.0-py3-none-any.whl"
    store = WheelStore(tmp_path / "cache")
    wanted = Requirement("greeting", "1.0", frozenset({digest}), 1)
    place = tmp_path / "cache/wheels" / digest / file.name
    (tmp_path / "elsewhere" / file.name).mkdir(parents=True)
    place.parent.parent.mkdir(parents=True) if "digest" in kind else place.parent.mkdir(parents=True)
    if kind == "folder":
        (place / "x").mkdir(parents=True)
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "link":
        place.symlink_to(file)
    elif kind == "text":
        place.write_text("other")
    elif kind == "folder of the digest":
        place.mkdir(parents=True)
    elif kind == "digest":
        place.parent.write_text("x")
    else:
        place.parent.symlink_to(tmp_path / "elsewhere")
    found = store.find(wanted)
    assert found is None or not store.check(found)
    assert store.find(wanted) is None
    stored = store.put(file, wanted)
    assert (store.find(wanted), store.check(stored), place.is_symlink()) == (stored, True, False)


def test_a_link_to_unpacked_files_is_none(built: Place, lock: str, tmp_path: Path) -> None:
    """What lies elsewhere is not this user's store: the wheel is unpacked again, in the link's place."""
    made = built.build(lock)
    unpacked = next(built.cache.glob("unpacked/*"))
    unpacked.rename(tmp_path / "elsewhere")
    unpacked.symlink_to(tmp_path / "elsewhere")
    shutil.rmtree(built.home / "env")
    assert built.build(lock) == made
    assert (unpacked.is_symlink(), (tmp_path / "elsewhere/lib").is_dir()) == (False, True)


def test_what_an_earlier_version_unpacked_is_looked_at_again(built: Place, lock: str) -> None:
    """Its record says by which checks: files that an earlier version let in are not taken over."""
    made = built.build(lock)
    inode = next(built.cache.glob("unpacked/*/lib/python*/site-packages/greeting.py")).stat().st_ino
    for record in (Path(os.environ["XDG_STATE_HOME"]) / "lockgate/unpacked").iterdir():
        record.write_bytes(record.read_bytes().replace(b"wheel 2\n", b"wheel 1\n", 1))
    shutil.rmtree(built.home / "env")
    assert built.build(lock) == made
    assert next(built.cache.glob("unpacked/*/lib/python*/site-packages/greeting.py")).stat().st_ino != inode


def test_more_than_a_wheel_can_be_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that never stops sending fills no disk: its answer is cut off at the bound, not behind it."""
    (tmp_path / "sent").write_bytes(b"x" * (3 << 20))
    line = jail_fetch._Line([], frozenset())
    line.fetch((tmp_path / "sent").as_uri(), tmp_path / "kept")
    assert (tmp_path / "kept").stat().st_size == 3 << 20
    monkeypatch.setattr(jail_fetch, "_MOST", 2 << 20)
    monkeypatch.setattr(jail_fetch, "_TRIES", 1)
    with pytest.raises(OSError, match="came"):
        line.fetch((tmp_path / "sent").as_uri(), tmp_path / "kept")
    assert (tmp_path / "kept").stat().st_size <= 2 << 20


@pytest.mark.parametrize(
    "answer", ["{", "[]", "[3]", '[{"status": 1}]', '[{"status": "ok"}]', '[{"status":"ok","file":1}]']
)
def test_what_a_fetching_jail_answers_is_read_strictly(answer: str) -> None:
    """LG347, never a traceback; an answer in form is taken."""
    assert fetch._answers(b'[{"status":"ok","file":"a.whl"}]', 1)[0]["file"] == "a.whl"
    with pytest.raises(Unavailable) as raised:
        fetch._answers(answer.encode(), 1)
    assert raised.value.finding == "LG347"


@pytest.mark.parametrize("damage", ["second", "other", "link", "egg"])
def test_an_unpacked_wheel_is_one_package_without_links(tmp_path: Path, damage: str) -> None:
    """A second distribution, another name, a link among the files: LG348."""
    site = tmp_path / "made/lib/python3.11/site-packages"
    (site / ("other-1.0.dist-info" if damage == "other" else "greeting-1.0.dist-info")).mkdir(parents=True)
    (site / "greeting.py").write_text("")
    stored = Stored("greeting", "1.0", digest_of(b""), tmp_path)
    if damage == "second":
        unpack._check_identity(stored, tmp_path / "made")
        (site / "numpy-1.0.dist-info").mkdir()
    elif damage == "egg":
        (site / "numpy-1.0.egg-info").mkdir()
    elif damage == "link":
        (site / "link.py").symlink_to("/etc/passwd")
    with pytest.raises(Refused) as raised:
        unpack._check_identity(stored, tmp_path / "made")
    assert raised.value.finding == "LG348"
