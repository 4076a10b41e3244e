"""What a jail sees, as one ordered list of mounts (pure once the host has been asked what exists).

The order matters: a tmpfs on /tmp mounted after an environment that lives under /tmp would hide it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import lockgate
from lockgate.errors import Usage
from lockgate.sandbox.settings import JailSettings

_SYSTEM = ("/usr/lib", "/usr/bin", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo")
_MERGED = ("/lib", "/lib64", "/bin")
_LINKER = "/etc/ld.so.cache"
_NAME_SERVICE = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/ssl/certs", "/usr/share/ca-certificates")

ENVIRONMENT = {
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "LANG": "C.UTF-8",
    "USER": "lockgate",
    "LOGNAME": "lockgate",
    "LOCKGATE_DATA": "/in",
    "LOCKGATE_OUT": "/out",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "SOURCE_DATE_EPOCH": "315532800",
    "MPLBACKEND": "Agg",
    "WANDB_MODE": "offline",
    "HF_HUB_OFFLINE": "1",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
}
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class Mount:
    """One entry: `kind` says how it is made, `size` bounds a tmpfs, `source` is a host path (binds, symlinks)."""

    kind: Literal["proc", "dev", "tmpfs", "ro", "rw", "device", "symlink", "dir"]
    target: str
    source: str = ""
    size: int = 0


@dataclass(frozen=True)
class View:
    """The mounts in order, the working directory and the environment of one jail."""

    mounts: tuple[Mount, ...]
    cwd: str
    environment: tuple[tuple[str, str], ...]

    def sources(self) -> tuple[Mount, ...]:
        """The entries that show something of the host."""
        return tuple(mount for mount in self.mounts if mount.kind in ("ro", "rw", "device"))


def view_of(settings: JailSettings) -> View:
    """The view that `settings` asks for on this machine. Raises Usage LG903 when a source is missing."""
    limits, python = settings.limits, settings.python
    mounts = [
        Mount("proc", "/proc"),
        Mount("dev", "/dev"),
        Mount("tmpfs", "/dev/shm", size=limits.shm_bytes),
        Mount("tmpfs", "/tmp", size=limits.tmp_bytes),
    ]
    mounts += [Mount("ro", path, path) for path in (*_SYSTEM, _LINKER) if os.path.exists(path)]
    for path in _MERGED:
        if os.path.islink(path):
            mounts.append(Mount("symlink", path, os.readlink(path)))
        elif os.path.isdir(path):
            mounts.append(Mount("ro", path, path))
    if settings.name in ("tools", "cluster"):
        mounts += [Mount("ro", path, os.path.realpath(path)) for path in _NAME_SERVICE if os.path.exists(path)]
    prefixes = python.prefixes()
    mounts += [Mount("ro", str(path), str(prefixes[0])) for path in prefixes if str(path) != "/usr"]
    if python.site is not None:
        mounts.append(Mount("ro", "/env", os.path.realpath(python.site)))
    mounts.append(Mount("ro", "/lockgate/lockgate", str(Path(lockgate.__file__).resolve().parent)))
    mounts += [Mount("device", str(path), str(_device(path))) for path in settings.devices]
    mounts += [Mount("ro", str(path), _existing(path)) for path in settings.drivers]
    mounts += [Mount("dir", "/in"), Mount("tmpfs", "/out", size=limits.output_bytes)]
    if not settings.network:
        for bind in settings.binds:
            _refuse_doors(bind.source)
    mounts += [Mount("ro", bind.target, _existing(bind.source)) for bind in settings.binds]
    mounts += [Mount("rw", bind.target, _existing(bind.source)) for bind in settings.writable]
    job = any(bind.target == "/job" for bind in settings.binds)
    cwd = "/job" if job else "/tmp"
    return View(tuple(mounts), cwd, _environment(settings, cwd))


def _environment(settings: JailSettings, cwd: str) -> tuple[tuple[str, str], ...]:
    bins = ["/env/bin"] if settings.python.site else []
    bins += [str(settings.python.base_python.parent)]
    path = ":".join(dict.fromkeys([*bins, "/usr/local/bin", "/usr/bin", "/bin"]))
    threads = str(max(1, min(os.cpu_count() or 1, settings.limits.tasks // 8)))
    everywhere = {"PATH": path, "PWD": cwd, **ENVIRONMENT, **dict.fromkeys(_THREADS, threads)}
    return tuple(sorted({**everywhere, **dict(settings.environment)}.items()))


def _device(path: Path) -> Path:
    if not path.is_char_device() or path.is_symlink():
        raise Usage("LG903", "what the jail should be shown is no device", seen={"path": str(path)})
    return path


def _refuse_doors(source: Path) -> None:
    """A socket or a pipe in a folder that is shown leads to whoever holds its other end, read-only or not."""
    folders = [str(source)] if source.is_dir() else []
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                found = list(entries)
        except OSError as error:
            message = "a folder that the jail should be shown cannot be read"
            raise Usage("LG903", message, seen={"path": folder, "reason": error.strerror}) from None
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif not entry.is_file(follow_symlinks=False) and not entry.is_symlink():
                raise Usage(
                    "LG903",
                    "a folder that the jail should be shown holds a socket, a pipe or a device",
                    seen={"path": entry.path},
                    next="remove it, or show copies of the files only",
                )


def _existing(source: Path) -> str:
    real = os.path.realpath(source)
    if not os.path.isfile(real) and not os.path.isdir(real):
        raise Usage("LG903", "what the jail should be shown is not there", seen={"path": str(source)})
    return real
