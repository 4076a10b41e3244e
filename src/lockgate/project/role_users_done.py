"""Carry out a plan of users per role, as root. Each key is moved so that it is, at any moment, in one place at least.

The key folder belongs to an ordinary user, who may change it meanwhile: every file in it is reached through a
descriptor of the folder, without following links, must be that user's and have one name. The same holds for a key that
comes back from the user that kept it. What root writes elsewhere lies in folders that only root can write.
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lockgate.errors import EXIT_USAGE, Refused, Unavailable
from lockgate.project.role_users import Plan
from lockgate.project.role_users_checked import check_installation
from lockgate.sandbox._role_process import CannotStart, run_as, run_tool
from lockgate.store.files import fsync_folder, open_nofollow, read_fd, write_all
from lockgate.trust import role_places as places
from lockgate.trust.authority import ROLES
from lockgate.trust.keys import parse_public_key
from lockgate.trust.role_helper import USAGE
from lockgate.trust.signer import keyid_in

_MOST = 64 << 10


def carry_out(plan: Plan, interpreter: str = "") -> None:
    """Do what `plan.steps()` says. What was done before a failure stays, and the same command goes on from there.

    1. Only root may, and only with an installation that nobody but root can change.
    2. The users; who they are is looked up, never assumed. No person joins a group of theirs.
    3. The script that signs, which must start as such a user; then sudo's rules of this person in this project, checked
       by visudo before they count: for each key that is kept.
    4. Each key: found to be that of `<role>.pub`, written at its new place, then the URI, then the old file goes.

    Raises Unavailable (LG879), Refused (LG831, LG833, LG834, LG879), what a full disk raises.
    """
    # 1.
    if os.geteuid() != 0:
        raise needs_root(plan)
    interpreter = interpreter or sys.executable
    script = places.helper_script(interpreter, check_installation(interpreter))
    # 2.
    for role in plan.moves:
        _make_user(places.user_of(role))
    # 3.
    home = places.home_of(plan.project_id, plan.uid)
    for folder in (places.STATE, home.parent, home):
        _make_folder(folder, 0o755)
    _write_helper(plan, script)
    _write_rules(plan)
    # 4.
    with _folder(plan.folder, plan.uid) as theirs:
        for role in plan.moves:
            _move(plan, role, theirs)


def take_back(plan: Plan) -> None:
    """The way back, for this person in this project: keys become their own files again, then rules and folders go.

    A user of a role goes with the last key of that role on this host. Raises as `carry_out`; a key that is not that of
    `<role>.pub` stays where it is.
    """
    if os.geteuid() != 0:
        raise needs_root(plan)
    with _folder(plan.folder, plan.uid) as theirs:
        for role in plan.moves:
            _return(plan, role, theirs)
    for path in (
        places.sudoers_path(plan.project_id, plan.uid),
        places.helper_path(plan.project_id, plan.uid),
    ):
        for end in ("", ".new", ".new.tmp"):  # the latter two are a killed attempt's
            with suppress(FileNotFoundError, NotADirectoryError):
                path.with_name(f"{path.name}{end}").unlink()
    for role in plan.moves:
        if not list(places.STATE.glob(f"*/*/{role}")) and _known(places.user_of(role)):
            _tool("userdel", places.user_of(role))
    home = places.home_of(plan.project_id, plan.uid)
    for folder in (home, home.parent, places.STATE):
        with suppress(OSError):  # others have keys in it
            folder.rmdir()


def needs_root(plan: Plan) -> Unavailable:
    """The command for somebody who is not root."""
    return Unavailable(
        "LG879",
        "making users and moving keys to them takes root, once",
        seen={"user": plan.user, "keys": list(plan.moves)},
        next=f"sudo {sys.executable} -I -m lockgate doctor {plan.options} --yes",
    )


def _make_user(name: str) -> None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        words = ("--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent")
        _tool("useradd", *words, "--shell", "/usr/sbin/nologin", name)
        entry = pwd.getpwnam(name)
    if entry.pw_uid == 0 or entry.pw_shell not in {"/usr/sbin/nologin", "/sbin/nologin", "/bin/false"}:
        raise Refused(
            "LG879",
            f"the user {name} was there before, and is not one that only keeps a key",
            seen={"uid": entry.pw_uid, "shell": entry.pw_shell},
            next=f"getent passwd {name}",
        )


def _known(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _write_helper(plan: Plan, script: str) -> None:
    """The script, once it has started as one of the users: after that a key would be where nobody can use it."""
    path = places.helper_path(plan.project_id, plan.uid)
    draft = path.with_name(f"{path.name}.new")
    _write(draft, script.encode(), places.HELPER_MODE)
    for role in plan.moves[:1]:
        try:
            code, _, said = run_as(places.user_of(role), (str(draft),), b"")
        except CannotStart as error:
            code, said = -1, str(error).encode()
        if (code, said) != (EXIT_USAGE, USAGE.encode()):
            draft.unlink()
            raise Unavailable(
                "LG879",
                f"the helper does not start as {places.user_of(role)}, so no key was moved: {_words(said)}",
                seen={"exit_code": code, "user": places.user_of(role)},
                next="python3 -m venv /opt/lockgate && /opt/lockgate/bin/pip install lockgate   # as root, umask 022",
            )
    os.rename(draft, path)
    fsync_folder(path.parent)


def _words(said: bytes) -> str:
    return said.decode("utf-8", "replace").strip()[-300:]


def _write_rules(plan: Plan) -> None:
    path = places.sudoers_path(plan.project_id, plan.uid)
    if not path.parent.is_dir():
        return  # no sudo here: only root has these keys sign
    # Which keys are kept is read from root's folders: what the person's own folder says may be out of date.
    kept = [role for role in ROLES if places.role_folder(plan.project_id, plan.uid, role).is_dir()]
    roles = [role for role in ROLES if role in kept or role in plan.moves]
    rules = "".join(places.sudoers_line(role, plan.project_id, plan.uid) for role in roles)
    # A name with a dot is skipped by sudo: what visudo refuses never counts.
    draft = path.with_name(f"{path.name}.new")
    _write(draft, rules.encode(), 0o440)
    try:
        _tool("visudo", "-c", "-q", "-f", str(draft))
    except Unavailable:
        draft.unlink()
        raise
    os.rename(draft, path)


def _move(plan: Plan, role: str, theirs: int) -> None:
    data = _read(f"{role}.key", theirs, plan.uid)
    keyid = _check_pair(data, role, theirs, plan.uid)
    user = pwd.getpwnam(places.user_of(role))
    folder = places.role_folder(plan.project_id, plan.uid, role)
    # The folder is root's: whoever runs as that user can put nothing in the place of the key.
    _make_folder(folder, 0o710, user.pw_gid)
    with _folder(folder, 0) as place:
        _place(f"{role}.key", data, keyid, place, (user.pw_uid, user.pw_gid))
    with suppress(FileNotFoundError):
        os.unlink(f"{role}.uri", dir_fd=theirs)
    uri = f"{places.SCHEME}:{places.user_of(role)}\n".encode()
    _create(f"{role}.uri", uri, theirs, (plan.uid, pwd.getpwuid(plan.uid).pw_gid))
    os.unlink(f"{role}.key", dir_fd=theirs)
    os.fsync(theirs)


def _return(plan: Plan, role: str, theirs: int) -> None:
    folder = places.role_folder(plan.project_id, plan.uid, role)
    if folder.exists():
        with _folder(folder, 0) as place:
            _take_out(plan, role, place, theirs)
    with suppress(FileNotFoundError):
        os.unlink(f"{role}.uri", dir_fd=theirs)
    if folder.exists():
        with suppress(FileNotFoundError):
            (folder / f"{role}.key").unlink()
        with suppress(OSError):  # somebody put something else into it
            folder.rmdir()


def _take_out(plan: Plan, role: str, place: int, theirs: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(_staged(f"{role}.key"), dir_fd=place)
    try:
        data = _read(f"{role}.key", place, _uid_of(role, places.key_path(plan.project_id, plan.uid, role)))
    except FileNotFoundError:
        return  # an attempt was killed
    keyid = _check_pair(data, role, theirs, plan.uid)
    _place(f"{role}.key", data, keyid, theirs, (plan.uid, pwd.getpwuid(plan.uid).pw_gid))


def _uid_of(role: str, path: Path) -> int:
    try:
        return pwd.getpwnam(places.user_of(role)).pw_uid
    except KeyError:
        raise Unavailable(
            "LG879",
            f"the user {places.user_of(role)}, who keeps a key, is not on this host any more",
            seen={"user": places.user_of(role)},
            next=f"useradd --system --shell /usr/sbin/nologin --uid $(stat -c %u {path}) {places.user_of(role)}",
        ) from None


def _check_pair(data: bytes, role: str, theirs: int, uid: int) -> str:
    """The keyid of a key, which must be that of the person's `<role>.pub`."""
    expected, seen = _public(role, theirs, uid), keyid_in(data)
    if seen != expected:
        raise Refused(
            "LG834",
            f"the private key of {role} does not belong to its public half; it was not moved",
            seen={"expected": expected, "seen": seen},
            next="lockgate trust show",
        )
    return expected


