"""Every flag of the jail has a witness of its own: drop the flag, and that witness says open and the launch refuses."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockgate.errors import Unfit
from lockgate.sandbox import _configuration
from lockgate.sandbox._bwrap.arguments import bubblewrap_arguments
from lockgate.sandbox._bwrap.find import find_bubblewrap
from lockgate.sandbox._step0 import Start, prepare, prepare_as_root
from lockgate.sandbox._view import view_of
from lockgate.sandbox.launch import Jail, JailReport, Target
from lockgate.sandbox.settings import Bind, JailSettings, Limits, PythonEnv, named

Arguments = tuple[str, ...]
Row = tuple[bytes, ...]


@pytest.fixture(name="settings")
def _settings(tmp_path: Path) -> JailSettings:
    """A jail with one read-only and one writable bind, so that every kind of mount is there."""
    find_bubblewrap()  # asked for its version once, before a test replaces Popen
    (tmp_path / "in.csv").write_text("a\n1\n")
    (tmp_path / "spool").mkdir()
    binds, writable = [Bind(tmp_path / "in.csv", "/given/in.csv")], [Bind(tmp_path / "spool", "/spool")]
    return named("train", python=PythonEnv.own(), binds=binds, writable=writable)


def without(*dropped: Sequence[str]) -> Callable[[Arguments], Arguments]:
    """An edit that takes each of the given runs of arguments out, once."""

    def edit(arguments: Arguments) -> Arguments:
        for run in dropped:
            at = next(i for i in range(len(arguments)) if arguments[i : i + len(run)] == tuple(run))
            arguments = arguments[:at] + arguments[at + len(run) :]
        return arguments

    return edit


def instead(old: Sequence[str], new: Sequence[str]) -> Callable[[Arguments], Arguments]:
    """An edit that puts other arguments in the place of a run of them."""

    def edit(arguments: Arguments) -> Arguments:
        at = next(i for i in range(len(arguments)) if arguments[i : i + len(old)] == tuple(old))
        return (*arguments[:at], *new, *arguments[at + len(old) :])

    return edit


HOSTNAME = ("--hostname", "lockgate")
FLAGS: Mapping[str, tuple[Callable[[Arguments], Arguments], str]] = {
    "--unshare-net": (without(["--unshare-net"]), "namespace net"),
    "--unshare-net, seen in the interfaces": (without(["--unshare-net"]), "interfaces"),
    "--unshare-ipc": (without(["--unshare-ipc"]), "namespace ipc"),
    "--unshare-cgroup": (without(["--unshare-cgroup"]), "namespace cgroup"),
    # bubblewrap insists on the one where the other is given
    "--unshare-uts": (without(["--unshare-uts"], HOSTNAME), "namespace uts"),
    "--unshare-pid": (without(["--unshare-pid"], ["--as-pid-1"]), "namespace pid"),
    "--hostname": (without(HOSTNAME), "host name"),
    "--as-pid-1": (without(["--as-pid-1"]), "first process"),
    "--new-session": (without(["--new-session"]), "session"),
    "--die-with-parent": (without(["--die-with-parent"]), "dies with launcher"),
    "--disable-userns": (without(["--disable-userns"]), "nested user namespaces"),
    "--uid": (without(["--uid", "65534"]), "user"),
    "--gid": (without(["--gid", "65534"]), "group"),
    "--chdir": (without(["--chdir", "/tmp"]), "working directory"),
    "--setenv": (without(["--setenv", "PYTHONHASHSEED", "0"]), "environment"),
    "--proc": (without(["--proc", "/proc"], ["--remount-ro", "/proc"]), "mount /proc"),
    "--proc of this pid namespace": (instead(["--proc", "/proc"], ["--ro-bind", "/proc", "/proc"]), "other processes"),
    "--dev": (without(["--dev", "/dev"], ["--remount-ro", "/dev"]), "mount /dev"),
    "--remount-ro /proc": (without(["--remount-ro", "/proc"]), "mount /proc"),
    "--remount-ro /dev": (without(["--remount-ro", "/dev"]), "mount /dev"),
    "--remount-ro /": (without(["--remount-ro", "/"]), "mount /"),
    "--remount-ro /, tried": (without(["--remount-ro", "/"]), "unwritable /"),
    "--tmpfs /tmp": (
        instead(["--perms", "0700", "--size", str(256 << 20), "--tmpfs", "/tmp"], ["--dir", "/tmp"]),
        "mount /tmp",
    ),
    "--size of /out": (instead(["--size", str(256 << 20), "--tmpfs", "/out"], ["--tmpfs", "/out"]), "mount /out"),
    "--size of /dev/shm": (instead(["--size", str(64 << 20)], []), "mount /dev/shm"),
    "--perms": (instead(["--perms", "0700"], []), "mount /dev/shm"),
    "--tmpfs /out": (
        instead(["--perms", "0700", "--size", str(256 << 20), "--tmpfs", "/out"], ["--dir", "/out"]),
        "mount /out",
    ),
    "--symlink": (without(["--symlink", "usr/bin", "/bin"]), "link /bin"),
    "--dir": (instead(["--dir", "/in"], ["--dir", "/inn"]), "folder /in"),
    "no mount that was not asked for": (lambda arguments: ("--tmpfs", "/home", *arguments), "other mounts"),
}


def probed(settings: JailSettings) -> JailReport:
    """The report of a jail; the report of no probe when bubblewrap itself refused."""
    return Jail(settings).probe()


@pytest.fixture(name="edited")
def _edited(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Arguments], Arguments]], None]:
    def install(edit: Callable[[Arguments], Arguments]) -> None:
        monkeypatch.setattr(
            "lockgate.sandbox._bwrap.launcher.bubblewrap_arguments",
            lambda view, *, network: edit(bubblewrap_arguments(view, network=network)),
        )

    return install


def names_of_open(report: JailReport) -> set[str]:
    """The names of the probes that do not hold."""
    return {probe.name for probe in report.open}


def test_with_every_flag_every_witness_holds(settings: JailSettings) -> None:
    """The positive control: nothing dropped, nothing open, level 3, and the target starts."""
    report = probed(settings)
    assert set() == names_of_open(report)
    assert report.level == 3
    assert Jail(settings).run(Target(command=("true",))).ok


@pytest.mark.parametrize("flag", FLAGS)
def test_dropping_a_flag_opens_its_own_witness(
    flag: str, settings: JailSettings, edited: Callable[[Callable[[Arguments], Arguments]], None]
) -> None:
    """The probe of that flag says open, `require` refuses, and the target is never started."""
    edit, witness = FLAGS[flag]
    edited(edit)
    report = probed(settings)
    assert witness in names_of_open(report)
    assert report.level == 0
    with pytest.raises(Unfit) as refused:
        report.require(3)
    assert refused.value.finding == "LG906"
    assert witness in refused.value.seen["open"]  # type: ignore[operator]
    with pytest.raises(Unfit):
        Jail(settings).run(Target(command=("touch", "/spool/started")))
    assert os.listdir(settings.writable[0].source) == []


def test_bubblewrap_does_not_start_without_a_user_namespace(
    settings: JailSettings, edited: Callable[[Callable[[Arguments], Arguments]], None]
) -> None:
    """--unshare-user cannot be dropped: the identity inside depends on it, and bubblewrap says so."""
    edited(without(["--unshare-user"]))
    with pytest.raises(Unfit) as refused:
        probed(settings)
    assert refused.value.finding == "LG907"


@pytest.mark.parametrize("target", ["/usr/bin", "/usr/lib64", "/etc/ld.so.cache", "/env", "/given/in.csv", "/spool"])
def test_a_bind_that_is_missing_or_of_the_other_kind_is_seen(
    target: str, settings: JailSettings, edited: Callable[[Callable[[Arguments], Arguments]], None]
) -> None:
    """Every bind is read back from the mount table: its presence, and whether it can be written."""
    kinds = {"--ro-bind": "--bind", "--bind": "--ro-bind"}
    turned: list[bool] = []

    def turn(arguments: Arguments) -> Arguments:
        for at in range(len(arguments) - 2):
            if arguments[at] in kinds and arguments[at + 2] == target:
                turned.append(True)
                return (*arguments[:at], kinds[arguments[at]], *arguments[at + 1 :])
        return arguments

    if not os.path.exists(target) and target.startswith(("/usr", "/etc")):
        pytest.skip(f"this machine has no {target}")
    edited(turn)
    assert f"mount {target}" in names_of_open(probed(settings))
    assert turned


LIMITS = _configuration.rlimits(Limits(), long_lived=False, writable=True)


def _loosen(name: str, request: pytest.FixtureRequest) -> None:
    """Where this process is itself as limited as the jail, let it have more for the length of the test."""
    number, before = getattr(resource, name), resource.getrlimit(getattr(resource, name))
    if before != LIMITS[name]:
        return
    try:
        resource.setrlimit(number, (before[0] + 1, before[1] + 1))
    except ValueError:
        pytest.skip(f"this machine itself allows no more {name}")
    request.addfinalizer(lambda: resource.setrlimit(number, before))


@pytest.mark.parametrize(
    ("dropped", "witness"), [("hide mounts", "table of mounts"), ("give up capabilities", "capabilities")]
)
def test_dropping_what_the_harness_does_for_itself_opens_its_own_witness(
    dropped: str, witness: str, settings: JailSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table of mounts, and the capabilities that bubblewrap leaves to the harness."""
    original = _configuration.protections
    monkeypatch.setattr(
        _configuration,
        "protections",
        lambda *args, **kwargs: [row for row in original(*args, **kwargs) if row[0] != dropped.encode()],
    )
    assert {witness} == names_of_open(probed(settings))


