"""No jail holds a key, and no role signs while a jail of its stage is alive: looked for in a real run of every stage.

Beside each jail that a stage starts, one of the very same settings is started that looks for keys and passphrases.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lockgate.config import load_config
from lockgate.core.statement import Statement
from lockgate.pipeline import Nobody, run_stages
from lockgate.register import run as register
from lockgate.register.spec import RegisterSpec
from lockgate.sandbox._keeper import Keeper
from lockgate.sandbox.interpreter import PythonEnv
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.settings import JailSettings
from lockgate.trust.signer import Signer
from tests.support.project import SignedProject, signed_project
from tests.support.training import rows

SECRET = "correct-horse-of-the-passphrase"
LOOK = """
import json, os, sys
want = json.loads(sys.argv[1])
secret = want["secret"][::-1]
found = {"variables": [name for name, value in os.environ.items() if secret in value or "PASSPHRASE" in name]}
def reads(path):
    try:
        with open(path, "rb") as file:
            return file.read(1 << 20)
    except OSError:
        return None
def lists(path):
    try:
        return os.listdir(path) is not None
    except OSError:
        return False
found["files"] = [path for path in want["files"] if reads(path) is not None]
found["folders"] = [path for path in want["folders"] if lists(path)]
pids = {*filter(str.isdigit, os.listdir("/proc") if lists("/proc") else []), "self", "thread-self", *want["pids"]}
found["processes"] = [pid for pid in pids for name in ("environ", "cmdline")
                      if secret.encode() in (reads(f"/proc/{pid}/{name}") or b"")]
held = [os.path.join(folder, name) for place in ("/in", "/out", "/tmp", "/job", "/dev/shm", "/run", "/home", "/etc")
        for folder, _, names in os.walk(place) for name in names] if want["walk"] else []
found["keys"] = [path for path in held if b"PRIVATE KEY-----" in (reads(path) or b"")]
print("looked:" + json.dumps(found))
"""
REGISTER = "from here on: register"
NOTHING: dict[str, list[str]] = {"variables": [], "files": [], "folders": [], "processes": [], "keys": []}
TRAIN = """
from sklearn.linear_model import LogisticRegression


def train(data, params):
    return LogisticRegression().fit(data[["age"]], data["late"])
"""
CONTRACT = """
from pydantic import BaseModel


class Flight(BaseModel):
    age: int
    late: bool
"""
SETTINGS = """
[project]
name = "flights"
[data]
sources = ["data.csv"]
contract = "contract.py:Flight"
label = "late"
[train]
function = "train.py:train"
"""


@dataclass
class Watched:
    """What was seen: who signed while which processes lived, and what the jails beside found, by the jail's name."""

    project: SignedProject
    signings: list[tuple[str, list[str]]] = field(default_factory=list)
    looks: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def want(self, *, walk: bool = True) -> str:
        """What somebody in a jail would like, by the host's own names."""
        keyring = self.project.keyring
        files = [str(path) for path in (*sorted(keyring.folder.iterdir()), keyring.root_key)]
        pids = [str(os.getpid()), str(os.getppid())]
        value = {"secret": SECRET[::-1], "files": files, "folders": [str(keyring.folder)], "pids": pids, "walk": walk}
        return json.dumps(value)


def _after(watched: Watched) -> int:
    names = [name for name, _ in watched.looks]
    return names.index(REGISTER) if REGISTER in names else 0


def alive() -> list[str]:
    """Jails of this process that have not ended, and child processes that are not of the test's own making."""
    jails = [
        thread.name for thread in threading.enumerate() if isinstance(thread, Keeper) and not thread.ended.is_set()
    ]
    children = []
    for task in Path("/proc/self/task").iterdir():
        try:
            children += (task / "children").read_text().split()
        except OSError:
            continue
    return [*jails, *children]


