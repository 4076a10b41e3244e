"""Untrusted files become one snapshot whose digest everything later refers to.

Takes: files, objects of stores, results of queries (CSV, JSON Lines, Parquet), as `[data]` in lockgate.toml names them.
Gives: a write-once Parquet snapshot, a manifest per file, and a provenance statement by the ingester.
Trusts: no byte of the files and no answer of a store; a pinned digest where the person gave one.
Threats: LT02 data poisoning by a swapped or changing file; LT03 a parser attacked by the file that it reads.
Evidence: digest, rows, size and version of each file; the reports of the jails that fetched and parsed them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.core.lazy import door

if TYPE_CHECKING:
    from lockgate.ingest.run import run
    from lockgate.ingest.spec import IngestResult, IngestSpec, Source

__all__ = ["IngestResult", "IngestSpec", "Source", "run"]

__getattr__ = door(
    __name__,
    {
        "IngestResult": "lockgate.ingest.spec",
        "IngestSpec": "lockgate.ingest.spec",
        "Source": "lockgate.ingest.spec",
        "run": "lockgate.ingest.run",
    },
)