@pytest.mark.parametrize("dropped", ["seccomp", *(f"rlimit {name}" for name in LIMITS)])
def test_dropping_the_filter_or_a_limit_opens_its_own_witness(
    dropped: str, settings: JailSettings, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """What the harness is not told to set is still expected, so it is missed."""
    original = _configuration.protections

    def fewer(*args: Any, **kwargs: Any) -> list[Row]:
        rows = original(*args, **kwargs)
        kept = [row for row in rows if b" ".join(row[:2] if row[0] == b"rlimit" else row[:1]).decode() != dropped]
        assert len(kept) == len(rows) - 1
        return kept

    monkeypatch.setattr(_configuration, "protections", fewer)
    if dropped != "seccomp":
        _loosen(dropped.split()[1], request)
    expected = "system call filter" if dropped == "seccomp" else f"limit {dropped.split()[1]}"
    report = probed(settings)
    assert expected in names_of_open(report)
    if dropped == "seccomp":
        answers = {probe.name for probe in report.probes if probe.name.startswith("call ")}
        assert answers <= names_of_open(report)
    with pytest.raises(Unfit):
        report.require(3)


def test_a_variable_of_the_launcher_is_seen(settings: JailSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bubblewrap is started with an empty environment; a single variable more opens the witness."""
    popen = subprocess.Popen

    def leaky(*args: Any, **kwargs: Any) -> Any:
        return popen(*args, **{**kwargs, "env": {"AWS_SECRET_ACCESS_KEY": "canary"}})

    monkeypatch.setattr("lockgate.sandbox._bwrap.launcher.subprocess.Popen", leaky)
    probe = next(probe for probe in probed(settings).probes if probe.name == "environment")
    assert not probe.holds
    assert "AWS_SECRET_ACCESS_KEY" in probe.witness
    assert "canary" not in probe.witness


def test_a_descriptor_of_the_launcher_is_seen(settings: JailSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only 0 to 2 and what was named are open inside; a directory handed on by mistake opens the witness."""
    popen = subprocess.Popen
    leaked = os.open("/etc", os.O_RDONLY)

    def leaky(*args: Any, **kwargs: Any) -> Any:
        return popen(*args, **{**kwargs, "pass_fds": (*kwargs.get("pass_fds", ()), leaked)})

    monkeypatch.setattr("lockgate.sandbox._bwrap.launcher.subprocess.Popen", leaky)
    try:
        assert "descriptors" in names_of_open(probed(settings))
    finally:
        os.close(leaked)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can keep its user id")
@pytest.mark.parametrize(("kept", "witness"), [("uid", "kernel user"), ("groups", "other groups")])
def test_a_launcher_that_stays_root_is_seen(
    kept: str, witness: str, settings: JailSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside, root looks like anybody; the kernel tells the launcher who speaks, and the groups are read back."""
    if kept == "uid":

        def still_root(*args: Any) -> Start:
            return replace(prepare_as_root(*args), identity=None)

        monkeypatch.setattr("lockgate.sandbox._bwrap.launcher.prepare_as_root", still_root)
    else:
        popen = subprocess.Popen

        def grouped(*args: Any, **kwargs: Any) -> Any:
            return popen(*args, **{**kwargs, "extra_groups": (0,)})

        monkeypatch.setattr("lockgate.sandbox._bwrap.launcher.subprocess.Popen", grouped)
    report = probed(settings)
    assert witness in names_of_open(report)
    with pytest.raises(Unfit):
        report.require(3)


def test_an_ordinary_user_needs_no_first_step(settings: JailSettings) -> None:
    """Without root there is nothing to give up: the view is taken as it is."""
    view = view_of(settings)
    assert prepare(view, find_bubblewrap()).view == view


def test_what_must_be_absent_is_looked_for(on_disk: Path) -> None:
    """A key, a held-out row: shown by mistake, it is found before the target starts; absent, the jail is of level 3."""
    secret = on_disk / "keys"
    secret.write_text("canary")
    settings = named("train", python=PythonEnv.own(), absent=[("keys", secret)])
    assert set() == names_of_open(probed(settings))
    assert "absent keys" in {probe.name for probe in probed(settings).probes}
    shown = replace(settings, binds=(Bind(secret, str(secret)),))
    assert {"absent keys"} == names_of_open(probed(shown))


def test_no_probe_means_no_level(settings: JailSettings) -> None:
    """A report without probes proves nothing."""
    empty = replace(probed(settings), probes=())
    assert empty.level == 0
    with pytest.raises(Unfit, match="no probe ran"):
        empty.require(1)
