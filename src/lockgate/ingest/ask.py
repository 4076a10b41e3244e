"""A query and its database -> one captured Parquet file. The host's side of `jail.query`.

An SQLite file is captured like any other source, so that the digests of query and database say what the result came
from; the copy is opened in a jail without a network. A server is asked from a jail with one, over verified TLS.
"""

from __future__ import annotations

import os
from pathlib import Path

from lockgate.contract.sources import SourceFile, capture
from lockgate.core.digest import Digest
from lockgate.errors import Refused
from lockgate.ingest.account import parse_rows
from lockgate.ingest.addresses import Query
from lockgate.ingest.connection import connection
from lockgate.ingest.fetch import Asker, Call, certificates, hashed, no_account
from lockgate.ingest.query import MAX_QUERY, one_statement
from lockgate.ingest.secrets import resolve, unsaid
from lockgate.sandbox.report import JailReport
from lockgate.sandbox.settings import Bind
from lockgate.store.files import read_regular

MODULE = "lockgate.ingest.jail.query"
_BESIDE = ("-wal", "-journal")


def answer(asker: Asker, query: Query, folder: str) -> tuple[SourceFile, JailReport]:
    """Put `query` and keep what it gives.

    Raises what `capture` raises about query file and database file; Usage LG125, LG127, LG131; Refused LG122, LG129,
    LG131 to LG136; Unavailable LG126, LG128.
    """
    place = asker.scratch / folder
    place.mkdir(parents=True)
    text, digest = _text(asker.root, query.file, place)
    given = {"name": query.name, "sql": text, "most": query.database.most}
    if query.database.file:
        call, origin = _of_file(asker, query, given, place)
    else:
        call, origin = _of_server(asker, query, given), {}
    data, into, report = asker.run(call, f"{folder}/answer")
    try:
        parse_rows(data)
    except ValueError as error:
        raise no_account(str(error)) from None
    result, size = hashed(into / "00000")
    final = into / f"{folder}-answer"
    (into / "00000").rename(final)
    return SourceFile(query.name, final, result, size, "parquet", {"query": digest, **origin}), report


def check_settled(root: Path, file: str) -> None:
    """Raises Refused LG135 when part of an SQLite database lies in a file beside it."""
    for ending in _BESIDE:
        beside = root / f"{file}{ending}"
        if beside.is_file() and beside.stat().st_size:
            raise Refused(
                "LG135",
                f"{file} is being written: part of it lies in {file}{ending}",
                seen={"file": file, "beside": f"{file}{ending}", "bytes": beside.stat().st_size},
                next=f"sqlite3 {file} 'PRAGMA wal_checkpoint(TRUNCATE)'   # once whoever writes it is done",
            )


def _text(root: Path, file: str, place: Path) -> tuple[str, Digest]:
    """Text and digest of the query file, both of the same captured bytes."""
    captured = capture(root, file, place / "query.sql")
    if captured.size > MAX_QUERY:
        raise Refused("LG102", f"{file} is too long for a query", seen={"bytes": captured.size}, next=f"ls -l {file}")
    return one_statement(read_regular(captured.path, MAX_QUERY), file), captured.digest


def _of_file(asker: Asker, query: Query, given: dict[str, object], place: Path) -> tuple[Call, dict[str, str]]:
    file = query.database.file
    check_settled(asker.root, file)
    captured = capture(asker.root, file, place / "database")
    check_settled(asker.root, file)
    os.chmod(captured.path, 0o400)
    call = Call(MODULE, {**given, "kind": "sqlite", "url": ""}, "parse", (Bind(captured.path, "/in/database"),))
    return call, {"database": captured.digest}


def _of_server(asker: Asker, query: Query, given: dict[str, object]) -> Call:
    database = query.database
    table = f"[data.databases.{database.name}]"
    binds = certificates(asker.root, database.ca, table)
    url = resolve(database.url, f"{table} url", asker.root)
    with unsaid([url]):
        found = connection(url, database.name, ca=binds[0].target if binds else "")
    return Call(MODULE, {**given, "kind": "postgresql", "url": found.uri}, "tools", binds, found.secrets)
