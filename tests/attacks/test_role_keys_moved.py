"""What root moves between a person and a role's user: that person's own key, whole, and nothing else.

As root, in folders of the test's own; `test_role_users` does it with real users and real sudo.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockgate.errors import LockgateError, Refused
from lockgate.project import role_users_done
from lockgate.project.role_users import Plan
from lockgate.trust import role_helper, role_places
from lockgate.trust import signer as signers

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.fixture(name="host")
def _host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of the test's own in the place of the host's; `daemon` keeps every key, and no tool is run."""
    monkeypatch.setattr(role_places, "STATE", tmp_path / "kept")
    monkeypatch.setattr(role_places, "SUDOERS", tmp_path / "sudoers")
    monkeypatch.setattr(role_places, "user_of", lambda _role: "daemon")
    monkeypatch.setattr(role_users_done, "check_installation", lambda _interpreter: ("/opt/site",))
    monkeypatch.setattr(role_users_done, "run_as", lambda *_: (2, b"", role_helper.USAGE.encode()))
    monkeypatch.setattr(role_users_done, "run_tool", lambda _words: (0, b"", b""))
    (tmp_path / "sudoers").mkdir()
    return tmp_path


def _person(host: Path, uid: int) -> Plan:
    """A judge's key in the folder of somebody, and the plan to move it."""
    folder = host / f"keys of {uid}"
    folder.mkdir()
    _new_key(folder, uid)
    return Plan("0" * 64, f"uid {uid}", uid, folder, ("judge",))


def _new_key(folder: Path, uid: int) -> bytes:
    made = signers.generate("judge")
    (folder / "judge.key").unlink(missing_ok=True)
    signers.save(made, folder / "judge.key")
    (folder / "judge.pub").write_text(made.public.pem)
    for path in (folder, *folder.iterdir()):
        os.chown(path, uid, uid)
    return (folder / "judge.key").read_bytes()


@needs_root
def test_each_person_has_a_place_and_rules(host: Path) -> None:
    """K7, K8: two persons, two keys, two files of rules that name each by number; undoing one leaves the other's."""
    one, two = _person(host, 0), _person(host, 1)
    before = [(plan.folder / "judge.key").read_bytes() for plan in (one, two)]
    for plan in (one, two, one, two):
        again = replace(plan, moves=plan.moves if (plan.folder / "judge.key").exists() else ())
        role_users_done.carry_out(again, "/opt/lockgate/bin/python")
    kept = [role_places.key_path(plan.project_id, plan.uid, "judge") for plan in (one, two)]
    assert [path.read_bytes() for path in kept] == before
    helpers = [host / "kept" / ("0" * 64) / str(uid) / "helper" for uid in (0, 1)]
    command = [f"{helper} judge {'0' * 64}" for helper in helpers]
    rules = {f"lockgate-{'0' * 64}-{uid}": f"#{uid} ALL=(daemon) NOPASSWD: {command[uid]} {uid}\n" for uid in (0, 1)}
    assert {path.name: path.read_text() for path in (host / "sudoers").iterdir()} == rules
    role_users_done.take_back(replace(two, undo=True))
    assert (two.folder / "judge.key").read_bytes() == before[1]
    assert [path.exists() for path in kept] == [True, False]
    assert [path.name for path in (host / "sudoers").iterdir()] == [f"lockgate-{'0' * 64}-0"]
    role_users_done.take_back(replace(one, undo=True))
    assert not (host / "kept").exists()


@needs_root
@pytest.mark.parametrize("way", ["there", "back"])
def test_another_key_is_never_removed(host: Path, way: str) -> None:
    """K8: where another key lies already, LG833, and both stay: on the way there and on the way back."""
    plan = _person(host, 1)
    role_users_done.carry_out(plan)
    kept = role_places.key_path(plan.project_id, plan.uid, "judge")
    first, public = kept.read_bytes(), (plan.folder / "judge.pub").read_bytes()
    second = _new_key(plan.folder, 1)
    if way == "back":
        (plan.folder / "judge.pub").write_bytes(public)
    with pytest.raises(Refused) as caught:
        (role_users_done.carry_out if way == "there" else role_users_done.take_back)(plan)
    assert caught.value.finding == "LG833"
    assert (kept.read_bytes(), (plan.folder / "judge.key").read_bytes()) == (first, second)


