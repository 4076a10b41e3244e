"""Wheels -> unpacked wheels: installed by uv one by one in a jail without network, checked, kept by digest.

    $XDG_CACHE_HOME/lockgate/unpacked/<wheel, hex>-<interpreter>/     as below a virtual environment, files 0444 or 0555
    $XDG_STATE_HOME/lockgate/unpacked/<wheel, hex>-<interpreter>      first line: form; then the lines of tree_lines

Bytecode is made here, once per wheel. An unpacked wheel is believed as far as this user's state says what was in it:
whoever assembles an environment compares every file.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from lockgate.contract.jailed import Task, run_task
from lockgate.core.digest import hex_of
from lockgate.errors import LockgateError, Refused
from lockgate.runtime.lock import MAKE, normal
from lockgate.runtime.locked import checks, licences, uvjail
from lockgate.runtime.locked.wheels import Stored
from lockgate.runtime.tree import refuse_hooks, tree_lines, walk
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named
from lockgate.store.files import atomic_write, open_nofollow, read_regular, writing
from lockgate.trust.pin import state_home

_FORM = b"lockgate unpacked wheel 2\n"  # another one when more is checked: what was let in before is looked at again
_MOST = 256 << 20
_PARSE = Limits(memory=1 << 30, cpu_seconds=600, wall_seconds=600)

# One folder for all: bytecode names the place where it was made, and one file of two wheels is to be one file.
_LOOP = """
for wheel in "$@"; do
    /tools/uv pip install --python /env/bin/python --prefix /place/now --require-hashes --no-deps \
        --only-binary :all: --no-config --cache-dir /place/cache --link-mode hardlink --compile-bytecode \
        --offline --no-index --find-links "/in/wheels/$wheel" -r "/in/wheels/$wheel/wanted.txt" || exit 1
    mv /place/now "/place/made/$wheel" || exit 1
