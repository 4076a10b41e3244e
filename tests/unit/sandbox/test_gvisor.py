"""gVisor's launcher, with the machine's real runsc: what holds, what each flag does, what ends it."""

from __future__ import annotations

import ctypes
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
from lockgate.sandbox import _bundle
from lockgate.sandbox import _oci as oci
from lockgate.sandbox._gvisor import find
from lockgate.sandbox._gvisor import launcher as gvisor
from lockgate.sandbox._gvisor.arguments import runsc_arguments
from lockgate.sandbox.jail import sentry
from lockgate.sandbox.launch import Jail, JailReport, Target
from lockgate.sandbox.settings import Bind, JailSettings, Limits, PythonEnv, named
from tests.support import launchers

pytestmark = pytest.mark.skipif(shutil.which("runsc") is None, reason="no runsc here: apt-get install runsc")

Configuration = dict[str, Any]


def jail(settings: JailSettings) -> Jail:
    """A jail of gVisor's."""
    return Jail(settings, launcher=gvisor.GvisorLauncher())


def python(code: str) -> Target:
    """A target that runs `code`."""
    return Target(command=("python", "-c", code))


@pytest.fixture(name="settings", scope="module")
def _settings(tmp_path_factory: pytest.TempPathFactory) -> JailSettings:
    """With one input in a private folder, and one place to write, so that every kind of mount is there."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "rows.csv").write_text("a,b\n")
    (folder / "rows.csv").chmod(0o600)
    (folder / "spool").mkdir()
    binds, writable = [Bind(folder / "rows.csv", "/in/rows.csv")], [Bind(folder / "spool", "/spool")]
    return named("train", python=PythonEnv.own(), binds=binds, writable=writable)


@pytest.fixture(name="honest", scope="module")
def _honest(settings: JailSettings, tmp_path_factory: pytest.TempPathFactory) -> launchers.Honest:
    return launchers.honest_run(jail(settings), tmp_path_factory.mktemp("host"))


def test_an_honest_run_gets_what_it_needs(honest: launchers.Honest) -> None:
    """Exit code, input, output, errors apart, a private input that can be read, plain files of /out and no others."""
    assert (honest.result.exit_code, honest.result.ended) == (7, "exit")
    assert (honest.said, honest.errors) == ("a,b\n", "to the errors\n")
    assert honest.files == {"model.bin": bytes(range(256)) * 5000}
    assert set(honest.result.skipped) == {"link"}


def test_the_report_says_who_made_the_jail_and_every_witness_holds(honest: launchers.Honest) -> None:
    """Level 3 by gVisor's kernel, as an ordinary user; each limit names what holds it."""
    report = honest.result.report
    assert (report.open, report.level) == ((), 3)
    assert report.launcher.startswith("gVisor 20")
    by_name = {probe.name: probe.witness for probe in report.probes}
    assert by_name["gVisor kernel"].endswith("Starting gVisor...")
    assert not by_name["kernel user"].startswith("uid 0 ")
    assert set(report.limits) >= {"memory", "tasks", "files", "inodes", "tmp_bytes", "wall_seconds", "talk_bytes"}


@pytest.mark.parametrize("name", launchers.ATTEMPTS)
def test_what_the_target_should_not_get_it_does_not_get(name: str, honest: launchers.Honest) -> None:
    """The canaries lie in files, in our environment, behind a port and a socket of this host."""
    assert honest.found[name] == "stopped"


def _process(**changed: Any) -> Callable[[Configuration], None]:
    return lambda made: made["process"].update(changed)


def _mount(target: str, edit: Callable[[list[str]], list[str]]) -> Callable[[Configuration], None]:
    def change(made: Configuration) -> None:
        entry = next(entry for entry in made["mounts"] if entry["destination"] == target)
        entry["options"] = edit(entry["options"])

    return change


def _without_mount(target: str) -> Callable[[Configuration], None]:
    return lambda made: made.update(mounts=[entry for entry in made["mounts"] if entry["destination"] != target])


def _more(made: Configuration) -> None:
    made["mounts"].append({"destination": "/in", "type": "tmpfs", "source": "tmpfs", "options": []})


def _looser(options: list[str]) -> list[str]:
    return ["rw" if option == "ro" else option for option in options]


