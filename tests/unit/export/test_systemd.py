"""export systemd: judged by systemd's own tools, and by a jail that must still start under it."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lockgate.cli.main import run
from lockgate.errors import Refused, Usage
from lockgate.export.systemd import CALLS, UnitSpec, unit
from lockgate.project.unit import asked_unit
from lockgate.trust import pin as pins

SPEC = UnitSpec(
    name="flights",
    project="/srv/flights",
    program=("/bin/true", "-m", "lockgate"),
    arguments=("serve", "--log", "json", "--project", "/srv/flights", "--tls-key", "%d/tls.key"),
    user="root",  # systemd-analyze looks it up: the one name that every machine has
    writable=("/srv/flights/.lockgate", "-/var/lib/lockgate"),
    environment=(("XDG_STATE_HOME", "/var/lib"),),
    credentials=(("tls.key", "/etc/lockgate/tls.key"),),
    hidden=("/home/ada/.ssh",),
)
CONFIG = """
[project]
name = "flights"
[data]
sources = ["data/*.csv"]
contract = "contract.py:Flight"
label = "late"
"""
EXPOSURE = re.compile(r"exposure level for \S+: (\d+\.\d+)")
needs_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def analyze(*arguments: str) -> tuple[int, str]:
    """Exit status and words of systemd-analyze."""
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def written(folder: Path, text: str) -> str:
    """The unit as a file."""
    path = folder / SPEC.file
    path.write_text(text)
    return str(path)


def settings(text: str) -> dict[str, str]:
    """What the service section says."""
    section = text.partition("[Service]\n")[2].partition("\n[Install]")[0]
    return dict(line.split("=", 1) for line in section.splitlines() if line and not line.startswith("#"))


@needs_analyze
def test_systemd_reads_it_without_a_word(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say; of a unit with a wrong setting it has."""
    assert analyze("verify", "--man=no", written(tmp_path, unit(SPEC))) == (0, "")
    code, words = analyze("verify", "--man=no", written(tmp_path, unit(SPEC).replace("=strict", "=stricter")))
    assert "stricter" in words, (code, words)


@needs_analyze
def test_systemd_finds_little_exposed(tmp_path: Path) -> None:
    """Below 4 of 10 ("OK"), as root's; a unit without our settings is above 9. What is left open is said in it."""
    text = unit(SPEC)
    found = EXPOSURE.search(analyze("security", "--offline=true", "--no-pager", written(tmp_path, text))[1])
    bare = re.sub(r"(?ms)^# Files: .*?(?=^\[Install\])", "", text)
    left = EXPOSURE.search(analyze("security", "--offline=true", "--no-pager", written(tmp_path, bare))[1])
    assert found is not None
    assert left is not None
    assert (float(found[1]) < 4, float(left[1]) > 9) == (True, True)


def test_every_setting_that_is_left_open_is_named() -> None:
    """The unit itself says what a reader would miss in it, and sets none of these."""
    text = unit(SPEC)
    for name in (
        "RestrictNamespaces", "ProtectKernelTunables", "ProtectKernelLogs", "ProtectProc", "ProcSubset",
        "ProtectHostname", "PrivateUsers", "MemoryDenyWriteExecute", "PrivateNetwork", "IPAddressDeny", "WatchdogSec",
    ):  # fmt: skip
        assert name in text
        assert name not in settings(text)


@pytest.mark.parametrize(
    ("changes"),
    [
        {"project": "/srv/my flights"}, {"project": "srv"}, {"project": "/srv/%h"}, {"project": "/srv/../etc"},
        {"project": "/srv/a\nUser=root"}, {"user": "ada\nUser=root"}, {"user": ""}, {"name": "a b"},
        {"program": ("python",)}, {"arguments": ("serve", "--env", "a;b")}, {"arguments": ("serve", "$HOME")},
        {"arguments": ("%h/x",)},
        {"writable": ("-", )}, {"writable": ("/a /b",)}, {"credentials": (("tls.key", "/etc/a:b c"),)},
        {"environment": (("XDG_STATE_HOME", '/a"'),)}, {"hidden": ("/home/ada/%u",)},
    ],
)  # fmt: skip
def test_what_a_unit_cannot_say_safely_is_refused(changes: dict[str, Any]) -> None:
    """A blank, a line break, a specifier or a variable would be another path, another user or another setting."""
    with pytest.raises(Usage) as caught:
        unit(replace(SPEC, **changes))
    assert caught.value.finding == "LG681"


