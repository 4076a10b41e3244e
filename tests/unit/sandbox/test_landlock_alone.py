"""Level 2: a jail without namespaces. Each protection has its witness; limits hold; nothing outlives a run."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockgate.errors import Unfit
from lockgate.sandbox import _configuration, seccomp
from lockgate.sandbox._landlock import abi, rules
from lockgate.sandbox._landlock.launcher import LandlockJail
from lockgate.sandbox.launch import JailReport, Target
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named
from tests.support.landlock import TRAIN, jail, run

ROOT = os.geteuid() == 0
MIB = 1 << 20
Row = tuple[bytes, ...]

pytestmark = pytest.mark.skipif(abi.kernel_abi() < abi.LEAST_ALONE, reason="this kernel's Landlock is older")


def names_of_open(report: JailReport) -> set[str]:
    """The names of the probes that do not hold."""
    return {probe.name for probe in report.open}


def test_every_witness_holds_and_the_report_names_what_is_missing() -> None:
    """The positive control: level 2 and not 3, by Landlock, with what it lacks."""
    report = jail().probe()
    assert set() == names_of_open(report)
    assert (report.level, report.launcher) == (2, f"landlock ABI {abi.kernel_abi()}")
    assert report.limits["lacks"].startswith("namespaces of its own")
    with pytest.raises(Unfit, match=r"level 3 is asked for: landlock ABI \d+ gives no more"):
        report.require(3)
    assert jail().run(Target(command=("true",))).ok


def _drop(monkeypatch: pytest.MonkeyPatch, unwanted: Callable[[Row], bool]) -> None:
    original = LandlockJail.protections

    def fewer(self: LandlockJail) -> list[Row]:
        rows = original(self)
        kept = [row for row in rows if not unwanted(row)]
        assert len(kept) < len(rows)
        return kept

    monkeypatch.setattr(LandlockJail, "protections", fewer)


@pytest.mark.parametrize(
    ("dropped", "witness"),
    [
        ((b"seccomp",), "system call filter"),
        ((b"landlock",), "landlock canary"),
        ((b"prctl", b"36"), "adopts orphans"),
        ((b"prctl", b"1"), "goes on without launcher"),
        *(((b"rlimit", name.encode()), f"limit {name}") for name in ("RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CPU")),
    ],
)
def test_a_dropped_protection_opens_its_own_witness(
    dropped: Row, witness: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the target is never started."""
    if dropped[0] == b"rlimit":
        now = resource.getrlimit(getattr(resource, dropped[1].decode()))
        if now in _configuration.rlimits(Limits(), long_lived=False, writable=False).values():
            pytest.skip("this process is as limited itself")
    _drop(monkeypatch, lambda row: row[: len(dropped)] == dropped)
    report = jail().probe()
    assert witness in names_of_open(report)
    assert report.level == 0
    with pytest.raises(Unfit):
        jail().run(Target(command=("true",)))


@pytest.mark.skipif(ROOT, reason="a launcher that is root sets it itself, before anything starts")
def test_new_privileges_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary user's harness sets it; without it, no filter could be loaded either."""
    _drop(monkeypatch, lambda row: row[:2] == (b"prctl", b"38"))
    assert "new privileges" in names_of_open(jail().probe())


def test_the_filter_of_level_three_is_not_enough_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What namespaces do elsewhere is missed: unix sockets, metadata by path, priorities of others."""
    original = seccomp.program
    monkeypatch.setattr(seccomp, "program", lambda machine, **given: original(machine, **{**given, "alone": None}))
    assert {"call socket AF_UNIX", "call fchmodat", "call setpriority", "call prctl PR_SET_DUMPABLE"} <= names_of_open(
        jail().probe()
    )


@pytest.mark.parametrize(
    ("path", "witness"),
    [("/", "landlock paths"), ("/proc", "landlock processes"), ("{base}/outside", "landlock canary")],
)
def test_a_rule_too_many_opens_the_witness_of_what_it_allows(
    path: str, witness: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The canary, a folder of the host, the list of processes."""
    original = rules.protections

    def more(given: Iterable[rules.Rule], *args: Any, **kwargs: Any) -> list[Row]:
        known = list(given)
        base = known[0][1].removesuffix("/root")
        return original([*known, (abi.LOOK, path.format(base=base))], *args, **kwargs)

    monkeypatch.setattr(rules, "protections", more)
    assert witness in names_of_open(jail().probe())


