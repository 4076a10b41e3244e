"""Run `lockgate` as on a Mac: this process loses what only Linux's Python has. For a subprocess of a test.

Not a Mac: file systems, processes and wheels are still Linux's. It shows which commands lean on Linux's own calls.
"""

from __future__ import annotations

import os
import platform
import select
import socket
import sys

OF_OS = (
    *("memfd_create", "MFD_CLOEXEC", "MFD_ALLOW_SEALING", "pidfd_open", "eventfd", "eventfd_read", "eventfd_write"),
    *("EFD_CLOEXEC", "EFD_NONBLOCK", "O_TMPFILE", "O_PATH", "pipe2", "fdatasync", "sched_getaffinity"),
    *("sched_setaffinity", "posix_fadvise", "posix_fallocate", "copy_file_range", "splice", "setresuid", "setresgid"),
    *("getresuid", "getrandom", "setxattr", "getxattr", "listxattr", "unshare", "setns"),
)
OF_SOCKET = (
    "SO_PASSCRED",
    "SO_PEERCRED",
    "SCM_CREDENTIALS",
    "SOCK_CLOEXEC",
    "SOCK_NONBLOCK",
    "AF_NETLINK",
    "AF_PACKET",
)
OF_SELECT = tuple(name for name in vars(select) if name.lower().startswith("epoll"))


def forget() -> None:
    """Take the names away, and say that this is Darwin."""
    for module, names in ((os, OF_OS), (socket, OF_SOCKET), (select, OF_SELECT)):
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    platform.system = lambda: "Darwin"
    platform.machine = lambda: "arm64"
    sys.platform = "darwin"


if __name__ == "__main__":
    forget()
    from lockgate.cli.main import main

    sys.argv[0] = "lockgate"
    main()
