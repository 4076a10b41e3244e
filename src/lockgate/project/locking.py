"""Making a project's lock, and where its packages come from: the shell of `lockgate lock`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement

from lockgate.core.digest import Digest, digest_of
from lockgate.core.shown_html import Shown
from lockgate.errors import LockgateError, Refused, Usage
from lockgate.ingest.secrets import resolve as secret
from lockgate.ingest.secrets import unsaid
from lockgate.project import own_wheels
from lockgate.runtime.lock import pins_of
from lockgate.runtime.locked import resolve as resolving
from lockgate.runtime.locked import wanted
from lockgate.runtime.locked.fetch import Origins
from lockgate.runtime.locked.osv import Package, look_up
from lockgate.runtime.locked.settings import is_reference
from lockgate.runtime.locked.wheels import WheelStore, cache_folder
from lockgate.store.files import atomic_write, read_regular

if TYPE_CHECKING:
    from lockgate.project.folder import Folder

_MOST = 16 << 20
_MOST_SAID = 10


@dataclass(frozen=True, repr=False)
class Locked(Shown):
    """A lock that was made, or found to be as it should. `changes`: (package, versions before, versions after)."""

    file: str
    digest: Digest
    packages: int
    changes: tuple[tuple[str, str, str], ...]
    written: bool

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        listed = [{"package": name, "before": was, "after": now} for name, was, now in self.changes]
        return {**vars(self), "changes": listed}


def origins(project: Folder) -> Origins:
    """Where this project's packages come from, secrets looked up.

    Raises Usage LG125; for a reference, Refused LG825 unless this user pinned the project's root: a stranger's
    lockgate.toml may name a command.
    """
    settings = project.config.environment
    if any(map(is_reference, settings.indexes.values())):
        project.trusted_root()
    found = {
        name: secret(address, f"environment.indexes.{name}", project.root) if is_reference(address) else address
        for name, address in settings.indexes.items()
    }
    return Origins(found, settings.packages, settings.min_age, now=project.now)


def make_lock(
    project: Folder,
    *,
    say: Callable[[str], None],
    upgrade: bool = False,
    upgrade_packages: tuple[str, ...] = (),
    build: tuple[str, ...] = (),
    check: bool = False,
) -> Locked:
    """Resolve the project's requirements and write its lock, whole or not at all.

    The wheels of the packages `build` are made first, of their pinned sources.

    With `check` nothing is written, and a lock that resolving would change is Refused LG357.
    Raises also Usage LG351, LG340, and what `resolving.resolve` raises.
    """
    target = project.root / project.config.train.lock
    previous = _previous(target)
    source, theirs = requirements(project)
    places = origins(project)
    store = WheelStore(cache_folder(os.environ))
    with unsaid([address for address in places.indexes.values() if "@" in address]):
        own = own_wheels.build(project, build, theirs, previous or b"", store, places, say)
        with own_wheels.shown(own, store) as wheels:
            asked = resolving.Asked(theirs, source.name, previous or b"", upgrade, upgrade_packages, wheels)
            made = resolving.resolve(asked, store.cache, places, say)
    changed = tuple(resolving.changes(previous or b"", made))
    if check and (changed or previous is None):
        names = ", ".join(name for name, _, _ in changed[:5])
        raise Refused(
            "LG357",
            f"{target.name} is not what {source.name} asks for: {names}" if previous else f"there is no {target.name}",
            seen={"changes": [f"{name} {was or '-'} -> {now or '-'}" for name, was, now in changed[:20]]},
            next="lockgate lock",
        )
    if changed and not check:
        atomic_write(target, made)
    kept = made if changed or previous is None else previous
    return Locked(target.name, digest_of(kept), len(pins_of(kept)), changed, bool(changed) and not check)


def known_vulnerabilities(
    project: Folder, wheels: Sequence[Package], say: Callable[[str], None]
) -> Mapping[str, Any] | None:
    """What the project's database says against `wheels`, for the provenance; None when it names none.

    Raises as `look_up`.
    """
    named = project.config.environment.osv
    if not named:
        return None
    parent = project.home / "state" / "tmp"
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix="osv-") as scratch:
        known = look_up(wheels, project.root / named, Path(scratch) / "out", project.now())
    for each in known.found[:_MOST_SAID]:
        also = f" ({', '.join(each['aliases'][:3])})" if each["aliases"] else ""
        say(f"known vulnerability: {each['package']} {each['version']} {each['id']}{also} {each['severity']}".rstrip())
    if len(known.found) > _MOST_SAID:
        say(f"... and {len(known.found) - _MOST_SAID} more; all of them are in the train statement")
    return known.as_json()


def requirements(project: Folder) -> tuple[Path, tuple[Requirement, ...]]:
    """The file that says what the project needs, and what it says. Raises Usage LG351."""
    named = project.root / project.config.environment.requirements
    for path in (named, project.root / "pyproject.toml"):
        try:
            text = read_regular(path, _MOST).decode("utf-8")
        except FileNotFoundError:
            continue
        except (UnicodeDecodeError, LockgateError):
            raise Usage(
                "LG351", f"{path.name} cannot be read as text", seen={"file": str(path)}, next=f"ls -l {path.name}"
            ) from None
        read = wanted.read_pyproject if path.suffix == ".toml" else wanted.read_requirements
        return path, read(text, path.name)
    raise Usage(
        "LG351",
        f"there is no {named.name}, and no pyproject.toml: nothing says what the project needs",
        seen={"folder": str(project.root)},
        next=f"write {named.name}, one requirement a line; what Lockgate needs itself is added",
    )


def _previous(target: Path) -> bytes | None:
    """The lock that is there. Raises Usage LG340 for one of another tool's forms, which that tool makes."""
    try:
        data = read_regular(target, _MOST)
    except FileNotFoundError:
        return None
    if target.suffix == ".toml" or target.name == "uv.lock" or (data.strip() and not _is_requirements(data)):
        tool = "uv lock" if target.name == "uv.lock" else "the tool that made it"
        raise Usage(
            "LG340",
            f"{target.name} is not a requirements.lock: {tool} makes it",
            seen={"file": str(target)},
            next='edit lockgate.toml: [train] lock = "requirements.lock", or lock with that tool',
        )
    return data


def _is_requirements(data: bytes) -> bool:
    return bool(pins_of(data)) or not data.strip(b" \n").replace(b"#", b"")
