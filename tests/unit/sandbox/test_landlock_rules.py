"""Landlock's tables: what each version refuses, which rule a mount gets, what the filter adds at level 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.sandbox._calls import ALONE_IGNORED, ALONE_REFUSED, ARCHITECTURES
from lockgate.sandbox._landlock import abi, rules
from lockgate.sandbox._landlock.ground import Ground, moved
from lockgate.sandbox._view import Mount, View, view_of
from lockgate.sandbox.jail import alone
from lockgate.sandbox.seccomp import Alone, program
from lockgate.sandbox.settings import Bind, PythonEnv, named
from tests.unit.sandbox.test_seccomp import ALLOW, EAFNOSUPPORT, EPERM, MACHINES, judge

OWN = PythonEnv.own()


@pytest.mark.parametrize(
    ("version", "paths", "tcp", "scopes"),
    [
        (1, 0x1FFF, 0, 0),
        (2, 0x3FFF, 0, 0),
        (3, 0x7FFF, 0, 0),
        (4, 0x7FFF, 3, 0),
        (5, 0xFFFF, 3, 0),
        (6, 0xFFFF, 3, 3),
        (7, 0xFFFF, 3, 3),
    ],
)
def test_each_version_refuses_what_it_knows(version: int, paths: int, tcp: int, scopes: int) -> None:
    """The bits of linux/landlock.h; a bit that the kernel does not know would make it refuse the ruleset."""
    assert abi.Handled(paths, tcp, scopes) == abi.handled(version, network=False)
    assert abi.Handled(paths, 0, scopes) == abi.handled(version, network=True)


def test_a_kernel_without_landlock_gets_no_row() -> None:
    """Nothing is set and nothing is expected: level 3 does not depend on it."""
    assert rules.protections([(abi.RUN, "/usr")], 0, network=False) == []
    assert rules.expectations(0, network=False, paths=[("paths", "list", "/")]) == []


def test_the_rules_say_what_the_mounts_say() -> None:
    """Read-only stays read-only, a tmpfs is whole, a terminal takes its ioctls, and the root itself has no rule."""
    mounts = (Mount("proc", "/proc"), Mount("dev", "/dev"), Mount("tmpfs", "/tmp"), Mount("ro", "/a/b", "/x"))
    view = View((*mounts, Mount("rw", "/spool", "/y"), Mount("symlink", "/lib", "usr/lib")), "/tmp", ())
    found = {path: rights for rights, path in rules.on_view(view)}
    assert set(found) == {"/proc", "/dev", "/dev/pts", "/dev/tty", "/tmp", "/a/b", "/a", "/spool"}
    assert found["/a/b"] & (abi.WRITE_FILE | abi.MAKE_REG | abi.TRUNCATE) == 0
    assert found["/a"] == abi.READ_DIR
    assert found["/tmp"] & abi.REFER and found["/spool"] & abi.MAKE_REG  # noqa: PT018 - two of one kind
    assert not found["/dev"] & (abi.IOCTL_DEV | abi.EXECUTE)
    assert found["/dev/pts"] & abi.IOCTL_DEV


def test_places_are_found_below_the_root(tmp_path: Path) -> None:
    """A path of the settings is moved wherever a variable or a word names it, and nothing else is."""
    settings = named(
        "tools", python=OWN, binds=[Bind(tmp_path, "/job")], environment=[("X", "/job:/jobs,/in/a https://h/in/b")]
    )
    ground = Ground(settings, view_of(settings), "/base", {})
    variables = dict(ground.environment())
    assert variables["X"] == "/base/root/job:/jobs,/base/root/in/a https://h/in/b"
    assert variables["LOCKGATE_DATA"] == "/base/root/in"
    assert variables["LOCKGATE_ROOT"] == "/base/root"
    assert ground.cwd == str(tmp_path)


def test_the_words_of_a_command_are_moved_and_those_of_a_module_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of ours knows the root itself: its arguments stay as they are."""
    monkeypatch.setenv("LOCKGATE_ROOT", "/r")
    rows = {"moved": [[b"/in"], [b"/tools/uv"]], "interpreter": [[b"/r/env/bin/python"]]}
    words = ["/tools/uv", "--data=/in/a", 'cat "/in/x"; ls /in', "/inner", "a/in", "https://host/in/x"]
    expected = ["/r/tools/uv", "--data=/r/in/a", 'cat "/r/in/x"; ls /r/in', "/inner", "a/in", "https://host/in/x"]
    assert expected == alone.moved(rows, words)
    assert alone.moved(rows, ["/r/env/bin/python", "/in/a"]) == ["/r/env/bin/python", "/in/a"]


