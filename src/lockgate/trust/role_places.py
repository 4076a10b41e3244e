"""Where a role's key lies when a user of its own holds it, and by which words its helper is started. Pure.

    /var/lib/lockgate/<project id>/<uid>/helper             the interpreter that runs the helper; root's, one line
    /var/lib/lockgate/<project id>/<uid>/<role>/<role>.key  0600, of user lockgate-<role>; its folder is root's, 0710
    /etc/sudoers.d/lockgate-<project id>-<uid>              one line per role

Everything is one person's in one project: `uid` is that person's. The users of the roles are the host's, and no person
is in a group of theirs, so that nothing said for one project or person holds for another.
"""

from __future__ import annotations

import re
from pathlib import Path

STATE = Path("/var/lib/lockgate")
SUDOERS = Path("/etc/sudoers.d")
SCHEME = "role"
INTERPRETER = re.compile(r"/[A-Za-z0-9_./+-]+")
"""What may be named in sudo's rules, where a comma, a space or a star would mean something."""


def user_of(role: str) -> str:
    """The system user that alone can read keys of this role."""
    return f"lockgate-{role}"


def home_of(project_id: str, uid: int) -> Path:
    """The folder of what is kept for a person in a project."""
    return STATE / project_id / str(uid)


def role_folder(project_id: str, uid: int, role: str) -> Path:
    """The folder of that person's key."""
    return home_of(project_id, uid) / role


def key_path(project_id: str, uid: int, role: str) -> Path:
    """The key file in it."""
    return role_folder(project_id, uid, role) / f"{role}.key"


def helper_path(project_id: str, uid: int) -> Path:
    """The file that names the interpreter."""
    return home_of(project_id, uid) / "helper"


def sudoers_path(project_id: str, uid: int) -> Path:
    """The file of this person's rules in this project; sudo skips names with a dot."""
    return SUDOERS / f"lockgate-{project_id}-{uid}"


def helper_words(interpreter: str, role: str, project_id: str, uid: int) -> tuple[str, ...]:
    """The one command line. `-I`: neither the environment nor the current folder says what Python imports."""
    return (interpreter, "-I", "-m", "lockgate.trust.role_helper", role, project_id, str(uid))


def sudoers_line(interpreter: str, role: str, project_id: str, uid: int) -> str:
    """This person may run exactly that command, as exactly that user, and without a prompt.

    Named by number: a name may be one that sudo reads otherwise, such as ALL.
    """
    command = " ".join(helper_words(interpreter, role, project_id, uid))
    return f"#{uid} ALL=({user_of(role)}) NOPASSWD: {command}\n"