@needs_root
@pytest.mark.parametrize(
    ("how", "finding"),
    [("link", "LG803"), ("hard link", "LG831"), ("root's", "LG831"), ("another key", "LG834"), ("text", "LG834")],
)
@pytest.mark.parametrize("way", ["there", "back"])
def test_only_a_key_that_is_one_s_own_is_moved(host: Path, how: str, finding: str, way: str) -> None:
    """K9: a link, a second name of a file, somebody else's file, another key, no key: refused, nothing is moved."""
    plan = _person(host, 1)
    owner = pwd.getpwnam("daemon").pw_uid
    if way == "back":
        role_users_done.carry_out(plan)
    ends = [plan.folder / "judge.key", role_places.key_path(plan.project_id, plan.uid, "judge")]
    key, target = ends if way == "there" else ends[::-1]
    secret = host / "secret"
    if how in {"another key", "text"}:
        key.write_bytes(signers.private_pem(signers.generate("judge")) or b"" if how == "another key" else b"secret")
    elif how == "root's":
        os.chown(key, 0, 0)
    else:
        key.rename(secret)
        (key.symlink_to if how == "link" else key.hardlink_to)(secret)
    assert owner == 1
    with pytest.raises(LockgateError) as caught:
        (role_users_done.carry_out if way == "there" else role_users_done.take_back)(plan)
    assert caught.value.finding == finding
    assert (key.is_symlink() or key.exists(), target.exists()) == (True, False)


@needs_root
@pytest.mark.parametrize("how", ["owner", "link", "file"])
@pytest.mark.parametrize("whose", ["the person's", "root's"])
def test_a_folder_of_another_s_is_not_entered(host: Path, how: str, whose: str) -> None:
    """K9: the key folder must be the person's, the folder of a kept key root's, and neither a link: LG831."""
    plan = _person(host, 1)
    role_users_done.carry_out(plan)
    kept = role_places.key_path(plan.project_id, plan.uid, "judge")
    folder = plan.folder if whose == "the person's" else kept.parent
    if how == "owner":
        os.chown(folder, 2, 2)
    else:
        folder.rename(host / "elsewhere")
        folder.symlink_to(host / "elsewhere") if how == "link" else folder.write_text("")
    with pytest.raises(Refused) as caught:
        role_users_done.take_back(plan)
    assert (caught.value.finding, (plan.folder / "judge.key").exists()) == ("LG831", False)


@pytest.mark.parametrize("uid", ["-1", "../1", "01", "1\n", "x", ""])
def test_the_helper_takes_a_number(uid: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What names the person becomes part of a path: digits, or exit code 2."""
    assert role_helper.main(["judge", "0" * 64, uid]) == 2
    assert "usage" in capsys.readouterr().err


@needs_root
@pytest.mark.parametrize("way", ["there", "back"])
def test_a_killed_attempt_goes_on(host: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Killed before any step that changes a folder, the same command ends where it would have; no key is ever gone."""
    plan = _person(host, 1)
    before = (plan.folder / "judge.key").read_bytes()
    ends = [plan.folder / "judge.key", role_places.key_path(plan.project_id, plan.uid, "judge")]
    act = role_users_done.carry_out if way == "there" else role_users_done.take_back
    if way == "back":
        role_users_done.carry_out(plan)
    for name in ("rename", "unlink"):
        for survived in range(6):
            with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
                patch.setattr(os, name, _killed(getattr(os, name), survived))
                act(plan)
            assert before in [path.read_bytes() for path in ends if path.exists()]
            if way == "there" and not ends[0].exists():
                break
    if way == "back" or ends[0].exists():
        act(plan)
    assert [path.exists() for path in ends] == [way == "back", way == "there"]


@needs_root
@pytest.mark.parametrize("survived", range(5))
def test_a_killed_attempt_can_be_undone(host: Path, monkeypatch: pytest.MonkeyPatch, survived: int) -> None:
    """Killed before any of its files gets its name, the way back leaves the key with its person and nothing else."""
    plan = _person(host, 1)
    before = (plan.folder / "judge.key").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", _killed(os.rename, survived))
        with pytest.raises(KeyboardInterrupt):
            role_users_done.carry_out(plan)
    role_users_done.take_back(replace(plan, undo=True))
    assert (plan.folder / "judge.key").read_bytes() == before
    assert ((host / "kept").exists(), list((host / "sudoers").iterdir())) == (False, [])


def _killed(call: Callable[..., None], survived: int) -> Callable[..., None]:
    left = iter(range(survived))

    def kill(*words: Any, **options: Any) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        call(*words, **options)

    return kill
