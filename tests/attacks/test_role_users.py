"""A user of the host per role: whoever is not root reads no key, and each helper signs its own role's words only.

Real users, real sudo, real file modes, in a mount namespace in which /etc is a copy: nothing of the host changes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lockgate.errors import LockgateError, Unavailable, Usage
from lockgate.project import role_users_done
from lockgate.project.role_users import plan_of
from lockgate.sandbox import _role_process
from lockgate.trust import _rolekey, role_places
from lockgate.trust.authority import ROLES, SEALER
from tests.support.project import signed_project

ROOT = Path(__file__).parents[2]
MOVED = tuple(role for role in ROLES if role != SEALER)
SCRIPT = ROOT / "tests" / "support" / "role_users.py"
PACKAGES = Path(pytest.__file__).parents[1]
PYTHON = Path(f"/usr/bin/python3.{sys.version_info[1]}")
MISSING = [tool for tool in ("unshare", "useradd", "visudo", "sudo") if shutil.which(tool) is None]
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or bool(MISSING) or not PYTHON.exists(),
    reason="only root can make users; needs unshare, useradd, visudo, sudo and the system's own Python",
)


@pytest.fixture(scope="module", name="story")
def _story(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What mara, the engineer, root and the users of the roles could do, before, meanwhile and after."""
    return _told("inside", tmp_path_factory.mktemp("users"))


@pytest.fixture(scope="module", name="neighbours")
def _neighbours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Mara and the engineer, each with a project, and then both with a key of mara's."""
    return _told("neighbours", tmp_path_factory.mktemp("neighbours"))


@pytest.fixture(scope="module", name="installed")
def _installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Mara's keys with an installation in which something runs at every start."""
    return _told("installed", tmp_path_factory.mktemp("installed"))


def _told(story: str, place: Path) -> dict[str, Any]:
    before = Path("/etc/passwd").read_bytes()
    command = ["unshare", "--mount", str(PYTHON), str(SCRIPT), story, str(place), str(ROOT), str(PACKAGES)]
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    assert (Path("/etc/passwd").read_bytes(), Path("/var/lib/lockgate").exists()) == (before, False)
    return dict(json.loads(done.stdout))


@needs_root
def test_it_is_shown_before_it_is_done(story: dict[str, Any]) -> None:
    """To mara: the steps, LG879, exit 4 and the command; to root the steps; nothing has changed; then it is done."""
    assert story["readers before"]["mara"] == list(ROLES)
    shown = story["shown to mara"]
    assert (shown["code"], shown["finding"]) == (4, "LG879")
    assert shown["next"].startswith("sudo /opt/lockgate/bin/python -I -m lockgate doctor --fix --yes")
    assert (story["shown to root"]["code"], story["shown to root"]["done"]) == (0, False)
    assert len(story["shown to root"]["steps"]) == 3 * len(MOVED) + 2
    assert story["still there"] == sorted(f"{role}.key" for role in ROLES)
    assert (story["fixed"]["code"], story["fixed"]["done"]) == (0, True)


@needs_root
def test_only_its_own_user_reads_a_key(story: dict[str, Any]) -> None:
    """Mara reads the sealer's, which stayed hers, the engineer none, and each role's user exactly one."""
    assert story["folder"] == sorted(["pin.json", "sealer.key", *(f"{role}.uri" for role in MOVED)])
    assert story["modes"] == ["600", "710"]
    readers = {"mara": ["sealer"], "engineer": [], **{f"lockgate-{role}": [role] for role in MOVED}}
    assert story["readers"] == readers


@needs_root
def test_its_owner_signs_through_the_helper(story: dict[str, Any]) -> None:
    """An approval, a proof: signed. Anything else, and the key itself: not. A swapped `.pub`: refused.

    The sealer's key is a file as before, so that `serve` can hand it to its jail.
    """
    signed = {"approve": "signed", "seal": "signed", "prove": "signed", "anything": "LG877", "hand out": "LG876"}
    signed["hand out the sealer's"] = "-----BEGIN PRIVATE KEY-----"
    assert story["mara signs"] == signed
    assert story["mara signs, another public half"] == signed | {"prove": "LG874"}


