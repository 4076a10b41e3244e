"""How a train jail ended, as a finding that names the setting which mends it. Pure.

The talk is the words of untrusted code: it chooses between sentences here, and decides nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lockgate.contract.findings import clean
from lockgate.errors import LockgateError, Refused
from lockgate.sandbox.settings import Limits

_SETTING = "lockgate.toml: [train]"
_TOLD = re.compile(rb"\x1e(\{[^\n\x1e]{0,4000}\})\n")
_BUS_ERROR = re.compile(rb"Fatal Python error: Bus error|killed by signal: Bus error|SIGBUS")
_FULL = re.compile(rb"\[Errno 28\]|No space left on device")
_FULL_PLACE = re.compile(rb"(?:\[Errno 28\]|No space left on device)[^\n]*(/dev/shm|/tmp|/out)\b")
_TOO_LARGE = re.compile(rb"\[Errno 27\]|File too large|File size limit exceeded")
_DESCRIPTORS = re.compile(rb"\[Errno 24\]|Too many open files")
_THREADS = re.compile(
    rb"can't start new thread|pthread_create failed|Thread creation failed"
    rb"|\[Errno 11\] Resource temporarily unavailable"
)
_REFUSED_CALL = re.compile(rb"\[Errno 1\] Operation not permitted|\[Errno 38\] Function not implemented")
_NO_NETWORK = re.compile(
    rb"Temporary failure in name resolution|Name or service not known|Could not resolve host|Network is unreachable"
    rb"|Address family not supported by protocol|Failed to resolve|Max retries exceeded with url"
)
_BUS, _FILE_SIZE, _BAD_CALL = 128 + 7, 128 + 25, 128 + 31


@dataclass(frozen=True)
class _End:
    finding: str
    what: str
    next: str


def words(talk: bytes) -> bytes:
    """The talk without the lines that `jail.watch` marked."""
    return _TOLD.sub(b"", talk)


def ended(how: str, exit_code: int, limits: Limits, talk: bytes) -> Refused:
    """The finding for a train jail that ended by a limit, a signal, or without a word."""
    found = _by_limit(how, limits) or _by_signs(exit_code, limits, talk) or _unknown(exit_code, talk)
    last = clean(words(talk).decode(errors="replace").strip().rpartition("\n")[2], 200)
    seen: dict[str, object] = {"ended": how, "exit_code": exit_code, **({"last_words": last} if last else {})}
    return Refused(found.finding, f"the training code {found.what}", seen=seen, next=found.next)


def sharper(error: LockgateError, limits: Limits, talk: bytes) -> LockgateError:
    """`error`, which the jail named, or a better one: what killed a worker is seldom in what its parent raised."""
    if error.finding != "LG310":
        return error
    if _BUS_ERROR.search(talk):
        end = _shared_memory(limits)
        return Refused(end.finding, f"the training code {end.what}", seen=error.seen, next=end.next)
    if _NO_NETWORK.search(talk) or _NO_NETWORK.search(error.message.encode()):
        error.next = "the jail has no network: bring files in by [[input]], log to files; lockgate explain LG325"
    return error


def full(place: str, limits: Limits) -> tuple[str, str]:
    """What filled the file system at `place`, and the edit that mends it."""
    name, size = {
        "/tmp": ("tmp", limits.tmp_bytes),
        "/dev/shm": ("shm", limits.shm_bytes),
        "/out": ("out", limits.output_bytes),
    }[place]
    return f"filled {place}, which has {size >> 20} MiB", f"raise {name} in {_SETTING}"


def _by_limit(how: str, limits: Limits) -> _End | None:
    ends = {
        "memory": _End("LG317", f"needed more than {limits.memory >> 20} MiB of memory", f"raise memory in {_SETTING}"),
        "time": _End(
            "LG318",
            f"took longer than {limits.wall_seconds} s, or {limits.cpu_seconds} s of CPU",
            f"look for a loop that does not end, or raise time and cpu in {_SETTING}",
        ),
        "tmp": _End("LG319", f"wrote more than {limits.tmp_bytes >> 20} MiB to /tmp", f"raise tmp in {_SETTING}"),
        "output": _End("LG319", f"wrote more than {limits.output_bytes >> 20} MiB", f"raise out in {_SETTING}"),
        "inodes": _End("LG319", f"wrote more than {limits.inodes} files", f"raise inodes in {_SETTING}"),
        "talk": _End("LG321", f"printed more than {limits.talk_bytes >> 20} MiB", "let it print less"),
        "tasks": _too_many_tasks(limits),
    }
    return ends.get(how)


def _by_signs(exit_code: int, limits: Limits, talk: bytes) -> _End | None:
    """What a signal or the last words tell, the surest sign first."""
    if exit_code == _BUS or _BUS_ERROR.search(talk):
        return _shared_memory(limits)
    if exit_code == _FILE_SIZE or _TOO_LARGE.search(talk):
        most = max(limits.output_bytes, limits.tmp_bytes) >> 20
        return _End("LG319", f"wrote a file larger than {most} MiB", f"raise out and tmp in {_SETTING}")
    if _FULL.search(talk):
        place = _FULL_PLACE.search(talk)
        # Without a finding there was no room for one in /out.
        return _End("LG319", *full(place[1].decode() if place else "/out", limits))
    if _DESCRIPTORS.search(talk):
        return _End("LG376", f"wanted more than {limits.files} open files", f"raise descriptors in {_SETTING}")
    if _THREADS.search(talk):
        return _too_many_tasks(limits)
    if exit_code == _BAD_CALL or _REFUSED_CALL.search(talk):
        return _End("LG377", "asked the kernel for something that the jail refuses", "lockgate explain LG377")
    return None


def _unknown(exit_code: int, talk: bytes) -> _End:
    following = "lockgate jail --shell"
    if b"No module named" in talk:
        following = "add the missing package to requirements.in, then: lockgate lock"
    return _End("LG323", f"ended with exit code {exit_code} and left no model", following)


def _shared_memory(limits: Limits) -> _End:
    return _End(
        "LG375",
        f"was killed by a bus error: most likely /dev/shm is full, which has {limits.shm_bytes >> 20} MiB",
        f"raise shm in {_SETTING}",
    )


def _too_many_tasks(limits: Limits) -> _End:
    return _End(
        "LG322",
        f"wanted more than {limits.tasks} processes and threads",
        f"set n_jobs lower, or raise tasks in {_SETTING}",
    )
