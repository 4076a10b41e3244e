"""Building the wheel of a pinned source distribution: in a jail without network, by build tools that are pinned too.

    1. The source is fetched as wheels are; its digest is what built-wheels.toml says, once that says anything.
    2. A jail reads what it needs to be built. These tools are resolved to wheels with hashes, once.
    3. Their environment is made like any locked environment.
    4. uv builds in a jail that sees the source and the tools, and has no network and nothing of the project.
    5. What came of it goes to the wheel store, under its digest. The same source and tools that give other bytes than
       before are refused: a lock that pins what cannot be made again would be a promise that nobody can check.

Compiled code needs headers, which the jail does not show: what is built here is Python.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lockgate.contract.findings import clean
from lockgate.contract.jailed import Task, run_task
from lockgate.core.digest import Digest, digest_of, hex_of
from lockgate.core.encoding import decode_exact
from lockgate.errors import LockgateError, Refused, Usage
from lockgate.runtime import environment
from lockgate.runtime.lock import Requirement
from lockgate.runtime.locked import uvjail
from lockgate.runtime.locked.built import FILENAME, Built, read
from lockgate.runtime.locked.fetch import Origins, download
from lockgate.runtime.locked.resolve import Asked, resolve
from lockgate.runtime.locked.wanted import read_one
from lockgate.runtime.locked.wheels import WheelStore, fits, other_bytes
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named
from lockgate.store.files import read_regular, writing

_MOST = 1 << 20
_MOST_SOURCE = 1 << 30
_PARSE = Limits(memory=1 << 30, cpu_seconds=300, wall_seconds=300)


def records(root: Path) -> tuple[Built, ...]:
    """What the project's built-wheels.toml says; nothing without one. Raises Usage LG355."""
    try:
        data = read_regular(root / FILENAME, _MOST)
    except FileNotFoundError:
        return ()
    except LockgateError as error:
        raise Usage("LG355", f"{FILENAME} cannot be read: {error.message}", next=f"ls -l {FILENAME}") from None
    try:
        return read(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Usage("LG355", f"{FILENAME} is not UTF-8", seen={"byte": error.start}, next=f"ls -l {FILENAME}") from None


def sources(root: Path) -> dict[Digest, Digest]:
    """Wheel -> the source distribution that it was built of, by the project's own record. Raises as `records`."""
    return {each.wheel: each.sdist for each in records(root)}


def build_wheel(
    wanted: Requirement,
    before: Built | None,
    home: Path,
    store: WheelStore,
    origins: Origins,
    say: Callable[[str], None],
) -> Built:
    """Build `wanted` (its hashes are those that its source may have; empty: any); `before`: how it was built last.

    Raises Refused LG343, LG344, LG355, and what resolving and building an environment raise.
    """
    temporary = store.cache / "tmp"
    with writing(temporary):
        temporary.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=temporary, prefix="build-", ignore_cleanup_errors=True) as place:
        scratch = Path(place)
        allowed = replace(wanted, hashes=frozenset({hex_of(before.sdist)})) if before else wanted
        source, digest = _source(allowed, store, origins, scratch)  # 1
        tools = before.tools_lock() if before else _tools(source, scratch, store, origins, say)  # 2
        python = _builder(tools, home, scratch, origins, say)  # 3
        say(f"building {wanted.name} {wanted.version} in a jail without network")
        file = _build(source, python, scratch, wanted)  # 4
        made = digest_of(read_regular(file, _MOST_SOURCE))
        if before and made != before.wheel:  # 5
            raise Refused(
                "LG355",
                f"{wanted.name} {wanted.version} was built again, of the same source, and gave other bytes",
                seen={"expected": before.wheel, "seen": made},
                next=f"review the package; to accept it, remove its entry from built-wheels.toml, then lockgate lock "
                f"--build {wanted.name}",
            )
        stored = store.put(file, replace(wanted, hashes=frozenset({hex_of(made)})))
    return Built(wanted.name, wanted.version, digest, stored.digest, before.tools if before else _listed(python, home))