def _public(role: str, theirs: int, uid: int) -> str:
    try:
        return parse_public_key(_read(f"{role}.pub", theirs, uid).decode()).keyid
    except (FileNotFoundError, ValueError) as error:
        raise Refused(
            "LG834",
            f"{role}.pub is not the public half of a key, so the private one was not moved: {error}",
            seen={"role": role},
            next="lockgate trust show",
        ) from None


def _place(name: str, data: bytes, keyid: str, folder: int, owner: tuple[int, int]) -> None:
    """Write a key so that its name is a whole key or nothing. What is there already must be the same key.

    Raises Refused (LG833): another key is never removed.
    """
    staged = _staged(name)
    with suppress(FileNotFoundError):
        os.unlink(staged, dir_fd=folder)  # a killed attempt's: the key is still where it came from
    try:
        seen = keyid_in(_read(name, folder, owner[0]))
    except FileNotFoundError:
        _create(staged, data, folder, owner)
        os.rename(staged, name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)
        return
    if seen != keyid:
        path = os.readlink(f"/proc/self/fd/{folder}") + f"/{name}"
        raise Refused(
            "LG833",
            f"{path} is there already, and is not this key; nothing was removed",
            seen={"expected": keyid, "seen": seen},
            next=f"mv {path} /root/   # as root, if nobody needs that key",
        )


