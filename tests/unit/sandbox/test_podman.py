"""Rootless podman's launcher, with the machine's real podman: what holds, what each flag does, what ends it."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockgate.errors import Unfit
from lockgate.sandbox import _bundle, _configuration
from lockgate.sandbox._podman import arguments, find
from lockgate.sandbox._podman import launcher as podman
from lockgate.sandbox.launch import Jail, JailReport, Target
from lockgate.sandbox.settings import Bind, JailSettings, Limits, PythonEnv, named
from tests.support import launchers

pytestmark = pytest.mark.skipif(
    shutil.which("podman") is None or shutil.which("runc") is None,
    reason="no podman with runc here: apt-get install podman runc",
)

Words = tuple[str, ...]


def jail(settings: JailSettings) -> Jail:
    """A jail of podman's."""
    return Jail(settings, launcher=podman.PodmanLauncher())


def python(code: str) -> Target:
    """A target that runs `code`."""
    return Target(command=("python", "-c", code))


@pytest.fixture(name="settings", scope="module")
def _settings(tmp_path_factory: pytest.TempPathFactory) -> JailSettings:
    """With one input whose path would mean something to podman, and one place to write."""
    folder = tmp_path_factory.mktemp("a,ro=false")
    (folder / "rows.csv").write_text("a,b\n")
    (folder / "rows.csv").chmod(0o600)
    (folder / "spool").mkdir()
    binds, writable = [Bind(folder / "rows.csv", "/in/rows.csv")], [Bind(folder / "spool", "/spool")]
    return named("train", python=PythonEnv.own(), binds=binds, writable=writable)


@pytest.fixture(name="honest", scope="module")
def _honest(settings: JailSettings, tmp_path_factory: pytest.TempPathFactory) -> launchers.Honest:
    return launchers.honest_run(jail(settings), tmp_path_factory.mktemp("host"))


def test_an_honest_run_gets_what_it_needs(honest: launchers.Honest) -> None:
    """Exit code, input, output, errors apart, a private input, plain files of /out; and every witness holds."""
    result = honest.result
    assert (result.exit_code, result.ended) == (7, "exit")
    assert (honest.said, honest.errors) == ("a,b\n", "to the errors\n")
    assert honest.files == {"model.bin": bytes(range(256)) * 5000}
    assert set(result.skipped) == {"link"}
    assert (result.report.open, result.report.level) == ((), 3)
    assert result.report.launcher.startswith("podman ")
    user = next(probe.witness for probe in result.report.probes if probe.name == "kernel user")
    assert not user.startswith("uid 0 ")


@pytest.mark.parametrize("name", launchers.ATTEMPTS)
def test_what_the_target_should_not_get_it_does_not_get(name: str, honest: launchers.Honest) -> None:
    """The canaries lie in files, in our environment, behind a port and a socket of this host."""
    assert honest.found[name] == "stopped"


def _option(name: str, old: str, new: str) -> Callable[[Words], Words]:
    return launchers.instead((name, old), (name, new))


def _no_hostname(words: Words) -> Words:
    return launchers.instead(("--hostname", "lockgate"), ())(words)


def _words(edit: Callable[[str], str], containing: str) -> Callable[[Words], Words]:
    def change(words: Words) -> Words:
        assert any(containing in word for word in words)
        return tuple(edit(word) if containing in word else word for word in words)

    return change


def _no_mount(target: str) -> Callable[[Words], Words]:
    def change(words: Words) -> Words:
        at = next(i for i, word in enumerate(words) if f'"dst={target}"' in word)
        return (*words[: at - 1], *words[at + 1 :])

    return change


