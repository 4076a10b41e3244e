"""Code in a jail that is late: it stays when it should go, speaks after the end, or keeps its keepers busy."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from lockgate.sandbox import levels
from lockgate.sandbox._landlock.abi import kernel_abi
from lockgate.sandbox.launch import Jail, JailResult, Target
from lockgate.sandbox.settings import JailSettings, Limits, PythonEnv, named

MARK = f"lockgate-late-{os.getpid()}"

# Each leaves something behind that does not want to go, and ends with code 0 itself.
LATE = {
    "holds the streams open": "if not os.fork(): time.sleep(60)",
    "a session of its own": (
        "if not os.fork():\n    os.setsid()\n"
        "    if not os.fork(): os.closerange(0, 10); time.sleep(60)\n    os._exit(0)"
    ),
    "stopped": "pid = os.fork()\nif not pid: os.kill(os.getpid(), signal.SIGSTOP); time.sleep(60)\ntime.sleep(0.02)",
    "ignores everything": (
        "if not os.fork():\n"
        "    for n in set(range(1, 65)) - {9, 19, 32, 33}: signal.signal(n, signal.SIG_IGN)\n"
        "    while True: time.sleep(1)"
    ),
    "adopts its own orphans": (
        "if not os.fork():\n    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n"
        "    for n in range(4):\n        if not os.fork(): os.fork(); time.sleep(60)\n"
        "    time.sleep(60)\ntime.sleep(0.05)"
    ),
    "a new process each moment": (
        "if not os.fork():\n    end = time.monotonic() + 20\n    while time.monotonic() < end:\n"
        "        if os.fork(): os._exit(0)\ntime.sleep(0.05)"
    ),
    "zombies": "for n in range(40):\n    if not os.fork(): os._exit(0)",
    "waits for a lock that is never free": (
        "r, w = os.pipe()\nif not os.fork(): os.read(r, 1)\nif not os.fork(): time.sleep(60)"
    ),
    "signals its keeper": (
        "if not os.fork():\n    for n in (1, 2, 10, 12, 15): signal.signal(n, signal.SIG_IGN)\n    while True:\n"
        "        for n in (1, 2, 10, 12, 15):\n"
        "            try: os.kill(keeper, n)\n            except OSError: pass\n"
        "time.sleep(0.001)"
    ),
    "stops its keeper": "for n in (19, 9, 20, 21, 22):\n    try: os.kill(keeper, n)\n    except OSError: pass",
}
BEGIN = (
    "import ctypes, os, signal, time\n"
    "for n in (1, 2, 10, 12, 15): signal.signal(n, signal.SIG_IGN)\n"
    "open(os.environ['LOCKGATE_OUT'] + '/model', 'w').write('1')\nmine, keeper = os.getpid(), os.getppid()\n"
)
END = "\nif os.getpid() == mine: print('left', flush=True)\nos._exit(0)"


def settings(**limits: int) -> JailSettings:
    """What training gets, with a shorter time."""
    return named("train", python=PythonEnv.own(), limits=Limits(**{"wall_seconds": 20, "tasks": 128, **limits}))


def run(code: str, out: Path | None = None, launcher: str = "bubblewrap", **limits: int) -> JailResult:
    """Run `code` in it, marked so that its processes can be found."""
    jail = Jail(settings(**limits), launcher=levels.by_name(launcher), least=2)
    return jail.run(Target(command=("python", "-c", code + f"\n# {MARK}")), out_dir=out)


def left() -> list[int]:
    """The host's processes that carry the mark, apart from this one."""
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and MARK.encode() in Path(f"/proc/{name}/cmdline").read_bytes():
                found.append(int(name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("launcher", ["bubblewrap", "landlock"])
@pytest.mark.parametrize("how", LATE)
def test_nothing_outlives_a_target_that_has_ended(how: str, launcher: str, tmp_path: Path) -> None:
    """The target's own end is the end: its code and files are told at once, and no process of it is left.

    With a namespace of processes the kernel sees to that; without one, whoever adopts what the target left behind.
    """
    if launcher == "landlock" and not kernel_abi():
        pytest.skip("this kernel has no Landlock")
    started = time.monotonic()
    result = run(BEGIN + LATE[how] + END, tmp_path, launcher)
    assert (result.exit_code, result.ended) == (0, "exit")
    assert result.talk == b"left\n"
    assert result.files["model"].read_text() == "1"
    assert time.monotonic() - started < 10
    assert left() == []


def test_the_mark_finds_what_is_there() -> None:
    """The positive control: while a jail runs, its processes are found."""
    seen: list[int] = []

    def look(_: bytes) -> None:
        seen.extend(left())

    target = Target(command=("python", "-c", f"print('here', flush=True); import time; time.sleep(0.1)\n# {MARK}"))
    assert Jail(settings()).run(target, talk=look).ok
    assert seen != []


def test_a_first_thread_that_leaves_its_process_to_others() -> None:
    """Whoever looks at the leader alone sees a zombie, while a thread works on: time is up for it as well."""
    code = (
        "import ctypes, threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "ctypes.CDLL(None).syscall(60 if __import__('platform').machine() == 'x86_64' else 93, 0)"
    )
    assert run(code, wall_seconds=1).ended == "time"
    assert left() == []


@pytest.mark.parametrize("stop", [True, False])
def test_a_jail_that_is_stopped_from_outside(stop: bool) -> None:
    """The launcher's own end: whatever the target ignores, `stop` ends it all. Without it, the same target stays."""
    jail = Jail(settings(wall_seconds=1))

    def told(_: bytes) -> None:
        if stop:
            jail.stop()

    code = f"import os, signal, time\nsignal.signal(15, signal.SIG_IGN); os.fork(); print(1); time.sleep(60)\n# {MARK}"
    result = jail.run(Target(command=("python", "-u", "-c", code)), talk=told)
    assert ("signal" if stop else "time") == result.ended
    assert left() == []


# Memory that no process is seen to hold: what a count of pages per process does not find.
STDIN = "import os\nos.ftruncate(0, 96 << 20)\nfor n in range(96): os.pwrite(0, bytes(1 << 20), n << 20)\n"
TABLES = """
import ctypes, time
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
size = 96 << 30
place = libc.mmap(None, size, 1, 0x4022, -1, 0)
if place == ctypes.c_void_p(-1).value: raise MemoryError
libc.madvise(ctypes.c_void_p(place), ctypes.c_size_t(size), 15)
for at in range(0, size, 2 << 20): ctypes.c_char.from_address(place + at).value
time.sleep(2)
"""
SOCKETS = """
import socket, time
held = []
try:
    while True:
        for end in (pair := socket.socketpair()):
            held.append(end)
            end.setblocking(False)
            try:
                while True: end.send(bytes(65536))
            except BlockingIOError: pass
except OSError: pass
time.sleep(2)
"""


def test_memory_in_a_stream() -> None:
    """What a target is given to read cannot be written to, so nothing can be kept in it."""
    result = Jail(settings(memory=64 << 20)).run(Target(command=("python", "-c", STDIN)), stdin=b"x" * 10)
    assert b"Operation not permitted" in result.talk or b"Permission denied" in result.talk
    echo = Jail(settings()).run(Target(command=("cat",)), stdin=b"x" * 10)
    assert echo.talk == b"x" * 10


@pytest.mark.parametrize(("where", "code"), [("page tables", TABLES), ("socket buffers", SOCKETS)])
@pytest.mark.parametrize("alone", [False, True])
def test_memory_of_the_kernel_s_own(where: str, code: str, alone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that the kernel holds on behalf of a process count as the jail's: by a control group, and without one."""
    if alone:
        monkeypatch.setattr("lockgate.sandbox._handshake.make", lambda _limits: None)
    result = run(code, memory=64 << 20)
    assert result.ended == "memory" or b"MemoryError" in result.talk, where
