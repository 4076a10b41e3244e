"""A jail's control group: found where one may be made, believed only when read back, gone with the jail."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.sandbox import _cgroup, _configuration, _handshake
from lockgate.sandbox._cgroup import Group, make
from lockgate.sandbox._hierarchy import own_groups
from lockgate.sandbox.launch import Jail, JailResult, Target
from lockgate.sandbox.settings import Limits, PythonEnv, named

MIB = 1 << 20
TRAIN = named("train", python=PythonEnv.own())
LIMITS = Limits(memory=256 * MIB, tasks=40)


# --- which parent: a tree of files stands in for a machine that hands memory and pids down ---


@pytest.fixture(name="tree")
def _tree(tmp_path: Path) -> Path:
    """A machine with a unified hierarchy: a session's slice hands down, and the launcher is in a scope of it."""
    proc = tmp_path / "proc"
    (proc / "self" / "ns").mkdir(parents=True)
    (proc / "self" / "ns" / "pid").symlink_to("pid:[77]")
    (proc / "self" / "cgroup").write_text("0::/app.slice/a.scope\n")
    (proc / "self" / "mountinfo").write_text("41 31 0:38 / /cg rw - cgroup2 cgroup2 rw\n")
    (proc / str(os.getpid())).mkdir()
    (proc / str(os.getpid()) / "stat").write_text("1 (a) b) S " + " ".join(["0"] * 18) + " 4711 0\n")
    for folder, down in (("cg", "memory pids"), ("cg/app.slice", "cpu memory pids"), ("cg/app.slice/a.scope", "")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "cgroup.controllers").write_text("cpu memory pids\n")
        (tmp_path / folder / "cgroup.subtree_control").write_text(down + "\n")
        (tmp_path / folder / "cgroup.procs").write_text("")
        (tmp_path / folder / "memory.max").write_text("max\n")
    return tmp_path


def parents(tree: Path) -> list[tuple[int, dict[str, str]]]:
    """The candidates, as paths below the tree."""
    own = own_groups((tree / "proc/self/cgroup").read_text(), (tree / "proc/self/mountinfo").read_text())
    return [
        (version, {name: str(folder.relative_to(tree)) for name, folder in found.items()})
        for version, found in _cgroup._candidates(own, tree)
    ]


BESIDE = [(2, {"memory": "cg/app.slice", "pids": "cg/app.slice"})]
SCOPE = "cg/app.slice/a.scope"


def test_a_group_is_made_beside_a_launcher_whose_group_holds_processes(tree: Path) -> None:
    """The kernel wants processes in leaves only, so the group above is taken where it hands down."""
    assert parents(tree) == BESIDE


def test_a_group_is_made_below_a_launcher_whose_own_group_hands_down(tree: Path) -> None:
    """The nearest one is the best."""
    (tree / SCOPE / "cgroup.subtree_control").write_text("memory pids\n")
    assert parents(tree) == [(2, {"memory": SCOPE, "pids": SCOPE})]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (f"{SCOPE}/memory.max", "1073741824\n"),
        (f"{SCOPE}/memory.high", "1073741824\n"),
        (f"{SCOPE}/pids.max", "100\n"),
        (f"{SCOPE}/cgroup.controllers", "cpu pids\n"),
        ("cg/app.slice/cgroup.subtree_control", "cpu pids\n"),
    ],
)
def test_no_group_where_a_bound_would_be_left_or_nothing_is_handed_down(tree: Path, name: str, text: str) -> None:
    """A launcher with a limit of its own keeps its jails within it."""
    (tree / name).write_text(text)
    assert parents(tree) == []


def test_a_group_that_does_not_take_its_limit_is_no_group(tree: Path) -> None:
    """Files that never answer: nothing is claimed, and nothing is left behind."""
    before = sorted(tree.rglob("*"))
    assert enclose(1, LIMITS, root=tree) is None
    assert before == sorted(tree.rglob("*"))


def enclose(pid: int, limits: Limits, *, root: Path) -> Group | None:
    """As a launcher does it: made, then the process taken in."""
    group = make(limits, root=root)
    return group if group is not None and group.take(pid) else None