def _staged(name: str) -> str:
    return f".{name}.moving"


@contextmanager
def _folder(path: Path, uid: int) -> Iterator[int]:
    """A descriptor of a folder, which must be there and be `uid`'s. Raises Refused (LG831)."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):  # the latter is what a link gives, too
        raise _not_theirs(path, uid, "no folder") from None
    try:
        if os.fstat(fd).st_uid != uid:
            raise _not_theirs(path, uid, os.fstat(fd).st_uid)
        yield fd
        os.fsync(fd)
    finally:
        os.close(fd)


def _not_theirs(path: Path | str, uid: int, seen: object) -> Refused:
    return Refused(
        "LG831",
        f"{path} does not belong to the user {uid} alone",
        seen={"expected": uid, "seen": seen},
        next=f"ls -l {path}",
    )


def _read(name: str, folder: int, uid: int) -> bytes:
    """A file of `uid`'s that has this name only: a second name may be of anybody's file.

    Raises Refused (LG831), VerificationFailed (LG803) for a link, FileNotFoundError.
    """
    fd = open_nofollow(name, dir_fd=folder)
    try:
        status = os.fstat(fd)
        if (status.st_uid, status.st_nlink) != (uid, 1):
            raise _not_theirs(name, uid, f"owner {status.st_uid}, {status.st_nlink} names")
        return read_fd(fd, _MOST)
    finally:
        os.close(fd)


def _create(name: str, data: bytes, folder: int, owner: tuple[int, int]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        write_all(fd, data)
        os.fchown(fd, *owner)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.fsync(folder)


def _make_folder(path: Path, mode: int, gid: int = 0) -> None:
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    with _folder(path, 0) as fd:
        os.fchown(fd, 0, gid)
        os.fchmod(fd, mode)
    fsync_folder(path.parent)


def _write(path: Path, data: bytes, mode: int) -> None:
    """Replace a file in a folder that only root can write."""
    temporary = path.with_name(f"{path.name}.tmp")
    with suppress(FileNotFoundError):
        temporary.unlink()
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        write_all(fd, data)
        os.fchmod(fd, mode)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(temporary, path)
    fsync_folder(path.parent)


def _tool(*words: str) -> None:
    """Run a tool of the host. Raises Unavailable (LG879) with what it said."""
    try:
        code, said, complained = run_tool(words)
    except CannotStart as error:
        raise _tool_failed(words, str(error)) from None
    if code != 0:
        raise _tool_failed(words, (complained or said).decode("utf-8", "replace").strip()[:300])


def _tool_failed(words: tuple[str, ...], why: str) -> Unavailable:
    return Unavailable(
        "LG879",
        f"{words[0]} failed; what was done before it stays, and the same command goes on from there: {why}",
        seen={"command": " ".join(words)},
        next=" ".join(words),
    )