@needs_root
def test_a_helper_signs_for_its_own_role(story: dict[str, Any]) -> None:
    """The trainer's helper refuses an approval, sudo any other command as the trainer, and the engineer everything."""
    refused = story["approval by the trainer"]
    assert (refused["code"], refused["finding"], refused["seen"]["role"]) == (3, "LG817", "trainer")
    assert story["approval as judge by the trainer's user"] == 1
    assert story["anything else as the trainer"] == ""
    assert story["the engineer's sudo"] == 1


@needs_root
def test_no_name_of_her_own_runs_her_code(story: dict[str, Any]) -> None:
    """K28: sudo knows programs by inode: a link to the same interpreter, beside a module of hers, must not be allowed.

    As herself her module runs. As the role's user: no interpreter at all; by whatever name, root's script with root's
    modules, which judges (LG877), and only with the role, project and person of the rule.
    """
    got = dict(story["names of her own"])
    code, said, _ = got.pop("her interpreter, as herself")
    assert (code, said.startswith("hers"), said.endswith("False\n")) == (0, True, True)
    assert got == {
        "her interpreter": [1, "", False],
        "root's interpreter": [1, "", False],
        "her interpreter, root's script": [1, "", False],
        "her name of the script": [3, "", True],
        "her name of the script, another role": [1, "", False],
    }


@needs_root
def test_it_can_be_undone(story: dict[str, Any]) -> None:
    """Mara has her files again and signs with them; no user, no folder and no rule is left."""
    assert story["undone"]["code"] == 0
    assert story["folder after"] == sorted(["pin.json", *(f"{role}.key" for role in ROLES)])
    assert story["signs after"]["approve"] == "signed"
    assert story["signs after"]["hand out"] == "-----BEGIN PRIVATE KEY-----"
    assert story["left"] == []


@needs_root
@pytest.mark.nightly
def test_what_runs_at_every_start_does_not_run_in_a_helper(installed: dict[str, Any]) -> None:
    """K27: a file deep inside what the helper may import that others can change: LG879, and nothing is moved or made.

    Root's alone, it is in order; the .pth that imports it runs for mara, and as no role's user. A person whose helper
    is of another installation changes nothing for mara, and is told LG878 when that one is gone.
    """
    hack = f"/opt/lockgate/lib/python3.{sys.version_info[1]}/site-packages/hack/__init__.py"
    assert (installed["open"], installed["keys, open"]) == ([1, "LG879", hack, []], len(ROLES))
    assert (installed["closed"], installed["keys, closed"]) == ([0, None, None, ["lockgate"]], 1)
    assert (installed["mara signs"], installed["ran as"]) == ("signed", ["mara"])
    assert (installed["another"], installed["after another"]) == (0, ["signed", "LG878"])


@needs_root
@pytest.mark.nightly
def test_a_project_of_one_s_own_opens_no_other(neighbours: dict[str, Any]) -> None:
    """K7: `doctor --fix` for the engineer's project lets him sign with his keys, and with none of mara's.

    No person is in a group of the roles' users; the sealer's helper signs checkpoints, and gives its key to nobody.
    """
    assert neighbours["fixed"] == [0, 0]
    assert neighbours["groups"] == ["mara", "engineer"]
    assert neighbours["two projects"] == {
        "mara, her own": "signed",
        "engineer, his own": "signed",
        "engineer, mara's": "refused",
        "engineer, his own of mara's project": "refused",
        "mara, the engineer's": "refused",
    }
    signed = neighbours["the engineer signs"]
    assert (signed["seal"], signed["hand out the sealer's"]) == ("signed", "LG876")


@needs_root
@pytest.mark.nightly
def test_two_persons_of_one_project_stay_two(neighbours: dict[str, Any]) -> None:
    """K8: the second person's `doctor --fix` removes no key and no rule of the first's, and neither signs as the other.

    Nor does the second person's `--undo`.
    """
    assert (neighbours["pin"], neighbours["keygen"], neighbours["fixed again"]) == (0, 0, [0, 0])
    assert neighbours["mara's key is there"]
    maras, second, own = (f"lockgate-{name}" for name in neighbours["names"])
    assert neighbours["rules"] == {maras: len(MOVED), second: 1, own: len(ROLES)}
    assert neighbours["two persons"] == {
        "mara, her own": "signed",
        "engineer, his own": "signed",
        "engineer, mara's": "refused",
        "mara, the engineer's": "refused",
    }
    assert neighbours["undone in the clone"]["code"] == 0
    assert neighbours["rules after"] == {maras: len(MOVED), own: len(ROLES)}
    assert neighbours["mara after"] == "signed"