@pytest.mark.parametrize(
    ("change", "witness"),
    [
        ({"start_new_session": False}, "session"),
        ({"cwd": "/"}, "working directory"),
        *([({"user": None, "group": None}, "kernel user"), ({"extra_groups": (0,)}, "other groups")] if ROOT else []),
    ],
)
def test_how_the_harness_was_started_is_seen(
    change: dict[str, Any], witness: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Session, folder, user and groups are read back."""
    popen = subprocess.Popen
    monkeypatch.setattr(
        "lockgate.sandbox._landlock.launcher.subprocess.Popen",
        lambda *args, **given: popen(*args, **{**given, **change}),
    )
    assert witness in names_of_open(jail().probe())


def test_a_variable_and_a_descriptor_of_the_launcher_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is ours alone, and only named descriptors are open."""
    popen = subprocess.Popen
    leaked = os.open("/etc", os.O_RDONLY)

    def leaky(*args: Any, **given: Any) -> Any:
        variables = {**given["env"], "AWS_SECRET_ACCESS_KEY": "canary"}
        return popen(*args, **{**given, "env": variables, "pass_fds": (*given["pass_fds"], leaked)})

    monkeypatch.setattr("lockgate.sandbox._landlock.launcher.subprocess.Popen", leaky)
    assert {"environment", "descriptors"} <= names_of_open(jail().probe())
    os.close(leaked)


@pytest.mark.parametrize("name", ["here", "not here"])
def test_what_the_settings_call_absent_is_tried(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused whether or not the jail's user would find it; a rule that gives it opens its witness."""
    place = Path("/var") if name == "here" else tmp_path / "missing"
    settings = replace(TRAIN, absent=(("keys", place),))
    found = {probe.name: probe.holds for probe in jail(settings).probe().probes}
    assert found["landlock absent keys"]
    if name == "here":
        original = rules.protections
        monkeypatch.setattr(
            rules, "protections", lambda given, *rest, **more: original([*given, (abi.LOOK, str(place))], *rest, **more)
        )
        assert names_of_open(jail(settings).probe()) == {"landlock absent keys"}


@pytest.mark.parametrize("version", [0, 5])
def test_an_older_landlock_is_refused(version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """LG911: below version 6 the target could signal the user's processes; nothing is started."""
    monkeypatch.setattr(abi, "kernel_abi", lambda: version)
    with pytest.raises(Unfit) as refused:
        jail().probe()
    assert refused.value.finding == "LG911"


def test_inputs_code_and_output_have_their_places(tmp_path: Path) -> None:
    """Below one folder that the environment names; private and writable sources keep their owner."""
    for name in ("job", "spool", "out"):
        (tmp_path / name).mkdir(mode=0o700)
    (tmp_path / "given.csv").write_text("a\n")
    (tmp_path / "given.csv").chmod(0o600)
    settings = replace(
        TRAIN,
        binds=(Bind(tmp_path / "job", "/job"), Bind(tmp_path / "given.csv", "/in/given.csv")),
        writable=(Bind(tmp_path / "spool", "/spool"),),
    )
    code = (
        "import os, tempfile; d, o = os.environ['LOCKGATE_DATA'], os.environ['LOCKGATE_OUT'];"
        "open(o + '/copy', 'w').write(open(d + '/given.csv').read()); open('/spool/new', 'w').write('x');"
        "tempfile.NamedTemporaryFile().write(b'x'); os.symlink('/etc/passwd', o + '/link'); print(os.listdir('.'))\n"
        "for place in ('/in/given.csv', '/job/x', os.environ['LOCKGATE_ROOT'] + '/x'):\n"
        "    try: open(place, 'a'); print('written')\n    except PermissionError: print('refused')"
    )
    result = run(code, settings=settings, out=tmp_path / "out")
    assert result.talk == b"[]\n" + b"refused\n" * 3
    assert {name: path.read_text() for name, path in result.files.items()} == {"copy": "a\n"}
    assert result.skipped == {"link": "not a regular file"}
    assert (tmp_path / "spool" / "new").stat().st_uid == os.geteuid()


def test_a_long_lived_jail_answers_on_what_it_was_given() -> None:
    """Descriptors arrive under the wanted numbers; SIGTERM reaches the target through its harness."""
    ours, theirs = socket.socketpair()
    code = "import socket, sys, signal; signal.signal(15, lambda *_: sys.exit(9)); s = socket.socket(fileno=3)\n"
    code += "while True: s.sendall(s.recv(10))"
    started = jail(named("worker", python=PythonEnv.own())).start(
        Target(command=("python3", "-c", code)), descriptors={3: theirs.fileno()}
    )
    theirs.close()
    ours.sendall(b"still here")
    assert ours.recv(10) == b"still here"
    assert started.report.level == 2
    started.terminate()
    assert started.wait(10) == 9
    ours.close()


NAMELESS = """
held = []
for _ in range(2):
    held.append(open(T + '/a', 'wb'))
    os.unlink(T + '/a')
    held[-1].write(b'x' * (3 << 20))
    held[-1].flush()
"""


@pytest.mark.parametrize(
    ("code", "limits", "ended"),
    [
        ("for n in range(400): open(T + f'/{n}', 'w').close()", {"inodes": 200}, "inodes"),
        ("for n in 'ab': open(T + '/' + n, 'wb').write(b'x' * (3 << 20))", {}, "tmp"),
        (NAMELESS, {}, "tmp"),
        ("for n in 'ab': open(O + '/' + n, 'wb').write(b'x' * (3 << 20))", {}, "output"),
        ("os.mkdir(T + '/closed', 0o300)", {}, "inodes"),
    ],
)
def test_what_is_stored_is_counted(code: str, limits: dict[str, int], ended: str) -> None:
    """Names, bytes, bytes of files without a name; a folder that cannot be looked into counts as too much."""
    if ROOT and "0o300" in code:
        pytest.skip("root looks into every folder")
    start = "import os, time; T, O = os.environ['TMPDIR'], os.environ['LOCKGATE_OUT']\n"
    bounds: dict[str, Any] = {"tmp_bytes": 4 * MIB, "output_bytes": 4 * MIB, **limits}
    result = run(f"{start}{code}\ntime.sleep(15)", **bounds)
    assert result.ended == ended, result.talk
