"""What a jail shows, allows and bounds: one pure value, whose digest goes into the evidence.

/in        inputs, read-only, one bind each         $LOCKGATE_DATA
/out       a tmpfs of `Limits.output_bytes`         $LOCKGATE_OUT
/tmp       a tmpfs of `Limits.tmp_bytes`            $HOME
/job       captured code, read-only; the working directory when it is bound
/env       the virtual environment, read-only
/lockgate  Lockgate's own package, read-only
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from lockgate.core.digest import Digest, digest_of
from lockgate.core.encoding import encode
from lockgate.sandbox.interpreter import PythonEnv

__all__ = ["Bind", "JailName", "JailSettings", "Limits", "PythonEnv", "named"]

JailName = Literal[
    "train", "judge", "parse", "contract", "worker", "edge", "sealer", "controller", "tools", "cluster", "user"
]

_TARGET = re.compile(r"(/[A-Za-z0-9._@+-]+)+\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
# What the C library itself reads before any code of ours runs.
_LOADERS = ("LD_", "GLIBC_", "GCONV_", "LOCPATH", "NLSPATH", "MALLOC_")
_RESERVED = ("/proc", "/dev", "/usr", "/lib", "/lib64", "/bin", "/env", "/lockgate")


@dataclass(frozen=True)
class Bind:
    """A host file or directory, shown at the absolute path `target` inside."""

    source: Path
    target: str

    def __post_init__(self) -> None:
        parts = self.target.split("/")
        if not _TARGET.match(self.target) or "." in parts or ".." in parts:
            raise ValueError(f"not a plain absolute path: {self.target!r}")
        if any(self.target == place or self.target.startswith(place + "/") for place in _RESERVED):
            raise ValueError(f"{self.target} belongs to the jail itself")


@dataclass(frozen=True)
class Limits:
    """Upper bounds, all finite. Bytes unless the name says otherwise; `inodes` is per tmpfs."""

    memory: int = 2 << 30
    tasks: int = 256
    files: int = 1024
    cpu_seconds: int = 3600
    wall_seconds: int = 7200
    output_bytes: int = 256 << 20
    talk_bytes: int = 8 << 20
    tmp_bytes: int = 256 << 20
    shm_bytes: int = 64 << 20
    inodes: int = 10_000

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
                raise ValueError(f"{name} must be a positive whole number, not {value!r}")


@dataclass(frozen=True)
class JailSettings:
    """The settings of one jail. Raises ValueError for a bind or a variable that no jail may have.

    `network` shares the host's network and lets AF_INET and AF_INET6 through; `memfd` lets memfd_create
    through; `writable` binds can be written; `devices` are nodes of /dev that are shown, such as a GPU's, and
    `drivers` what their libraries need, both at their own paths: the evidence is of a lower level then. `absent` names
    what must not be there, such as the keys: it is looked for before the target starts. Everything else is the same
    in every jail.
    """

    name: JailName
    python: PythonEnv
    limits: Limits = Limits()
    network: bool = False
    binds: tuple[Bind, ...] = ()
    writable: tuple[Bind, ...] = ()
    memfd: bool = False
    devices: tuple[Path, ...] = ()
    drivers: tuple[Path, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    absent: tuple[tuple[str, Path], ...] = ()

    def __post_init__(self) -> None:
        targets = [bind.target for bind in (*self.binds, *self.writable)]
        if len(set(targets)) != len(targets):
            raise ValueError("two binds have the same target")
        for path in self.devices:
            if not str(path).startswith("/dev/") or ".." in path.parts:
                raise ValueError(f"not a device: {path}")
        for name, value in self.environment:
            if not _VARIABLE.match(name) or "\0" in value or name.startswith(_LOADERS):
                raise ValueError(f"not a variable that a jail may have: {name!r}")

    @property
    def answers_only(self) -> bool:
        """Whether it was given sockets to answer on, and never calls anybody."""
        return self.name in ("edge", "sealer", "controller", "worker") and not self.network

    @property
    def digest(self) -> Digest:
        """SHA-256 of the settings as canonical JSON, without any path of the host."""
        return digest_of(
            encode(
                {
                    "name": self.name,
                    "limits": asdict(self.limits),
                    "network": self.network,
                    "binds": [bind.target for bind in self.binds],
                    "writable": [bind.target for bind in self.writable],
                    "memfd": self.memfd,
                    **({"devices": [str(path) for path in self.devices]} if self.devices else {}),
                    **({"absent": [name for name, _ in self.absent]} if self.absent else {}),
                    "environment": [list(pair) for pair in self.environment],
                    "v": 1,
                }
            )
        )


def named(
    name: JailName,
    *,
    python: PythonEnv,
    limits: Limits | None = None,
    binds: Iterable[Bind] = (),
    writable: Iterable[Bind] = (),
    environment: Iterable[tuple[str, str]] = (),
    devices: Iterable[Path] = (),
    drivers: Iterable[Path] = (),
    absent: Iterable[tuple[str, Path]] = (),
) -> JailSettings:
    """The named set: `edge`, `tools` and `cluster` reach the network, `edge` and `worker` may make memfds."""
    return JailSettings(
        name=name,
        python=python,
        limits=limits or Limits(),
        network=name in ("edge", "tools", "cluster"),
        binds=tuple(binds),
        writable=tuple(writable),
        memfd=name in ("edge", "worker"),
        environment=tuple(environment),
        devices=tuple(devices),
        drivers=tuple(drivers),
        absent=tuple(absent),
    )
