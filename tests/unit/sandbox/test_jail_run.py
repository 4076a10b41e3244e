"""What a caller of the jail can rely on: streams, files, exit codes, long-lived jails, refusals."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.errors import Unavailable, Unfit
from lockgate.sandbox._bwrap.find import find_bubblewrap
from lockgate.sandbox._collect import Collector
from lockgate.sandbox.jail import frames
from lockgate.sandbox.launch import Jail, JailReport, JailResult, Target
from lockgate.sandbox.machine import machine
from lockgate.sandbox.settings import Bind, JailSettings, Limits, PythonEnv, named
from lockgate.sandbox.watchdog import Watchdog

OWN = PythonEnv.own()


def python(code: str, *arguments: str) -> Target:
    """A target that runs `code` with the environment's interpreter."""
    return Target(command=("python", "-c", code, *arguments))


@pytest.fixture(name="settings")
def _settings() -> JailSettings:
    return named("train", python=OWN)


@pytest.fixture(name="out")
def _out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_exit_code_output_and_input_pass_through(settings: JailSettings) -> None:
    """The target's own exit code; what it reads is what was given; what it says comes as it comes, and at the end."""
    heard: list[bytes] = []
    code = "import sys; print(sys.stdin.read().upper()); print('to stderr', file=sys.stderr); sys.exit(7)"
    result = Jail(settings).run(python(code), stdin=b"given" * 50_000, talk=heard.append)
    assert (result.exit_code, result.ended) == (7, "exit")
    assert result.talk == b"".join(heard) == b"GIVEN" * 50_000 + b"\nto stderr\n"
    assert not result.ok


def test_output_and_errors_can_be_kept_apart(settings: JailSettings) -> None:
    """For `lockgate jail -- COMMAND`, where both are passed through."""
    out: list[bytes] = []
    err: list[bytes] = []
    Jail(settings).run(Target(command=("sh", "-c", "echo out; echo err >&2")), talk=out.append, errors=err.append)
    assert (b"".join(out), b"".join(err)) == (b"out\n", b"err\n")


@pytest.mark.parametrize("kind", ["pipe", "file", "empty file"])
def test_a_descriptor_of_ours_is_relayed_and_never_handed_over(
    kind: str, settings: JailSettings, tmp_path: Path
) -> None:
    """The target's stdin is a pipe, whatever ours is: a file of the host cannot be opened again through it."""
    data = b"" if kind == "empty file" else b"line\n" * 40_000
    if kind == "pipe":
        ours, writing = os.pipe()
        data = data[:60_000]  # within a pipe's buffer
        os.write(writing, data)
        os.close(writing)
    else:
        (tmp_path / "in").write_bytes(data)
        ours = os.open(tmp_path / "in", os.O_RDONLY)
    code = "import os, sys; print(len(sys.stdin.buffer.read()), os.readlink('/proc/self/fd/0')[:5])"
    result = Jail(settings).run(python(code), stdin=ours)
    os.close(ours)
    assert result.talk == f"{len(data)} pipe:\n".encode()


def test_a_target_that_does_not_read_its_input_is_not_waited_for(settings: JailSettings) -> None:
    """An endless source behind a target that ends at once."""
    ours, writing = os.pipe()
    try:
        assert Jail(settings).run(Target(command=("true",)), stdin=ours).ok
    finally:
        os.close(ours)
        os.close(writing)


def test_only_plain_files_leave_the_jail(settings: JailSettings, out: Path) -> None:
    """Regular files, in folders too, arrive byte for byte; links, pipes, second names and odd names stay behind."""
    code = (
        "import os; os.chdir('/out'); os.mkdir('plots'); open('plots/roc.svg', 'w').write('<svg/>');"
        "open('model.onnx', 'wb').write(bytes(range(256)) * 4096); open('empty', 'w').close();"
        "os.symlink('/etc/passwd', 'link'); os.symlink('/in', 'folder-link'); open('one', 'w').write('x');"
        "os.link('one', 'two'); open('-rf', 'w').write('x'); open('new\\nline', 'w').write('x');"
        "open('.hidden', 'w').write('x'); os.makedirs('a/b/c/d/e/f'); open('a/b/c/d/e/f/deep', 'w').write('x');"
        "import socket; socket.socket(socket.AF_UNIX).bind('sock')"
    )
    result = Jail(settings).run(python(code), out_dir=out)
    assert result.exit_code == 0, result.talk
    assert {"plots/roc.svg", "model.onnx", "empty"} == set(result.files)
    assert result.files["model.onnx"].read_bytes() == bytes(range(256)) * 4096
    assert result.files["model.onnx"].stat().st_mode & 0o777 == 0o600
    assert {"link", "folder-link", "one", "two", "-rf", "new\nline", ".hidden", "sock"} <= set(result.skipped)
    assert sorted(path.name for path in out.rglob("*") if path.is_file()) == ["empty", "model.onnx", "roc.svg"]


