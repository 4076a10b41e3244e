"""The locked environment: content-addressed, built in a jail from hashes, verified whole before each use.

    .lockgate/env/<lock, hex>/             a virtual environment; the jail sees it read-only at /env
    .lockgate/state/env/<lock, hex>.json   {"v", "lock", "python", "tree", "wheels": [{"name", "version", "sha256"}]}

The interpreter is Lockgate's own. Wheels only: nothing that is fetched runs before training does, and then in the
train jail. The tree digest covers every file, its executable bit and every link. An environment without its state
file was never finished and is built again; one that differs from its tree digest is refused, never repaired silently.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import uv

from lockgate.core.digest import Digest, digest_of, from_hex, hex_of
from lockgate.core.encoding import decode_exact, encode
from lockgate.errors import LockgateError, Refused, Unavailable, Usage, VerificationFailed
from lockgate.runtime import index
from lockgate.runtime.lock import MAKE, Requirement, parse_lock
from lockgate.runtime.tree import refuse_hooks, tree_digest, wheels_of
from lockgate.sandbox.launch import Jail, JailResult, Target
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named
from lockgate.store.files import atomic_write, read_regular, writing
from lockgate.store.lock import lock as hold
from lockgate.trust.pin import state_home

_MOST_LOCK = 16 << 20
_LIMITS = Limits(memory=4 << 30, tasks=512, cpu_seconds=3600, wall_seconds=3600)
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Wheel:
    """An installed wheel: normal name, version, and the digest, among those of the lock, that its bytes had."""

    name: str
    version: str
    digest: Digest


@dataclass(frozen=True)
class Environment:
    """A built and verified environment."""

    path: Path
    lock_digest: Digest
    tree_digest: Digest
    wheels: tuple[Wheel, ...]


def locked_python(root: Path, home: Path, lock_path: Path, say: Callable[[str], None]) -> PythonEnv:
    """The interpreter and environment of the project whose lock file is `lock_path`; built where it is not there yet.

    Raises what `build` and `verify_environment` raise; Usage LG340 without a lock file.
    """
    lock = read_lock(root, lock_path)
    return PythonEnv.of(build(lock, home, say=say, filename=lock_path.name).path)


def read_lock(root: Path, lock_path: Path) -> bytes:
    """The bytes of the project's lock file. Raises Usage LG340."""
    try:
        return read_regular(lock_path, _MOST_LOCK)
    except (OSError, LockgateError) as error:
        name = os.path.relpath(lock_path, root)
        why = error.message if isinstance(error, LockgateError) else error.strerror
        raise Usage("LG340", f"{name} cannot be read: {why}", seen={"file": str(lock_path)}, next=MAKE) from None


