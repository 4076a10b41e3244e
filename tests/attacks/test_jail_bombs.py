"""Code in a jail that eats the machine, or stays when it should go: each is bounded, and nothing is left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.sandbox.launch import Jail, JailResult, Target
from lockgate.sandbox.settings import Limits, PythonEnv, named

TRAIN = named("train", python=PythonEnv.own())
MIB = 1 << 20


def run(code: str, **limits: int) -> JailResult:
    """Run `code` in the jail that training gets, with tighter limits."""
    settings = replace(TRAIN, limits=Limits(**{"wall_seconds": 30, **limits}))
    return Jail(settings).run(Target(command=("python", "-c", code)))


def in_namespace(identity: str) -> list[int]:
    """The host's processes in the pid namespace `identity` (`pid:[...]`)."""
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.readlink(f"/proc/{name}/ns/pid") == identity:
                found.append(int(name))
        except OSError:
            continue
    return found


def namespace_of(result: JailResult) -> str:
    """The pid namespace that a jail had, as its own witness told."""
    return next(probe.witness for probe in result.report.probes if probe.name == "namespace pid")


def nothing_left(result: JailResult) -> bool:
    """Whether no process of that jail remains."""
    return in_namespace(namespace_of(result)) == []


def test_memory_of_one_process() -> None:
    """Honest code gets a MemoryError that it can tell about; reserving is stopped before touching."""
    result = run("b = bytearray(3 << 30)", memory=256 * MIB)
    assert result.exit_code == 1
    assert b"MemoryError" in result.talk


@pytest.mark.parametrize("processes", [1, 6, 60])
def test_memory_that_is_touched(processes: int) -> None:
    """One process or sixty: the sum counts, shared pages once, and the jail ends close to the limit."""
    limit = 512 * MIB
    each = 3 * limit // 2 // processes
    code = (
        f"import os, time\nfor i in range({processes - 1}):\n    if os.fork() == 0: break\n"
        f"b = b''.join(b'x' * (1 << 20) for _ in range({each // MIB}))\ntime.sleep(30)"
    )
    result = run(code, memory=limit)
    assert (result.ended, nothing_left(result)) == ("memory", True)
    assert limit < result.peak_memory < 1.5 * limit


def test_a_large_process_that_forks_is_no_bomb() -> None:
    """Pages that processes share count once: the same code fits where each copy counted would not."""
    code = (
        "import os, time\nb = b'x' * (200 << 20)\n"
        "for i in range(8):\n    if os.fork() == 0: time.sleep(1); os._exit(0)\n"
        "for i in range(8): os.wait()\nprint('done')"
    )
    assert run(code, memory=512 * MIB).talk == b"done\n"


def test_memory_without_a_process() -> None:
    """A memfd would hide from the count of processes, so none can be made."""
    assert b"Function not implemented" in run("import os; os.memfd_create('x')").talk


@pytest.mark.parametrize(("place", "size"), [("/tmp", 16), ("/out", 16), ("/dev/shm", 16)])
def test_a_disk_that_fills(place: str, size: int) -> None:
    """Each writable place has an end, and the error is the one that a full disk gives."""
    code = f"for i in range(100): open(f'{place}/{{i}}', 'wb').write(bytes(1 << 20))"
    result = run(code, tmp_bytes=size * MIB, output_bytes=size * MIB, shm_bytes=size * MIB)
    assert b"No space left on device" in result.talk


@pytest.mark.parametrize("place", ["/tmp", "/out", "/dev/shm"])
def test_inodes_that_run_out(place: str) -> None:
    """Bubblewrap cannot bound them; the watchdog does."""
    code = f"import time\nfor i in range(6000): open(f'{place}/{{i}}', 'w').close()\ntime.sleep(30)"
    assert run(code, inodes=3000).ended == "inodes"