def test_nothing_is_collected_where_nobody_asked(settings: JailSettings) -> None:
    """Without a directory, what the target wrote goes with the jail."""
    result = Jail(settings).run(python("open('/out/x', 'w').write('x')"))
    assert result.ok
    assert result.files == {}


def test_the_environment_is_ours_alone(settings: JailSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the launcher's environment, and the variables that the design names."""
    monkeypatch.setenv("LOCKGATE_TEST_SECRET", "x")
    names = ("LOCKGATE_DATA", "LOCKGATE_OUT", "HOME", "LOCKGATE_TEST_SECRET")
    code = f"import os; print(*map(os.environ.get, {names}))"
    assert Jail(settings).run(python(code)).talk == b"/in /out /tmp None\n"


def test_the_hash_seed_is_fixed(settings: JailSettings) -> None:
    """Two runs see the same order of sets."""
    first, second = (Jail(settings).run(python("print(hash('lockgate'))")).talk for _ in range(2))
    assert first == second


def test_a_module_of_ours_gets_its_arguments(settings: JailSettings) -> None:
    """`main(arguments)` is called; a module without one ends with Python's own traceback and exit code."""
    result = Jail(settings).run(Target("lockgate.core.digest", ("a",)))
    assert result.exit_code == 1
    assert b"has no attribute 'main'" in result.talk


def test_a_command_that_is_not_there_is_told(settings: JailSettings) -> None:
    """127, as a shell would say it."""
    result = Jail(settings).run(Target(command=("no-such-program",)))
    assert result.exit_code == 127
    assert b"cannot start no-such-program" in result.talk


def test_private_sources_can_be_shown_and_keep_their_owner(tmp_path: Path) -> None:
    """A 0600 input is readable and a writable folder takes files; on the disk both still belong to us."""
    (tmp_path / "private").write_text("x")
    (tmp_path / "private").chmod(0o600)
    (tmp_path / "spool").mkdir(mode=0o700)
    settings = named(
        "sealer",
        python=OWN,
        binds=[Bind(tmp_path / "private", "/in/private")],
        writable=[Bind(tmp_path / "spool", "/spool")],
    )
    result = Jail(settings).run(python("open('/spool/new', 'w').write(open('/in/private').read())"))
    assert result.ok, result.talk
    assert (tmp_path / "spool" / "new").read_text() == "x"
    assert (tmp_path / "spool" / "new").stat().st_uid == (tmp_path / "spool").stat().st_uid == os.geteuid()


def test_the_report_is_seen_before_the_target_starts(tmp_path: Path) -> None:
    """A caller may refuse at the last moment: nothing of the target has run."""
    (tmp_path / "spool").mkdir()
    settings = named("train", python=OWN, writable=[Bind(tmp_path / "spool", "/spool")])

    def stop(report: JailReport) -> None:
        assert report.level == 3
        assert report.as_json()["settings_digest"] == settings.digest
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Jail(settings).run(Target(command=("touch", "/spool/started")), started=stop)
    assert os.listdir(tmp_path / "spool") == []


def test_a_long_lived_jail_answers_on_what_it_was_given(settings: JailSettings) -> None:
    """Named descriptors arrive under the wanted numbers, also where those cross ours; all others are closed."""
    ours, theirs = socket.socketpair()
    second_ours, second_theirs = socket.socketpair()
    code = (
        "import os, socket; a, b = socket.socket(fileno=4), socket.socket(fileno=3);"
        "a.sendall(b'four'); b.sendall(b'three:' + ' '.join(sorted(os.listdir('/proc/self/fd'))).encode()); a.recv(1)"
    )
    running = Jail(settings).start(python(code), descriptors={4: theirs.fileno(), 3: second_theirs.fileno()})
    theirs.close()
    second_theirs.close()
    assert (ours.recv(10), second_ours.recv(100)) == (b"four", b"three:0 1 2 3 4 5")
    assert running.poll() is None
    assert running.report.level == 3
    assert os.path.exists(f"/proc/{running.pid}")
    ours.sendall(b".")
    assert running.wait(10) == 0
    assert (running.poll(), running.ended) == (0, "exit")
    for end in (ours, second_ours):
        end.close()


def test_a_long_lived_jail_ends_when_asked_and_when_told() -> None:
    """SIGTERM reaches the target; kill takes everything at once."""
    reading, writing = os.pipe()
    code = (
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(9)); print('ready', flush=1); time.sleep(60)"
    )
    first = Jail(named("edge", python=OWN)).start(python(code), descriptors={1: writing})
    os.read(reading, 10)
    first.terminate()
    assert first.wait(10) == 9
    second = Jail(named("edge", python=OWN)).start(python(code), descriptors={1: writing})
    with pytest.raises(TimeoutError):
        second.wait(0.05)
    second.kill()
    assert second.wait(10) == 137
    assert not os.path.exists(f"/proc/{second.pid}")
    os.close(reading)
    os.close(writing)


