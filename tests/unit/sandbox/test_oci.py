"""The pure half of gVisor's and podman's launchers: what is asked for, and, apart from it, what is expected."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from lockgate.errors import Unfit
from lockgate.sandbox import _oci as oci
from lockgate.sandbox._bundle import furnish
from lockgate.sandbox._gvisor.arguments import runsc_arguments
from lockgate.sandbox._gvisor.find import platform_for
from lockgate.sandbox._gvisor.launcher import require_plain
from lockgate.sandbox._podman import arguments as podman
from lockgate.sandbox._view import Mount, View
from lockgate.sandbox.settings import JailName, PythonEnv, named

VIEW = View(
    mounts=(
        Mount("proc", "/proc"),
        Mount("dev", "/dev"),
        Mount("tmpfs", "/tmp", size=10_000),
        Mount("ro", "/usr/lib", "/usr/lib"),
        Mount("symlink", "/lib", "usr/lib"),
        Mount("ro", "/in/rows.csv", "/home/a/rows.csv"),
        Mount("dir", "/in"),
        Mount("rw", "/spool", "/var/spool/x"),
    ),
    cwd="/tmp",
    environment=(("A", "b c"), ("PATH", "/bin")),
)


def test_the_runtime_is_asked_for_no_privilege_and_a_root_that_cannot_be_written() -> None:
    """No capability in any set, no new privileges, a read-only root, each namespace, the resource limits."""
    made = oci.configuration(VIEW, ["/bin/python", "-c", "x"], root="root", limits={"RLIMIT_CORE": (0, 1)})
    process = made["process"]
    assert set(process["capabilities"]) == {"bounding", "effective", "inheritable", "permitted", "ambient"}
    assert all(held == [] for held in process["capabilities"].values())
    assert (process["noNewPrivileges"], process["terminal"], process["cwd"]) == (True, False, "/tmp")
    assert process["args"] == ["/bin/python", "-c", "x"]
    assert process["env"] == ["A=b c", "PATH=/bin"]
    assert process["rlimits"] == [{"type": "RLIMIT_CORE", "soft": 0, "hard": 1}]
    assert made["root"] == {"path": "root", "readonly": True}
    assert {entry["type"] for entry in made["linux"]["namespaces"]} == {"pid", "network", "ipc", "uts", "mount"}


def test_every_mount_is_asked_for_with_its_options() -> None:
    """A bind is read-only unless it is for writing; a tmpfs has a size in whole pages; links and folders are none."""
    made = oci.configuration(VIEW, ["x"], root="root", limits={})["mounts"]
    by_place = {entry["destination"]: (entry["type"], entry["source"], entry["options"]) for entry in made}
    assert list(by_place) == ["/proc", "/dev", "/tmp", "/usr/lib", "/in/rows.csv", "/spool"]
    assert by_place["/in/rows.csv"] == ("bind", "/home/a/rows.csv", ["rbind", "ro", "nosuid", "nodev"])
    assert by_place["/spool"] == ("bind", "/var/spool/x", ["rbind", "rw", "nosuid", "nodev"])
    assert by_place["/tmp"] == ("tmpfs", "tmpfs", ["rw", "nosuid", "nodev", "mode=700", "size=12k"])
    assert by_place["/proc"] == ("proc", "proc", ["ro", "nosuid", "nodev", "noexec"])


def test_what_is_expected_names_every_entry_of_the_view() -> None:
    """Mounts, links and folders: nothing of the view goes without a witness, in either launcher."""
    for rows in (oci.expected(VIEW), podman.expected(VIEW)):
        seen = {row[1] for row in rows}
        assert {"/", *(mount.target for mount in VIEW.mounts)} <= seen
        assert ("link", "/lib", "usr/lib") in rows
        assert ("folder", "/in") in rows
    assert ("mount", "/in/rows.csv", "mounts", "", "ro") in oci.expected(VIEW)
    assert ("mount", "/spool", "--mount", "", "rw", "nosuid", "nodev") in podman.expected(VIEW)


def test_a_device_is_never_shown_by_them() -> None:
    """Not silently left out either."""
    view = View((Mount("device", "/dev/x", "/dev/x"),), "/tmp", ())
    with pytest.raises(ValueError, match="device"):
        oci.configuration(view, ["x"], root="root", limits={})
    for expected in (oci.expected, podman.expected):
        with pytest.raises(ValueError, match="device"):
            expected(view)
    with pytest.raises(ValueError, match="device"):
        podman.run_arguments(view, "/x/root", "lockgate-1")


def test_the_root_folder_holds_a_place_for_every_mount(tmp_path: Path) -> None:
    """Folders for folders, files for files, links as they are; nothing else."""
    places = oci.places(VIEW, is_folder=lambda path: path != "/home/a/rows.csv")
    furnish(tmp_path / "root", places)
    made = {str(path.relative_to(tmp_path / "root")) for path in (tmp_path / "root").rglob("*")}
    assert made == {"proc", "dev", "tmp", "usr", "usr/lib", "lib", "in", "in/rows.csv", "spool"}
    assert (tmp_path / "root/in/rows.csv").is_file()
    assert (tmp_path / "root/lib").readlink() == Path("usr/lib")


def test_gvisor_is_never_started_on_the_hosts_root_or_with_a_network() -> None:
    """A bundle of our own, no network, no socket and no pipe of the host, no kvm, an ordinary user."""
    words = runsc_arguments("/x", "ptrace", "lockgate-1")
    assert words[-3:] == ("run", "--bundle=/x", "lockgate-1")
    assert {"--root=/x/state", "--rootless", "--network=none", "--net-raw=false", "--host-uds=none"} < set(words)
    assert {"--host-fifo=none", "--overlay2=none", "--platform=ptrace"} < set(words)
    assert "do" not in words


@pytest.mark.parametrize(
    ("day", "platform"), [(20221219, "ptrace"), (20230903, "ptrace"), (20230904, "systrap"), (20260101, "systrap")]
)
def test_how_gvisor_intercepts_calls_goes_by_its_age(day: int, platform: str) -> None:
    """The first release whose default is systrap, and the day before it."""
    assert platform_for(day) == platform


def test_podman_reads_a_source_of_any_name_as_it_is() -> None:
    """Commas, colons and quotes in a path are part of the path."""
    odd = '/home/a,ro=false:"x"'
    words = podman.run_arguments(View((Mount("ro", "/in/x", odd),), "/tmp", ()), "/x/root", "lockgate-1")
    fields = next(csv.reader([words[words.index("--mount") + 1]]))
    assert fields == ["type=bind", f"src={odd}", "dst=/in/x", "ro", "nosuid", "nodev"]


def test_podmans_first_process_gets_exactly_the_environment_of_the_view() -> None:
    """Whatever podman adds is gone before the harness starts."""
    words = podman.command(VIEW, "/usr/bin/python3", ("-I", "-c", "main()"))
    assert words[:6] == ("/usr/bin/env", "-i", "A=b c", "PATH=/bin", "/usr/bin/python3", "-I")
    assert words[-1].endswith("main()")


@pytest.mark.parametrize("name", ["parse", "contract", "worker", "edge", "sealer", "tools", "cluster"])
def test_only_training_and_judging_run_there(name: JailName) -> None:
    """Everything else is refused with a way out, and not run by something else without a word."""
    with pytest.raises(Unfit) as refused:
        require_plain(named(name, python=PythonEnv.own()), "gVisor")
    assert refused.value.finding == "LG918"
    with pytest.raises(Unfit):
        require_plain(named("train", python=PythonEnv.own(), devices=[Path("/dev/null")]), "podman")
    require_plain(named("train", python=PythonEnv.own()), "gVisor")
    require_plain(named("judge", python=PythonEnv.own()), "podman")