class Kernel:
    """The kernel's part of the unified hierarchy, played on files; `deaf` names a file that it does not take."""

    def __init__(self, tree: Path, deaf: str = "") -> None:
        self.tree, self.deaf = tree, deaf

    def write(self, path: Path, value: int) -> None:
        """A value that is taken, or a process that moves."""
        if path.name == self.deaf:
            return
        if path.name == "cgroup.procs":
            place = path.parent.relative_to(self.tree / "cg")
            (self.tree / f"proc/{value}").mkdir(exist_ok=True)
            (self.tree / f"proc/{value}/cgroup").write_text(f"0::/{place}\n")
        else:
            path.write_text(f"{value}\n")


@pytest.fixture(name="rmdir")
def _rmdir(monkeypatch: pytest.MonkeyPatch) -> None:
    """A control group's own files do not keep it from being removed."""
    monkeypatch.setattr(Path, "rmdir", shutil.rmtree)


@pytest.mark.usefixtures("rmdir")
def test_a_unified_group_bounds_memory_swap_and_tasks(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One folder for both; swap is none, and the kernel ends all of it at once."""
    monkeypatch.setattr(_cgroup, "_write", Kernel(tree).write)
    group = enclose(123, LIMITS, root=tree)
    assert group is not None
    folder = group.folders["memory"]
    assert re.fullmatch(rf"lockgate-77-{os.getpid()}-4711-\d+", folder.name)
    found = {name: (folder / name).read_text().strip() for name in ("memory.max", "memory.swap.max", "pids.max")}
    assert {"memory.max": str((256 + 64) * MIB), "memory.swap.max": "0", "pids.max": "41"} == found
    assert (folder / "memory.oom.group").read_text() == "1\n"
    assert group.limits() == {"memory": "cgroup v2 memory", "tasks": "cgroup v2 pids"}
    group.remove()
    assert list((tree / "cg/app.slice").glob("lockgate-*")) == []


@pytest.mark.usefixtures("rmdir")
@pytest.mark.parametrize("deaf", ["memory.max", "pids.max", "cgroup.procs"])
def test_what_cannot_be_read_back_is_not_claimed(tree: Path, monkeypatch: pytest.MonkeyPatch, deaf: str) -> None:
    """A limit that was not taken, a process that did not move: no group, and no half of one."""
    monkeypatch.setattr(_cgroup, "_write", Kernel(tree, deaf).write)
    assert enclose(123, LIMITS, root=tree) is None
    assert list((tree / "cg/app.slice").glob("lockgate-*")) == []


@pytest.mark.usefixtures("rmdir")
def test_the_wall_moves_up_with_what_lies_in_tmpfs(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files in a tmpfs of a known size are no memory of the target's; the wall never comes down again."""
    monkeypatch.setattr(_cgroup, "_write", Kernel(tree).write)
    group = enclose(123, LIMITS, root=tree)
    assert group is not None
    group.allow(100 * MIB)
    group.allow(10 * MIB)
    assert (group.folders["memory"] / "memory.max").read_text() == f"{(256 + 64 + 100) * MIB}\n"


@pytest.mark.usefixtures("rmdir")
def test_groups_of_launchers_that_ended_are_swept(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known by process id, start and namespace of ids: one that lives, or that we cannot judge, is left alone."""
    monkeypatch.setattr(_cgroup, "_write", Kernel(tree).write)
    here = tree / "cg/app.slice"
    dead = ["lockgate-77-999999-1-0", f"lockgate-77-{os.getpid()}-4710-0"]
    others = [f"lockgate-77-{os.getpid()}-4711-900000", "lockgate-78-999999-1-0", "lockgate-77-1-x-0", "somebody"]
    for name in (*dead, *others):
        (here / name).mkdir()
    group = enclose(123, LIMITS, root=tree)
    assert group is not None
    left = {path.name for path in here.iterdir() if path.is_dir()} - {"a.scope", group.folders["memory"].name}
    assert set(others) == left


# --- this machine's own kernel ---


def writable() -> dict[str, Path]:
    """The parents of version 1 that this process may make groups in."""
    own = own_groups(Path("/proc/self/cgroup").read_text(), Path("/proc/self/mountinfo").read_text())
    return next((found for version, found in _cgroup._candidates(own, Path("/")) if version == 1), {})


separate = pytest.mark.skipif(
    set(writable()) != {"memory", "pids"}, reason="no control groups of version 1 to write to"
)


def run(code: str, limits: Limits) -> JailResult:
    """Run `code` in the jail of training."""
    settings = replace(TRAIN, limits=replace(limits, wall_seconds=20))
    return Jail(settings).run(Target(command=("python", "-I", "-S", "-c", code)))


def left_over() -> list[str]:
    """The groups of this process that are there."""
    name = f"lockgate-*-{os.getpid()}-*"
    return [str(path) for parent in writable().values() for path in parent.glob(name)]


@separate
def test_a_jail_is_in_a_group_that_its_report_names() -> None:
    """Target and descendants, from the first instruction on; inside, nothing is told of it; afterwards it is gone."""
    reading, writing = os.pipe()
    code = (
        "import os, time\nif os.fork() == 0:\n    print(open('/proc/self/cgroup').read() + 'end', flush=True)\n"
        "time.sleep(20)"
    )
    target = Target(command=("python", "-I", "-S", "-c", code))
    jail = Jail(replace(TRAIN, limits=LIMITS)).start(target, descriptors={1: writing})
    os.close(writing)
    with open(reading, encoding="utf-8") as file:
        inside = "".join(iter(file.readline, "end\n"))
        member = rf":(?:memory|pids):.*/lockgate-\d+-{os.getpid()}-\d+-\d+$"
        outside = Path(f"/proc/{jail.pid}/cgroup").read_text()
        assert len(re.findall(member, outside, re.MULTILINE)) == 2
        folder = Path(left_over()[0])
        assert len((folder / "cgroup.procs").read_text().split()) == 4  # bubblewrap, the harness, the target, its child
        assert re.findall(r":(?:memory|pids):(.*)", inside) == ["/", "/"]
        jail.kill()
    assert jail.report.limits["memory"].startswith("cgroup v1 memory, watchdog")
    assert jail.report.limits["tasks"].startswith("cgroup v1 pids, RLIMIT_NPROC")
    assert left_over() == []


@separate
def test_a_group_that_the_launcher_cannot_leave_is_not_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ending it would end the launcher; a thread that could leave has left, and what it started has stayed."""
    members: list[list[str]] = []

    def enter(group: Group) -> None:
        with group.entered(), subprocess.Popen(["sleep", "60"]) as started:
            members.append([str(started.pid), *(group.folders["pids"] / "tasks").read_text().split()])
            started.kill()

    def tried() -> tuple[Group, Path]:
        group = make(LIMITS)
        assert group is not None
        folder = group.folders["pids"]
        thread = threading.Thread(target=enter, args=(group,))
        thread.start()
        thread.join()
        return group, folder

    group, folder = tried()
    assert (group.folders["pids"], members[0][0] in members[0][1:], len(members[0])) == (folder, True, 3)
    group.remove()
    write = _cgroup._write
    kept = lambda path, value: None if "lockgate-" not in path.parent.name else write(path, value)  # noqa: E731
    monkeypatch.setattr(_cgroup, "_write", kept)
    group, folder = tried()
    assert group.folders == {}
    for parent in writable().values():
        _cgroup._remove(parent / folder.name)
    assert left_over() == []


def test_a_launcher_does_not_end_itself(tmp_path: Path) -> None:
    """A thread of its own may be in a group for a moment; a process that cannot be seen is listed as 0."""
    (tmp_path / "cgroup.procs").write_text(f"{os.getpid()}\n0\n")
    Group(1, {"memory": tmp_path}).kill()
    assert (tmp_path / "cgroup.procs").exists()


@separate
def test_a_probe_leaves_no_group() -> None:
    """A jail that never ran a target takes its group away too."""
    assert "cgroup v1 memory" in Jail(TRAIN).probe().limits["memory"]
    assert left_over() == []


HIDDEN_BOMB = "b = bytearray(b'x') * (400 << 20)\nprint(len(b) >> 20)"


@separate
def test_the_kernel_ends_what_the_watchdog_does_not_see(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the watchdog blind, the group alone holds, and the verdict is the same; without both, nothing does."""
    monkeypatch.setattr("lockgate.sandbox._memory.Memory.of", lambda _self, _found: 0)
    limits = replace(LIMITS, memory=300 * MIB)
    result = run(HIDDEN_BOMB, limits)
    assert (result.ended, result.talk) == ("memory", b"")
    assert 300 * MIB < result.peak_memory < 380 * MIB
    monkeypatch.setattr(_handshake, "make", lambda _limits: None)
    assert run(HIDDEN_BOMB, limits).talk == b"400\n"


@separate
def test_the_kernel_bounds_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork says EAGAIN at the limit, which honest code can handle, even where the resource limit is lifted."""
    real = _configuration.rlimits

    def lifted(limits: Limits, *, long_lived: bool, writable: bool) -> dict[str, tuple[int, int]]:
        found = real(limits, long_lived=long_lived, writable=writable)
        return {name: pair for name, pair in found.items() if name != "RLIMIT_NPROC"}

    monkeypatch.setattr(_configuration, "rlimits", lifted)
    code = (
        "import os, time\nn = 0\ntry:\n    while n < 200:\n        if os.fork() == 0: time.sleep(20); os._exit(0)\n"
        "        n += 1\nexcept OSError as e: print(n, e.errno)"
    )
    assert run(code, LIMITS).talk == b"38 11\n"


@separate
def test_files_in_tmpfs_are_not_the_targets_memory() -> None:
    """Two full tmpfs beside memory near its limit: an honest job is not ended by its group."""
    code = (
        "b = bytearray(b'x') * (200 << 20)\n"
        "for place in ('/tmp', '/out'):\n"
        "    for i in range(200): open(f'{place}/{i}', 'wb').write(bytes(1 << 20))\nprint('done')"
    )
    assert run(code, LIMITS).talk == b"done\n"


@separate
def test_what_a_dead_launcher_left_is_swept_at_the_next_start() -> None:
    """Its group goes, with a process that had stayed in it."""
    folder = writable()["memory"] / "lockgate-{}-999999-1-0".format(os.readlink("/proc/self/ns/pid").strip("pid:[]"))
    folder.mkdir()
    with subprocess.Popen(["sleep", "60"]) as stayed:
        (folder / "cgroup.procs").write_text(str(stayed.pid))
        reaper = threading.Thread(target=stayed.wait)
        reaper.start()
        Jail(TRAIN).probe()
        reaper.join(5)
        assert (stayed.returncode, folder.exists()) == (-signal.SIGKILL, False)


@pytest.fixture(name="unified")
def _unified() -> Iterator[Path]:
    """A group of this machine's unified hierarchy, which needs no controller to end its processes."""
    own = own_groups(Path("/proc/self/cgroup").read_text(), Path("/proc/self/mountinfo").read_text())
    if "" not in own or not os.access(own[""].folder, os.W_OK):
        pytest.skip("no unified hierarchy to write to")
    folder = Path(own[""].folder) / f"test-{os.getpid()}"
    folder.mkdir()
    yield folder
    if folder.exists():
        folder.rmdir()


def runs(pid: str) -> bool:
    """Whether it is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_unified_group_is_ended_at_once_and_removed(unified: Path) -> None:
    """The kernel's own switch, on the real hierarchy: what has left its session and ignores signals goes too."""
    code = (
        "import os, time\ninput()\nif os.fork() == 0:\n    os.setsid()\n"
        "    if os.fork() == 0: print('ready', flush=True)\ntime.sleep(10)"
    )
    python = [sys.executable, "-I", "-S", "-c", code]
    with subprocess.Popen(python, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        (unified / "cgroup.procs").write_text(str(process.pid))
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"
        members = (unified / "cgroup.procs").read_text().split()
        assert len(members) == 3
        group = Group(2, {"memory": unified})
        group.kill()
        assert process.wait(5) == -signal.SIGKILL
        group.remove()
    assert not unified.exists()
    assert [pid for pid in members if runs(pid)] == []
