"""The command line that makes one sandbox (pure). Never `runsc do`, which shows the host's root."""

from __future__ import annotations


def runsc_arguments(folder: str, platform: str, identifier: str) -> tuple[str, ...]:
    """Options and command for the bundle in `folder`, which also holds the state: one sandbox, one folder.

    `identifier` is one that no other sandbox of this machine has: it names a socket.
    """
    return (
        *(f"--root={folder}/state", f"--platform={platform}"),
        # One user, mapped to uid 0 inside: runsc makes the namespace itself.
        *("--rootless", "--ignore-cgroups"),
        *("--network=none", "--net-raw=false", "--host-uds=none", "--host-fifo=none", "--overlay2=none"),
        *("run", f"--bundle={folder}", identifier),
    )
