"""Requirements -> requirements.lock: resolved by uv in a jail, every platform, with hashes, without addresses.

Nothing is built to find out what a package needs: only wheels are looked at. What uv writes is read back as strictly
as any lock before it is believed.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from lockgate.contract.findings import clean
from lockgate.errors import LockgateError, Refused, Unavailable
from lockgate.runtime import index
from lockgate.runtime.lock import normal, parse_lock, pins_of
from lockgate.runtime.locked import uvjail, wanted
from lockgate.runtime.locked.checks import LIBRARY
from lockgate.runtime.locked.fetch import Origins
from lockgate.sandbox.launch import JailResult
from lockgate.sandbox.settings import Bind
from lockgate.store.files import read_regular, writing

_MOST = 16 << 20
_NOTHING: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
_FROM = re.compile(r"\s+# from (\S+)")
_REMARK = re.compile(r"(?:-r |project \()/in/given/([a-z.]+)\)?")
_NAMES = {"lockgate.in": "lockgate"}
_HEADER = "# Made by `lockgate lock`: exact versions with the SHA-256 of every file, for every platform.\n"


@dataclass(frozen=True)
class Asked:
    """What is to be resolved. `source` is the name of the person's file, for the lock's remarks.

    `needed`: what is added; None: what our jails need. `wheels`: a folder with further wheels, built here.
    """

    theirs: tuple[Requirement, ...]
    source: str
    previous: bytes = b""
    upgrade: bool = False
    upgrade_packages: tuple[str, ...] = ()
    wheels: Path | None = None
    needed: tuple[str, ...] | None = None

    def added(self) -> tuple[str, ...]:
        """What is resolved beside the person's requirements."""
        return wanted.ours(self.theirs) if self.needed is None else self.needed


def resolve(asked: Asked, cache: Path, origins: Origins, say: Callable[[str], None]) -> bytes:
    """A new lock, which keeps what `previous` pins as far as it still fits.

    Raises Refused LG344 (a package has no wheel), LG350 (no versions fit together, or one came from an index that it is
    not assigned to), Unavailable LG347.
    """
    needed = asked.added()
    clashing = wanted.clashes(asked.theirs, needed)
    if clashing:
        raise _conflict(asked, clashing, "")
    temporary = cache / "tmp"
    with writing(temporary):
        temporary.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=temporary, prefix="lock-", ignore_cleanup_errors=True) as place:
        where, shown = index.beside(origins.of(""), origins.indexes)
        result = _run(asked, needed, Path(place), cache, where, shown, origins.packages, origins.before())
        if not result[0].ok and "missing an upload date" in uvjail.words(result[0]):
            say("the index does not say when files came to it: min_age could not be judged")
            result = _run(asked, needed, Path(place), cache, where, shown, origins.packages, "")
        ended, lock = result
    if not ended.ok:
        raise _failed(ended, asked)
    return _checked(lock, asked.source, origins.packages, shown)


def _run(
    asked: Asked,
    needed: Sequence[str],
    place: Path,
    cache: Path,
    where: index.Index,
    shown: Mapping[str, str],
    packages: Mapping[str, str],
    before: str,
) -> tuple[JailResult, bytes]:
    given, work = Path(tempfile.mkdtemp(dir=place)), Path(tempfile.mkdtemp(dir=place))
    theirs = [str(each) for each in asked.theirs]
    # uv tells what a file is by its name; only a pyproject.toml can give a package one index.
    name = "pyproject.toml" if packages else "requirements.in"
    text = _pyproject(theirs, shown, packages) if packages else "\n".join(theirs)
    (given / name).write_text(text, encoding="utf-8")
    (given / "lockgate.in").write_text("\n".join(needed), encoding="utf-8")
    (work / "requirements.lock").write_bytes(asked.previous)
    given.chmod(0o755)
    binds = [Bind(given, "/in/given")] + ([Bind(asked.wheels, "/in/wheels")] if asked.wheels else [])
    settings = uvjail.online(where, cache=cache, binds=binds, writable=[Bind(work, "/place")])
    options = [*(("--upgrade",) if asked.upgrade else ()), *(("--exclude-newer", before) if before else ())]
    options += [word for name in asked.upgrade_packages for word in ("--upgrade-package", name)]
    options += ["--find-links", "/in/wheels"] if asked.wheels else []
    command = (
        *(uvjail.TOOL, "pip", "compile", "--universal", "--python-version", LIBRARY.removeprefix("lib/python")),
        *("--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--emit-index-annotation", "--no-header"),
        # Not --quiet: that an index does not say when files came to it is a warning.
        *("--no-build", "--cache-dir", uvjail.CACHE, "--index-strategy", "unsafe-best-match"),
        *("--python", str(settings.python.base_python), *options),
        *(f"/in/given/{name}", "/in/given/lockgate.in", "-o", "/place/requirements.lock"),
    )
    result = uvjail.run(settings, command)
    return result, read_regular(work / "requirements.lock", _MOST) if result.ok else b""


