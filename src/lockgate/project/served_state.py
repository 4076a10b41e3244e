"""What a served project's folder says of growth, backlog and ends: read as it lies, verified by nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.audit.disk import read_file
from lockgate.audit.ledger import PREDICTIONS
from lockgate.audit.spool import read_spool
from lockgate.audit.tiles import ENTRIES, WIDTH, Tile, TileReader
from lockgate.core.encoding import decode
from lockgate.core.merkle import HASH_BYTES
from lockgate.core.moments import parse_rfc3339
from lockgate.errors import LockgateError
from lockgate.project import growth
from lockgate.project.growth import DAY, Growth

if TYPE_CHECKING:
    from lockgate.project import Project
    from lockgate.serve.spec import Client
    from lockgate.trust.roles import Roles

CLIENTS = "clients.json"
"""The registry of clients: `serve.client_file.FILE`, which is loaded where there is one."""
TAIL = 64
"""Bundles at the log's end in which a gateway's last record is looked for."""
SAMPLED = 32
"""Bundles whose size is looked at, for the size of all."""
MOST_FILES = 20_000
_MOST_CERTIFICATE = 1 << 20


def served_state(project: Project, now: datetime) -> Growth | None:
    """How the predictions log stands; None where nothing was ever served, or what is there cannot be read."""
    log = project.home / "log" / PREDICTIONS
    if not (log / "checkpoint").is_file():
        return None
    try:
        return _growth(project.home, TileReader(log), now.timestamp())
    except (LockgateError, OSError, ValueError, LookupError, TypeError, OverflowError):
        # `lockgate verify --all` says what is wrong with a log; here it only gives no figures.
        return None


def ends_of(project: Project, roles: Roles, now: datetime) -> tuple[growth.End, ...]:
    """What is valid for a while: roles file, API keys, TLS certificate."""
    found = [("the roles file", roles.expires)] if roles.expires is not None else []
    with suppress(LockgateError, OSError, ValueError):
        found += [end for one in _clients(project) for end in _ends(one)]
    certificate = project.config.serve.tls.get("certificate", "")
    if certificate:
        with suppress(OSError, ValueError):
            found.append(("the TLS certificate", not_after(project.root / certificate)))
    return growth.ends(found, now)


def not_after(path: Path) -> datetime:
    """When the first certificate of a PEM file ends. Raises OSError, ValueError."""
    from cryptography import x509

    return x509.load_pem_x509_certificates(read_file(path, _MOST_CERTIFICATE))[0].not_valid_after_utc


def _clients(project: Project) -> tuple[Client, ...]:
    if not os.path.lexists(project.home / "state" / CLIENTS):
        return ()
    from lockgate.serve.client_file import FILE, MAX_BYTES, parse_clients
    from lockgate.store.files import read_regular

    try:
        return parse_clients(read_regular(project.home / "state" / FILE, MAX_BYTES))
    except FileNotFoundError:
        return ()


def _ends(client: Client) -> Iterator[tuple[str, datetime]]:
    if client.expires is not None and client.revoked is None:
        yield f"client {client.name}", parse_rfc3339(client.expires)


def _growth(home: Path, reader: TileReader, now: float) -> Growth:
    size, since = reader.claimed_size(), now - DAY
    seconds = min(DAY, now - _moment(reader, 0, size)) if size else 0.0
    start = _first_since(reader, size, since)
    sealed = _sealed(reader, size)
    found = [_waiting(home / "state" / folder, sealed) for folder in ("spool", "intake")]
    unsealed, left_behind = (sum(numbers) for numbers in zip(*found, strict=True))
    return growth.growth(
        records=size,
        new_records=size - start,
        new_bytes=(size - start) * _bytes_of_one(reader.log_dir, start, size)
        + _recent(home / "state" / "payloads", since),
        seconds=seconds,
        free_bytes=_free(home),
        unsealed=unsealed,
        left_behind=left_behind,
    )


def _said(entry: bytes) -> tuple[str, int, float]:
    """Gateway, number and time in seconds of a record, of whatever kind. Raises ValueError, KeyError, TypeError."""
    value: Any = decode(entry)
    return str(value["gateway"]), int(value["seq"]), float(value["time"]) / 1000


def _moment(reader: TileReader, index: int, size: int) -> float:
    return _said(reader.bundle(Tile(ENTRIES, index // WIDTH).at(size))[index % WIDTH])[2]


def _first_since(reader: TileReader, size: int, since: float) -> int:
    """The first record since then: its bundle by halves, then its place in it."""
    bundle = growth.first_since(-(-size // WIDTH), lambda index: _moment(reader, index * WIDTH, size), since)
    # The bundle before it begins earlier, and may end later.
    start = max(0, bundle - 1) * WIDTH
    within = list(reader.entries(start, min(size, start + WIDTH)))
    return start + growth.first_since(len(within), lambda index: _said(within[index])[2], since)


def _bytes_of_one(log: Path, start: int, size: int) -> float:
    """Bytes of one record in the log with its hashes, from the sizes of some bundles."""
    bundles = range(start // WIDTH, -(-size // WIDTH))
    some = bundles[:: max(1, len(bundles) // SAMPLED)]
    tiles = [Tile(ENTRIES, index).at(size) for index in some]
    count = sum(tile.width for tile in tiles)
    return sum((log / tile.path).stat().st_size for tile in tiles) / count + HASH_BYTES if count else 0.0


def _sealed(reader: TileReader, size: int) -> dict[str, int]:
    """The number after the last that each gateway has, of those with a record at the log's end."""
    found: dict[str, int] = {}
    for entry in reader.entries(max(0, size // WIDTH - TAIL) * WIDTH, size):
        gateway, number, _ = _said(entry)
        found[gateway] = max(found.get(gateway, 0), number + 1)
    return found


def _waiting(folder: Path, sealed: dict[str, int]) -> tuple[int, int]:
    """Records of the spool that are not in the log; and spools of gateways that the log's end does not know."""
    count, unknown = 0, set()
    for path in sorted(folder.glob("*.spool")) if folder.is_dir() else []:
        gateway, offset = path.name.partition(".")[0], 0
        while True:
            part = read_spool(path, offset)
            if not part.records:
                break
            offset = part.offset
            if gateway in sealed:
                count += sum(_said(record)[1] >= sealed[gateway] for record in part.records)
            else:
                unknown.add(gateway)
    return count, len(unknown)


def _recent(folder: Path, since: float) -> int:
    """Bytes of the files below `folder` that were written since."""
    total = seen = 0
    for place, _, names in os.walk(folder):
        for name in names:
            seen += 1
            if seen > MOST_FILES:
                return total
            with suppress(OSError):
                about = Path(place, name).lstat()
                total += about.st_size if about.st_mtime >= since else 0
    return total


def _free(folder: Path) -> int:
    about = os.statvfs(folder)
    return about.f_bavail * about.f_frsize
