"""What of its sources has changed since an ingest statement, without fetching anything. The shell.

Files of the project are hashed anew. Objects are compared by the version that their store tells: a store that lies here
keeps a snapshot in use that was signed, and could as well have sent its bytes. What nobody can tell without fetching
(a server's rows, a store without versions) counts as changed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lockgate.contract.sources import expand
from lockgate.core.statement import digest_of_resource
from lockgate.errors import Refused
from lockgate.ingest.addresses import Local, Query, Remote, place_of
from lockgate.ingest.ask import check_settled
from lockgate.ingest.capture import by_store
from lockgate.ingest.fetch import Asker
from lockgate.ingest.inputs import digest_at, inputs_unchanged
from lockgate.ingest.spec import IngestSpec


def unchanged(root: Path, spec: IngestSpec, signed: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether `signed`, an ingest's dependencies by name, are what `spec` would capture now. Raises as `changed`."""
    return not changed(root, spec, signed)


def changed(root: Path, spec: IngestSpec, signed: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Which of the sources are not, or cannot be known to be, those of `signed`, each in a person's words.

    Raises what `place_of`, `expand` and `Asker.look` raise: a store that cannot be reached leaves the question open.
    """
    found = [] if inputs_unchanged(root, spec) else ["an [[input]] changed"]
    places = [place_of(source.pattern, spec) for source in spec.sources]
    names: set[str] = set()
    for place in places:
        match place:
            case Local():
                local = expand(root, place.pattern)
                names.update(local)
                found += [
                    f"{name} changed"
                    for name in local
                    if name in signed and digest_at(root / name) != digest_of_resource(signed[name])
                ]
            case Query():
                names.add(place.name)
                found += _query(root, place, signed)
            case Remote():
                pass
    if found:
        return tuple(dict.fromkeys(found))  # a store need not be asked
    with tempfile.TemporaryDirectory() as scratch:
        asker = Asker(root, Path(scratch))
        for number, (store, wanted) in enumerate(by_store(places).items()):
            patterns = [spec.sources[place].pattern for place in wanted]
            for one in (one for group in asker.look(store, patterns, f"store-{number:05d}") for one in group):
                names.add(one.name)
                told = _told(signed, one.name)
                if one.name in signed and not one.version:
                    found.append(f"{one.name}: its store names no versions, so that it must be fetched to know")
                elif one.name in signed and (told.get("version"), told.get("bytes")) != (one.version, one.size):
                    found.append(f"{one.name} changed")
    found += [f"{name} is new" for name in sorted(names - set(signed))]
    found += [f"{name} is gone" for name in sorted(set(signed) - names)]
    return tuple(dict.fromkeys(found))


def _query(root: Path, query: Query, signed: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    if query.name not in signed or _same_query(root, query, _told(signed, query.name)):
        return ()
    if not query.database.file:
        return (f"{query.name}: only the answer tells whether a server's rows changed",)
    return (f"{query.name}: the query or {query.database.file} changed",)


def _same_query(root: Path, query: Query, told: Mapping[str, Any]) -> bool:
    if not query.database.file:
        return False
    try:
        check_settled(root, query.database.file)
    except Refused:
        return False
    now = (digest_at(root / query.file), digest_at(root / query.database.file))
    return None not in now and now == (told.get("query"), told.get("database"))


def _told(signed: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    found = signed.get(name, {}).get("annotations", {})
    return found if isinstance(found, Mapping) else {}
