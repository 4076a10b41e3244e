"""Missing wheels -> the wheel store: listed by uv, downloaded in a jail, hashed here.

A package that is assigned to an index is looked for there and nowhere else, in a run of its own: an index that has a
package of the same name never hears of it. Every other package comes from the machine's own index.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockgate.contract.findings import clean
from lockgate.contract.jailed import Task, run_task
from lockgate.core.encoding import decode
from lockgate.core.moments import rfc3339
from lockgate.errors import LockgateError, Refused, Unavailable
from lockgate.runtime import index
from lockgate.runtime.lock import MAKE, Requirement
from lockgate.runtime.locked import ages, uvjail
from lockgate.runtime.locked.wheels import WheelStore, fits, other_bytes
from lockgate.sandbox.settings import Bind
from lockgate.store.files import read_regular, writing

_MOST = 64 << 20
_LISTED = "pylock.toml"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Origins:
    """Where wheels may come from.

    Attributes:
        indexes: address by name, logins included; kept out of every message.
        packages: the name of the one index that each of these packages may come from.
        min_age: seconds since its upload before a file is taken; 0: any.
    """

    indexes: Mapping[str, str] = field(default_factory=dict, repr=False)
    packages: Mapping[str, str] = field(default_factory=dict)
    min_age: float = 0.0
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    now: Callable[[], datetime] = _now

    def of(self, name: str) -> index.Index:
        """The index called `name`; the machine's own for an empty one."""
        if name:
            return index.alone(self.indexes[name], self.environ, Path.home())
        return index.configured(self.environ, Path.home())

    def before(self) -> str:
        """The moment after which nothing may have been uploaded, or empty."""
        before = self.age().before()
        return rfc3339(before) if before is not None else ""

    def age(self) -> ages.MinAge:
        """`min_age`, for what is fetched already."""
        return ages.MinAge(self.min_age, self.now)


def fetch(missing: Sequence[Requirement], store: WheelStore, origins: Origins) -> None:
    """Put a wheel of each of `missing` into `store`.

    Raises Refused LG343 (other bytes), LG344 (no wheel), LG349 (too young), Unavailable LG347.
    """
    groups: dict[str, list[Requirement]] = {}
    for wanted in missing:
        groups.setdefault(origins.packages.get(wanted.name, ""), []).append(wanted)
    for name, group in sorted(groups.items()):
        temporary = store.cache / "tmp"
        with writing(temporary):
            temporary.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=temporary, prefix="fetch-") as scratch:
            _fetch(group, store, origins, name, Path(scratch))


def _fetch(
    group: Sequence[Requirement],
    store: WheelStore,
    origins: Origins,
    name: str,
    scratch: Path,
) -> None:
    where = origins.of(name)
    answers = download(group, store.cache, where, origins, scratch)
    for number, (wanted, answer) in enumerate(zip(group, answers, strict=True)):
        file = str(answer["file"])
        if fits(file, wanted.name, wanted.version) is None:
            raise other_bytes(wanted, clean(file, 100))
        stored = store.put(scratch / "target" / str(number) / file, wanted)
        ages.remember(stored.digest, str(answer.get("uploaded", "")))


def download(
    group: Sequence[Requirement],
    cache: Path,
    where: index.Index,
    origins: Origins,
    scratch: Path,
    *,
    source: bool = False,
) -> list[Mapping[str, Any]]:
    """Each of `group` as an untrusted file below `scratch`/target/<its place>; with `source`, a source distribution.

    Returns one answer each, with `file` and `uploaded`. Raises as `fetch`.
    """
    listed = _list(group, cache, where, scratch, source=source)
    target = scratch / "target"
    target.mkdir()
    settings = uvjail.online(
        where, cache=cache, binds=[Bind(listed, f"/in/{_LISTED}")], writable=[Bind(target, "/target")]
    )
    asked = [
        {"name": each.name, "version": each.version, "hashes": sorted(each.hashes), "source": source} for each in group
    ]
    task = Task(
        module="lockgate.runtime.jail.fetch",
        given={
            "wanted": asked,
            "logins": list(where.addresses),
            "insecure": list(where.insecure),
            "before": origins.before(),
        },
        gives=("fetched.json",),
        findings=("LG347",),
        died="LG347",
        work="fetching wheels",
        next="run again",
    )
    given, _ = run_task(settings, task, scratch / "out")
    answers = _answers(read_regular(given["fetched.json"], _MOST), len(group))
    for wanted, answer in zip(group, answers, strict=True):
        if answer["status"] != "ok":
            raise _refusal(wanted, answer, origins)
    return answers


def _list(group: Sequence[Requirement], cache: Path, where: index.Index, scratch: Path, *, source: bool) -> Path:
    """What the index has of these versions, as a pylock.toml that uv writes. Raises what `uvjail.failed` gives."""
    wanted = scratch / "wanted.txt"
    wanted.write_text("".join(f"{each.name}=={each.version}\n" for each in group), encoding="utf-8")
    # Told what it needs, uv has no reason to build a source distribution, which would run its code beside the network.
    lines = [f'[[dependency-metadata]]\nname = "{each.name}"\nversion = "{each.version}"\n' for each in group]
    (scratch / "uv.toml").write_text("".join(lines), encoding="utf-8")
    binds = [Bind(wanted, "/in/wanted.txt"), Bind(scratch / "uv.toml", "/in/uv.toml")]
    settings = uvjail.online(where, cache=cache, binds=binds)
    kind = ("--config-file", "/in/uv.toml", "--no-binary", ":all:") if source else ("--no-config", "--no-build")
    command = (
        *(uvjail.TOOL, "pip", "compile", "--no-deps", *kind, "--format", _LISTED, "--no-header"),
        *("--no-annotate", "--cache-dir", uvjail.CACHE, "--index-strategy", "unsafe-best-match"),
        *("--python", str(settings.python.base_python), "--quiet", "/in/wanted.txt", "-o", f"/out/{_LISTED}"),
    )
    out = scratch / "listed"
    out.mkdir()
    result = uvjail.run(settings, command, out)
    if not result.ok or _LISTED not in result.files:
        raise uvjail.failed(result)
    return result.files[_LISTED]


def _answers(data: bytes, count: int) -> list[Mapping[str, Any]]:
    try:
        value = decode(data)
        if not isinstance(value, list) or len(value) != count or not all(isinstance(each, dict) for each in value):
            raise ValueError("it is not one answer for each wheel")
        if not all(isinstance(each.get("status"), str) for each in value):
            raise ValueError("an answer has a status")
        if not all(isinstance(each.get("file"), str) for each in value if each["status"] == "ok"):
            raise ValueError("what was fetched has a file")
    except ValueError as error:
        raise Unavailable("LG347", f"what the fetching jail wrote is not in form: {error}", next="run again") from None
    return value


def _refusal(wanted: Requirement, answer: Mapping[str, Any], origins: Origins) -> LockgateError:
    why = clean(str(answer.get("why", "")), 200)
    seen = {"package": wanted.name, "version": wanted.version}
    if answer["status"] == "other-bytes":
        return other_bytes(wanted, why)
    if answer["status"] == "no-wheel":
        message = f"{wanted.name} has no wheel for this machine: only wheels are taken"
        return Refused("LG344", message, seen=seen, next=f"lockgate lock --build {wanted.name}")
    if answer["status"] == "too-young":
        return ages.too_young(wanted.name, wanted.version, why, origins.age())
    message = f"the wheel of {wanted.name} could not be fetched"
    return Unavailable("LG347", message, seen={**seen, "why": why}, next=f"run again; or {MAKE}")
