"""Landlock on top of bubblewrap: a second refusal with witnesses of its own, which breaks nothing that trains."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import Any

import pytest

from lockgate.errors import Unfit
from lockgate.sandbox._bwrap import launcher as bubblewrap
from lockgate.sandbox._landlock import abi, rules
from lockgate.sandbox.launch import Jail, JailReport, Target
from lockgate.sandbox.settings import JailName, PythonEnv, named

TRAIN = named("train", python=PythonEnv.own())
WITNESSES = {
    *("landlock paths", "landlock devices", "landlock tcp bind", "landlock tcp connect", "landlock signals"),
    "landlock abstract sockets",
}

pytestmark = pytest.mark.skipif(abi.kernel_abi() < abi.LEAST_ALONE, reason="this kernel's Landlock is older")


def python(code: str) -> Target:
    """A target that runs `code`."""
    return Target(command=("python", "-c", code))


def names_of_open(report: JailReport) -> set[str]:
    """The names of the probes that do not hold."""
    return {probe.name for probe in report.open}


def test_every_witness_holds_and_names_what_it_saw() -> None:
    """The positive control: each attempt worked without the domain and failed inside; the report names the version."""
    report = Jail(TRAIN).probe()
    found = {probe.name: probe for probe in report.probes if probe.name.startswith("landlock ")}
    assert set(found) == WITNESSES
    assert report.level == 3
    assert report.limits["landlock"] == f"ABI {abi.kernel_abi()}"
    assert found["landlock paths"].witness == "errno 13, and 0 without"


def _without(monkeypatch: pytest.MonkeyPatch, at: int, bits: int) -> None:
    original = rules.protections

    def fewer(*args: Any, **kwargs: Any) -> list[rules.Row]:
        rows = original(*args, **kwargs)
        first = list(rows[0])
        first[at] = b"%d" % (int(first[at]) & ~bits)
        kept = [(row[0], b"%d" % (int(row[1]) & int(first[1])), *row[2:]) for row in rows[1:]]
        return [tuple(first), *kept]

    monkeypatch.setattr(rules, "protections", fewer)


@pytest.mark.parametrize(
    ("at", "bits", "witness"),
    [
        (1, abi.READ_DIR, "landlock paths"),
        (1, abi.IOCTL_DEV, "landlock devices"),
        (2, abi.BIND_TCP, "landlock tcp bind"),
        (2, abi.CONNECT_TCP, "landlock tcp connect"),
        (3, abi.SIGNALS, "landlock signals"),
        (3, abi.ABSTRACT_SOCKETS, "landlock abstract sockets"),
    ],
)
def test_a_right_that_is_not_handled_opens_its_own_witness(
    at: int, bits: int, witness: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part of the ruleset is seen by one witness and by no other, and the launch refuses."""
    _without(monkeypatch, at, bits)
    report = Jail(TRAIN).probe()
    assert {witness} == names_of_open(report)
    with pytest.raises(Unfit):
        Jail(TRAIN).run(Target(command=("true",)))


def test_without_the_ruleset_every_witness_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not asked for is still expected."""
    monkeypatch.setattr(rules, "protections", lambda *_args, **_kwargs: [])
    assert names_of_open(Jail(TRAIN).probe()) == WITNESSES


def test_a_rule_too_many_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A domain in which the whole root is allowed is none."""
    original = rules.on_view
    monkeypatch.setattr(rules, "on_view", lambda view: [*original(view), (abi.LOOK, "/")])
    assert names_of_open(Jail(TRAIN).probe()) == {"landlock paths"}


def test_a_kernel_without_landlock_keeps_level_three_and_the_report_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a second refusal: its absence is recorded, and is no hole in the first."""
    monkeypatch.setattr(bubblewrap, "kernel_abi", lambda: 0)
    report = Jail(TRAIN).probe()
    assert (report.level, report.limits["landlock"]) == (3, "not in this kernel")
    assert [probe.name for probe in report.probes if probe.name.startswith("landlock ")] == []


def test_the_first_process_cannot_be_signalled() -> None:
    """Not even asked whether it is there, by the target and by what it starts; its own children can be."""
    code = """
import os, signal
for pid in (1, os.getppid()):
    try: os.kill(pid, 0); print('reached')
    except PermissionError: print('refused')
child = os.fork()
if child == 0: signal.pause()
os.kill(child, 9); print(os.waitpid(child, 0)[1])
"""
    assert Jail(TRAIN).run(python(code)).talk == b"refused\nrefused\n9\n"


@pytest.mark.parametrize("name", ["edge", "tools"])
def test_a_network_jail_does_not_reach_the_hosts_abstract_sockets(name: JailName) -> None:
    """They live in the host's network namespace, which such a jail shares; TCP is its own business."""
    with socket.socket(socket.AF_UNIX) as abstract, socket.create_server(("127.0.0.1", 0)) as server:
        abstract.bind(f"\0lockgate-test-{os.getpid()}")
        abstract.listen()
        code = f"""
import socket
socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), timeout=5); print('tcp')
try: socket.socket(socket.AF_UNIX).connect('\\0lockgate-test-{os.getpid()}'); print('reached')
except PermissionError: print('refused')
"""
        assert Jail(named(name, python=PythonEnv.own())).run(python(code)).talk == b"tcp\nrefused\n"


def test_what_training_needs_still_works() -> None:
    """Processes of three kinds, shared memory, sqlite, links and moves between folders, a terminal of its own."""
    code = """
import fcntl, multiprocessing, os, sqlite3, tempfile, termios
from multiprocessing import shared_memory
for kind in ('fork', 'spawn', 'forkserver'):
    with multiprocessing.get_context(kind).Pool(1) as pool: assert pool.map(abs, [-1]) == [1], kind
block = shared_memory.SharedMemory(create=True, size=16); block.close(); block.unlink()
place = tempfile.mkdtemp(); os.mkdir(place + '/a'); open(place + '/f', 'w').write('x')
os.rename(place + '/f', place + '/a/f'); os.link(place + '/a/f', place + '/g'); os.truncate(place + '/g', 0)
sqlite3.connect(place + '/db').execute('create table t (x)')
first, second = os.openpty(); termios.tcgetattr(os.open(os.ttyname(second), os.O_RDWR | os.O_NOCTTY))
print('all')
"""
    assert Jail(TRAIN).run(python(code)).talk == b"all\n"


def test_rules_are_of_the_view(monkeypatch: pytest.MonkeyPatch) -> None:
    """A place that the mounts show and no rule names cannot be read: the two refuse independently."""
    original = rules.on_view

    def fewer(view: Any) -> Sequence[rules.Rule]:
        return [rule for rule in original(view) if rule[1] != "/usr/share/zoneinfo"]

    if not os.path.isfile("/usr/share/zoneinfo/UTC"):
        pytest.skip("this machine has no time zones")
    code = "try: print(open('/usr/share/zoneinfo/UTC', 'rb').read(4))\nexcept PermissionError: print('refused')"
    assert Jail(TRAIN).run(python(code)).talk == b"b'TZif'\n"
    monkeypatch.setattr(rules, "on_view", fewer)
    assert Jail(TRAIN).run(python(code)).talk == b"refused\n"
