"""Object stores through fsspec: s3 by s3fs, gs by gcsfs, az by adlfs, each loaded only when it is needed."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import fsspec  # type: ignore[import-untyped]

from lockgate.ingest.jail._seen import PIECE, Seen

_VERSIONS = ("VersionId", "generation", "ETag", "etag")
_MARKS = (*_VERSIONS, "size", "LastModified", "last_modified", "updated", "created", "mtime")


class Bucket:
    """A store behind fsspec. Without credentials it is asked anonymously, never with those of the machine.

    Raises ImportError when the driver is not installed.
    """

    def __init__(self, scheme: str, options: Mapping[str, Any]) -> None:
        self._scheme = scheme
        driver = fsspec.get_filesystem_class(scheme)
        # No instance and no listing is remembered: what is asked again is asked of the store.
        self._fs = driver(skip_instance_cache=True, use_listings_cache=False, **options)

    def find(self, pattern: str) -> list[Seen]:
        """The objects below a pattern; `*` stays within one folder, `**` does not."""
        path = pattern.partition("://")[2]
        if glob.has_magic(path):
            entries = self._fs.glob(path, detail=True)
            return [self._seen(entries[name]) for name in sorted(entries) if entries[name]["type"] == "file"]
        try:
            found = self._fs.info(path)
        except FileNotFoundError:
            return []
        return [self._seen(found)] if found["type"] == "file" else []

    def look(self, name: str) -> Seen:
        """One object as it is now."""
        self._fs.invalidate_cache()
        return self._seen(self._fs.info(name.partition("://")[2]))

    @contextmanager
    def read(self, one: Seen) -> Iterator[Iterator[bytes]]:
        """Its bytes. s3fs asks for each piece with If-Match, so that pieces of two versions do not meet."""
        with self._fs.open(one.name.partition("://")[2], "rb", block_size=PIECE, cache_type="readahead") as file:
            yield iter(lambda: file.read(PIECE), b"")

    def _seen(self, entry: Mapping[str, Any]) -> Seen:
        told = {key: str(entry[key]).strip('"') for key in _MARKS if entry.get(key) not in {None, "null"}}
        version = next((f"{key}:{told[key]}" for key in _VERSIONS if key in told), "")
        size = entry.get("size")
        name = f"{self._scheme}://{str(entry['name']).lstrip('/')}"
        return Seen(name, None if size is None else int(size), version, mark=str(told.get("size")) + version)


def options_of(scheme: str, store: Mapping[str, str]) -> dict[str, Any]:
    """What the driver of `scheme` is told; `store` has endpoint, region, ca, key, secret and token."""
    if scheme == "gs":
        found = {"token": store["token"] or "anon"}
        return {**found, **({"endpoint_url": store["endpoint"]} if store["endpoint"] else {})}
    if scheme == "az":
        names = {"account_name": store["key"], "account_key": store["secret"], "sas_token": store["token"]}
        return {name: value for name, value in names.items() if value}
    if scheme == "memory":
        return {}
    client: dict[str, Any] = {}
    if store["region"]:
        client["region_name"] = store["region"]
    if store["ca"]:
        client["verify"] = store["ca"]
    settings: dict[str, Any] = {"connect_timeout": 15, "read_timeout": 60, "retries": {"max_attempts": 2}}
    told: dict[str, Any] = {"client_kwargs": client, "config_kwargs": settings}
    if store["endpoint"]:
        settings["s3"] = {"addressing_style": "path"}
        told["endpoint_url"] = store["endpoint"]
    if store["key"]:
        return {**told, "key": store["key"], "secret": store["secret"], "token": store["token"] or None}
    return {**told, "anon": True}