# --- what the unit takes away is not what a jail needs ---

JAIL = """
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.settings import Limits, PythonEnv, named
jail = Jail(named("train", python=PythonEnv.own(), limits=Limits(memory=1 << 30, tasks=32)))
print("level", jail.run(Target(command=("true",))).report.level)
"""
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--bounding-set=-all", "--no-new-privs")
PYTHON = "/usr/bin/python3"


def start(*before: str, after: str = "") -> tuple[int, str]:
    """A jail of level 3, started by a user without any privilege, as the unit's settings make it."""
    site = next(path for path in sys.path if path.endswith("site-packages"))
    code = f"import sys; sys.path += {[str(Path(__file__).parents[3] / 'src'), site]}\n{JAIL}"
    command = [*before, *NOBODY, *(("sh", "-c", f'{after} "$@"', "sh") if after else ()), PYTHON, "-I", "-c", code]
    environment = {"HOME": "/tmp", "PATH": os.environ["PATH"]}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return done.returncode, done.stdout + done.stderr


@lru_cache(maxsize=1)
def jails() -> bool:
    """Whether such a user can start one here at all: a readable Python of this version, root to become nobody."""
    tools = all(map(shutil.which, ("setpriv", "unshare", "strace", "systemd-analyze")))
    return tools and os.geteuid() == 0 and Path(PYTHON).exists() and start() == (0, "level 3\n")


needs_jails = pytest.mark.skipif(not jails(), reason="needs root, setpriv, strace, systemd and a system's Python")


@needs_jails
@pytest.mark.parametrize("covered", ["/proc/sys", "/proc/kmsg"], ids=["ProtectKernelTunables", "ProtectKernelLogs"])
def test_what_is_left_open_would_keep_jails_from_starting(covered: str) -> None:
    """With this part of /proc covered, as the setting does it, no jail starts: the reason is the real one."""
    script = f'mount --bind {covered} {covered} && mount -o remount,bind,ro {covered} && exec "$@"'
    code, words = start("unshare", "-m", "sh", "-c", script, "sh")
    assert (code != 0, "mount proc" in words) == (True, True), words


@needs_jails
def test_a_jail_makes_no_call_that_the_unit_refuses() -> None:
    """Strace, told to write down every call that is not in SystemCallFilter, writes down none; without @mount, some."""
    assert calls_beyond(CALLS) == set()
    assert "mount" in calls_beyond(tuple(one for one in CALLS if one != "@mount"))
    assert "sethostname" in calls_beyond(tuple(one for one in CALLS if one != "sethostname"))


def calls_beyond(allowed: tuple[str, ...]) -> set[str]:
    """Calls of a jail's start that are in none of these groups. systemd allows @default always."""
    names = ",".join(f"?{name}" for name in sorted(expanded(("@default", *allowed))))
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace"
        trace.touch()
        for path, mode in ((folder, 0o711), (trace, 0o666)):
            os.chmod(path, mode)
        code, words = start(after=f"exec strace --seccomp-bpf -f -qq -o {trace} -e 'trace=!{names}' -e signal=none --")
        assert (code, words) == (0, "level 3\n")
        return {line.split()[1].partition("(")[0] for line in trace.read_text().splitlines()} - {"<..."}


@lru_cache(maxsize=64)
def expanded(groups: tuple[str, ...]) -> frozenset[str]:
    """The calls of systemd's groups, in each other as they are."""
    found: set[str] = set()
    for one in groups:
        if one.startswith("@"):
            inside = (line.strip() for line in analyze("syscall-filter", one)[1].splitlines()[1:])
            found |= expanded(tuple(line for line in inside if line and not line.startswith("#")))
        else:
            found.add(one)
    return frozenset(found)


