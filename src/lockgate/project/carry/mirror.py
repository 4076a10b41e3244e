"""A mirror: a folder without keys that holds the whole event log, and the models that were pulled into it.

    <mirror>/lockgate.toml              written once; [serve] is the owner's to change
    <mirror>/.lockgate/mirror.json      {"artifact", "asked": RFC3339Z, "models": [digest...], "name", "remote", "v": 1}
    <mirror>/.lockgate/registry, log/events          as in the project, for the models that are held
    <mirror>/.lockgate/log/predictions               this machine's own, once it has served (see `carry.station`)

The marker says which models are here. It is not evidence: whoever takes a model out of it makes that model absent
here, which every command says; whoever puts one in makes it missing, which is a failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from lockgate.core.digest import Digest, parse_digest
from lockgate.core.encoding import decode_exact, encode
from lockgate.core.moments import parse_rfc3339, rfc3339
from lockgate.core.names import PROJECT_FILE, check_model_name
from lockgate.core.shown import toml_string
from lockgate.errors import LockgateError, Refused, VerificationFailed
from lockgate.store.files import atomic_write, read_regular, write_new, writing
from lockgate.store.oci import Entry

MARKER = "mirror.json"
_MOST = 1 << 20
_TOML = """# A mirror of {name}, pulled from {remote}. It holds no key: nothing is trained or signed here.
# [serve] is yours to change; docs/reference/config.md lists every key.

[project]
name = {name}

[data]
sources = ["data/none.csv"]
contract = {contract}
label = {label}

[serve]
port = 8080
"""


@dataclass(frozen=True)
class Mirror:
    """Where a mirror comes from, which models it holds, when its registry last answered, and with which log.

    `name`: of the model that it was made for. Whatever a tag names later, a mirror of flights gets flights.
    """

    remote: str
    name: str
    models: tuple[Digest, ...]
    asked: datetime
    artifact: Digest

    def encode(self) -> bytes:
        """The marker's bytes."""
        found = {
            "remote": self.remote,
            "name": self.name,
            "models": sorted(self.models),
            "asked": rfc3339(self.asked),
            "v": 1,
        }
        return encode({**found, "artifact": self.artifact})

    def age(self, now: datetime) -> timedelta:
        """How long ago its registry answered; less than nothing when this machine's clock went back."""
        return now - self.asked


def read_mirror(home: Path) -> Mirror | None:
    """The marker of the `.lockgate` folder `home`; None for a project. Raises VerificationFailed LG895."""
    try:
        data = read_regular(home / MARKER, _MOST)
    except FileNotFoundError:
        return None
    try:
        value = decode_exact(data)
        if not isinstance(value, dict) or set(value) != {"artifact", "asked", "models", "name", "remote", "v"}:
            raise ValueError("it has exactly artifact, asked, models, name, remote and v")
        models = tuple(parse_digest(each) for each in value["models"])
        remote, name = str(value["remote"]), check_model_name(value["name"])
        found = Mirror(remote, name, models, parse_rfc3339(value["asked"]), parse_digest(value["artifact"]))
        if found.encode() != data:
            raise ValueError("not in the one accepted encoding")
    except (ValueError, TypeError) as error:
        raise VerificationFailed(
            "LG895",
            f"{home / MARKER} is malformed: {error}",
            seen={"file": str(home / MARKER)},
            next="pull the model into a new folder: lockgate pull REMOTE --root FP --dir DIR",
        ) from None
    return found


def write_mirror(home: Path, mirror: Mirror) -> None:
    """Replace the marker."""
    atomic_write(home / MARKER, mirror.encode(), 0o644)


def held(home: Path, entries: Sequence[Entry]) -> list[Entry]:
    """Those of all registrations whose files must be in `home`: in a project all, in a mirror those it holds."""
    mirror = read_mirror(home)
    return [one for one in entries if mirror is None or one.manifest in mirror.models]


def is_held(home: Path, manifest: Digest) -> bool:
    """Whether the files of this model must be in `home`."""
    mirror = read_mirror(home)
    return mirror is None or manifest in mirror.models


def refuse_absent(home: Path, ref: str, manifest: Digest) -> None:
    """Raises Refused LG896 when a mirror does not hold the files of this registered model."""
    mirror = read_mirror(home)
    if mirror is not None and manifest not in mirror.models:
        raise Refused(
            "LG896",
            f"{ref} is registered, and this mirror does not hold its files",
            seen={"manifest": manifest, "remote": mirror.remote},
            next=f"lockgate pull {mirror.remote}:v{ref.rpartition('@')[2]} --root FP",
        )


def refuse_work(home: Path) -> None:
    """Raises Refused LG752 in a mirror: nothing is made or signed there."""
    mirror = read_mirror(home)
    if mirror is not None:
        raise Refused(
            "LG752",
            f"this folder is a mirror of {mirror.remote}: it verifies and serves, and nothing is made or signed in it",
            seen={"folder": str(home.parent), "model": mirror.name},
            next="run it in the project itself; here: lockgate status",
        )


def absent(home: Path, entries: Iterable[Entry]) -> tuple[str, ...]:
    """The registered models whose files a mirror does not hold, as `name@version`."""
    mirror = read_mirror(home)
    return tuple(f"{one.name}@{one.version}" for one in entries if mirror and one.manifest not in mirror.models)


def freshness(home: Path, now: datetime) -> str:
    """Of a mirror: where it comes from, and when its registry last gave a log that verified. "" for a project."""
    mirror = read_mirror(home)
    if mirror is None:
        return ""
    hours = mirror.age(now).total_seconds() / 3600
    return f"mirror of {mirror.remote}, which last gave a log that verified {hours:.1f} h ago"


def begin(root: Path, text: bytes) -> None:
    """Make a mirror's folder, with the `settings` in `text`. A lockgate.toml that is there stays as it is."""
    home = root / ".lockgate"
    with writing(home):
        for folder in ("registry", "log/events", "state/locks", "state/tmp"):
            (home / folder).mkdir(parents=True, exist_ok=True)
    if not (root / PROJECT_FILE).exists():
        write_new(root / PROJECT_FILE, text, 0o644)


def settings(**values: str) -> bytes:
    """The lockgate.toml of a mirror: `name`, `remote`, `contract`, `label`.

    They come from statements and from io.json, so that they are quoted, and what was written is read back.
    Raises VerificationFailed LG895 when it would say anything else.
    """
    import tomllib

    from lockgate.config import read_config

    wanted = {
        "project": {"name": values["name"]},
        "data": {"sources": ["data/none.csv"], "contract": values["contract"], "label": values["label"]},
        "serve": {"port": 8080},
    }
    try:
        text = _TOML.format(**{key: toml_string(value) for key, value in values.items()})
        read_config(text)
        if tomllib.loads(text) != wanted:
            raise ValueError("it does not read back as it was meant")
    except (ValueError, LockgateError) as error:
        raise VerificationFailed(
            "LG895",
            f"no {PROJECT_FILE} can be written for this model: {error}",
            seen=values,
            next="lockgate pull REMOTE DIR --root FP   # its files alone",
        ) from None
    return text.encode()
