"""The locked environment: content-addressed, built in a jail from hashes, verified whole before each use.

    .lockgate/env/<lock, hex>/             a virtual environment; the jail sees it read-only at /env
    .lockgate/state/env/<lock, hex>.json   {"v": 3, "lock", "python", "tree", "wheels": [{"name", "version", "sha256",
                                            "licence"}]}

The interpreter is Lockgate's own. Wheels only: nothing that is fetched runs before training does, and then in the
train jail. The tree digest covers every file, its executable bit and every link. An environment without its state
file was never finished and is built again; one that differs from its tree digest is refused, never repaired silently.

Wheels come from the user's wheel store, and only what is missing there is fetched: with the store filled, making an
environment needs no network.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lockgate.core.digest import Digest, digest_of, from_hex, hex_of
from lockgate.core.encoding import decode_exact, encode
from lockgate.errors import LockgateError, Refused, Usage, VerificationFailed
from lockgate.runtime.lock import MAKE, Requirement
from lockgate.runtime.locked.ages import MinAge, refuse_young
from lockgate.runtime.locked.assemble import assemble
from lockgate.runtime.locked.fetch import Origins, fetch
from lockgate.runtime.locked.read import read
from lockgate.runtime.locked.unpack import Unpacked
from lockgate.runtime.locked.wheels import Stored, WheelStore, cache_folder
from lockgate.runtime.tree_again import known_digest
from lockgate.sandbox.settings import PythonEnv
from lockgate.store.files import atomic_write, read_regular, writing
from lockgate.store.lock import lock as hold
from lockgate.trust.pin import state_home

_MOST_LOCK = 16 << 20
ANY_AGE = MinAge()
_TRIES = 3
_FORM = 3  # another one when more is checked, or known, of what an environment holds
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Wheel:
    """An installed wheel: normal name, version, and the digest, among those of the lock, that its bytes had.

    `licence`: what it declares, as an SPDX expression; "" when that cannot be read. Its maker's word.
    """

    name: str
    version: str
    digest: Digest
    licence: str = ""


@dataclass(frozen=True)
class Environment:
    """A built and verified environment."""

    path: Path
    lock_digest: Digest
    tree_digest: Digest
    wheels: tuple[Wheel, ...]


def locked_python(
    root: Path,
    home: Path,
    lock_path: Path,
    say: Callable[[str], None],
    origins: Callable[[], Origins] = Origins,
    min_age: MinAge = ANY_AGE,
) -> PythonEnv:
    """The interpreter and environment of the project whose lock file is `lock_path`; built where it is not there yet.

    `origins` is asked only when a wheel must be fetched: it may look up secrets.
    Raises what `build` and `verify_environment` raise; Usage LG340 without a lock file.
    """
    lock = read_lock(root, lock_path)
    made = build(lock, home, say=say, filename=lock_path.name, origins=origins, min_age=min_age)
    return PythonEnv.of(made.path)


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
    origins: Callable[[], Origins] | None = None,
    min_age: MinAge = ANY_AGE,
) -> Environment:
    """The environment of `lock` below `home` (a `.lockgate`): the verified one that is there, or a new one.

    1. The lock names exact versions with hashes.         2. One builder at a time, of this project and of this user.
    3. What was finished before is verified and used; it needs no network.
    4. Wheels that the user's store has not yet are fetched in a jail, and hashed before they are put there. Each is as
       old as `min_age` wants, whoever fetched it, and each time.
    5. Wheels that were never unpacked are, in a jail without network; nothing in them runs when Python starts.
    6. The environment is assembled in a folder that nobody uses yet, and every file in it compared.
    7. The folder gets its name, then its state file: the last step makes it an environment.

    Raises Usage LG340 to LG342, Refused LG343 to LG345, LG348, LG349, LG352 to LG354, VerificationFailed LG346,
    Unavailable LG347.
    """
    requirements = read(lock, filename)  # 1
    surroundings = environ or os.environ
    asked = origins or (lambda: Origins(environ=surroundings))
    name = hex_of(digest_of(lock))
    target = home / "env" / name
    with hold(home / "state" / "locks" / "env"):  # 2
        if _is_finished(home, name):
            found = verify_environment(home, digest_of(lock))  # 3
            refuse_young(found.wheels, min_age)
            return found
        say(f"building the locked environment of {filename} (once; later runs need no network)")
        scratch = _scratch(home, target)
        try:
            store = WheelStore(cache_folder(surroundings))
            with hold(store.cache / "lock"):
                made, tree, wheels = _make(requirements, store, scratch, asked, min_age, say)
            environment = Environment(target, digest_of(lock), tree, wheels)
            with writing(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                os.rename(made, target)
            (home / "state" / "env").mkdir(parents=True, exist_ok=True)
            _remember(_state(environment))
            atomic_write(_state_file(home, name), _state(environment))  # 7
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return environment


def _scratch(home: Path, target: Path) -> Path:
    """A new folder to build in. What a killed builder left is removed: we hold the lock."""
    with writing(home):
        shutil.rmtree(target, ignore_errors=True)
        parent = home / "state" / "tmp"
        parent.mkdir(parents=True, exist_ok=True)
        for left in parent.glob("env-*"):
            shutil.rmtree(left, ignore_errors=True)
        return Path(tempfile.mkdtemp(dir=parent, prefix="env-"))


def _make(
    requirements: Sequence[Requirement],
    store: WheelStore,
    scratch: Path,
    origins: Callable[[], Origins],
    min_age: MinAge,
    say: Callable[[str], None],
) -> tuple[Path, Digest, tuple[Wheel, ...]]:
    """Steps 4 to 6. An unpacked wheel that was changed is unpacked again, and said aloud."""
    unpacked = Unpacked(store.cache)
    empty = bare(scratch / "bare")
    for attempt in range(_TRIES):
        wheels = _stored(requirements, store, unpacked, origins)  # 4
        untold = refuse_young(wheels, min_age)
        if untold and attempt == 0:
            say(f"nobody knows when {_some(untold)} came to its index: min_age could not be judged for that")
        needed = [wheel for wheel in wheels if unpacked.lines(wheel) is None]
        if needed:
            unpacked.add(needed, empty)  # 5
        made = bare(scratch / f"env-{attempt}")
        tree, wrong = assemble(made, wheels, unpacked)  # 6
        if not wrong:
            for wheel in filter(unpacked.has_plugin, wheels):
                say(f"{wheel.name} has a plugin for pydantic: it is switched off in every jail")
            found = (Wheel(w.name, w.version, w.digest, unpacked.licence(w)) for w in wheels)
            return made, tree, tuple(found)
        names = ", ".join(wheel.name for wheel in wrong)
        say(f"unpacked files in {store.cache} were changed since: unpacking {names} again")
        for wheel in wrong:
            unpacked.drop(wheel)
    raise VerificationFailed(
        "LG346",
        "the unpacked wheels change while an environment is made of them",
        seen={"folder": str(store.cache)},
        next=f"find out who writes to {store.cache}, then rm -r {store.cache}",
    )


def _stored(
    requirements: Sequence[Requirement],
    store: WheelStore,
    unpacked: Unpacked,
    origins: Callable[[], Origins],
) -> list[Stored]:
    """A wheel of the store for each requirement, sorted; one that is to be unpacked has its digest."""
    found: dict[Requirement, Stored] = {}
    missing = list(requirements)
    for _ in range(_TRIES):
        for wanted in missing:
            wheel = store.find(wanted)
            while wheel is not None and unpacked.lines(wheel) is None and not store.check(wheel):
                wheel = store.find(wanted)
            if wheel is not None:
                found[wanted] = wheel
        missing = [wanted for wanted in missing if wanted not in found]
        if not missing:
            return sorted(set(found.values()), key=lambda each: each.name)
        fetch(missing, store, origins())
    raise Refused("LG348", f"nobody can tell which wheel {missing[0].name} is", next=f"rm -r {store.cache}")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def verify_environment(home: Path, lock: Digest) -> Environment:
    """Read every file of a finished environment again; once where nothing was touched since (`runtime.tree_again`).

    Raises VerificationFailed LG346 when anything differs.
    """
    environment = _read_state(home, lock)
    found = known_digest(environment.path)
    if found != environment.tree_digest:
        raise VerificationFailed(
            "LG346",
            "the locked environment was changed since it was built",
            seen={"environment": str(environment.path), "expected": environment.tree_digest, "seen": found},
            next=f"rm -r {environment.path}   # then run again: it is built anew from the lock",
        )
    return environment


def is_built(home: Path, lock: Digest) -> bool:
    """Whether `build` would verify what is there, and make nothing. Says nothing about the files."""
    return _is_finished(home, hex_of(lock))


def described(home: Path, python: PythonEnv) -> Environment | None:
    """What the state says of the environment that `python` is; None for one that no lock made."""
    if python.site is None or python.site.parent.resolve() != (home / "env").resolve():
        return None
    return _read_state(home, from_hex(python.site.name))


def _state_file(home: Path, name: str) -> Path:
    return home / "state" / "env" / f"{name}.json"


def _is_finished(home: Path, name: str) -> bool:
    """A state file, of this very interpreter and these checks: after an upgrade the environment is made anew."""
    if not (home / "env" / name).is_dir() or not _state_file(home, name).is_file():
        return False
    try:
        state = _state_file(home, name).read_bytes()
        value = decode_exact(state)
        return _is_remembered(state) and (value["v"], value["python"]) == (_FORM, _interpreter())
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
    listed = [
        {"name": w.name, "version": w.version, "sha256": hex_of(w.digest), "licence": w.licence}
        for w in environment.wheels
    ]
    return encode(
        {
            "v": _FORM,
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
        wheels = tuple(
            Wheel(each["name"], each["version"], from_hex(each["sha256"]), each["licence"]) for each in value["wheels"]
        )
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


def bare(folder: Path) -> Path:
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