COVER = ":ro,size=4k,nosuid,nodev,noexec,notmpcopyup"
DROPPED: dict[str, tuple[Callable[[Words], Words], str]] = {
    "--network": (_option("--network", "none", "host"), "namespace net"),
    "--network, seen in the interfaces": (_option("--network", "none", "host"), "interfaces"),
    "--ipc": (_option("--ipc", "none", "host"), "namespace ipc"),
    "--uts": (lambda words: _option("--uts", "private", "host")(_no_hostname(words)), "namespace uts"),
    "--pid": (_option("--pid", "private", "host"), "first process"),
    "--cgroupns": (_option("--cgroupns", "private", "host"), "namespace cgroup"),
    "--hostname": (_no_hostname, "host name"),
    "--read-only": (launchers.instead(("--read-only",), ()), "mount /"),
    "--workdir": (_option("--workdir", "/tmp", "/"), "working directory"),
    "mask of /sys": (launchers.instead(("--security-opt", "mask=/sys"), ()), "mount /sys"),
    "cover of the control groups": (
        launchers.instead(("--tmpfs", f"/sys/fs/cgroup{COVER}"), ()),
        "mount /sys/fs/cgroup",
    ),
    "size of /out": (_words(lambda word: word.replace("size=262144k,", ""), "/out:"), "mount /out"),
    "mode of /tmp": (_words(lambda word: word.replace("mode=700,", "mode=755,"), "/tmp:"), "mount /tmp"),
    "a read-only bind": (_words(lambda word: word.replace('"ro"', '"rw"'), '"dst=/in/rows.csv"'), "mount /in/rows.csv"),
    "a writable bind": (_words(lambda word: word.replace('"rw"', '"ro"'), '"dst=/spool"'), "mount /spool"),
    "a mount": (_no_mount("/env"), "mount /env"),
    "no other mounts": (lambda words: ("run", "--tmpfs", "/mnt:notmpcopyup", *words[1:]), "other mounts"),
}


def probed(settings: JailSettings) -> JailReport:
    """The report of such a jail."""
    return jail(settings).probe()


def opened(report: JailReport) -> set[str]:
    """The names of the probes that do not hold; then the jail has no level."""
    assert bool(report.open) == (report.level == 0)
    return {probe.name for probe in report.open}