# --- the project's part ---


@pytest.fixture(name="project")
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """As much of a project as is asked, with its keys, of a user who is not root."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name="ada", pw_dir="/home/ada"))
    trusted = "ab" * 32
    keys = pins.key_folder(trusted)
    keys.mkdir(parents=True)
    for name in ("sealer.key", "guard.key", "trainer.key", "deployer.key", "approver.key", "edge.json"):
        (keys / name).write_text("x")
    root = tmp_path / "flights"
    return SimpleNamespace(
        root=root, home=root / ".lockgate", config=SimpleNamespace(name="flights"), trusted_root=lambda: trusted
    )


def asked(project: Any, **changes: Any) -> UnitSpec:
    """The usual service."""
    return asked_unit(project, **({"environment": "prod", "host": "127.0.0.1", "port": None} | changes))


def test_the_service_reaches_the_keys_that_it_uses(project: Any) -> None:
    """Every key but the sealer's and the guard's is out of its reach, and so are the root's key and the user's own."""
    spec = asked(project)
    keys = pins.key_folder("ab" * 32)
    assert set(spec.hidden) == {
        str(keys / "trainer.key"), str(keys / "deployer.key"), str(keys / "approver.key"),
        str(pins.root_key_path("ab" * 32)), "/home/ada/.ssh", "/home/ada/.gnupg",
    }  # fmt: skip
    assert spec.writable == (str(project.home), f"-{pins.state_home() / ('ab' * 32)}", "-/home/ada/.cache/lockgate")
    assert (spec.user, spec.program, spec.home) == ("ada", (sys.executable, "-I", "-m", "lockgate"), True)
    assert " ".join(spec.arguments) == f"serve --log json --project {project.root} --env prod --host 127.0.0.1"
    assert dict(spec.environment) == {name: os.environ[name] for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME")}


def test_a_tls_key_comes_as_a_credential(project: Any) -> None:
    """Systemd reads it as root; the service is told to look where it then lies."""
    spec = asked(project, tls_cert="/etc/lockgate/tls.pem", tls_key="/etc/lockgate/tls.key", port=8443)
    assert "LoadCredential=tls.key:/etc/lockgate/tls.key" in unit(spec).splitlines()
    assert settings(unit(spec))["ExecStart"].endswith(
        " --port 8443 --tls-cert /etc/lockgate/tls.pem --tls-key %d/tls.key"
    )


def test_root_is_refused(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service of root's could not make a jail with what the unit leaves it."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(Usage) as caught:
        asked(project)
    assert caught.value.finding == "LG680"


def test_without_a_client_it_is_refused(project: Any) -> None:
    """The edge's secrets would have to be made in a folder that the service may only read."""
    (pins.key_folder("ab" * 32) / "edge.json").unlink()
    with pytest.raises(Refused) as caught:
        asked(project)
    assert caught.value.finding == "LG682"


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of whom it does not matter what it is."""
    (tmp_path / "lockgate.toml").write_text(CONFIG)
    monkeypatch.setattr("lockgate.project.unit.asked_unit", lambda *_, **__: SPEC)
    return tmp_path


def test_the_unit_is_written_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On stdout, or into a new file, which is never overwritten; what comes next is said."""
    assert run(["export", "systemd", "-C", str(folder)]) == 0
    assert capsys.readouterr().out == unit(SPEC)
    out = str(folder / "gateway.service")
    assert run(["export", "systemd", "-C", str(folder), "--out", out]) == 0
    said = capsys.readouterr()
    assert (Path(out).read_text(), said.out) == (unit(SPEC), "")
    assert f"sudo install -m 644 {out} /etc/systemd/system/lockgate-flights.service" in said.err
    assert run(["export", "systemd", "-C", str(folder), "--out", out]) == 1
    assert "LG952" in capsys.readouterr().err


def test_json_has_the_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object: what the unit is called, whose it is, and its text."""
    assert run(["export", "systemd", "-C", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "schema": "lockgate.export-systemd/v1",
        "name": "lockgate-flights.service",
        "user": "root",
        "unit": unit(SPEC),
    }
