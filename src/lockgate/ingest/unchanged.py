"""Whether an ingest statement is about what its sources hold now, without fetching anything. The shell.

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
    """Whether `signed`, an ingest's dependencies by name, are what `spec` would capture now.

    Raises what `place_of`, `expand` and `Asker.look` raise: a store that cannot be reached leaves the question open.
    """
    if not inputs_unchanged(root, spec):
        return False
    places = [place_of(source.pattern, spec) for source in spec.sources]
    names: set[str] = set()
    for place in places:
        match place:
            case Local():
                local = expand(root, place.pattern)
                names.update(local)
                if not all(
                    name in signed and digest_at(root / name) == digest_of_resource(signed[name]) for name in local
                ):
                    return False
            case Query():
                names.add(place.name)
                if not _same_query(root, place, _told(signed, place.name)):
                    return False
            case Remote():
                pass
    with tempfile.TemporaryDirectory() as scratch:
        asker = Asker(root, Path(scratch))
        for number, (store, wanted) in enumerate(by_store(places).items()):
            patterns = [spec.sources[place].pattern for place in wanted]
            for one in (one for group in asker.look(store, patterns, f"store-{number:05d}") for one in group):
                names.add(one.name)
                told = _told(signed, one.name)
                if not one.version or (told.get("version"), told.get("bytes")) != (one.version, one.size):
                    return False
    return names == set(signed)


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
