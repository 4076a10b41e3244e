"""Which root this user trusts, and for which folder. The one thing that no evidence can say about itself.

    $XDG_CONFIG_HOME/lockgate/<project id>/pin.json      {"pinned_at": RFC3339Z, "places": [...], "project_id": ...}
    $XDG_CONFIG_HOME/lockgate/<project id>/<role>.key    private keys (0600), <role>.pub public halves
    $XDG_CONFIG_HOME/lockgate/roots/<project id>.key     the root's private key, apart, to be moved away
    $XDG_STATE_HOME/lockgate/<project id>/seen/          the last checkpoints seen

Places are the folders that this user knows to hold a project: when a folder that held one project suddenly
holds another, pinned one, somebody swapped it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lockgate.core.encoding import decode_exact, encode
from lockgate.core.moments import parse_rfc3339, rfc3339
from lockgate.errors import Unavailable, Usage, VerificationFailed
from lockgate.store.files import atomic_write, read_regular, writing

_ID = re.compile(r"[0-9a-f]{64}")
_MOST = 1 << 20
PIN = "pin.json"


@dataclass(frozen=True)
class Pin:
    """A root that this user trusts, since when, and the project folders it belongs to (absolute, sorted)."""

    project_id: str
    places: tuple[str, ...]
    pinned_at: datetime


def config_home() -> Path:
    """`$XDG_CONFIG_HOME/lockgate`, else `~/.config/lockgate`."""
    return _home("XDG_CONFIG_HOME", ".config")


def state_home() -> Path:
    """`$XDG_STATE_HOME/lockgate`, else `~/.local/state/lockgate`."""
    return _home("XDG_STATE_HOME", ".local/state")


def key_folder(project_id: str) -> Path:
    """Where this user's keys, public halves and pin of a project are. Raises Usage (LG829) for no project id."""
    return config_home() / check_project_id(project_id)


def root_key_path(project_id: str) -> Path:
    """Where `init` writes the root's private key, apart from the others."""
    return config_home() / "roots" / f"{check_project_id(project_id)}.key"


def seen_folder(project_id: str) -> Path:
    """Where the last checkpoints seen are kept, outside of `.lockgate`."""
    return state_home() / check_project_id(project_id) / "seen"


def check_project_id(project_id: str) -> str:
    """A root fingerprint, 64 hex digits. Raises Usage (LG829): it becomes part of a path."""
    if not _ID.fullmatch(project_id):
        raise Usage(
            "LG829",
            "a project id is the fingerprint of its root key: 64 hex digits",
            seen={"seen": project_id[:80]},
            next="lockgate trust show",
        )
    return project_id


def pinned(project_id: str) -> Pin | None:
    """This user's pin of a root, or None. Raises VerificationFailed (LG827) when the pin file is damaged."""
    path = key_folder(project_id) / PIN
    try:
        data = read_regular(path, _MOST)
    except FileNotFoundError:
        return None
    try:
        found = _parse(data)
        if found.project_id != project_id:
            raise ValueError("it names another project")
    except ValueError as error:
        raise VerificationFailed(
            "LG827",
            f"the pin {path} is malformed: {error}",
            seen={"file": str(path)},
            next=f"rm {path}, then lockgate trust pin with the fingerprint you were told",
        ) from None
    return found


def pin(project_id: str, place: Path, now: datetime) -> Pin:
    """Trust a root from now on, for `place` and wherever else it was pinned. Raises as `check_place`."""
    check_place(place, project_id)
    before = pinned(project_id)
    places = {_spelled(place), *(before.places if before else ())}
    found = Pin(project_id, tuple(sorted(places)), before.pinned_at if before else now)
    _write(found)
    return found


def unpin(project_id: str, place: Path | None = None) -> None:
    """Trust a root no longer; with `place`, only forget that it belongs there."""
    before = pinned(project_id)
    if before is None:
        return
    if place is not None:
        _write(Pin(project_id, tuple(p for p in before.places if p != _spelled(place)), before.pinned_at))
        return
    path = key_folder(project_id) / PIN
    with writing(path):
        os.unlink(path)
        with suppress(OSError):  # keys may lie beside it
            path.parent.rmdir()


def check_place(place: Path, project_id: str) -> None:
    """Raises VerificationFailed (LG826) when `place` is known to belong to another project."""
    spelled = _spelled(place)
    for other in pins():
        if other.project_id != project_id and spelled in other.places:
            raise VerificationFailed(
                "LG826",
                f"{spelled} held another project when it was pinned; its .lockgate was replaced as a whole",
                seen={"place": spelled, "expected": other.project_id, "seen": project_id},
                next=f"restore the folder; if you replaced it yourself: lockgate trust unpin {other.project_id[:12]}",
            )


def project_at(place: Path) -> str:
    """The id of the project that this user knows to be in `place`, or ""."""
    spelled = _spelled(place)
    return next((one.project_id for one in pins() if spelled in one.places), "")


def pins() -> Iterator[Pin]:
    """All of this user's pins."""
    with suppress(FileNotFoundError):
        for name in sorted(os.listdir(config_home())):
            found = pinned(name) if _ID.fullmatch(name) else None
            if found is not None:
                yield found


def remove(project_id: str) -> None:
    """Remove keys, root key, pin and seen checkpoints of a project: for demos and tests. What is not there is fine."""
    for folder in (key_folder(project_id), state_home() / check_project_id(project_id)):
        shutil.rmtree(folder, ignore_errors=True)
    with suppress(FileNotFoundError):
        root_key_path(project_id).unlink()


def _write(found: Pin) -> None:
    folder = key_folder(found.project_id)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    value = {
        "project_id": found.project_id,
        "places": list(found.places),
        "pinned_at": rfc3339(found.pinned_at),
    }
    atomic_write(folder / PIN, encode(value), 0o600)


def _parse(data: bytes) -> Pin:
    value = decode_exact(data)
    if not isinstance(value, dict) or set(value) != {"project_id", "places", "pinned_at"}:
        raise ValueError("it has exactly project_id, places and pinned_at")
    places = value["places"]
    if not isinstance(places, list) or not all(isinstance(place, str) and place.startswith("/") for place in places):
        raise ValueError("places are absolute paths")
    return Pin(str(value["project_id"]), tuple(places), parse_rfc3339(value["pinned_at"]))


def _spelled(place: Path) -> str:
    return os.path.realpath(place)


def _home(variable: str, default: str) -> Path:
    # The XDG specification: a relative path in these variables is invalid and is ignored.
    base = os.environ.get(variable, "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), default)
    if not os.path.isabs(base):
        raise Unavailable(
            "LG835",
            "there is no home directory to keep keys and pins in",
            seen={variable: os.environ.get(variable, ""), "HOME": os.environ.get("HOME", "")},
            next=f"export {variable}=/an/absolute/path",
        )
    return Path(base) / "lockgate"
