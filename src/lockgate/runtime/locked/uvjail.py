"""uv in a `tools` jail: with the network and this machine's index, or without any network at all.

uv sees what it is given and its own cache; nothing of the project, no key. What it says is untrusted text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import uv

from lockgate.contract.findings import clean
from lockgate.errors import LockgateError, Refused, Unavailable
from lockgate.runtime.index import Index
from lockgate.runtime.lock import MAKE
from lockgate.sandbox.launch import Jail, JailResult, Target
from lockgate.sandbox.settings import Bind, JailSettings, Limits, PythonEnv, named
from lockgate.store.files import writing

LIMITS = Limits(memory=4 << 30, tasks=512, cpu_seconds=3600, wall_seconds=3600)
TOOL = "/tools/uv"
CACHE = "/cache"
_QUIET = (
    ("UV_SYSTEM_CERTS", "1"),
    ("UV_NATIVE_TLS", "1"),  # the same, for uv before 0.11
    ("UV_NO_PROGRESS", "1"),
    ("UV_PYTHON_DOWNLOADS", "never"),
)


def online(where: Index, *, cache: Path, binds: Iterable[Bind] = (), writable: Iterable[Bind] = ()) -> JailSettings:
    """A jail with the network, in which uv knows the index `where` and keeps its cache."""
    return named(
        "tools",
        python=PythonEnv.own(),
        limits=LIMITS,
        binds=[Bind(Path(uv.find_uv_bin()), TOOL), *where.binds, *binds],
        writable=[Bind(_cache(cache), CACHE), *writable],
        environment=[*_QUIET, *where.environment],
    )


def offline(
    *,
    binds: Iterable[Bind] = (),
    writable: Iterable[Bind] = (),
    python: PythonEnv | None = None,
    environment: Mapping[str, str] | None = None,
) -> JailSettings:
    """A jail with uv and without network: no index, no cache of an earlier run."""
    settings = named(
        "tools",
        python=python or PythonEnv.own(),
        limits=LIMITS,
        binds=[Bind(Path(uv.find_uv_bin()), TOOL), *binds],
        writable=writable,
        environment=[*_QUIET, ("UV_OFFLINE", "1"), ("UV_NO_INDEX", "1"), *(environment or {}).items()],
    )
    return replace(settings, network=False)


def run(settings: JailSettings, command: Sequence[str], out_dir: Path | None = None) -> JailResult:
    """Run `command`; its end is the caller's to judge."""
    return Jail(settings).run(Target(command=tuple(command)), out_dir=out_dir)


def words(result: JailResult) -> str:
    """What uv said, without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", result.talk.decode(errors="replace"))


def failed(result: JailResult) -> LockgateError:
    """The error for a fetch or an installation that uv gave up on."""
    said = words(result)
    last = [line.strip() for line in said.strip().splitlines() if line.strip()][-6:]
    seen: dict[str, object] = {
        "ended": result.ended,
        "exit_code": result.exit_code,
        "said": clean(" / ".join(last), 500),
    }
    package = re.search(r"`([A-Za-z0-9._-]+)==", said) or re.search(r"\b([A-Za-z0-9._-]+)==", said)
    name = package[1] if package else "a package"
    if "Hash mismatch" in said:
        return Refused("LG343", f"the wheel of {name} is not the one that was locked", seen=seen, next=MAKE)
    if "no usable wheels" in said or "no wheels with a matching" in said or "Building source distributions" in said:
        message = f"{name} has no wheel for this machine: only wheels are taken"
        return Refused("LG344", message, seen=seen, next=f"lockgate lock --build {name}")
    return Unavailable(
        "LG347", "the locked environment could not be installed", seen=seen, next="look at what uv said, then run again"
    )


def _cache(folder: Path) -> Path:
    place = folder / "uv"
    with writing(place):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
    return place
