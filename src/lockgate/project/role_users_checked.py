"""That nobody but root can change what the helper of a role runs: who could, would have every key.

The helper is Python with `-IS` (`role_places.helper_script`), so all that it can import lies in the standard library
and in the folders that its script names. Each of these is walked whole, links included.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from lockgate.errors import Refused
from lockgate.sandbox._role_process import CannotStart, run_tool
from lockgate.trust import role_places as places

_MODULES = ("lockgate", "cryptography", "_cffi_backend")
_MOST_LINKS = 40
_INSTALL = "python3 -m venv /opt/lockgate && /opt/lockgate/bin/pip install lockgate   # as root, umask 022"


def check_installation(interpreter: str) -> tuple[str, ...]:
    """The folders from which the helper imports what is not in the standard library, for its script.

    1. The interpreter's path can stand in the first line of a script.
    2. It, each link and folder on the way to it, and what Python reads beside it, are root's alone.
    3. So is every file and folder in the standard library and in the folders of Lockgate and `cryptography`.

    Raises Refused (LG879).
    """
    # 1.
    try:
        places.first_line(interpreter)
    except ValueError as error:
        raise Refused("LG879", f"the interpreter: {error}", seen={"path": interpreter}, next=_INSTALL) from None
    # 2.
    beside = [str(folder / "pyvenv.cfg") for folder in Path(interpreter).parents[:2]]
    for path in (interpreter, *beside):
        _check_way(path)
        _check(os.path.dirname(path))  # where it is missing, nobody may put one
    # 3.
    folders = imported_from()
    for folder in (*_standard(interpreter), *folders):
        _check_whole(folder)
    return folders


def imported_from() -> tuple[str, ...]:
    """Where Lockgate, `cryptography` and what it needs are installed."""
    found = []
    for module in _MODULES:
        spec = find_spec(module)
        if spec is None or not spec.origin or not os.path.isfile(spec.origin):
            raise Refused("LG879", f"{module} is not in a file", seen={"module": module}, next=_INSTALL)
        place = Path(os.path.abspath(spec.origin)).parent
        found.append(str(place.parent if spec.submodule_search_locations else place))
    return tuple(dict.fromkeys(found))


def _standard(interpreter: str) -> list[str]:
    """Where the helper's Python looks before its script says anything: it is asked, by the same words."""
    words = (interpreter, "-IS", "-c", "import sys; print(*sys.path, sep='\\n')")
    try:
        code, said, _ = run_tool(words)
    except CannotStart:
        code, said = -1, b""
    found = os.fsdecode(said).splitlines()
    if code != 0 or not found:
        raise Refused("LG879", f"{interpreter} does not start", seen={"exit_code": code}, next=_INSTALL)
    return found


def _check_whole(folder: str) -> None:
    """All that lies in a folder, and what its links lead to. One that is not there: that nobody can make it."""
    waiting, seen = [folder], set[str]()
    if not os.path.lexists(folder):
        _check(os.path.dirname(folder))
    while waiting:
        _check_way(waiting[-1])
        at = os.path.realpath(waiting.pop())
        if at in seen:
            continue
        seen.add(at)
        _check(at)
        if not os.path.isdir(at):
            continue
        with os.scandir(at) as entries:
            for entry in entries:
                if entry.is_symlink() or entry.is_dir():
                    waiting.append(entry.path)
                else:
                    _check(entry.path)


def _check_way(path: str) -> None:
    for one in _way_to(path):
        _check(one, above=True)


def _way_to(path: str) -> Iterator[str]:
    """Every name that the kernel reads on the way to `path`: each folder, each link and what it leads to."""
    at, waiting, links = "/", path.split("/")[::-1], 0
    yield at
    while waiting:
        name = waiting.pop()
        if name == "..":
            at = os.path.dirname(at)
        if name in {"", ".", ".."}:
            continue
        one = os.path.join(at, name)
        yield one
        target = os.readlink(one) if os.path.islink(one) else ""
        if not target:
            at = one
            continue
        links += 1
        if links > _MOST_LINKS:
            return  # the kernel stops here too
        waiting += target.split("/")[::-1]
        at = "/" if target.startswith("/") else at


def _check(path: str, *, above: bool = False) -> None:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if places.changeable(status, above=above):
        raise Refused(
            "LG879",
            f"{path} can be changed by others than root, and it would run with every role's key",
            seen={"path": path, "owner": status.st_uid, "mode": f"{stat.S_IMODE(status.st_mode):04o}"},
            next=_INSTALL,
        )
