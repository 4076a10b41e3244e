"""Download exact wheel files. Runs in the `tools` jail: network, no project, no key.

Task on standard input: {"wanted": [{"name", "version", "hashes": [HEX], "source": bool}], "logins": [address with user
and password], "insecure": [host], "before": RFC3339 or ""}. What the index has stands in /in/pylock.toml, by uv.
A source distribution is wanted by `source`; without hashes any is taken, and the launcher pins what it finds.
Writes each file to /target/<number of the wanted one>/ and fetched.json: a list, in order, of

    {"status": "ok", "file", "uploaded"}      or      {"status": "other-bytes" | "no-wheel" | "too-young" |
                                                                  "unreachable", "why"}

Nothing here is believed: the launcher hashes each file again.
"""

from __future__ import annotations

import base64
import hashlib
import os
import ssl
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.pylock import Package, PackageSdist, PackageWheel, Pylock
from packaging.tags import sys_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, place, read_task
from lockgate.core.encoding import encode

_THREADS = 4
_TRIES = 3
_SECONDS = 60.0
_MOST = 8 << 30
_SYSTEM_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Fetch what is wanted."""
    guarded(_work, out_dir(), unexpected="LG347")


def _work() -> None:
    task = read_task()
    raw = tomllib.loads((data_dir() / "pylock.toml").read_text(encoding="utf-8"))
    listed = {package.name: package for package in Pylock.from_dict(raw).packages}
    line = _Line(task["logins"], frozenset(task["insecure"]))
    before = datetime.fromisoformat(task["before"]) if task["before"] else None

    def one(numbered: tuple[int, Any]) -> dict[str, object]:
        number, wanted = numbered
        return _one(listed, wanted, place("/target") / str(number), line, before)

    with ThreadPoolExecutor(_THREADS) as pool:
        done = list(pool.map(one, enumerate(task["wanted"])))
    (out_dir() / "fetched.json").write_bytes(encode(done))


def _one(
    listed: dict[Any, Package], wanted: Any, folder: Path, line: _Line, before: datetime | None
) -> dict[str, object]:
    package = listed.get(canonicalize_name(wanted["name"]))
    hashes = wanted["hashes"]
    fitting: list[PackageWheel | PackageSdist] = [*_fitting(package.wheels or ())] if package else []
    if wanted["source"]:
        fitting = [package.sdist] if package and package.sdist else []
        hashes = hashes or [each.hashes.get("sha256") for each in fitting]
    if not fitting:
        return {"status": "no-wheel", "why": ""}
    allowed = [wheel for wheel in fitting if wheel.hashes.get("sha256") in hashes]
    if not allowed:
        return {"status": "other-bytes", "why": str(fitting[0].hashes.get("sha256"))}
    wheel = allowed[0]
    uploaded = wheel.upload_time
    if before is not None and uploaded is not None and _aware(uploaded) > before:
        return {"status": "too-young", "why": _aware(uploaded).isoformat()}
    folder.mkdir()
    file = folder / wheel.filename
    try:
        line.fetch(wheel.url or Path(str(wheel.path)).as_uri(), file)
    except (OSError, HTTPException) as error:
        return {"status": "unreachable", "why": str(getattr(error, "reason", error))[:200]}
    with file.open("rb") as opened:
        seen = hashlib.file_digest(opened, "sha256").hexdigest()
    if seen not in hashes:
        return {"status": "other-bytes", "why": seen}
    return {"status": "ok", "file": file.name, "uploaded": _aware(uploaded).isoformat() if uploaded else ""}


def _fitting(wheels: Sequence[PackageWheel]) -> list[PackageWheel]:
    """The wheels that this interpreter takes, the best first."""
    rank = {tag: number for number, tag in enumerate(sys_tags())}
    found = []
    for number, wheel in enumerate(wheels):
        try:
            tags = parse_wheel_filename(wheel.filename)[3]
        except InvalidWheelFilename:
            continue
        best = min((rank[tag] for tag in tags if tag in rank), default=None)
        if best is not None:
            found.append((best, number, wheel))
    return [wheel for _, _, wheel in sorted(found, key=lambda each: each[:2])]


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class _Line:
    """How files are fetched: by the proxies and certificates of the machine; a login goes to its own host only."""

    def __init__(self, logins: Sequence[str], insecure: frozenset[str]) -> None:
        self._insecure = insecure
        self._logins: dict[tuple[str, str], str] = {}
        for address in logins:
            parts = urlsplit(address)
            if parts.username or parts.password:
                pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
                self._logins[_origin(address)] = "Basic " + base64.b64encode(pair.encode()).decode()
        self._strict = _opener(checked=True)
        self._loose = _opener(checked=False)

    def fetch(self, address: str, file: Path) -> None:
        """Write what `address` gives. Raises OSError."""
        for attempt in range(_TRIES):
            try:
                return self._try(address, file)
            except urllib.error.HTTPError as error:
                if error.code < 500 or attempt == _TRIES - 1:
                    raise
            except (OSError, HTTPException):
                if attempt == _TRIES - 1:
                    raise
            time.sleep(0.5 * 2**attempt)
        return None

    def _try(self, address: str, file: Path) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("https", "http", "file"):
            raise OSError(f"{parts.scheme} is no way to fetch a wheel")
        request = urllib.request.Request(address)  # noqa: S310 - the scheme was looked at
        login = self._logins.get(_origin(address))
        if login:
            request.add_unredirected_header("Authorization", login)
        loose = {parts.hostname, parts.netloc.rpartition("@")[2]} & self._insecure
        with (self._loose if loose else self._strict).open(request, timeout=_SECONDS) as answer, file.open("wb") as to:
            copied = 0
            while piece := answer.read(1 << 20):
                copied += len(piece)
                if copied > _MOST:
                    raise OSError(f"more than {_MOST >> 30} GiB came")
                to.write(piece)


def _origin(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.scheme, parts.netloc.rpartition("@")[2]


def _opener(*, checked: bool) -> urllib.request.OpenerDirector:
    context = ssl.create_default_context()
    if checked and not os.environ.get("SSL_CERT_FILE") and os.path.isfile(_SYSTEM_BUNDLE):
        context.load_verify_locations(_SYSTEM_BUNDLE)
    if not checked:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
