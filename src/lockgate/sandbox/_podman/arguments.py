"""The command line that makes one container (pure).

podman makes a process that holds its user namespace and one that watches the container, and leaves both to the machine.
So it runs in a user and a pid namespace that we make, where the kernel ends all of them with the first; it is told, as
podman tells itself, that this is its own. In that user namespace no further one can be made.
"""

from __future__ import annotations

from collections.abc import Sequence

from lockgate.sandbox._configuration import size_option
from lockgate.sandbox._view import Mount, View
from lockgate.sandbox.identity import HOSTNAME

# The harness hides the table of mounts with these, and gives them up before it reports: see `jail/mounts.py`.
HARNESS = ("SYS_ADMIN", "SYS_CHROOT", "SETPCAP")
# podman hands descriptor 3 on, and keeps 0 to 2 for itself.
_SHELL = 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@" 3<&0 </dev/null'
_FIRST = "import os\nos.dup2(3, 0)\nos.close(3)\n"
# What the host says there is nobody's business; podman would show it.
COVERED = ("/sys/fs/cgroup", "/dev/mqueue")
_MASKED = "/sys"


def namespace_arguments(setpriv: str, unshare: str) -> tuple[str, ...]:
    """What podman is started by: no new privileges, an end with our thread, and two namespaces of its own."""
    return (
        *(setpriv, "--no-new-privs", "--pdeathsig", "KILL", "--"),
        *(unshare, "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"),
        *("--", "/bin/sh", "-c", _SHELL, "sh"),
    )


def podman_arguments(folder: str) -> tuple[str, ...]:
    """Options of podman itself: all that it keeps is in `folder`, and nothing of the machine's settings counts."""
    return (
        *("--log-level", "error", "--runtime", "runc", "--cgroup-manager", "cgroupfs", "--events-backend", "none"),
        *("--storage-driver", "vfs", "--root", f"{folder}/store", "--runroot", f"{folder}/c"),
        *("--tmpdir", f"{folder}/run/libpod", "--hooks-dir", f"{folder}/hooks"),
    )


def run_arguments(view: View, root: str, name: str) -> tuple[str, ...]:
    """The container's options; sources in `view` are paths that podman can reach, `root` is the folder of places."""
    arguments = ["run", "--rm", "--name", name, "--ulimit", "host", "--cgroups", "no-conmon", "--cgroupns", "private"]
    arguments += ["--network", "none", "--ipc", "none", "--uts", "private", "--pid", "private"]
    arguments += ["--hostname", HOSTNAME, "--no-hosts", "--log-driver", "none", "--systemd", "false"]
    arguments += ["--read-only", "--read-only-tmpfs=false", "--cap-drop", "all"]
    for capability in HARNESS:
        arguments += ["--cap-add", capability]
    # The harness loads the filter, which is narrower than podman's own.
    arguments += [
        "--security-opt",
        "seccomp=unconfined",
        "--security-opt",
        f"mask={_MASKED}",
        "--preserve-fds",
        "1",
        "--workdir",
        view.cwd,
    ]
    for place in COVERED:
        arguments += ["--tmpfs", f"{place}:ro,size=4k,nosuid,nodev,noexec,notmpcopyup"]
    for mount in view.mounts:
        arguments += _mount(mount)
    return (*arguments, "--rootfs", root)


def command(view: View, python: str, boot: Sequence[str]) -> tuple[str, ...]:
    """The container's first process: the harness, with exactly the environment of the view."""
    *options, program = boot
    return (
        "/usr/bin/env",
        "-i",
        *(f"{name}={value}" for name, value in view.environment),
        python,
        *options,
        _FIRST + program,
    )


def expected(view: View) -> list[tuple[str, ...]]:
    """What the probes must find, apart from how it was asked for: rows of mounts, links and folders."""
    rows: list[tuple[str, ...]] = [("mount", "/", "--read-only", "", "ro")]
    rows += [("mount", place, "--tmpfs", "tmpfs", "ro", "nosuid", "nodev") for place in COVERED]
    rows.append(("mount", _MASKED, "mask", "tmpfs", "ro"))
    # podman's own, and without a way to leave them out.
    rows += [("mount", place, "podman", "", "ro", "nosuid") for place in ("/run/.containerenv", "/etc/hostname")]
    rows.append(("mount", "/proc/sys", "podman", "proc", "ro", "nosuid", "nodev", "noexec"))
    for mount in view.mounts:
        match mount.kind:
            case "proc":
                rows.append(("mount", mount.target, "podman", "proc", "nosuid", "nodev", "noexec"))
            case "dev":
                rows.append(("mount", mount.target, "podman", "tmpfs", "nosuid", "noexec"))
            case "tmpfs":
                options = ("rw", "nosuid", "nodev", "mode=700", size_option(mount.size))
                rows.append(("mount", mount.target, "--tmpfs", "tmpfs", *options))
            case "ro" | "rw":
                rows.append(("mount", mount.target, "--mount", "", mount.kind, "nosuid", "nodev"))
            case "symlink":
                rows.append(("link", mount.target, mount.source))
            case "dir":
                rows.append(("folder", mount.target))
            case "device":
                raise ValueError("a container shows no device")
    return rows


def _mount(mount: Mount) -> list[str]:
    match mount.kind:
        case "tmpfs":
            return ["--tmpfs", f"{mount.target}:rw,{size_option(mount.size)},mode=700,nosuid,nodev,notmpcopyup"]
        case "ro" | "rw":
            fields = ["type=bind", f"src={mount.source}", f"dst={mount.target}", mount.kind, "nosuid", "nodev"]
            return ["--mount", ",".join(_quoted(field) for field in fields)]
        case "device":
            raise ValueError("a container shows no device")
        case "proc" | "dev" | "symlink" | "dir":
            return []


def _quoted(field: str) -> str:
    """One field of comma-separated values, which is what podman reads."""
    return '"' + field.replace('"', '""') + '"'
