"""When a wheel came to its index, kept by its digest: `min_age` holds for what another project fetched, too.

    $XDG_STATE_HOME/lockgate/uploaded/<wheel, hex>     RFC 3339; there is none where the index did not say

The word is the index's, as at the first fetch. It is kept with this user's state, not in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from lockgate.core.digest import Digest, hex_of
from lockgate.core.moments import parse_rfc3339, rfc3339
from lockgate.errors import LockgateError, Refused
from lockgate.store.files import atomic_write, read_regular, writing
from lockgate.trust.pin import state_home

_MOST = 64


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class MinAge:
    """How long ago a file must have come to its index, in seconds; 0: any."""

    seconds: float = 0.0
    now: Callable[[], datetime] = _now

    def before(self) -> datetime | None:
        """The moment after which nothing may have been uploaded."""
        return self.now() - timedelta(seconds=self.seconds) if self.seconds else None


class Package(Protocol):
    """A wheel, installed or stored."""

    @property
    def name(self) -> str:
        """Its normal name."""

    @property
    def version(self) -> str:
        """Its version."""

    @property
    def digest(self) -> Digest:
        """Of its file."""


def remember(digest: Digest, uploaded: str) -> None:
    """Keep what an index said, in ISO 8601 with a zone; anything else says nothing."""
    try:
        text = rfc3339(datetime.fromisoformat(uploaded))
    except (ValueError, OverflowError):
        return
    path = _place(digest)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    atomic_write(path, text.encode(), 0o600)


def refuse_young(wheels: Iterable[Package], age: MinAge) -> list[str]:
    """The names of those of which nobody knows. Raises Refused LG349 for one that is younger than `age`."""
    before = age.before()
    untold = []
    for wheel in wheels if before is not None else ():
        uploaded = _uploaded(wheel.digest)
        if uploaded is None:
            untold.append(wheel.name)
        elif before is not None and uploaded > before:
            raise too_young(wheel.name, wheel.version, rfc3339(uploaded), age)
    return untold


def too_young(name: str, version: str, uploaded: str, age: MinAge) -> Refused:
    """The error for a file that is younger than the project takes."""
    return Refused(
        "LG349",
        f"{name} {version} was uploaded less than {age.seconds / 86400:g} days ago",
        seen={"package": name, "version": version, "uploaded": uploaded},
        next=f"lockgate lock --upgrade-package {name}   # takes one that is old enough; or wait",
    )


def _uploaded(digest: Digest) -> datetime | None:
    try:
        return parse_rfc3339(read_regular(_place(digest), _MOST).decode())
    except (OSError, ValueError, LockgateError):
        return None


def _place(digest: Digest) -> Path:
    return state_home() / "uploaded" / hex_of(digest)
