"""train.endings and the jail's own limits: each way to end badly names the setting that mends it."""

from __future__ import annotations

import errno

import pytest

from lockgate.errors import Refused
from lockgate.sandbox.settings import Limits
from lockgate.train import endings
from lockgate.train.jail import limits as inside

LIMITS = Limits(files=77, tasks=88, shm_bytes=9 << 20, tmp_bytes=10 << 20, output_bytes=11 << 20)


@pytest.mark.parametrize(
    ("how", "finding"),
    [
        ("memory", "LG317"),
        ("time", "LG318"),
        ("output", "LG319"),
        ("inodes", "LG319"),
        ("talk", "LG321"),
        ("tasks", "LG322"),
        ("signal", "LG323"),
        ("exit", "LG323"),
    ],
)
def test_each_end_has_its_finding(how: str, finding: str) -> None:
    """With the limit that was met, the last words, and what to do."""
    error = endings.ended(how, 137, Limits(), b"one\nlast \x1b[31mwords\n")
    assert error.finding == finding
    assert error.seen["last_words"] == "last ?[31mwords"
    assert error.next


@pytest.mark.parametrize(
    ("code", "talk", "finding", "says", "setting"),
    [
        (135, b"", "LG375", "9 MiB", "shm"),
        (1, b"Fatal Python error: Bus error\n", "LG375", "/dev/shm", "shm"),
        (153, b"", "LG319", "larger than 11 MiB", "out and tmp"),
        (1, b"OSError: [Errno 28] No space left on device: '/dev/shm/x'", "LG319", "/dev/shm", "shm"),
        (1, b"OSError: [Errno 28] No space left on device: '/tmp/x'", "LG319", "/tmp, which has 10 MiB", "tmp"),
        (1, b"OSError: [Errno 28] No space left on device", "LG319", "/out", "out"),
        (1, b"OSError: [Errno 24] Too many open files", "LG376", "77 open files", "descriptors"),
        (1, b"RuntimeError: can't start new thread", "LG322", "88 processes", "tasks"),
        (1, b"OpenBLAS blas_thread_init: pthread_create failed for thread 2 of 64", "LG322", "88", "tasks"),
        (159, b"", "LG377", "refuses", "LG377"),
        (1, b"ModuleNotFoundError: No module named 'x'", "LG323", "no model", "requirements.in"),
    ],
)
def test_signs_name_the_setting(code: int, talk: bytes, finding: str, says: str, setting: str) -> None:
    """A signal or the last words of a run lead to the key of lockgate.toml that a person has to change."""
    error = endings.ended("signal" if code > 128 else "exit", code, LIMITS, talk)
    assert (error.finding, says in error.message, setting in error.next) == (finding, True, True), error.message


def test_a_killed_worker_is_told_and_other_errors_stay() -> None:
    """The parent of a worker that met SIGBUS raises something of its own; any other error is left as it is."""

    def told(talk: bytes, message: str = "the training code raised BrokenProcessPool") -> Refused:
        found = endings.sharper(Refused("LG310", message, next="mend"), LIMITS, talk)
        assert isinstance(found, Refused)
        return found

    assert told(b"Fatal Python error: Bus error\n").finding == "LG375"
    assert (told(b"").finding, told(b"").next) == ("LG310", "mend")
    offline = told(b"", "the training code raised ConnectionError: Temporary failure in name resolution")
    assert (offline.finding, "[[input]]" in offline.next) == ("LG310", True)
    assert endings.sharper(Refused("LG311", "x"), LIMITS, b"Bus error SIGBUS").finding == "LG311"


@pytest.mark.parametrize(
    ("error", "finding"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "LG319"),
        (OSError(errno.EFBIG, "File too large"), "LG319"),
        (OSError(errno.EMFILE, "Too many open files"), "LG376"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "LG322"),
        (RuntimeError("can't start new thread"), "LG322"),
        (PermissionError(errno.EPERM, "Operation not permitted"), "LG377"),
        (FileNotFoundError(errno.ENOENT, "No such file"), None),
        (PermissionError(errno.EACCES, "Permission denied"), None),
        (RuntimeError("anything else"), None),
    ],
)
def test_an_error_number_is_a_limit(error: Exception, finding: str | None) -> None:
    """What the kernel answers at a limit is known, also behind a library's own error; what is none stays the code's."""
    found = inside.met(error)
    assert (found and found[0]) == finding
    library = ValueError("cannot save")
    library.__cause__ = error
    behind = inside.met(library)
    # A refused call that a library met and handled is not why it failed later.
    assert (behind and behind[0]) == (None if finding == "LG377" else finding)
