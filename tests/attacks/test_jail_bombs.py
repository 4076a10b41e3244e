"""Code in a jail that eats the machine, or stays when it should go: each is bounded, and nothing is left."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bench import killed_jails
from lockgate.sandbox._bwrap.find import find_bubblewrap
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


def bomb(mebibytes: int, processes: int) -> str:
    """Code of that many processes, which touch so much together and stay."""
    return (
        f"import os, time\nfor i in range({processes - 1}):\n    if os.fork() == 0: break\n"
        f"b = b''.join(b'x' * (1 << 20) for _ in range({mebibytes // processes}))\ntime.sleep(30)"
    )


@pytest.fixture(name="one_at_a_time")
def _one_at_a_time() -> Iterator[None]:
    """Large bombs of tests that run beside each other would add up."""
    with open("/tmp/lockgate-bombs.lock", "a", encoding="ascii") as file:
        with suppress(OSError):
            os.chmod(file.name, 0o666)
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(name="grouped", params=["group", "watchdog alone"])
def _grouped(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the best mechanism of this machine, and as where no control group can be made."""
    if request.param != "group":
        monkeypatch.setattr("lockgate.sandbox._handshake.make", lambda _limits: None)
    mechanism: str = request.param
    return mechanism


@pytest.mark.usefixtures("one_at_a_time")
@pytest.mark.parametrize("processes", [1, 60])
def test_three_gibibytes_that_are_touched(processes: int, grouped: str) -> None:
    """One process or sixty: the sum counts, shared pages once, and the jail ends within a tenth of its limit."""
    limit = 1536 * MIB if grouped == "group" else 2048 * MIB
    result = run(bomb(3072, processes), memory=limit)
    assert (result.ended, nothing_left(result)) == ("memory", True)
    assert limit < result.peak_memory < 1.1 * limit


AS_USER = """
import sys
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.settings import Limits, PythonEnv, named
settings = named("train", python=PythonEnv.own(), limits=Limits(wall_seconds=30, memory=int(sys.argv[1])))
for code in sys.argv[2:]:
    result = Jail(settings).run(Target(command=("python3", "-I", "-S", "-c", code)))
    print(result.ended, result.peak_memory, "cgroup" in result.report.limits["memory"], result.talk)
"""


@pytest.mark.usefixtures("one_at_a_time")
@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests already run as an ordinary user")
def test_a_jail_of_an_ordinary_user_is_bounded_by_the_watchdog_alone() -> None:
    """Where no group can be made the report claims none; page tables and sockets are seen all the same."""
    sources = [Path(sys.modules["lockgate"].__file__ or "").parents[1], find_bubblewrap().tree]
    if not all(os.stat(folder).st_mode & 0o005 for path in sources for folder in (path, *path.parents)):
        pytest.skip("the sources are in a private folder")
    if not os.path.exists("/usr/bin/python3") or sys.version_info[:2] != (3, 11):
        pytest.skip("no system interpreter that fits")
    limit = 600 * MIB
    program = f"import sys; sys.path[:0] = {[str(path) for path in sources]}\n{AS_USER}"
    run = subprocess.run(
        ["/usr/bin/python3", "-c", program, str(limit), bomb(900, 30), SOCKETS],
        env={"PATH": "/usr/bin"},
        user=65532,
        group=65532,
        extra_groups=(),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr == ""
    verdicts = [line.split(" ", 3) for line in run.stdout.splitlines()]
    assert [(ended, grouped) for ended, _, grouped, _ in verdicts] == [("memory", "False")] * 2
    assert limit < int(verdicts[0][1]) < 1.1 * limit


SOCKETS = """
import os, socket, time
for _ in range(8):
    if os.fork() == 0: break
held = []
try:
    while True:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        held.append((ours, theirs))
        try:
            while True: ours.send(bytes(65536))
        except BlockingIOError: pass
except OSError: pass
time.sleep(30)
"""


def test_memory_in_sockets() -> None:
    """What was sent and is not read lies in no process. So many sockets that it could be the limit end the jail."""
    assert run(SOCKETS, memory=400 * MIB).ended == "memory"


def test_a_few_sockets_that_are_full() -> None:
    """Honest code may have some."""
    code = SOCKETS.replace("range(8)", "range(0)").replace(
        "while True:\n        ours,", "while len(held) < 50:\n        ours,"
    )
    assert run(code.replace("time.sleep(30)", "print(len(held))"), memory=400 * MIB).talk == b"50\n"


def test_memory_of_a_process_that_forks_and_writes() -> None:
    """Pages that were shared and are copied: no process maps more than before, and the jail does end."""
    code = (
        "import os, time\nb = bytearray(b'x') * (200 << 20)\n"
        "for i in range(6):\n    if os.fork() == 0:\n"
        "        for at in range(0, len(b), 1 << 20): b[at : at + (1 << 20)] = bytes(1 << 20); time.sleep(0.001)\n"
        "        break\ntime.sleep(30)"
    )
    result = run(code, memory=600 * MIB)
    assert (result.ended, nothing_left(result)) == ("memory", True)


def test_children_that_are_started_near_the_limit() -> None:
    """A job of three fifths of its memory starts programs, which borrow its memory for a moment: no bomb."""
    code = (
        "import subprocess\nb = bytearray(b'x') * (300 << 20)\n"
        "for i in range(60): subprocess.run(['/bin/true'], check=True)\nprint('done')"
    )
    assert run(code, memory=512 * MIB).talk == b"done\n"


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


def test_an_output_of_too_many_files(tmp_path: Path) -> None:
    """The first thousand come out; each of the others is told as left behind, and why."""
    code = "for i in range(1300): open(f'/out/{i:04}', 'w').close()"
    result = Jail(TRAIN).run(Target(command=("python", "-I", "-S", "-c", code)), out_dir=tmp_path)
    assert (result.ended, len(result.files), len(result.skipped)) == ("exit", 1000, 300)
    assert set(result.skipped.values()) == {"too many files"}
    assert (min(result.skipped), max(result.files)) == ("1000", "0999")


def test_a_file_that_is_larger_than_any_place() -> None:
    """Sparse: nothing is stored yet, and the error is the one of a file that is too large."""
    code = (
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try: open('/tmp/a', 'wb').truncate(64 << 20)\nexcept OSError as e: print(e.errno)"
    )
    assert run(code, tmp_bytes=16 * MIB, output_bytes=16 * MIB).talk == b"27\n"


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


def test_nothing_is_left_of_jails_that_are_killed(tmp_path: Path) -> None:
    """At random moments, by their launcher's death, their own or a stop: no process, mount, file or control group."""
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "bench.killed_jails", "--rounds", "30", "--json", str(tmp_path / "result")]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr + run.stdout
    result = json.loads((tmp_path / "result").read_text())
    assert (result["left"], result["ways"]) == ([], {"launcher": 10, "harness": 10, "stop": 10})
    assert result["killed_while_processes_ran"] >= 15


def test_what_is_left_would_be_seen(tmp_path: Path) -> None:
    """The positive control of the count: a process with the mark, a file of it, and none once they are gone."""
    done = killed_jails.Round("launcher", f"killed-{os.getpid()}-left", launcher=os.getpid())
    with subprocess.Popen(["/bin/sleep", "30"]) as stays:
        killed_jails.note(done)
        assert f"process {stays.pid}" in killed_jails.left_of(done, tmp_path)
        stays.kill()
    (tmp_path / "scratch").touch()
    assert killed_jails.left_of(done, tmp_path) == ["temporary scratch"]
    (tmp_path / "scratch").unlink()
    assert killed_jails.left_of(done, tmp_path) == []