DROPPED: dict[str, tuple[Callable[[Configuration], None], str]] = {
    "capabilities": (_process(capabilities={"bounding": ["CAP_CHOWN"], "permitted": []}), "gVisor capabilities"),
    "user": (_process(user={"uid": 1, "gid": 0}), "user"),
    "group": (_process(user={"uid": 0, "gid": 1}), "group"),
    "other groups": (_process(user={"uid": 0, "gid": 0, "additionalGids": [5]}), "other groups"),
    "cwd": (_process(cwd="/"), "working directory"),
    "rlimits": (_process(rlimits=[]), "limit RLIMIT_NPROC"),
    "hostname": (lambda made: made.update(hostname="other"), "host name"),
    "read-only root": (lambda made: made["root"].update(readonly=False), "mount /"),
    "a read-only bind": (_mount("/in/rows.csv", _looser), "mount /in/rows.csv"),
    "a writable bind": (_mount("/spool", lambda options: ["rbind", "ro"]), "mount /spool"),
    "read-only /proc": (_mount("/proc", _looser), "mount /proc"),
    "a size": (_mount("/out", lambda options: [word for word in options if "size" not in word]), "mount /out"),
    "a mode": (_mount("/tmp", lambda options: [word for word in options if "mode" not in word]), "mount /tmp"),
    "a mount": (_without_mount("/env"), "mount /env"),
    "no other mounts": (_more, "other mounts"),
}


def probed(settings: JailSettings) -> JailReport:
    """The report of such a jail."""
    return jail(settings).probe()


def is_open(report: JailReport, witness: str) -> bool:
    """Whether that witness is open, and with it the whole jail: `run` requires every one."""
    return witness in {probe.name for probe in report.open} and report.level == 0