done
"""


class Unpacked:
    """The unpacked wheels of this user, for this interpreter, below `cache`."""

    def __init__(self, cache: Path) -> None:
        self._cache, self._place = cache, cache / "unpacked"

    def folder(self, wheel: Stored) -> Path:
        """Where the files of `wheel` are, or will be."""
        return self._place / _key(wheel)

    def lines(self, wheel: Stored) -> dict[str, bytes] | None:
        """What this user found in `wheel` when it was unpacked, by path; None when it was not, or is gone."""
        if self.folder(wheel).is_symlink() or not self.folder(wheel).is_dir():
            return None
        try:
            data = read_regular(_record(wheel), _MOST)
            if not data.startswith(_FORM):
                return None
            return {json.loads(line)[0]: line + b"\n" for line in data[len(_FORM) :].splitlines()}
        except (OSError, ValueError, LookupError, TypeError, LockgateError):
            return None

    def has_plugin(self, wheel: Stored) -> bool:
        """Whether `wheel` would be loaded by pydantic without anybody importing it."""
        points = self.folder(wheel).glob(f"{checks.SITE}/*.dist-info/entry_points.txt")
        return any(checks.has_plugin(read_regular(each, _MOST)) for each in points)

    def licence(self, wheel: Stored) -> str:
        """The licence that `wheel` declares, as an SPDX expression; "" when it cannot be read."""
        for each in self.folder(wheel).glob(f"{checks.SITE}/*.dist-info/METADATA"):
            return licences.declared(_head(each))
        return ""

    def drop(self, wheel: Stored) -> None:
        """Forget an unpacked wheel whose files are not what they were."""
        with suppress(FileNotFoundError):
            _record(wheel).unlink()
        if self.folder(wheel).is_symlink():
            self.folder(wheel).unlink()
        shutil.rmtree(self.folder(wheel), ignore_errors=True)

    def add(self, wheels: Sequence[Stored], bare: Path) -> None:
        """Unpack `wheels`, whose files have their digests; `bare` is an empty environment of the interpreter.

        1. A jail reads each archive's directory and refuses what leads out of it.    2. uv installs each into a folder
        of its own, and checks its hash again, in a jail without network.    3. Nothing in it runs when Python starts,
        and nothing shadows the interpreter, its library or Lockgate.    4. Its files are hashed here, then it gets its
        name, then its record: the last step makes it an unpacked wheel.

        Raises Refused LG345, LG348, LG352, LG353, and what `uvjail.failed` gives.
        """
        temporary = self._cache / "tmp"
        with writing(temporary):
            temporary.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=temporary, prefix="unpack-", ignore_cleanup_errors=True) as place:
            scratch = Path(place)
            _lay_out(wheels, scratch / "wheels")
            _look(wheels, scratch)  # 1
            made = _install(wheels, scratch, bare)  # 2
            for wheel in wheels:
                self._keep(wheel, made / hex_of(wheel.digest))

    def _keep(self, wheel: Stored, made: Path) -> None:
        _tidy(made)
        refuse_hooks(made)  # 3
        checks.refuse_shadows(wheel.name, walk(made))
        _check_identity(wheel, made)
        lines = tree_lines(made)  # 4
        with writing(self.folder(wheel)):
            self.drop(wheel)
            self._place.mkdir(parents=True, exist_ok=True)
            os.rename(made, self.folder(wheel))
            _record(wheel).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        atomic_write(_record(wheel), _FORM + b"".join(line for _, line in sorted(lines.items())), 0o600)


def _head(path: Path) -> bytes:
    """The first bytes of a file, enough for every header; none where it cannot be read."""
    try:
        fd = open_nofollow(path)
    except (OSError, LockgateError):
        return b""
    with open(fd, "rb") as file:
        return file.read(licences.MOST_HEADERS)


def _key(wheel: Stored) -> str:
    return f"{hex_of(wheel.digest)}-{sys.implementation.cache_tag}"


def _record(wheel: Stored) -> Path:
    return state_home() / "unpacked" / _key(wheel)


def _lay_out(wheels: Sequence[Stored], folder: Path) -> None:
    for wheel in wheels:
        place = folder / hex_of(wheel.digest)
        with writing(place):
            place.mkdir(parents=True)
            os.link(wheel.path, place / wheel.path.name, follow_symlinks=False)
            wanted = f"{wheel.name}=={wheel.version} --hash={wheel.digest}\n"
            (place / "wanted.txt").write_text(wanted, encoding="utf-8")


def _look(wheels: Sequence[Stored], scratch: Path) -> None:
    settings = named("parse", python=PythonEnv.own(), limits=_PARSE, binds=[Bind(scratch / "wheels", "/in/wheels")])
    listed = [[wheel.name, f"{hex_of(wheel.digest)}/{wheel.path.name}"] for wheel in wheels]
    task = Task(
        module="lockgate.runtime.jail.wheels",
        given={"wheels": listed},
        gives=("wheels.json",),
        findings=("LG353",),
        died="LG353",
        work="reading the wheels' directories",
        next=MAKE,
    )
    run_task(settings, task, scratch / "looked")


def _install(wheels: Sequence[Stored], scratch: Path, bare: Path) -> Path:
    work = scratch / "work"
    for name in ("made", "cache"):
        (work / name).mkdir(parents=True)
    settings = uvjail.offline(
        python=PythonEnv.of(bare),
        binds=[Bind(scratch / "wheels", "/in/wheels")],
        writable=[Bind(work, "/place")],
        # No time stamps: the tree digest is the check.
        environment={"PYC_INVALIDATION_MODE": "UNCHECKED_HASH"},
    )
    command = ("/bin/sh", "-c", _LOOP, "unpack", *(hex_of(wheel.digest) for wheel in wheels))
    result = uvjail.run(settings, command)
    if not result.ok:
        raise uvjail.failed(result)
    return work / "made"


def _tidy(folder: Path) -> None:
    """Take over what a jail made, remove what uv notes of a local wheel (its time stamp), make files read-only."""
    notes = folder.glob("lib/python*/site-packages/*.dist-info/uv_cache.json")
    for note in (each for each in (folder / ".lock", *notes) if each.is_file()):
        record = note.with_name("RECORD")
        if record.is_file():
            lines = record.read_bytes().splitlines(keepends=True)
            record.write_bytes(b"".join(line for line in lines if b"uv_cache.json" not in line))
        note.unlink()
    as_root = os.geteuid() == 0
    for place, folders, files in os.walk(folder):
        for name in (".", *folders, *files):
            path = os.path.join(place, name)
            if as_root:  # the jail's uid may own what it made; it must not when it is used
                os.chown(path, 0, 0, follow_symlinks=False)
            if name in files and not os.path.islink(path):
                os.chmod(path, 0o555 if os.stat(path).st_mode & 0o111 else 0o444)


def _check_identity(wheel: Stored, made: Path) -> None:
    """One distribution, of the locked name, and no link among its files. Python finds the older form too."""
    infos = [info.name for kind in ("dist", "egg") for info in made.glob(f"{checks.SITE}/*.{kind}-info")]
    names = [normal(re.sub(r"\.(dist|egg)-info\Z", "", name).partition("-")[0]) for name in infos]
    links = [path for path in walk(made) if (made / path).is_symlink()]
    if names != [wheel.name] or links:
        raise Refused(
            "LG348",
            f"what was unpacked from the wheel of {wheel.name} is not that package alone",
            seen={"package": wheel.name, "found": names, "links": links[:3]},
            next=f"remove {wheel.name} from requirements.in, then lockgate lock",
        )