def _pyproject(theirs: Iterable[str], shown: Mapping[str, str], packages: Mapping[str, str]) -> str:
    """The requirements with, for uv, the one index that a package comes from."""
    lines = ["[project]", 'name = "project"', 'version = "0"', "dependencies = ["]
    lines += [f"  {_quoted(each)}," for each in theirs] + ["]", "[tool.uv.sources]"]
    lines += [f"{_quoted(package)} = {{ index = {_quoted(name)} }}" for package, name in sorted(packages.items())]
    for name, address in shown.items():
        lines += ["[[tool.uv.index]]", f"name = {_quoted(name)}", f"url = {_quoted(address)}", "explicit = true"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _checked(lock: bytes, source: str, packages: Mapping[str, str], shown: Mapping[str, str]) -> bytes:
    """The lock without any address, once each package is known to come from the index that it is assigned to."""
    kept, package = [_HEADER], ""
    for line in lock.decode("utf-8").splitlines(keepends=True):
        found = re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==", line)
        package = normal(found[1]) if found else package
        origin = _FROM.match(line)
        if origin is None:
            kept.append(_REMARK.sub(lambda match: _NAMES.get(match[1], f"-r {source}"), line))
            continue
        assigned = packages.get(package, "")
        if assigned and origin[1].rstrip("/") != shown[assigned].rstrip("/"):
            raise Refused(
                "LG350",
                f"{package} may come from the index {assigned} only, and another package asked for it elsewhere",
                seen={"package": package, "index": assigned},
                next=f"name {package} in requirements.in itself, then lockgate lock",
            )
    made = "".join(kept).encode()
    parse_lock(made)
    return made


def _failed(result: JailResult, asked: Asked) -> LockgateError:
    said = " ".join(uvjail.words(result).split())
    if "no usable wheels" in said and "from source is disabled" in said:
        found = re.search(r"all versions of ([A-Za-z0-9._-]+) have no usable wheels", said)
        found = found or re.search(r"Wheels are required for `([A-Za-z0-9._-]+)`", said)
        name = found[1] if found else "a package"
        following = f"lockgate lock --build {name}   # builds its pinned source in a jail without network"
        message = f"{name} has no wheel: only wheels are taken"
        return Refused("LG344", message, seen={"said": clean(said, 500)}, next=following)
    if "No solution found" in said:
        return _conflict(asked, [], said)
    seen: dict[str, object] = {"ended": result.ended, "exit_code": result.exit_code, "said": clean(said[-500:], 500)}
    message = "the requirements could not be resolved"
    return Unavailable("LG347", message, seen=seen, next="look at what uv said, then run again")


def _conflict(asked: Asked, clashing: Sequence[str], said: str) -> Refused:
    """The reason that uv gives, and whether it is about what our converters need."""
    cause = re.search(r"(Because .*?requirements are unsatisfiable)", said)
    reason = clean(cause[1] if cause else said, 500)
    mine = {normal(Requirement(each).name) for each in asked.added()}
    touched = sorted(name for name in mine if re.search(rf"\b{re.escape(name)}\b", reason))
    seen: dict[str, object] = {"why": reason} if reason else {}
    if touched and not clashing:
        seen["lockgate_needs"] = [each for each in asked.added() if normal(Requirement(each).name) in touched]
    what = "; ".join(clashing) or "no versions fit together"
    return Refused("LG350", f"{asked.source}: {what}", seen=seen, next=f"edit {asked.source}, then lockgate lock")


def changes(before: bytes, after: bytes) -> list[tuple[str, str, str]]:
    """(package, version before, version after) of each difference; empty for a version that is not there."""
    old, new = pins_of(before), pins_of(after)
    found = []
    for name in sorted({*old, *new}):
        was, now = old.get(name, _NOTHING)[0], new.get(name, _NOTHING)[0]
        if old.get(name) != new.get(name):
            found.append((name, ", ".join(sorted(was)), ", ".join(sorted(now))))
    return found