@pytest.fixture(scope="module", name="watched")
def _watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A whole run, all jails real, with an encrypted key and its passphrase in the environment."""
    place = tmp_path_factory.mktemp("jails")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCKGATE_PASSPHRASE", SECRET)
        project = signed_project(place, patch)
        project.keyring.protect("trainer", SECRET.encode())
        for name, text in (("lockgate.toml", SETTINGS), ("contract.py", CONTRACT), ("train.py", TRAIN)):
            (project.root / name).write_text(text)
        pd.DataFrame(rows(200)[["age", "late"]]).to_csv(project.root / "data.csv", index=False)
        (project.root / "requirements.lock").write_text("")
        watched = Watched(project)
        before, run, sign = set(alive()), Jail.run, Signer.sign
        beside = threading.local()

        def looked(self: Jail, target: Target, **options: Any) -> Any:
            known = {name for name, _ in watched.looks[_after(watched) :]}
            if self._settings.name not in known and not getattr(beside, "looks", False):
                beside.looks = True
                try:
                    words = ("python", "-c", LOOK, watched.want())
                    result = run(
                        Jail(self._settings, least=self._least, launcher=self._launcher), Target(command=words)
                    )
                    said = next(line for line in result.talk.decode().splitlines() if line.startswith("looked:"))
                    watched.looks.append((self._settings.name, json.loads(said.removeprefix("looked:"))))
                finally:
                    beside.looks = False
            return run(self, target, **options)

        def signed(self: Signer, statement: Statement) -> bytes:
            watched.signings.append((self.role, [one for one in alive() if one not in before]))
            return sign(self, statement)

        patch.setattr(Jail, "run", looked)
        patch.setattr(Signer, "sign", signed)
        place_of_work = project.workplace(locked_python=PythonEnv.own)
        run_stages(place_of_work, load_config(project.root), ("ingest", "validate", "train"), Nobody(), fresh=True)
        watched.looks.append((REGISTER, NOTHING))
        project.candidate()  # with a lock file, which only an environment that was built has
        register.run(place_of_work, RegisterSpec("flights"))
        yield watched


def test_no_jail_of_a_stage_lives_when_its_role_signs(watched: Watched) -> None:
    """Five roles signed, each after its last jail had ended and with no child process left."""
    assert {role for role, _ in watched.signings} == {"ingester", "validator", "trainer", "judge", "signer"}
    assert [(role, living) for role, living in watched.signings if living] == []


def test_a_living_jail_would_be_seen(watched: Watched) -> None:
    """The control: a signature while a jail runs is noticed, by the same look."""
    seen: list[list[str]] = []
    settings = JailSettings("parse", PythonEnv.own())
    Jail(settings).run(Target(command=("python", "-c", "pass")), started=lambda _: seen.append(alive()))
    assert "jail" in seen[0]
    assert len(seen[0]) > 1


def test_no_jail_sees_a_key_or_a_passphrase(watched: Watched) -> None:
    """No variable, no key file, no key folder, no other process's environment, in any jail of any stage."""
    assert {"parse", "contract", "train", "judge"} <= {name for name, _ in watched.looks}
    assert len(watched.looks) > _after(watched) + 1
    assert [(name, found) for name, found in watched.looks if found != NOTHING] == []


def test_the_same_look_finds_them_outside(watched: Watched) -> None:
    """The control: the very look, in no jail, finds the variable, every file, the folder and the environment."""
    command = [sys.executable, "-c", LOOK, watched.want(walk=False)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    found = json.loads(done.stdout.removeprefix("looked:"))
    assert found["variables"] == ["LOCKGATE_PASSPHRASE"]
    assert len(found["files"]) > 20
    assert len(found["folders"]) == 1
    assert "self" in found["processes"]


def test_no_program_of_the_user_s_gets_a_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a `cmd:` reference starts gets the user's variables, and none that opens a key."""
    from lockgate.sandbox._command import output_of

    monkeypatch.setenv("LOCKGATE_PASSPHRASE_JUDGE", SECRET)
    monkeypatch.setenv("LOCKGATE_OTHER", "seen")
    said = output_of(["env"], most=1 << 20, seconds=10)
    assert b"LOCKGATE_OTHER=seen" in said
    assert SECRET.encode() not in said
