"""Which limit of the jail an error of the user's code comes from. Runs in the train jail: it helps, and proves nothing.

What the kernel says at a limit is a bare error number. Here it gets the name of the setting in lockgate.toml.
"""

from __future__ import annotations

import errno
import os

from lockgate.contract.jail.outcome import place
from lockgate.errors import Refused

_SETTING = "lockgate.toml: [train]"
_LEAST = 1 << 20
_DEEPEST = 10


def met(error: BaseException | None) -> tuple[str, str, str] | None:
    """Finding, words and next step when `error`, or what it was raised for, is a limit's doing; else None."""
    for depth in range(_DEEPEST):
        if error is None:
            return None
        found = _of(error)
        # A call that was refused and handled is in the context of whatever is raised later.
        if found is not None and (depth == 0 or found[0] != "LG377"):
            return found
        error = error.__cause__ or error.__context__
    return None


def refused(found: tuple[str, str, str], where: str) -> Refused:
    """What `met` found, as an error."""
    finding, words, following = found
    if finding == "LG376":
        # What the user's code still holds would leave no descriptor to write the finding with.
        os.closerange(3, 1 << 16)
    return Refused(finding, f"the training code {words}{where}", next=following)


def _of(error: BaseException) -> tuple[str, str, str] | None:
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return _tasks()
    if not isinstance(error, OSError):
        return None
    match error.errno:
        case errno.ENOSPC:
            name = _full_place()
            return "LG319", f"filled {name}", f"raise {name.rpartition('/')[2]} in {_SETTING}"
        case errno.EFBIG:
            return "LG319", "wrote a file larger than out and tmp", f"raise out and tmp in {_SETTING}"
        case errno.EMFILE | errno.ENFILE:
            return "LG376", "wanted more open files than the jail allows", f"raise descriptors in {_SETTING}"
        case errno.EAGAIN if error.filename is None and isinstance(error, BlockingIOError):
            return _tasks()
        case errno.EPERM | errno.ENOSYS:
            return "LG377", "asked the kernel for something that the jail refuses", "lockgate explain LG377"
        case _:
            return None


def _tasks() -> tuple[str, str, str]:
    return (
        "LG322",
        "wanted more processes and threads than the jail allows",
        f"set n_jobs lower, or raise tasks in {_SETTING}",
    )


def _full_place() -> str:
    """The file system that has no room left; /out when none is seen to be full any more."""
    for name in ("/tmp", "/dev/shm"):
        try:
            left = os.statvfs(place(name) if name == "/tmp" else name)
        except OSError:
            continue
        if left.f_bavail * left.f_frsize < _LEAST or left.f_favail == 0:
            return name
    return "/out"