def test_one_thing_inside_another_is_refused(tmp_path: Path) -> None:
    """LG913: no link can be put into a folder that is shown as it is."""
    from lockgate.errors import Unfit  # the only test here that needs it

    settings = named("train", python=OWN, binds=[Bind(tmp_path, "/job"), Bind(tmp_path, "/job/data")])
    with pytest.raises(Unfit) as refused:
        moved(settings, view_of(settings))
    assert refused.value.finding == "LG913"


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("socket", (1, 1), EAFNOSUPPORT),
        ("socket", (2, 1), EAFNOSUPPORT),
        ("socketpair", (1, 1), ALLOW),
        ("socketpair", (1, 1 | 0o2000000), ALLOW),
        ("socketpair", (1, 5), ALLOW),
        ("socketpair", (1, 2), EAFNOSUPPORT),
        ("socketpair", (1, 3), EAFNOSUPPORT),
        ("prctl", (4, 0), EPERM),
        ("prctl", (15, 0), ALLOW),
        ("setpriority", (0, 0), ALLOW),
        ("setpriority", (0, 7), EPERM),
        ("setpriority", (2, 0), EPERM),
        ("ioprio_set", (1, 0), ALLOW),
        ("ioprio_set", (1, 7), EPERM),
        ("ioprio_set", (3, 0), EPERM),
        ("sched_setaffinity", (0,), ALLOW),
        ("sched_setaffinity", (7,), EPERM),
    ],
)
def test_what_namespaces_do_elsewhere_the_filter_does(
    machine: str, name: str, arguments: tuple[int, ...], expected: str | int
) -> None:
    """No unix socket but a connected pair, no priority of others, no hiding from the watchdog."""
    arch = ARCHITECTURES[machine]
    code = program(machine, network=False, memfd=False, alone=Alone())
    number = {**arch.numbers, **arch.alone}[name]
    assert expected == judge(code, arch.audit, number, *arguments)


@pytest.mark.parametrize("machine", MACHINES)
def test_a_path_that_landlock_does_not_judge_is_not_changed(machine: str) -> None:
    """Modes, owners and times: answered 0 and not made; let through only for the one program that we trust."""
    arch = ARCHITECTURES[machine]
    numbers = {**arch.numbers, **arch.alone}
    untrusted = program(machine, network=False, memfd=False, alone=Alone())
    trusted = program(machine, network=True, memfd=False, alone=Alone(metadata=True))
    for name in (name for name in ALONE_IGNORED if name in numbers):
        assert judge(untrusted, arch.audit, numbers[name], 0, 0o755) == 0, name
        assert judge(trusted, arch.audit, numbers[name], 0, 0o755) == ALLOW, name
    for name in (name for name in ALONE_REFUSED if name in numbers):
        assert judge(untrusted, arch.audit, numbers[name]) == EPERM, name
    assert judge(trusted, arch.audit, numbers["fchmodat"], 0, 0, 0o4755) == EPERM
    assert judge(trusted, arch.audit, numbers["socket"], 2, 1) == ALLOW
    assert judge(trusted, arch.audit, numbers["socket"], 1, 1) == EAFNOSUPPORT
