"""Where a role's key lies when a user of its own holds it, and by which words its helper is started. Pure.

    /var/lib/lockgate/<project id>/<uid>/helper             the script that signs; root's, 0755; sudo runs only this
    /var/lib/lockgate/<project id>/<uid>/<role>/<role>.key  0600, of user lockgate-<role>; its folder is root's, 0710
    /etc/sudoers.d/lockgate-<project id>-<uid>              one line per role

Everything is one person's in one project: `uid` is that person's. The users of the roles are the host's, and no person
is in a group of theirs, so that nothing said for one project or person holds for another.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

STATE = Path("/var/lib/lockgate")
SUDOERS = Path("/etc/sudoers.d")
SCHEME = "role"
HELPER_MODE = 0o755
_INTERPRETER = re.compile(r"/[A-Za-z0-9_./+-]+")
_FIRST_LINE_MOST = 127


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
    """The script that runs as the roles' users."""
    return home_of(project_id, uid) / "helper"


def sudoers_path(project_id: str, uid: int) -> Path:
    """The file of this person's rules in this project; sudo skips names with a dot."""
    return SUDOERS / f"lockgate-{project_id}-{uid}"


def first_line(interpreter: str) -> str:
    """Of the script: the kernel starts exactly this, whatever name the script was called by.

    `-I`: neither the environment nor the current folder says what Python imports; `-S`: no .pth and no site folder.
    Raises ValueError for a path that the kernel would cut, or read as something else.
    """
    line = f"#!{interpreter} -IS"
    if not _INTERPRETER.fullmatch(interpreter) or len(line) > _FIRST_LINE_MOST:
        raise ValueError(f"not a path for the first line of a script of at most {_FIRST_LINE_MOST} bytes")
    return line


def helper_script(interpreter: str, folders: Sequence[str]) -> str:
    """The script: beside the standard library it imports from `folders` only, and nothing reads the environment.

    A host's sudo may let variables through, and a library that is loaded may act on one, such as OPENSSL_CONF.
    Raises as `first_line`.
    """
    return (
        f"{first_line(interpreter)}\n"
        "import os, sys\n"
        "os.environ.clear()\n"
        f"sys.path += {list(folders)!a}\n"
        "from lockgate.trust.role_helper import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )


def helper_words(role: str, project_id: str, uid: int) -> tuple[str, ...]:
    """The one command line: a script of root's own.

    Never an interpreter: sudo knows a program by its inode and hands on the name that the caller gave it, and Python
    looks beside that name for what to import. So a link of the caller's own to the same interpreter would have run the
    caller's code as the role's user.
    """
    return (str(helper_path(project_id, uid)), role, project_id, str(uid))


def sudoers_line(role: str, project_id: str, uid: int) -> str:
    """This person may run exactly that command, as exactly that user, and without a prompt.

    Named by number: a name may be one that sudo reads otherwise, such as ALL.
    """
    command = " ".join(helper_words(role, project_id, uid))
    return f"#{uid} ALL=({user_of(role)}) NOPASSWD: {command}\n"


def changeable(status: os.stat_result, *, above: bool = False) -> bool:
    """Whether others than root can change this, or put something into it.

    `above`: a folder on the way to what is meant. In a sticky one, such as /tmp, nobody can replace what is root's.
    """
    link = stat.S_ISLNK(status.st_mode)
    sticky = above and stat.S_ISDIR(status.st_mode) and bool(status.st_mode & stat.S_ISVTX)
    return status.st_uid != 0 or (bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)) and not link and not sticky)