def build(
    lock: bytes,
    home: Path,
    *,
    say: Callable[[str], None],
    filename: str = "requirements.lock",
    environ: Mapping[str, str] | None = None,
) -> Environment:
    """The environment of `lock` below `home` (a `.lockgate`): the verified one that is there, or a new one.

    1. The lock names exact versions with hashes.         2. One builder at a time.
    3. What was finished before is verified and used; it needs no network.
    4. uv fetches and unpacks the wheels in a `tools` jail, into a folder that nobody uses yet.
    5. Nothing in it runs when Python starts.             6. Each wheel is named with the digest it had.
    7. The folder gets its name, then its state file: the last step makes it an environment.

    Raises Usage LG340 to LG342, Refused LG343 to LG345, LG348, VerificationFailed LG346, Unavailable LG347.
    """
    requirements = parse_lock(lock, filename)  # 1
    name = hex_of(digest_of(lock))
    target = home / "env" / name
    with hold(home / "state" / "locks" / "env"):  # 2
        if _is_finished(home, name):
            return verify_environment(home, digest_of(lock))  # 3
        say(f"building the locked environment of {filename} (once; later runs need no network)")
        with writing(home):
            shutil.rmtree(target, ignore_errors=True)
            parent = home / "state" / "tmp"
            parent.mkdir(parents=True, exist_ok=True)
            for left in parent.glob("env-*"):  # of a builder that was killed: we hold the lock
                shutil.rmtree(left, ignore_errors=True)
            scratch = Path(tempfile.mkdtemp(dir=parent, prefix="env-"))
        try:
            made, cache = _bare(scratch / "env"), _cache(environ or os.environ)
            _install(made, lock, scratch, cache, environ or os.environ)  # 4
            _take_over(made)
            _without_times(made)
            refuse_hooks(made)  # 5
            wheels = tuple(Wheel(*found) for found in wheels_of(made, requirements, cache))  # 6
            _check_complete(requirements, wheels)
            environment = Environment(target, digest_of(lock), tree_digest(made), wheels)
            with writing(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                os.rename(made, target)
            (home / "state" / "env").mkdir(parents=True, exist_ok=True)
            _remember(_state(environment))
            atomic_write(_state_file(home, name), _state(environment))  # 7
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return environment


def verify_environment(home: Path, lock: Digest) -> Environment:
    """Read every file of a finished environment again. Raises VerificationFailed LG346 when anything differs."""
    environment = _read_state(home, lock)
    found = tree_digest(environment.path)
    if found != environment.tree_digest:
        raise VerificationFailed(
            "LG346",
            "the locked environment was changed since it was built",
            seen={"environment": str(environment.path), "expected": environment.tree_digest, "seen": found},
            next=f"rm -r {environment.path}   # then run again: it is built anew from the lock",
        )
    return environment


def described(home: Path, python: PythonEnv) -> Environment | None:
    """What the state says of the environment that `python` is; None for one that no lock made."""
    if python.site is None or python.site.parent.resolve() != (home / "env").resolve():
        return None
    return _read_state(home, from_hex(python.site.name))


def _state_file(home: Path, name: str) -> Path:
    return home / "state" / "env" / f"{name}.json"


def _is_finished(home: Path, name: str) -> bool:
    """A state file, of this very interpreter: after an upgrade of Python the environment is made anew."""
    if not (home / "env" / name).is_dir() or not _state_file(home, name).is_file():
        return False
    try:
        state = _state_file(home, name).read_bytes()
        return _is_remembered(state) and bool(decode_exact(state)["python"] == _interpreter())
    except (ValueError, KeyError, TypeError):
        return False


def _remembered(state: bytes) -> Path:
    return state_home() / "environments" / hex_of(digest_of(state))


def _remember(state: bytes) -> None:
    """Keep outside of every project which environments this user has built.

    Whoever can write to `.lockgate` could change an environment and its state file alike; what is not
    remembered here is built anew from the lock.
    """
    path = _remembered(state)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    atomic_write(path, b"", 0o600)


def _is_remembered(state: bytes) -> bool:
    return _remembered(state).is_file()


def _interpreter() -> str:
    return f"{_PYTHON} {PythonEnv.own().base_python}"


def _state(environment: Environment) -> bytes:
    listed = [{"name": w.name, "version": w.version, "sha256": hex_of(w.digest)} for w in environment.wheels]
    return encode(
        {
            "v": 1,
            "lock": environment.lock_digest,
            "python": _interpreter(),
            "tree": environment.tree_digest,
            "wheels": listed,
        }
    )


def _read_state(home: Path, lock: Digest) -> Environment:
    name = hex_of(lock)
    try:
        state = read_regular(_state_file(home, name), _MOST_LOCK)
        if not _is_remembered(state):
            raise ValueError("this user has not built an environment like that")
        value = decode_exact(state)
        wheels = tuple(Wheel(each["name"], each["version"], from_hex(each["sha256"])) for each in value["wheels"])
        if value["lock"] != lock:
            raise ValueError("it is about another lock")
        return Environment(home / "env" / name, lock, Digest(value["tree"]), wheels)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VerificationFailed(
            "LG346",
            f"what is known of the locked environment is malformed: {error}",
            seen={"file": str(_state_file(home, name))},
            next=f"rm -r {home / 'env' / name} {_state_file(home, name)}   # then run again",
        ) from None


def _bare(folder: Path) -> Path:
    """An empty virtual environment of our own interpreter, the same bytes each time."""
    python = PythonEnv.own().base_python
    (folder / "bin").mkdir(parents=True)
    (folder / "lib" / f"python{_PYTHON}" / "site-packages").mkdir(parents=True)
    (folder / "lib64").symlink_to("lib")
    for name in ("python", "python3", f"python{_PYTHON}"):
        (folder / "bin" / name).symlink_to(python if name == "python" else "python")
    version = ".".join(str(part) for part in sys.version_info[:3])
    (folder / "pyvenv.cfg").write_text(
        f"home = {python.parent}\ninclude-system-site-packages = false\nversion = {version}\n", encoding="utf-8"
    )
    return folder


def _cache(environ: Mapping[str, str]) -> Path:
    """The cache of uv, shared by all projects of this user; a wheel's hash is checked when it is put there."""
    place = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lockgate" / "uv"
    with writing(place):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
    return place


def _install(made: Path, lock: bytes, scratch: Path, cache: Path, environ: Mapping[str, str]) -> None:
    listed = scratch / "requirements.lock"
    listed.write_bytes(lock)
    listed.chmod(0o444)
    where = index.configured(environ, Path.home())
    settings = named(
        "tools",
        python=PythonEnv.own(),
        limits=_LIMITS,
        binds=[Bind(listed, "/in/requirements.lock"), Bind(Path(uv.find_uv_bin()), "/tools/uv"), *where.binds],
        writable=[Bind(made, "/target"), Bind(cache, "/cache")],
        environment=[
            ("UV_SYSTEM_CERTS", "1"),
            ("UV_NATIVE_TLS", "1"),  # the same, for uv before 0.11
            ("UV_NO_PROGRESS", "1"),
            ("UV_PYTHON_DOWNLOADS", "never"),
            ("PYC_INVALIDATION_MODE", "UNCHECKED_HASH"),  # no time stamps: the tree digest is the check
            *where.environment,
        ],
    )
    command = (
        *("/tools/uv", "pip", "install", "--python", "/target/bin/python", "--require-hashes", "--no-deps"),
        *("--only-binary", ":all:", "--no-config", "--cache-dir", "/cache", "--link-mode", "copy"),
        *("--index-strategy", "unsafe-best-match", "--compile-bytecode", "-r", "/in/requirements.lock"),
    )
    result = Jail(settings).run(Target(command=command))
    if not result.ok:
        raise _failed(result)


def _failed(result: JailResult) -> LockgateError:
    said = re.sub(r"\x1b\[[0-9;]*m", "", result.talk.decode(errors="replace"))
    last = [line.strip() for line in said.strip().splitlines() if line.strip()][-6:]
    seen: dict[str, object] = {"ended": result.ended, "exit_code": result.exit_code, "said": " / ".join(last)[:500]}
    package = re.search(r"`([A-Za-z0-9._-]+)==", said) or re.search(r"\b([A-Za-z0-9._-]+)==", said)
    name = package[1] if package else "a package"
    if "Hash mismatch" in said:
        return Refused("LG343", f"the wheel of {name} is not the one that was locked", seen=seen, next=MAKE)
    if "no usable wheels" in said or "no wheels with a matching" in said or "Building source distributions" in said:
        return Refused("LG344", f"{name} has no wheel for this machine: only wheels are taken", seen=seen, next=MAKE)
    return Unavailable(
        "LG347", "the locked environment could not be installed", seen=seen, next="look at what uv said, then run again"
    )


def _take_over(folder: Path) -> None:
    """Started as root, the jail's uid may own what it made; it must not when it is used."""
    if os.geteuid() != 0:
        return
    for place, names, files in os.walk(folder):
        for name in (".", *names, *files):
            os.chown(os.path.join(place, name), 0, 0, follow_symlinks=False)


def _without_times(folder: Path) -> None:
    """Remove what uv notes of a local wheel (its time stamp): the same lock is to give the same tree."""
    for note in folder.glob("lib/python*/site-packages/*.dist-info/uv_cache.json"):
        record = note.with_name("RECORD")
        lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
        record.write_text("".join(line for line in lines if "uv_cache.json" not in line), encoding="utf-8")
        note.unlink()
    (folder / ".lock").unlink(missing_ok=True)


def _check_complete(requirements: tuple[Requirement, ...], wheels: tuple[Wheel, ...]) -> None:
    strangers = {(w.name, w.version) for w in wheels} - {(r.name, r.version) for r in requirements}
    if strangers:
        raise Refused("LG348", f"{min(strangers)[0]} was installed and is not in the lock", next=MAKE)