@pytest.mark.parametrize("dropped", DROPPED)
def test_dropping_a_flag_opens_its_own_witness(
    dropped: str, settings: JailSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not asked for is still expected: the witness of that very flag says open."""
    edit, witness = DROPPED[dropped]
    original = arguments.run_arguments
    monkeypatch.setattr(arguments, "run_arguments", lambda *args: edit(original(*args)))
    assert witness in opened(probed(settings))


@pytest.mark.parametrize(
    ("name", "old", "new", "witness"),
    [
        ("_SHELL", "echo 0 >/proc/sys/user/max_user_namespaces && ", "", "nested user namespaces"),
        ("_FIRST", "os.close(3)\n", "", "descriptors"),
    ],
)
def test_what_surrounds_podman_has_witnesses_too(
    name: str, old: str, new: str, witness: str, settings: JailSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No further user namespace, and no descriptor but the three."""
    assert old in getattr(arguments, name)
    monkeypatch.setattr(arguments, name, getattr(arguments, name).replace(old, new))
    assert {witness} == opened(probed(settings))


@pytest.mark.parametrize(
    ("row", "witness"),
    [
        (b"seccomp", "system call filter"),
        (b"hide mounts", "table of mounts"),
        (b"give up capabilities", "capabilities"),
        (b"rlimit RLIMIT_NPROC", "limit RLIMIT_NPROC"),
    ],
)
def test_what_the_harness_is_not_told_to_set_is_missed(
    row: bytes, witness: str, settings: JailSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in bubblewrap's jail."""
    original = _configuration.protections

    def fewer(*args: Any, **kwargs: Any) -> list[tuple[bytes, ...]]:
        rows = original(*args, **kwargs)
        kept = [found for found in rows if row not in (found[0], b" ".join(found[:2]))]
        assert len(kept) == len(rows) - 1
        return kept

    monkeypatch.setattr(_configuration, "protections", fewer)
    assert witness in opened(probed(settings))


def test_a_variable_more_is_seen_and_the_target_is_not_started(
    settings: JailSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first process's environment is the view's, not podman's and not ours; `run` refuses."""
    original = arguments.command

    def leaky(*args: Any) -> Words:
        words = original(*args)
        return (*words[:2], f"AWS_SECRET_ACCESS_KEY={launchers.CANARY}", *words[2:])

    monkeypatch.setattr(arguments, "command", leaky)
    with pytest.raises(Unfit) as refused:
        jail(settings).run(Target(command=("touch", "/spool/started")))
    assert refused.value.finding == "LG906"
    assert set(refused.value.seen["open"]) == {"environment"}  # type: ignore[call-overload]
    assert os.listdir(settings.writable[0].source) == []


@pytest.mark.parametrize(
    ("code", "ended"),
    [
        (
            "import mmap\nheld = [mmap.mmap(-1, 64 << 20) for _ in range(40)]\nfor m in held: m.write(b'x' * len(m))",
            "memory",
        ),
        ("for i in range(20000): open(f'/out/{i}', 'w').close()", "inodes"),
    ],
    ids=["memory that is shared", "files"],
)
def test_a_bomb_is_stopped_from_outside(code: str, ended: str) -> None:
    """What neither a resource limit nor the size of a file system counts."""
    limits = Limits(memory=384 << 20, inodes=2000, wall_seconds=60)
    result = jail(named("judge", python=PythonEnv.own(), limits=limits)).run(python(code))
    assert result.ended == ended


def test_stop_ends_everything_at_once(settings: JailSettings) -> None:
    """From another thread, with a daemon inside."""
    stopped = jail(settings)
    code = "import os, time\nif os.fork() == 0: os.setsid()\nprint('up', flush=True)\ntime.sleep(60)"
    started = time.monotonic()
    result = stopped.run(python(code), talk=lambda _: threading.Thread(target=stopped.stop).start())
    assert (result.ended, result.exit_code) == ("signal", 137)
    assert time.monotonic() - started < 15


def test_nothing_is_left_when_the_launcher_is_killed() -> None:
    """SIGKILL to the launcher: podman, its own watcher and the container end with their namespace."""
    code = (
        "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\n"
        "if os.fork() == 0: os.setsid()\ntime.sleep(60)"
    )
    processes = launchers.kill_launcher("lockgate.sandbox._podman.launcher", "PodmanLauncher", code)
    try:
        assert launchers.gone(processes)
    finally:
        processes.close()


def test_an_ordinary_user_gets_the_same() -> None:
    """Without an entry in /etc/subuid; nothing is left in folders of temporary files or in shared memory."""
    program = (
        "import glob, json, os\n"
        "from lockgate.sandbox.launch import Jail, Target\n"
        "from lockgate.sandbox._podman.launcher import PodmanLauncher\n"
        "from lockgate.sandbox.settings import PythonEnv, named\n"
        "before = set(os.listdir('/dev/shm'))\n"
        "result = Jail(named('train', python=PythonEnv.own()), launcher=PodmanLauncher()).run("
        "Target(command=('python3', '-c', 'print(6 * 7)')))\n"
        "left = [n for top in ('/tmp', '/var/tmp') for n in glob.glob(f'{top}/lockgate-*-{os.getpid()}-*')]\n"
        "left += [name for name in set(os.listdir('/dev/shm')) - before if name.startswith('libpod')]\n"
        "left += glob.glob('/tmp/podman-run-65532') + glob.glob('/tmp/containers-user-65532')\n"
        "print(json.dumps([result.exit_code, result.talk.decode(), result.report.level, left]))\n"
    )
    assert json.loads(launchers.as_user(program)) == [0, "42\n", 3, []]


def test_without_podman_it_says_what_to_install(settings: JailSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never another launcher in its place."""
    monkeypatch.setattr(find, "_PATH", "/nowhere")
    monkeypatch.setattr(podman, "find_podman", find.find_podman.__wrapped__)
    with pytest.raises(Unfit) as refused:
        jail(settings).run(Target(command=("true",)))
    assert refused.value.finding == "LG916"
    assert refused.value.next == "apt-get install conmon podman runc util-linux"


@pytest.mark.parametrize("said", ["podman version 4.0.9\n", "podman version 3.4.4\n", "something else\n", ""])
def test_a_podman_that_is_too_old_is_not_used(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lacks options that this launcher needs, or is no podman."""
    monkeypatch.setattr(find, "_ask_version", lambda _path: said)
    with pytest.raises(Unfit) as refused:
        find.find_podman.__wrapped__()
    assert refused.value.finding == "LG916"


def test_podmans_folder_is_short_enough_for_podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It refuses a path of more than 50 characters; a long place for temporary files is passed over."""
    monkeypatch.setattr("lockgate.sandbox._bundle.tempfile.gettempdir", lambda: str(tmp_path))
    made = _bundle.scratch(podman._LONGEST)
    try:
        assert len(f"{made}/c") <= 50
        assert made.parent != tmp_path
    finally:
        made.rmdir()
