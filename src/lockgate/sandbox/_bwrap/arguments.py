"""The arguments that make one jail (pure).

bubblewrap itself gets an empty environment and its options through a descriptor: whatever it holds would
be readable inside through `/proc/1`.
"""

from __future__ import annotations

from lockgate.sandbox._view import View
from lockgate.sandbox.identity import HOSTNAME, NOBODY

HARNESS = ("CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_SETPCAP")


def bubblewrap_arguments(view: View, *, network: bool) -> tuple[str, ...]:
    """The options of one jail, in bubblewrap's order of work. The sources in `view` are paths bwrap can reach."""
    arguments = ["--unshare-user", "--disable-userns", "--uid", str(NOBODY), "--gid", str(NOBODY)]
    arguments += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup"]
    # For the harness alone, which gives them up before it reports: see `jail/mounts.py`.
    for name in HARNESS:
        arguments += ["--cap-add", name]
    arguments += [] if network else ["--unshare-net"]
    arguments += ["--hostname", HOSTNAME, "--new-session", "--die-with-parent", "--as-pid-1"]
    for name, value in view.environment:
        arguments += ["--setenv", name, value]
    for mount in view.mounts:
        match mount.kind:
            case "proc" | "dev" | "dir":
                arguments += [f"--{mount.kind}", mount.target]
            case "tmpfs":
                arguments += ["--perms", "0700", "--size", str(mount.size), "--tmpfs", mount.target]
            case "ro":
                arguments += ["--ro-bind", mount.source, mount.target]
            case "rw":
                arguments += ["--bind", mount.source, mount.target]
            case "device":
                arguments += ["--dev-bind", mount.source, mount.target]
            case "symlink":
                arguments += ["--symlink", mount.source, mount.target]
    for target in ("/proc", "/dev", "/"):
        arguments += ["--remount-ro", target]
    return (*arguments, "--chdir", view.cwd)
