"""What a role's helper runs is root's alone: the interpreter, the script, and every file that it could import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lockgate.errors import LockgateError, Refused, Unavailable
from lockgate.project import role_users_checked, role_users_done
from lockgate.project.role_users import Plan
from lockgate.sandbox._role_process import CannotStart
from lockgate.trust import role_helper, role_places
from tests.support.project import signed_project

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only what is root's passes")


@pytest.fixture(name="interpreter")
def _interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation of the test's own: an interpreter, a standard library, a site folder with a link out of it."""
    files = (
        "bin/python",
        "standard/json/decoder.py",
        "site/lockgate/deep/__init__.py",
        "elsewhere/linked.py",
        "zips/x",
    )
    for name in (*files, "hop/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "hop" / "away").symlink_to("../elsewhere")
    (tmp_path / "site" / "linked").symlink_to("../hop/away")
    (tmp_path / "site" / "round").symlink_to(".")
    standard = [str(tmp_path / "standard"), str(tmp_path / "zips" / "standard.zip")]
    monkeypatch.setattr(role_users_checked, "_standard", lambda _interpreter: standard)
    monkeypatch.setattr(role_users_checked, "imported_from", lambda: (str(tmp_path / "site"),))
    return tmp_path / "bin" / "python"


@needs_root
def test_an_installation_of_root_s_passes(interpreter: Path, tmp_path: Path) -> None:
    """Links, also in a ring, and a folder that is not there are no fault."""
    assert role_users_checked.check_installation(str(interpreter)) == (str(tmp_path / "site"),)


@needs_root
@pytest.mark.parametrize("how", ["mode", "owner", "sticky"])
@pytest.mark.parametrize(
    "what",
    [
        "bin",
        "bin/python",
        "standard",
        "standard/json",
        "standard/json/decoder.py",
        "site",
        "site/lockgate/deep/__init__.py",
        "zips",
        "hop",
        "elsewhere",
        "elsewhere/linked.py",
        "",
    ],
)
def test_what_others_can_change_is_refused(
    interpreter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, how: str
) -> None:
    """K27: any file or folder, however deep and through whatever link, refuses before anything is made: LG879."""
    path = tmp_path / what
    if how == "owner":
        os.chown(path, 12345, -1)
    else:
        path.chmod(0o1777 if how == "sticky" else path.stat().st_mode | 0o020)
    monkeypatch.setattr(role_users_done, "run_tool", lambda words: pytest.fail(f"ran {words}"))
    if how == "sticky" and what == "hop":
        return  # as in /tmp, nobody else can replace the link that is root's
    with pytest.raises(Refused) as caught:
        role_users_done.carry_out(Plan("0" * 64, "root", 0, tmp_path, ("judge",)), str(interpreter))
    assert (caught.value.finding, caught.value.seen["path"]) == ("LG879", str(path).rstrip("/"))


@needs_root
@pytest.mark.parametrize("name", ["py,thon", "py thon", "py*", "p" * 112])
def test_a_path_that_no_first_line_can_hold_is_refused(interpreter: Path, name: str) -> None:
    """The kernel cuts a first line at a space and after 127 bytes, and would start something else: LG879."""
    assert role_places.first_line("/" + "p" * 120) == f"#!/{'p' * 120} -IS"
    with pytest.raises(ValueError, match="127 bytes"):
        role_places.first_line("/" + "p" * 121)
    path = f"/{name}{interpreter}" if len(name) > 100 else f"{interpreter.parent}/{name}"
    with pytest.raises(Refused) as caught:
        role_users_checked.check_installation(path)
    assert caught.value.finding == "LG879"


@needs_root
@pytest.mark.parametrize("what", ["interpreter", "module"])
def test_what_cannot_be_looked_at_is_refused(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """An interpreter that does not say where it looks, a library that is in no file: LG879."""
    if what == "module":
        monkeypatch.setattr(role_users_checked, "_MODULES", ("lockgate", "sys"))
    with pytest.raises(Refused) as caught:
        role_users_checked.check_installation("/bin/false" if what == "interpreter" else sys.executable)
    assert caught.value.finding == "LG879"
    assert ("/bin/false does not start" if what == "interpreter" else "sys is not in a file") in str(caught.value)


def test_the_script_imports_from_the_folders_it_names(tmp_path: Path) -> None:
    """It starts with the standard library and those folders, whatever the environment and the caller's name say."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "lockgate.py").write_text("print('mine')\n")
    (tmp_path / "helper").write_text(role_places.helper_script(sys.executable, role_users_checked.imported_from()))
    (tmp_path / "helper").chmod(role_places.HELPER_MODE)
    (tmp_path / "mine" / "helper").symlink_to(tmp_path / "helper")
    done = subprocess.run(
        ["python", "judge"],
        executable=tmp_path / "mine" / "helper",
        env={"PYTHONPATH": str(tmp_path / "mine"), "PYTHONSTARTUP": str(tmp_path / "mine" / "lockgate.py")},
        cwd=tmp_path / "mine",
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", role_helper.USAGE)


def test_the_script_hands_on_no_environment(tmp_path: Path) -> None:
    """Also where a host's sudo lets variables through: a library may load code because of one, as OPENSSL_CONF."""
    module = tmp_path / "site" / "lockgate" / "trust" / "role_helper.py"
    module.parent.mkdir(parents=True)
    module.write_text("import os\nmain = lambda words: print(words, dict(os.environ), os.getenv('HOME'))\n")
    (tmp_path / "helper").write_text(role_places.helper_script(sys.executable, [str(tmp_path / "site")]))
    (tmp_path / "helper").chmod(role_places.HELPER_MODE)
    done = subprocess.run(
        [tmp_path / "helper", "x"], env={"OPENSSL_CONF": "/mine", "HOME": "/mine"}, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"['x'] {} None\n")


@pytest.mark.parametrize(
    "how", ["fine", "no file", "group", "not to run", "link", "second name", "owner", "folder", "linked folder"]
)
def test_the_script_is_root_s_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Without one, LG878; one that others could change, a link, a second name: LG831 before anything is started."""
    monkeypatch.setattr(role_places, "STATE", tmp_path / "kept")
    project = signed_project(tmp_path, monkeypatch)
    uri = project.keyring.folder / "judge.uri"
    uri.write_text("role:lockgate-no-such-user\n")
    uri.chmod(0o600)
    helper = role_places.helper_path(project.keyring.project_id, os.geteuid())
    if how != "no file":
        helper.parent.mkdir(parents=True)
        helper.write_text("#!/bin/true\n")
        helper.chmod({"group": 0o775, "not to run": 0o644}.get(how, role_places.HELPER_MODE))
    if how == "link":
        helper.rename(tmp_path / "away")
        helper.symlink_to(tmp_path / "away")
    if how == "second name":
        os.link(helper, tmp_path / "away")
    if how == "folder":
        helper.parents[1].chmod(0o777)
    if how == "linked folder":
        (tmp_path / "kept").rename(tmp_path / "elsewhere")
        (tmp_path / "kept").symlink_to("elsewhere")
    if how == "owner" and os.geteuid() == 0:
        os.chown(helper, 1, 1)
    with pytest.raises(LockgateError) as caught:
        project.keyring.signer("judge").signature(b"x")
    honest = how in {"fine", "no file"} and (os.geteuid() == 0 or how == "no file")
    assert (caught.value.finding, "no user lockgate-no-such-user" in str(caught.value)) == (
        "LG878" if honest else "LG831",
        honest and how == "fine",
    )


@needs_root
@pytest.mark.parametrize("how", ["not found", "another answer", "no start"])
def test_no_key_is_moved_to_a_helper_that_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """As where /var is mounted noexec: LG879, the key stays, and neither a script nor a rule is there."""

    def start(*_: object) -> tuple[int, bytes, bytes]:
        if how == "no start":
            raise CannotStart("helper: permission denied")
        return (1, b"", b"ModuleNotFoundError") if how == "not found" else (0, b"", b"")

    monkeypatch.setattr(role_places, "STATE", tmp_path / "kept")
    monkeypatch.setattr(role_places, "SUDOERS", tmp_path)
    monkeypatch.setattr(role_places, "user_of", lambda _role: "daemon")
    monkeypatch.setattr(role_users_done, "check_installation", lambda _interpreter: ("/opt/site",))
    monkeypatch.setattr(role_users_done, "run_as", start)
    with pytest.raises(Unavailable) as caught:
        role_users_done.carry_out(Plan("0" * 64, "root", 0, tmp_path, ("judge",)), "/opt/lockgate/bin/python")
    assert caught.value.finding == "LG879"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