@pytest.mark.parametrize("dropped", DROPPED)
def test_dropping_a_protection_opens_its_own_witness(
    dropped: str, settings: JailSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not asked for is still expected: the witness of that very line says open."""
    edit, witness = DROPPED[dropped]
    original = oci.configuration

    def changed(*args: Any, **kwargs: Any) -> Configuration:
        made = original(*args, **kwargs)
        edit(made)
        return made

    monkeypatch.setattr(oci, "configuration", changed)
    assert is_open(probed(settings), witness)


def test_a_jail_with_an_open_witness_does_not_run(settings: JailSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the host's network the interfaces tell; the target is never started.

    The namespace and the option stand for each other: either alone leaves nothing but `lo`.
    """
    words, original = launchers.instead(("--network=none",), ("--network=host",)), oci.configuration

    def shared(*args: Any, **kwargs: Any) -> Configuration:
        made = original(*args, **kwargs)
        made["linux"]["namespaces"] = [entry for entry in made["linux"]["namespaces"] if entry["type"] != "network"]
        return made

    monkeypatch.setattr(oci, "configuration", shared)
    monkeypatch.setattr(gvisor, "runsc_arguments", lambda *args: words(runsc_arguments(*args)))
    with pytest.raises(Unfit) as refused:
        jail(settings).run(Target(command=("touch", "/spool/started")))
    assert refused.value.finding == "LG906"
    assert "interfaces" in refused.value.seen["open"]  # type: ignore[operator]
    assert os.listdir(settings.writable[0].source) == []


def test_a_variable_more_and_no_filter_are_seen(settings: JailSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two more drops in one start, each with witnesses that the other does not touch."""
    original, rows = oci.configuration, gvisor.GvisorJail.rows

    def leaky(*args: Any, **kwargs: Any) -> Configuration:
        made = original(*args, **kwargs)
        made["process"]["env"].append(f"AWS_SECRET_ACCESS_KEY={launchers.CANARY}")
        return made

    monkeypatch.setattr(oci, "configuration", leaky)
    monkeypatch.setattr(gvisor.GvisorJail, "rows", lambda self: [row for row in rows(self) if row[0] != b"seccomp"])
    report = probed(settings)
    answers = {probe.name for probe in report.probes if probe.name.startswith("call ")}
    assert len(answers) >= 7
    assert {"environment", "system call filter", *answers} == {probe.name for probe in report.open}
    assert not any(launchers.CANARY in probe.witness for probe in report.probes)


def test_linux_is_not_taken_for_gvisor() -> None:
    """The kernel under this test is Linux, whoever may read its log."""
    holds, witness = sentry.kernel(ctypes.CDLL(None, use_errno=True))
    assert not holds
    assert "gVisor" not in witness


@pytest.mark.parametrize(
    ("code", "ended"),
    [
        ("held = [b'x' * (64 << 20) for _ in range(48)]", "memory"),
        ("open('/tmp/x', 'wb').write(b'x' * (300 << 20))", "memory"),
        ("import os, time\nwhile os.fork(): pass\ntime.sleep(60)", "tasks"),
    ],
    ids=["memory", "memory of a file in the sandbox", "processes"],
)
def test_a_bomb_is_stopped_from_outside(code: str, ended: str) -> None:
    """What gVisor does not bound itself: its memory and tasks are those of processes on the host."""
    limits = Limits(memory=384 << 20, tasks=48, wall_seconds=60, tmp_bytes=1 << 30, output_bytes=1 << 30)
    result = jail(named("judge", python=PythonEnv.own(), limits=limits)).run(python(code))
    assert result.ended == ended
    assert result.peak_memory < 1.25 * (384 << 20)


def test_the_clock_ends_it_and_a_stopped_first_process_does_not_help() -> None:
    """In gVisor the target may stop pid 1; what ends the jail asks nobody inside."""
    code = "import os, signal, time\nos.kill(1, signal.SIGSTOP)\ntime.sleep(60)"
    started = time.monotonic()
    result = jail(named("train", python=PythonEnv.own(), limits=Limits(wall_seconds=1))).run(python(code))
    assert result.ended == "time"
    assert time.monotonic() - started < 15


def test_stop_ends_everything_at_once(settings: JailSettings) -> None:
    """From another thread, with a daemon inside that ignores signals."""
    stopped = jail(settings)
    code = "import os, time\nif os.fork() == 0: os.setsid()\nprint('up', flush=True)\ntime.sleep(60)"
    started = time.monotonic()
    result = stopped.run(python(code), talk=lambda _: threading.Thread(target=stopped.stop).start())
    assert (result.ended, result.exit_code) == ("signal", 137)
    assert time.monotonic() - started < 15


def test_nothing_is_left_when_the_launcher_is_killed() -> None:
    """SIGKILL to the launcher, pid 1 stopped by the target: the kernel ends runsc, its sandbox and all in it."""
    code = (
        "import os, signal, time\nprint('up', flush=True)\ntime.sleep(0.3)\nos.kill(1, signal.SIGSTOP)\ntime.sleep(60)"
    )
    processes = launchers.kill_launcher("lockgate.sandbox._gvisor.launcher", "GvisorLauncher", code)
    try:
        assert launchers.gone(processes)
    finally:
        processes.close()


def test_an_ordinary_user_gets_the_same() -> None:
    """Without root there is nothing to give up; the folder of the bundle is gone afterwards."""
    program = (
        "import glob, json, os\n"
        "from lockgate.sandbox.launch import Jail, Target\n"
        "from lockgate.sandbox._gvisor.launcher import GvisorLauncher\n"
        "from lockgate.sandbox.settings import PythonEnv, named\n"
        "result = Jail(named('train', python=PythonEnv.own()), launcher=GvisorLauncher()).run("
        "Target(command=('python3', '-c', 'print(6 * 7)')))\n"
        "left = [n for top in ('/tmp', '/var/tmp') for n in glob.glob(f'{top}/lockgate-*-{os.getpid()}-*')]\n"
        "print(json.dumps([result.exit_code, result.talk.decode(), result.report.level, left]))\n"
    )
    assert json.loads(launchers.as_user(program)) == [0, "42\n", 3, []]


def test_without_runsc_it_says_what_to_install(settings: JailSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never another launcher in its place."""
    monkeypatch.setattr(find, "_PATH", "/nowhere")
    monkeypatch.setattr(gvisor, "find_runsc", find.find_runsc.__wrapped__)
    with pytest.raises(Unfit) as refused:
        jail(settings).run(Target(command=("true",)))
    assert (refused.value.finding, refused.value.next) == ("LG915", "apt-get install runsc")


def test_a_runsc_that_does_not_tell_its_version_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """How it intercepts calls, and which options it has, go by its age."""
    monkeypatch.setattr(find, "_ask_version", lambda _path: "runsc version dev\n")
    with pytest.raises(Unfit) as refused:
        find.find_runsc.__wrapped__()
    assert refused.value.finding == "LG915"


def test_what_a_killed_launcher_of_a_user_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of launchers that are gone; never one of a launcher that lives, or lives in another pid namespace."""
    monkeypatch.setattr("lockgate.sandbox._bundle.tempfile.gettempdir", lambda: str(tmp_path))
    here = f"lockgate-{os.stat('/proc/self/ns/pid').st_ino}"
    for name in (f"{here}-999999999-x", f"{here}-{os.getpid()}-x", f"{here}-x-y", "lockgate-1-999999999-x"):
        (tmp_path / name).mkdir()
    made = _bundle.scratch()
    if made.parent != tmp_path:
        pytest.skip("the folder of temporary files is mounted with nosuid or nodev here")
    kept = {path.name for path in tmp_path.iterdir()} - {made.name}
    assert kept == {f"{here}-{os.getpid()}-x", f"{here}-x-y", "lockgate-1-999999999-x"}
    assert made.stat().st_mode & 0o777 == 0o700