@needs_root
@pytest.mark.nightly
def test_undo_reads_a_key_and_nothing_else(neighbours: dict[str, Any]) -> None:
    """K9: a role's user can lay nothing in its key's place; what lies there all the same does not come to the user.

    A link, another name of root's file, another role's key: refused. Then the key itself comes back, and mara's stay.
    """
    assert neighbours["laid"] == {
        "by the role's user": 1,
        "link": [3, "LG803", False],
        "hard link": [1, "LG831", False],
        "another key": [1, "LG834", False],
    }
    assert (neighbours["undone at last"], neighbours["the engineer's keys"]) == (0, len(ROLES))
    assert neighbours["left"] == [{f"lockgate-{neighbours['names'][0]}": len(MOVED)}, "signed"]


def test_others_than_root_are_told_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is touched without root: LG879, exit 4."""
    project = signed_project(tmp_path, monkeypatch)
    plan = plan_of(project.home)
    assert plan.moves == MOVED
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for act in (role_users_done.carry_out, role_users_done.take_back):
        with pytest.raises(Unavailable) as caught:
            act(plan)
        assert (caught.value.finding, caught.value.exit_code) == ("LG879", 4)
        assert caught.value.next.startswith("sudo ")


def test_what_stays_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key with a passphrase and one in a token are not moved; one beside its URI, left by a kill, is moved again."""
    project = signed_project(tmp_path, monkeypatch)
    folder = project.keyring.folder
    project.keyring.protect("policy", b"secret")
    for role, uri in (("approver", "hsm:2"), ("judge", "role:lockgate-judge"), ("trainer", "role:lockgate-trainer")):
        (folder / f"{role}.uri").write_text(f"{uri}\n")
    (folder / "trainer.key").unlink()
    plan = plan_of(project.home)
    assert set(plan.stays) == {"policy", "approver", "sealer"}
    assert "LG876" in plan.stays["sealer"]
    assert plan.kept == ("trainer",)
    assert set(ROLES) - set(plan.moves) == {"policy", "approver", "trainer", "sealer"}
    assert "can read 8 of 11 keys" in plan.separation
    assert plan.options == "--fix"
    everything = plan_of(project.home, keep=["judge", "trainer"])
    assert set(everything.stays) == {"policy", "approver", "judge"}
    assert everything.options == "--fix --keep judge --all"
    assert plan_of(project.home, undo=True).moves == ("trainer", "judge")
    monkeypatch.setattr(role_places, "STATE", tmp_path / "kept")
    role_places.role_folder(project.keyring.project_id, os.geteuid(), "guard").mkdir(parents=True)
    assert plan_of(project.home, undo=True).moves == ("trainer", "judge", "guard")
    with pytest.raises(Usage) as caught:
        plan_of(project.home, "no-such-user")
    assert caught.value.finding == "LG879"


@pytest.mark.parametrize(
    "complaint",
    [b"sudo: a password is required\n", b"[]", b"{}", b'{"finding": "x", "message": "", "seen": {}, "next": ""}'],
)
def test_a_helper_s_words_are_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, complaint: bytes) -> None:
    """What is no refusal of ours is LG878; a signature that does not verify is LG874."""
    project = signed_project(tmp_path, monkeypatch)
    uri = project.keyring.folder / "judge.uri"
    uri.write_text("role:lockgate-judge\n")
    uri.chmod(0o600)
    monkeypatch.setattr(_rolekey, "_check_helper", lambda _project_id, _uid: None)
    for answer, finding in (((1, b"", complaint), "LG878"), ((0, b"forged", b""), "LG874")):
        monkeypatch.setattr(_role_process, "run_as", lambda *_, answer=answer: answer)
        with pytest.raises(LockgateError) as caught:
            project.keyring.signer("judge").signature(b"x")
        assert caught.value.finding == finding


def test_a_user_without_a_name_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container that was started with a number nobody has that name; SUDO_USER counts for root only."""
    project = signed_project(tmp_path, monkeypatch)
    monkeypatch.setattr(os, "geteuid", lambda: 424_242)
    monkeypatch.setenv("SUDO_USER", "no-such-user")
    assert plan_of(project.home).user == "uid 424242"
