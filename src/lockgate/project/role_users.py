"""A user of the host per role, planned: what root would do, read from the key folder and the host's users.

Whoever runs commands as one user can read that user's key files. With a user per role nobody but root can: a helper
signs, and judges for its role what it signs. `role_users_done` carries a plan out.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockgate.audit.ledger import claimed_project
from lockgate.core.shown_html import Shown
from lockgate.errors import Usage
from lockgate.trust import pin
from lockgate.trust.authority import ROLES, SEALER
from lockgate.trust.role_places import SCHEME, helper_path, home_of, key_path, role_folder, sudoers_path, user_of

_ENCRYPTED = b"-----BEGIN ENCRYPTED"
_KEPT = "you keep it"
_SEALER_KEPT = "serve hands it to a process of its own; --all moves it too, and then serve refuses to start (LG876)"


@dataclass(frozen=True, repr=False)
class Plan(Shown):
    """What is to be done for one project and one user of the host.

    Attributes:
        user: whose key folder it is.
        uid: of that user; what is kept for somebody is kept, and allowed, by this number.
        folder: that folder.
        moves: roles whose key is to be moved.
        kept: roles whose key is in the keeping of a user of its own already.
        readable: roles whose key that user can read as it is now.
        stays: roles whose key is not moved, and why.
        undo: the keys go back.
    """

    project_id: str
    user: str
    uid: int
    folder: Path
    moves: tuple[str, ...]
    kept: tuple[str, ...] = ()
    readable: tuple[str, ...] = ()
    stays: Mapping[str, str] = field(default_factory=dict)
    undo: bool = False

    @property
    def separation(self) -> str:
        """How things stand, in words."""
        here = {*self.kept, *self.readable, *self.stays}
        if not here:
            return f"{self.user} has no key of this project"
        if self.kept and not self.readable:
            return f"a user of its own keeps each of {len(self.kept)} keys; {self.user} can read none of them"
        which = f" ({self.readable[0]})" if len(self.readable) == 1 else ""
        can = f"{self.user} can read {len(self.readable)} of {len(here)} keys{which}"
        return f"{can}; a user of its own keeps {len(self.kept)}"

    @property
    def options(self) -> str:
        """The options of `doctor` that lead to this plan, without `--yes`."""
        if self.undo:
            return "--undo"
        kept = [f"--keep {role}" for role, why in self.stays.items() if why == _KEPT]
        return " ".join(["--fix", *kept, *(["--all"] if SEALER in self.moves else [])])

    def steps(self) -> tuple[str, ...]:
        """What would be done, in the host's words, one line each."""
        return _undo_steps(self) if self.undo else _fix_steps(self)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "project_id": self.project_id,
            "user": self.user,
            "separation": self.separation,
            "to_move": list(self.moves),
            "kept": list(self.kept),
            "stays": dict(self.stays),
            "steps": list(self.steps()),
        }


def plan_of(home: Path, user: str = "", *, keep: Collection[str] = (SEALER,), undo: bool = False) -> Plan:
    """The plan for the project whose evidence is in `home` and the keys of `user`, without those in `keep`.

    Without a name: of whoever called sudo, else of the user that runs this. Raises Usage (LG879), what reading the log
    raises.
    """
    project_id = claimed_project(home)
    name = user or (os.environ.get("SUDO_USER", "") if os.geteuid() == 0 else "")
    uid, folder = _whose(name, project_id) if name else (os.geteuid(), pin.key_folder(project_id))
    name = name or _own_name()
    named = [role for role in ROLES if _uri(folder, role).startswith(f"{SCHEME}:")]
    # A key file beside its URI was left by an attempt that was killed: it is moved again.
    files = [role for role in ROLES if (folder / f"{role}.key").exists()]
    kept = tuple(role for role in named if role not in files)
    stays = {role: why for role in ROLES if role not in kept and (why := _why_not(folder, role))}
    readable = tuple(role for role in files if role not in stays)
    if undo:
        # The folders are root's, so they say what is kept also when a URI is gone.
        moves = tuple(role for role in ROLES if role in named or role_folder(project_id, uid, role).is_dir())
        return Plan(project_id, name, uid, folder, moves, kept, readable, undo=True)
    stays |= {role: _SEALER_KEPT if role == SEALER else _KEPT for role in readable if role in keep}
    moves = tuple(role for role in readable if role not in stays)
    return Plan(project_id, name, uid, folder, moves, kept, readable, stays)


def _whose(name: str, project_id: str) -> tuple[int, Path]:
    """A user's number and key folder. Root has no part in another's environment: it is where it is by default."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise Usage("LG879", f"this host has no user {name}", seen={"user": name}, next="lockgate doctor") from None
    if entry.pw_uid == os.geteuid():
        return entry.pw_uid, pin.key_folder(project_id)
    return entry.pw_uid, Path(entry.pw_dir) / ".config" / "lockgate" / pin.check_project_id(project_id)


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # as in a container that was started with a number
        return f"uid {os.geteuid()}"


def _uri(folder: Path, role: str) -> str:
    try:
        return (folder / f"{role}.uri").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _why_not(folder: Path, role: str) -> str:
    uri = _uri(folder, role)
    if uri and not uri.startswith(f"{SCHEME}:"):
        return f"it is in another store: {uri}"
    path = folder / f"{role}.key"
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return "it is not a regular file"
        with path.open("rb") as file:
            return "its passphrase protects it" if file.read(len(_ENCRYPTED)) == _ENCRYPTED else ""
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"it cannot be read: {error.strerror}"


def _fix_steps(plan: Plan) -> tuple[str, ...]:
    found: list[str] = []
    for role in plan.moves:
        owner, path = user_of(role), key_path(plan.project_id, plan.uid, role)
        found += [
            f"useradd --system --user-group --no-create-home --shell /usr/sbin/nologin {owner}",
            f"mv {plan.folder / f'{role}.key'} {path}   # owner {owner}, 0600 in a folder of root's",
            f"echo '{SCHEME}:{owner}' > {plan.folder / f'{role}.uri'}",
        ]
    if plan.moves:
        helper, rules = helper_path(plan.project_id, plan.uid), sudoers_path(plan.project_id, plan.uid)
        found += [
            f"write {helper}   # root's, 0755: the one program that runs as these users",
            f"visudo -c, then write {rules}   # for {plan.user} only: one command per role, no other",
        ]
    return tuple(found)


def _undo_steps(plan: Plan) -> tuple[str, ...]:
    found: list[str] = []
    for role in plan.moves:
        path = key_path(plan.project_id, plan.uid, role)
        found += [
            f"mv {path} {plan.folder / f'{role}.key'}   # owner {plan.user}, 0600",
            f"rm {plan.folder / f'{role}.uri'}",
            f"rmdir {path.parent}",
            f"userdel {user_of(role)}   # unless another key needs it",
        ]
    if plan.moves:
        found += [
            f"rm {sudoers_path(plan.project_id, plan.uid)} {helper_path(plan.project_id, plan.uid)}",
            f"rmdir {home_of(plan.project_id, plan.uid)}",
        ]
    return tuple(found)