def test_processes_that_multiply() -> None:
    """A fork bomb ends at the limit of tasks, and the jail with it."""
    result = run("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", tasks=64, wall_seconds=1)
    assert result.ended in ("tasks", "time", "memory")
    assert nothing_left(result)


def test_threads_count_as_tasks() -> None:
    """The limit is on tasks, however they are made."""
    code = (
        "import threading, time\nn = 0\n"
        "try:\n    while n < 500: threading.Thread(target=time.sleep, args=(20,), daemon=True).start(); n += 1\n"
        "except RuntimeError: pass\nprint(n, flush=True); import os; os._exit(0)"
    )
    assert 20 <= int(run(code, tasks=64).talk) <= 64


def test_descriptors_that_leak() -> None:
    """EMFILE at the limit."""
    code = "import os\ntry:\n    while True: n = os.open('/dev/null', 0)\nexcept OSError as e: print(n, e.errno)"
    assert run(code, files=128).talk == b"127 24\n"


def test_output_that_floods() -> None:
    """The launcher keeps the first bytes, up to the limit, and ends the jail."""
    result = run("while True: print('x' * 1000)", talk_bytes=MIB)
    assert (result.ended, len(result.talk)) == ("talk", MIB)


@pytest.mark.parametrize("ignored", ["signal.SIG_IGN", "lambda *_: None"])
def test_a_target_that_ignores_every_signal(ignored: str) -> None:
    """Time is up whether the target agrees or not."""
    code = (
        "import signal, time\nfor n in range(1, 65):\n"
        f"    try: signal.signal(n, {ignored})\n    except (OSError, ValueError): pass\n"
        "while True: time.sleep(1)"
    )
    result = run(code, wall_seconds=1)
    assert (result.ended, nothing_left(result)) == ("time", True)


def test_a_daemon_does_not_outlive_the_run() -> None:
    """Forked twice, in a session of its own, without streams: gone when the target has ended."""
    code = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        for fd in range(3): os.close(fd)\n        time.sleep(60)\n    os._exit(0)\nos.wait()\nprint('left it')"
    )
    started = time.monotonic()
    result = run(code)
    assert (result.talk, result.ended, nothing_left(result)) == (b"left it\n", "exit", True)
    assert time.monotonic() - started < 10


def test_files_written_by_a_daemon_after_the_end_do_not_come_out(tmp_path: Path) -> None:
    """Everything else is ended before the first file is read."""
    code = (
        "import os, time\nopen('/out/a', 'w').write('1')\nif os.fork() == 0:\n"
        "    while True: open('/out/a', 'w').write('2' * 100)\ntime.sleep(0.05)"
    )
    settings = replace(TRAIN, limits=Limits(wall_seconds=30))
    result = Jail(settings).run(Target(command=("python", "-c", code)), out_dir=tmp_path)
    assert result.files["a"].read_text() in ("", "1", "2" * 100)
    assert nothing_left(result)


LAUNCHER = """
import sys
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.settings import PythonEnv, named
def tell(report):
    print(next(p.witness for p in report.probes if p.name == "namespace pid"), flush=True)
target = Target(command=("sh", "-c", "sleep 300 & sleep 300"))
Jail(named("train", python=PythonEnv.own())).run(target, started=tell)
"""


def test_nothing_is_left_when_the_launcher_is_killed() -> None:
    """SIGKILL at random moments, before, during and after the start: no process of a jail stays."""
    moments = random.Random(7)
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", LAUNCHER], stdout=subprocess.PIPE, text=True) as launcher:
            assert launcher.stdout is not None
            if moments.random() < 0.5:
                identity = launcher.stdout.readline().strip()
                time.sleep(moments.uniform(0, 0.05))
            else:
                time.sleep(moments.uniform(0.05, 0.4))
                identity = ""
            launcher.send_signal(signal.SIGKILL)
            identity = identity or launcher.stdout.read().strip()
        for _ in range(100):
            if not identity or not in_namespace(identity):
                break
            time.sleep(0.05)
        assert identity == "" or in_namespace(identity) == []