def test_a_jail_outlives_the_thread_and_the_object_that_started_it() -> None:
    """It ends with the process or when told, not because a reference or a thread has gone."""
    ours, theirs = socket.socketpair()
    code = "import socket; s = socket.socket(fileno=3); s.sendall(s.recv(10))"
    starter = threading.Thread(
        target=lambda: Jail(named("worker", python=OWN)).start(python(code), descriptors={3: theirs.fileno()})
    )
    starter.start()
    starter.join()
    theirs.close()
    ours.sendall(b"still here")
    assert ours.recv(10) == b"still here"
    ours.close()


def test_output_that_cannot_be_stored_is_unavailable_and_not_half_there(settings: JailSettings, out: Path) -> None:
    """LG908, exit 4; nothing is overwritten."""
    (out / "model.onnx").write_text("earlier")
    with pytest.raises(Unavailable) as refused:
        Jail(settings).run(python("open('/out/model.onnx', 'w').write('later')"), out_dir=out)
    assert refused.value.finding == "LG908"
    assert (out / "model.onnx").read_text() == "earlier"


def packed(*fields: bytes) -> bytes:
    """A payload of fields."""
    return frames.pack(list(fields))


@pytest.mark.parametrize(
    "name", [b"../up", b"/etc/x", b"a/../../b", b".ssh", b"a//b", b"-x", b"x" * 200, b"a/b/c/d/e/f/g", b"\xff", b"a\n"]
)
def test_names_are_allowed_by_form(name: bytes, out: Path) -> None:
    """The launcher trusts no name that the stream brings, whoever wrote it."""
    collector = Collector(out, 1000)
    assert collector.take(b"F", packed(name, b"1"))
    assert collector.take(b"D", b"x")
    assert collector.take(b"E", b"")
    assert (collector.files, len(collector.skipped), os.listdir(out)) == ({}, 1, [])


@pytest.mark.parametrize(
    "sent",
    [
        [(b"F", packed(b"a", b"1")), (b"D", b"xy")],
        [(b"F", packed(b"a", b"2")), (b"F", packed(b"b", b"1"))],
        [(b"D", b"x")],
        [(b"P", b"")],
        [(b"F", packed(b"a"))],
        [(b"F", packed(b"a", b"many"))],
        [(b"X", packed(b"0"))],
    ],
)
def test_a_stream_out_of_order_is_refused(sent: list[tuple[bytes, bytes]], out: Path) -> None:
    """What the harness never sends ends the jail."""
    collector = Collector(out, 1000)
    *first, (kind, payload) = sent
    for earlier in first:
        collector.take(*earlier)
    with pytest.raises(ValueError, match=r".*"):
        collector.take(kind, payload)
    collector.close()


def test_more_than_allowed_is_not_taken(out: Path) -> None:
    """The sum counts, and the size that is announced, not the bytes that have come."""
    collector = Collector(out, 10)
    assert collector.take(b"F", packed(b"a", b"6"))
    collector.take(b"D", b"123456")
    assert not collector.take(b"F", packed(b"b", b"5"))
    assert not Collector(out, 10).take(b"F", packed(b"c", b"-5"))