def _source(wanted: Requirement, store: WheelStore, origins: Origins, scratch: Path) -> tuple[Path, Digest]:
    where = origins.of(origins.packages.get(wanted.name, ""))
    fetched = scratch / "fetched"
    fetched.mkdir()
    answer = download([wanted], store.cache, where, origins, fetched, source=True)[0]
    name = str(answer["file"])
    if os.path.basename(name) != name or not name.endswith(".tar.gz"):
        raise _refused(wanted, f"{clean(name, 80)!r} is no source distribution")
    file = fetched / "target" / "0" / name
    digest = digest_of(read_regular(file, _MOST_SOURCE))
    if wanted.hashes and hex_of(digest) not in wanted.hashes:
        raise other_bytes(wanted, digest)
    file.chmod(0o444)
    return file, digest


def _tools(source: Path, scratch: Path, store: WheelStore, origins: Origins, say: Callable[[str], None]) -> bytes:
    """A lock of what the source needs to be built; empty when it needs nothing."""
    settings = named("parse", python=PythonEnv.own(), limits=_PARSE, binds=[Bind(source, f"/in/sdist/{source.name}")])
    task = Task(
        module="lockgate.runtime.jail.sdist",
        given={},
        gives=("sdist.json",),
        findings=("LG355",),
        died="LG355",
        work="reading the source distribution",
        next="lockgate explain LG355",
    )
    given, _ = run_task(settings, task, scratch / "read")
    try:
        listed = decode_exact(read_regular(given["sdist.json"], _MOST))["requires"]
        wanted = tuple(read_one(str(each)) for each in listed)
    except (ValueError, KeyError, TypeError) as error:
        message = f"{source.name} does not say in form what it needs to be built: {clean(str(error), 200)}"
        raise Refused("LG355", message, next="lockgate explain LG355") from None
    if not wanted:
        return b""
    return resolve(Asked(wanted, f"{source.name}", needed=()), store.cache, origins, say)


def _builder(lock: bytes, home: Path, scratch: Path, origins: Origins, say: Callable[[str], None]) -> PythonEnv:
    if not lock:
        return PythonEnv.of(environment.bare(scratch / "bare"))
    made = environment.build(
        lock,
        home,
        say=say,
        filename="the build tools",
        environ=origins.environ,
        origins=lambda: origins,
        min_age=origins.age(),
    )
    return PythonEnv.of(made.path)


def _listed(python: PythonEnv, home: Path) -> tuple[str, ...]:
    made = environment.described(home, python)
    return tuple(f"{wheel.name}=={wheel.version} {wheel.digest}" for wheel in (made.wheels if made else ()))


def _build(source: Path, python: PythonEnv, scratch: Path, wanted: Requirement) -> Path:
    out, work = scratch / "out", scratch / "work"
    out.mkdir()
    work.mkdir()
    settings = uvjail.offline(
        python=python, binds=[Bind(source, f"/in/{source.name}")], writable=[Bind(work, "/place")]
    )
    command = (
        *(uvjail.TOOL, "build", "--wheel", "--no-build-isolation", "--no-config", "--cache-dir", "/place/cache"),
        *("--python", "/env/bin/python", "--out-dir", "/out", f"/in/{source.name}"),
    )
    result = uvjail.run(settings, command, out)
    found = [name for name in result.files if fits(name, wanted.name, wanted.version) is not None]
    if not result.ok or len(found) != 1:
        said = " / ".join(uvjail.words(result).strip().splitlines()[-8:])
        raise _refused(wanted, "its build ended without a wheel", said=clean(said, 500), ended=result.ended)
    return result.files[found[0]]


def _refused(wanted: Requirement, why: str, **seen: object) -> Refused:
    return Refused(
        "LG355",
        f"{wanted.name} {wanted.version} cannot be built: {why}",
        seen={"package": wanted.name, **seen},
        next="lockgate explain LG355",
    )