def test_this_machine_is_fit() -> None:
    """What doctor shows: level 3 with every probe, or why not and what mends it."""
    found = machine()
    assert found.level == 3, (found.why, found.mend)
    assert found.report is not None
    assert found.holding == len(found.report.probes)


def test_without_bubblewrap_the_machine_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """LG901 and a way out; never a jail without it."""

    def absent() -> None:
        raise Unfit("LG901", "no bubblewrap", next="install it")

    monkeypatch.setattr("lockgate.sandbox.machine.find_bubblewrap", absent)
    assert (machine().level, machine().mend) == (0, "install it")


def test_a_machine_without_user_namespaces_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bubblewrap's own words lead to LG901, and to no target at all."""
    found = replace(find_bubblewrap(), path=Path("/bin/sh"), tree=Path("/bin"))
    monkeypatch.setattr("lockgate.sandbox._bwrap.launcher.find_bubblewrap", lambda: found)
    monkeypatch.setattr("lockgate.sandbox._bwrap.launcher.bubblewrap_arguments", lambda *_a, **_k: ())
    with pytest.raises(Unfit) as refused:
        Jail(named("train", python=OWN)).probe()
    assert refused.value.finding == "LG907"


ORDINARY = """
import sys
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.settings import Limits, PythonEnv, named
settings = named("train", python=PythonEnv.own(), limits=Limits(memory=256 << 20))
result = Jail(settings).run(Target(command=("sh", "-c", "echo from inside; exit 5")))
assert result.report.level == 3, result.report.open
bomb = "import os; [os.fork() for _ in range(3)]; b = b'x' * (64 << 20); import time; time.sleep(20)"
bombed = Jail(settings).run(Target(command=(sys.executable, "-c", bomb)))
print(result.talk, result.exit_code, bombed.ended)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests already run as an ordinary user")
def test_an_ordinary_user_gets_the_same_jail(tmp_path: Path) -> None:
    """Level 3 with every probe, and the watchdog sees into the jail, without root anywhere."""
    system = "/usr/bin/python3"
    if not os.path.exists(system) or subprocess.check_output([system, "-V"], text=True).split()[1] < "3.11":
        pytest.skip("no system interpreter of 3.11 or newer")
    sources = [Path(sys.modules["lockgate"].__file__ or "").parents[1], find_bubblewrap().tree]
    if not all(os.stat(folder).st_mode & 0o005 for path in sources for folder in (path, *path.parents)):
        pytest.skip("the sources are in a private folder")
    run = subprocess.run(
        [system, "-c", f"import sys; sys.path[:0] = {[str(path) for path in sources]}\n{ORDINARY}"],
        env={"PATH": "/usr/bin"},
        cwd="/",
        user=65532,
        group=65532,
        extra_groups=(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == "b'from inside\\n' 5 memory\n", run.stderr


def test_a_jail_that_cannot_be_watched_is_ended_and_told(
    settings: JailSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong in the watcher: the target ends, and nobody waits for ever or takes it for success."""

    def broken(_watchdog: Watchdog) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(Watchdog, "look", broken)
    with pytest.raises(Unfit, match="broken") as refused:
        Jail(settings).run(Target(command=("sleep", "60")))
    assert refused.value.finding == "LG907"


FORWARDS = """
import os, signal
from lockgate.sandbox.jail import harness
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
harness._wakers(child)
os.kill(os.getpid(), signal.SIGUSR1)
print("goes on")
"""


def test_a_signal_for_a_target_that_has_ended_ends_nothing() -> None:
    """A sibling that sends signals to the first process in a storm does not change how the run ended."""
    run = subprocess.run([sys.executable, "-c", FORWARDS], capture_output=True, text=True, check=False)
    assert run.stdout == "goes on\n", run.stderr


def test_results_say_why_they_ended(settings: JailSettings) -> None:
    """A signal is told apart from an exit, and from a limit."""

    def ended(code: str, **limits: int) -> JailResult:
        return Jail(replace(settings, limits=Limits(**limits))).run(python(code))

    crashed = ended("import os; os.kill(os.getpid(), 11)")
    assert (crashed.exit_code, crashed.ended) == (139, "signal")
    spun = ended("while True: pass", cpu_seconds=1)
    assert spun.ended == "time"
    slept = ended("import time; time.sleep(60)", wall_seconds=1)
    assert (slept.exit_code, slept.ended) == (137, "time")
